"""The invitation to pair two nodes: one line to paste, or a QR code (SPEC.md §3.9).

    undisc-invitation:<base64url of DAG-CBOR {id, urls, token, exp} ‖ four bytes of its SHA-256>

It says where the inviting node answers, which node answers there, and a token that is good for one
try. Whoever has the token can come; that it is the right one who came, two people find out by
comparing words (`pairing`). The token itself is never sent: what is sent is sealed under a key that
comes from it.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from undisc_protocol import dagcbor, limits
from undisc_protocol.dagcbor import DIGEST_SIZE
from undisc_protocol.errors import LinkDamaged, LocalProtocolError, Oversize, RemoteProtocolError
from undisc_protocol.fields import Fields
from undisc_protocol.identity import NodeId, check_url
from undisc_protocol.keys import DOMAIN_PAIRING, DOMAIN_PAIRING_HANDLE, KEY_SIZE, derive

PREFIX: Final = "undisc-invitation:"
_CHECK: Final = 4  # bytes: one typing or copying mistake in four thousand million goes unnoticed
_TEXT: Final = re.compile(rf"{PREFIX}([A-Za-z0-9_-]+)", re.ASCII)
_LEFT_OUT: Final = re.compile(r"[\s>|]+")  # line ends of mail programs, and how they quote
_HINT: Final = "copy the whole line again, or ask the other practice to invite once more"


@dataclass(frozen=True, slots=True)
class PairingSecret:
    """What both sides know who saw an invitation.

    Attributes:
        handle: Names the invitation in a request, 32 bytes; opens nothing.
        key: Seals every message, 32 bytes.
    """

    handle: bytes
    key: bytes

    def __repr__(self) -> str:
        # Whoever has the key can come in the other practice's place.
        return f"PairingSecret({self.handle[:4].hex()})"


@dataclass(frozen=True, slots=True)
class Invitation:
    """An invitation that was read.

    Attributes:
        node_id: Which node invites.
        urls: Where it answers, best first.
        token: 32 random bytes, good for one try.
        expires: The first second at which it is over.
    """

    node_id: NodeId
    urls: tuple[str, ...]
    token: bytes
    expires: int

    def __repr__(self) -> str:
        # The token must not reach a traceback or a log.
        return f"Invitation(node_id={self.node_id.hex()[:8]}, urls={self.urls})"

    @property
    def secret(self) -> PairingSecret:
        """What the token is used for."""
        return secret_of(self.token)


def secret_of(token: bytes) -> PairingSecret:
    """Derive what a token of 32 bytes is used for."""
    return PairingSecret(derive(token, DOMAIN_PAIRING_HANDLE), derive(token, DOMAIN_PAIRING))


def write_invitation(invitation: Invitation) -> str:
    """Return an invitation as it is handed over.

    Raises:
        LocalProtocolError: It could not be read back.
    """
    raw = dagcbor.encode(
        {
            "id": invitation.node_id,
            "urls": invitation.urls,
            "token": invitation.token,
            "exp": invitation.expires,
        }
    )
    whole = raw + sha256(raw).digest()[:_CHECK]
    text = PREFIX + base64.urlsafe_b64encode(whole).rstrip(b"=").decode()
    try:
        if read_invitation(text) == invitation:
            return text
    except RemoteProtocolError as problem:
        raise LocalProtocolError(f"no invitation can be made: {problem}") from None
    raise LocalProtocolError("no invitation can be made of this")


def read_invitation(text: str) -> Invitation:
    """Return the one invitation that a text contains.

    Line ends within it are repaired. Whether it has expired is the caller's to know.

    Args:
        text: What a person pasted or a scanner read.

    Raises:
        Oversize: Longer than any invitation.
        LinkDamaged: No whole invitation in it, or several.
    """
    if len(text) > limits.MAX_INVITATION:
        raise Oversize(f"an invitation has more than {limits.MAX_INVITATION} characters")
    found = {
        invitation
        for form in (text, _LEFT_OUT.sub("", text))
        for body in _TEXT.findall(form)
        if (invitation := _decoded(body)) is not None
    }
    if len(found) == 1:
        return found.pop()
    if found:
        raise _damaged("there is more than one invitation in the text")
    if PREFIX in text:
        raise _damaged("the invitation is incomplete or was changed on the way")
    raise _damaged("this is not an invitation of undisc")


def _damaged(message: str) -> LinkDamaged:
    problem = LinkDamaged(message)
    problem.hint = _HINT
    return problem


def _decoded(body: str) -> Invitation | None:
    """Decode what stands behind the prefix; None for what is no whole invitation."""
    try:
        whole = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
    except (binascii.Error, ValueError):
        return None
    raw, check = whole[:-_CHECK], whole[-_CHECK:]
    if base64.urlsafe_b64encode(whole).rstrip(b"=").decode() != body:
        return None  # loose bits
    if sha256(raw).digest()[:_CHECK] != check:
        return None
    try:
        decoded = dagcbor.decode(raw, limit=limits.MAX_INVITATION)
        fields = Fields(decoded, "an invitation", {"id", "urls", "token", "exp"})
        return Invitation(
            node_id=NodeId(fields.fixed("id", DIGEST_SIZE)),
            urls=tuple(
                check_url(url)
                for url in fields.array("urls", least=1, most=limits.MAX_INVITATION_URLS)
            ),
            token=fields.fixed("token", KEY_SIZE),
            expires=fields.integer("exp"),
        )
    except RemoteProtocolError:
        return None

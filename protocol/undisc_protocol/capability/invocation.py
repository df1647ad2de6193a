"""The invocation: a recipient's signed request to use a capability (SPEC.md §4.3).

It proves possession of the key that the last proof names, carries what is asked for, and is good
for minutes and for once. Reading checks fields and keys; everything else is asked in `chain`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from undisc_protocol import limits
from undisc_protocol.capability import envelope
from undisc_protocol.capability.delegation import COMMAND_READ, COMMAND_VIEW
from undisc_protocol.capability.envelope import TAG_INVOCATION, Envelope
from undisc_protocol.capability.policy import NAME_SIZE
from undisc_protocol.dagcbor import Cid, Value
from undisc_protocol.did import Did
from undisc_protocol.errors import BadFields, CommandNotGranted
from undisc_protocol.fields import Fields
from undisc_protocol.keys import KEY_SIZE, SignKey

_FIELDS: Final = frozenset({"iss", "aud", "sub", "cmd", "args", "prf", "nonce", "iat", "exp"})
_ARGUMENTS: Final = frozenset({"study", "series", "by", "key", "purpose"})


@dataclass(frozen=True, slots=True)
class Arguments:
    """What is asked for.

    Attributes:
        study: The study's id at the holder, 16 bytes.
        by: Who asks; the audience of the last proof.
        key: X25519 public key made for this invocation; the answer is sealed to it.
        purpose: What the asker says about the reason: logged, never enforced.
        series: Names of the wanted series, sorted; empty for the whole study.
    """

    study: bytes
    by: Did
    key: bytes
    purpose: str = ""
    series: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Invocation:
    """An invocation whose fields are right and whose signature has not been looked at.

    Attributes:
        envelope: Its bytes; names and verifies them.
        issuer: Who asks.
        audience: The node that is asked.
        subject: The node whose images it is about.
        command: `/img/read` or `/img/view`.
        arguments: What is asked for.
        proofs: CIDs of the delegations it stands on, root first.
        nonce: 12 to 32 random bytes.
        issued: When it was made, seconds since 1970.
        expires: The first second at which it is over.
    """

    envelope: Envelope
    issuer: Did
    audience: Did
    subject: Did
    command: str
    arguments: Arguments
    proofs: tuple[Cid, ...]
    nonce: bytes
    issued: int
    expires: int

    @property
    def raw(self) -> bytes:
        """All bytes, as received."""
        return self.envelope.raw

    @property
    def cid(self) -> Cid:
        """Name of these bytes, signature included: what an answer and a receipt refer to."""
        return self.envelope.cid


def sign_invocation(
    key: SignKey,
    *,
    audience: Did,
    subject: Did,
    command: str,
    arguments: Arguments,
    proofs: tuple[Cid, ...],
    nonce: bytes,
    issued: int,
    expires: int,
) -> bytes:
    """Sign an invocation.

    Args:
        key: The key that the last proof names as its audience, or the one that succeeded it.
        audience: The current DID of the node that is asked.
        subject: `sub` of the proofs.
        command: `/img/read` or `/img/view`.
        arguments: What is asked for.
        proofs: CIDs of the grant, or of the grant and the share.
        nonce: 12 to 32 fresh random bytes.
        issued: The time now, seconds since 1970.
        expires: End, at most `limits.INVOCATION_LIFETIME` later.

    Raises:
        LocalProtocolError: The invocation would be refused by everybody.
    """
    payload: dict[str, Value] = {
        "iss": key.did,
        "aud": audience,
        "sub": subject,
        "cmd": command,
        "args": {
            "study": arguments.study,
            "series": list(arguments.series) or None,
            "by": arguments.by,
            "key": arguments.key,
            "purpose": arguments.purpose,
        },
        "prf": proofs,
        "nonce": nonce,
        "iat": issued,
        "exp": expires,
    }
    raw = envelope.sign(payload, tag=TAG_INVOCATION, key=key)
    envelope.check_own(raw, read_invocation)
    return raw


def read_invocation(raw: bytes) -> Invocation:
    """Read an invocation, without trusting it yet.

    Raises:
        Oversize: Too many bytes, series or proofs.
        Malformed: Not canonical bytes.
        BadFields: Fields are missing, extra, or of the wrong type.
        BadKey: A principal is not a sound did:key.
        CommandNotGranted: Not a command that can be invoked.
    """
    opened = envelope.read(raw, tag=TAG_INVOCATION, limit=limits.MAX_TOKEN)
    fields = Fields(opened.payload, "an invocation", _FIELDS)
    command = fields.text("cmd", most=limits.MAX_COMMAND)
    proofs = fields.cids("prf", items=limits.MAX_PROOFS)
    nonce = fields.sized("nonce", least=limits.MIN_NONCE, most=limits.MAX_NONCE)
    issued, expires = fields.integer("iat"), fields.integer("exp")
    if expires <= issued:
        raise BadFields("an invocation ends before it begins")
    arguments = _arguments(fields.raw("args"))
    issuer, audience, subject = fields.did("iss"), fields.did("aud"), fields.did("sub")
    if command not in {COMMAND_READ, COMMAND_VIEW}:
        raise CommandNotGranted("an invocation has a command that cannot be invoked")
    return Invocation(
        opened, issuer, audience, subject, command, arguments, proofs, nonce, issued, expires
    )


def _arguments(value: Value) -> Arguments:
    fields = Fields(value, "an invocation's args", _ARGUMENTS)
    series: tuple[bytes, ...] = ()
    if fields.raw("series") is not None:
        series = fields.names("series", size=NAME_SIZE, items=limits.MAX_SERIES, least_items=1)
    return Arguments(
        study=fields.fixed("study", NAME_SIZE),
        key=fields.fixed("key", KEY_SIZE),
        purpose=fields.text("purpose", most=limits.MAX_PURPOSE),
        series=series,
        by=fields.did("by"),
    )

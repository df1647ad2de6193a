"""What a browser says with a link's key: look, open, claim (SPEC.md §6.13).

    request  =  signed by the link's key: to whom, what to do, with what, until when

The key comes from the fragment of the link, which the browser has never sent anywhere. So the
holder knows that whoever asks has the link, and a log with its public key in it opens nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from undisc_protocol import limits
from undisc_protocol.addressed import check_now, check_validity
from undisc_protocol.capability import envelope
from undisc_protocol.capability.envelope import TAG_BROWSER, Envelope
from undisc_protocol.dagcbor import DIGEST_SIZE, Value
from undisc_protocol.did import Did
from undisc_protocol.errors import BadFields, WrongAudience
from undisc_protocol.fields import Fields
from undisc_protocol.identity import NodeId
from undisc_protocol.keys import SignKey

MAX_BROWSER: Final = 2_048  # bytes of a request; a passcode and a name have at most 512 each
MAX_NAME: Final = 64  # characters of who a reader says to be

_REQUEST: Final = frozenset({"iss", "to", "act", "args", "nonce", "iat", "exp"})


class Act(StrEnum):
    """What a browser wants."""

    LOOK = "look"  # what is this link; spends nothing
    CODE = "code"  # send a one-time code to the contact that was named
    OPEN = "open"  # pass the protection
    CLAIM = "claim"  # let another key take the link's place


_ARGUMENTS: Final[Mapping[Act, frozenset[str]]] = {
    Act.LOOK: frozenset(),
    Act.CODE: frozenset(),
    Act.OPEN: frozenset({"passcode", "code", "name"}),
    Act.CLAIM: frozenset({"passcode", "code", "key", "software"}),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A verified request of a browser; whether passcode and code are right is the holder's to know.

    Attributes:
        id: SHA-256 of the request's bytes: what may be used once.
        link: The key that signed it.
        act: What is wanted.
        passcode: Passcode or PIN as typed, or None.
        code: One-time code as typed, or None.
        name: Who the reader says to be; may be empty.
        key: The key that takes the link's place; None but for a claim.
        software: Whether the browser keeps that key as bytes.
        expires: The first second at which it is over.
    """

    id: bytes
    link: Did
    act: Act
    passcode: str | None = field(repr=False)
    code: str | None = field(repr=False)
    name: str
    key: Did | None
    software: bool
    expires: int


def sign_browser(
    key: SignKey,
    *,
    to: NodeId,
    act: Act,
    arguments: Mapping[str, Value],
    nonce: bytes,
    issued: int,
    expires: int,
) -> bytes:
    """Sign a request with a link's key, as the page of the holder does.

    Args:
        key: The link's key, or the one that took its place.
        to: Node id of the holder.
        act: What is wanted.
        arguments: Exactly those of the act.
        nonce: `REQUEST_NONCE` fresh random bytes.
        issued: The time now by the holder's clock, seconds since 1970.
        expires: End, at most `limits.REQUEST_LIFETIME` later.

    Raises:
        LocalProtocolError: The holder would have to refuse it.
    """
    raw = envelope.sign(
        {
            "iss": key.did,
            "to": to,
            "act": act.value,
            "args": dict(arguments),
            "nonce": nonce,
            "iat": issued,
            "exp": expires,
        },
        tag=TAG_BROWSER,
        key=key,
    )
    envelope.check_own(raw, _read)
    return raw


def read_browser(raw: bytes, *, own: NodeId, now: int) -> Asked:
    """Read and verify a request of a browser.

    Args:
        raw: The signed bytes.
        own: Our node id.
        now: The time now, seconds since 1970.

    Raises:
        Oversize: Too many bytes.
        Malformed: Not canonical bytes.
        BadFields: Not exactly such a request.
        BadKey: A key is unsound.
        BadSignature: Not signed by the link's key.
        WrongAudience: Addressed to another node.
        NotYetValid: Made in the future.
        Expired: Too old.
        LifetimeTooLong: Valid for longer than `limits.REQUEST_LIFETIME`.
    """
    opened, fields, asked = _read(raw)
    opened.verify(asked.link)
    if fields.fixed("to", DIGEST_SIZE) != own:
        raise WrongAudience("a browser's request is addressed to another node")
    check_now(fields, of="a browser's request", now=now)
    return asked


def _read(raw: bytes) -> tuple[Envelope, Fields, Asked]:
    """Check form, fields and lifetime, which need neither keys nor clock."""
    opened = envelope.read(raw, tag=TAG_BROWSER, limit=MAX_BROWSER)
    fields = Fields(opened.payload, "a browser's request", _REQUEST)
    fields.fixed("to", DIGEST_SIZE)
    check_validity(fields, of="a browser's request")
    act = next((one for one in Act if one.value == fields.raw("act")), None)
    if act is None:
        raise BadFields("a browser's request wants something unknown")
    given = Fields(fields.raw("args"), "a browser's arguments", _ARGUMENTS[act])
    has = _ARGUMENTS[act]
    asked = Asked(
        id=opened.cid.digest,
        link=fields.did("iss"),
        act=act,
        passcode=_text(given, "passcode", limits.MAX_PASSCODE) if "passcode" in has else None,
        code=_text(given, "code", limits.MAX_ONE_TIME_CODE) if "code" in has else None,
        name=given.line("name", most=MAX_NAME) if "name" in has else "",
        key=given.did("key") if "key" in has else None,
        software=given.boolean("software") if "software" in has else False,
        expires=fields.integer("exp"),
    )
    return opened, fields, asked


def _text(fields: Fields, name: str, most: int) -> str | None:
    return None if fields.raw(name) is None else fields.text(name, least=1, most=most)

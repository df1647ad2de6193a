"""Unlocking a link: its key asks the holder what it opens, with what protects it (SPEC.md §6.12).

    unlock   =  signed by the link's key: to whom, on behalf of which node, passcode, code
    request  =  box(holder's box key, signed by the asking node: its records, the unlock)
    answer   =  box(unlock's key, signed by the holder: an offer for each study, until when)

Two signatures: the holder knows that the asker has the link, and which node it is. The unlock names
that node, so that nobody else can spend it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from nacl.public import PrivateKey

from undisc_protocol import limits
from undisc_protocol.addressed import check_now, check_validity
from undisc_protocol.answer import HTTP_OK, raise_refusal, read_ok, request_hash, sign_answer
from undisc_protocol.boxes import BOX_OVERHEAD, box_open, box_seal
from undisc_protocol.capability import envelope
from undisc_protocol.capability.envelope import TAG_UNLOCK, TAG_UNLOCK_REQUEST, Envelope
from undisc_protocol.dagcbor import DIGEST_SIZE
from undisc_protocol.did import Did
from undisc_protocol.errors import (
    BadFields,
    LocalProtocolError,
    Oversize,
    WrongAnswer,
    WrongAudience,
)
from undisc_protocol.fields import Fields
from undisc_protocol.identity import Identity, NodeId, read_identity
from undisc_protocol.keys import KEY_SIZE, SignKey
from undisc_protocol.offer import Offer, read_offer

_UNLOCK: Final = frozenset({"iss", "to", "by", "key", "passcode", "code", "nonce", "iat", "exp"})
_MAX_SIGNED: Final = 2_048  # bytes of an unlock by itself; a passcode has at most 512, a code 64


@dataclass(frozen=True, slots=True)
class Unlock:
    """A verified unlock; whether passcode and code are right is the holder's to know.

    Attributes:
        hash: SHA-256 of the body as received: what the answer must name.
        id: SHA-256 of the unlock's bytes: what may be used once.
        sender: The asking node.
        link: The link's key.
        key: X25519 public key to which the answer is sealed, 32 bytes.
        passcode: As typed, or None.
        code: One-time code as typed, or None.
        expires: The first second at which it is over.
    """

    hash: bytes
    id: bytes
    sender: Identity
    link: Did
    key: bytes
    passcode: str | None
    code: str | None
    expires: int

    def __repr__(self) -> str:
        # Neither a passcode nor a code must reach a traceback or a log.
        return f"Unlock(link={self.link}, sender={self.sender.node_id.hex()[:8]})"


@dataclass(frozen=True, slots=True)
class Unlocked:
    """A verified answer: what the link opens.

    Attributes:
        offers: One for each study, addressed to the link's key.
        until: The first second, of the holder's clock, at which the holder asks again.
    """

    offers: tuple[Offer, ...]
    until: int


def make_unlock(
    link: SignKey,
    key: SignKey,
    *,
    sender: Identity,
    to: NodeId,
    box: bytes,
    reply_to: bytes,
    passcode: str | None,
    code: str | None,
    nonce: bytes,
    ephemeral: bytes,
    issued: int,
    expires: int,
) -> bytes:
    """Sign an unlock with a link's key and a node's key, and seal it to the holder.

    Args:
        link: The link's key.
        key: The asking node's key.
        sender: The asking node's identity.
        to: Node id of the holder.
        box: The holder's X25519 key.
        reply_to: X25519 public key made for this unlock.
        passcode: As typed, or None.
        code: One-time code as typed, or None; then the holder sends one, if the link asks for it.
        nonce: `REQUEST_NONCE` fresh random bytes.
        ephemeral: 32 fresh random bytes, for the box.
        issued: The time now, seconds since 1970.
        expires: End, at most `limits.REQUEST_LIFETIME` later.

    Returns:
        The body of `POST /undisc/v1/unlock`.

    Raises:
        LocalProtocolError: The holder would have to refuse it.
        BadKey: The holder's box key is unsound.
    """
    unlock = envelope.sign(
        {
            "iss": link.did,
            "to": to,
            "by": sender.node_id,
            "key": reply_to,
            "passcode": passcode,
            "code": code,
            "nonce": nonce,
            "iat": issued,
            "exp": expires,
        },
        tag=TAG_UNLOCK,
        key=link,
    )
    envelope.check_own(unlock, _read_unlock)
    signed = envelope.sign(
        {"records": sender.records, "unlock": unlock}, tag=TAG_UNLOCK_REQUEST, key=key
    )
    envelope.check_own(signed, _read_request)
    return box_seal(box, signed, ephemeral=ephemeral)


def read_unlock(body: bytes, *, box: PrivateKey, own: NodeId, now: int) -> Unlock:
    """Open and verify an unlock.

    Args:
        body: The HTTP body as received.
        box: Our X25519 key.
        own: Our node id.
        now: The time now, seconds since 1970.

    Raises:
        Oversize: Too many bytes or records.
        CannotOpen: Not sealed to our key, or changed.
        Malformed: Not canonical bytes.
        BadFields: Not exactly such a request or unlock.
        BadKey: The link's or the sender's key is unsound.
        BadSignature: Not signed by the sender, or not by the link's key.
        WrongAudience: Addressed to another node, or made for another asker.
        NotYetValid: Made in the future.
        Expired: Too old.
        LifetimeTooLong: Valid for longer than `limits.REQUEST_LIFETIME`.
        RemoteProtocolError: As `identity.read_identity`.
    """
    if len(body) > limits.MAX_UNLOCK:
        raise Oversize(f"an unlock of {len(body)} bytes is over its bound")
    opened, request = _read_request(box_open(box, body))
    sender = read_identity(request.records())
    opened.verify(sender.key)
    unlock, fields = _read_unlock(request.sized("unlock", most=_MAX_SIGNED))
    link = fields.did("iss")
    unlock.verify(link)
    if fields.fixed("to", DIGEST_SIZE) != own:
        raise WrongAudience("an unlock is addressed to another node")
    if fields.fixed("by", DIGEST_SIZE) != sender.node_id:
        raise WrongAudience("an unlock was made for another node than the asking one")
    check_now(fields, of="an unlock", now=now)
    return Unlock(
        hash=request_hash(body),
        id=unlock.cid.digest,
        sender=sender,
        link=link,
        key=fields.fixed("key", KEY_SIZE),
        passcode=_typed(fields, "passcode", limits.MAX_PASSCODE),
        code=_typed(fields, "code", limits.MAX_ONE_TIME_CODE),
        expires=fields.integer("exp"),
    )


def _read_request(signed: bytes) -> tuple[Envelope, Fields]:
    limit = limits.MAX_UNLOCK - BOX_OVERHEAD
    opened = envelope.read(signed, tag=TAG_UNLOCK_REQUEST, limit=limit)
    fields = Fields(opened.payload, "a request to unlock", frozenset({"records", "unlock"}))
    fields.records()
    fields.sized("unlock", least=1, most=_MAX_SIGNED)
    return opened, fields


def _read_unlock(signed: bytes) -> tuple[Envelope, Fields]:
    """Check form, fields and lifetime, which need neither keys nor clock."""
    opened = envelope.read(signed, tag=TAG_UNLOCK, limit=_MAX_SIGNED)
    fields = Fields(opened.payload, "an unlock", _UNLOCK)
    fields.fixed("to", DIGEST_SIZE)
    fields.fixed("by", DIGEST_SIZE)
    fields.fixed("key", KEY_SIZE)
    _typed(fields, "passcode", limits.MAX_PASSCODE)
    _typed(fields, "code", limits.MAX_ONE_TIME_CODE)
    check_validity(fields, of="an unlock")
    fields.did("iss")
    return opened, fields


def _typed(fields: Fields, name: str, most: int) -> str | None:
    """Return what somebody typed, or None."""
    return None if fields.raw(name) is None else fields.text(name, least=1, most=most)


def answer_unlock(
    key: SignKey,
    unlock: Unlock,
    *,
    offers: Sequence[bytes],
    at: int,
    until: int,
    ephemeral: bytes,
) -> bytes:
    """Sign what a link opens and seal it to the unlock's key.

    Args:
        key: The holder's key.
        unlock: What is answered.
        offers: Signed offers to the link's key, at most `limits.MAX_LINK_OFFERS`.
        at: The time now, seconds since 1970.
        until: When the holder asks again.
        ephemeral: 32 fresh random bytes, for the box.

    Returns:
        The body of the answer, with HTTP status 200.

    Raises:
        LocalProtocolError: The asker would have to refuse it.
        BadKey: The unlock's key is unsound.
    """
    if not 1 <= len(offers) <= limits.MAX_LINK_OFFERS:
        raise LocalProtocolError("a link opens at least one study, and not that many")
    signed = sign_answer(
        key, request=unlock.hash, at=at, ok={"offers": tuple(offers), "until": until}
    )
    return box_seal(unlock.key, signed, ephemeral=ephemeral)


def read_unlocked(
    body: bytes,
    *,
    status: int,
    request: bytes,
    holder: Identity,
    link: Did,
    unlock_key: PrivateKey,
    now: int,
) -> Unlocked:
    """Open and verify the answer to our unlock.

    Args:
        body: The HTTP body as received.
        status: The HTTP status.
        request: `request_hash` of the body we sent.
        holder: The node we asked.
        link: The link's key.
        unlock_key: The key of our unlock.
        now: The time now, seconds since 1970.

    Raises:
        Unreachable: With another status than 200: no refusal signed by the holder.
        Oversize: Too many bytes or offers.
        CannotOpen: Not sealed to our key, or changed.
        Malformed: Not canonical bytes.
        BadFields: Not exactly such an answer.
        BadSignature: Not signed by the holder.
        WrongAnswer: It answers another request, or offers what is not the link's or the holder's.
        RemoteProtocolError: As `offer.read_offer`, or any leaf, as the holder's refusal says.
    """
    if status != HTTP_OK:
        raise_refusal(body, request=request, holder=holder.key)
    if len(body) > limits.MAX_UNLOCK_ANSWER:
        raise Oversize(f"an answer of {len(body)} bytes is over its bound")
    value, at = read_ok(
        box_open(unlock_key, body),
        request=request,
        holder=holder.key,
        limit=limits.MAX_UNLOCK_ANSWER,
    )
    fields = Fields(value, "an answer", frozenset({"offers", "until"}))
    until = fields.integer("until")
    if until <= at:
        raise BadFields("an unlock is over before it begins")
    raw = fields.byte_strings(
        "offers", size=limits.MAX_OFFER, items=limits.MAX_LINK_OFFERS, least_items=1
    )
    offers = tuple(read_offer(one, now=now) for one in raw)
    for offer in offers:
        if offer.to != link or offer.holder.node_id != holder.node_id:
            raise WrongAnswer("an answer offers what does not belong to the link")
    return Unlocked(offers, until)

"""Greetings: two peers show each other their cards and what they know of each other's log.

    greeting  =  box(peer's box key, signed by the greeter: its card, the head it keeps of the
                 peer's log)
    answer    =  signed by the peer: its card, the head it keeps of the greeter's log, and the proof
                 that its log only grew since the head that the greeter keeps (SPEC.md §6.16)

So a new address or key reaches those who have to know it, and a log that was cut or changed behind
a head that somebody keeps is found: it has no such proof.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from nacl.public import PrivateKey

from undisc_protocol import limits
from undisc_protocol.addressed import check_form, open_addressed, seal_addressed
from undisc_protocol.answer import HTTP_OK, raise_refusal, read_ok, request_hash, sign_answer
from undisc_protocol.boxes import BOX_OVERHEAD
from undisc_protocol.capability import envelope
from undisc_protocol.capability.envelope import TAG_GREETING, Envelope
from undisc_protocol.dagcbor import Value
from undisc_protocol.errors import BadFields
from undisc_protocol.fields import Fields
from undisc_protocol.identity import Identity, NodeDocument, NodeId, read_status_card
from undisc_protocol.keys import SignKey
from undisc_protocol.tree import HASH, Checkpoint

_FIELDS: Final = frozenset({"from", "to", "records", "card", "seen", "nonce", "iat", "exp"})


@dataclass(frozen=True, slots=True)
class Greeting:
    """A verified greeting; whether the greeter is a peer is the reader's to know.

    Attributes:
        hash: SHA-256 of the body as received: what the answer must name.
        document: The greeter's records and card.
        seen: The newest head of the reader's log that the greeter keeps, or None.
    """

    hash: bytes
    document: NodeDocument
    seen: Checkpoint | None


@dataclass(frozen=True, slots=True)
class Greeted:
    """A verified answer to a greeting.

    Attributes:
        document: The peer's records as they were known, and its card.
        seen: The newest head of the greeter's log that the peer keeps, or None.
        proof: That its log only grew, not verified here; None where it says nothing about that.
    """

    document: NodeDocument
    seen: Checkpoint | None
    proof: tuple[bytes, ...] | None


def make_greeting(
    key: SignKey,
    *,
    sender: Identity,
    to: NodeId,
    box: bytes,
    card: bytes,
    seen: Checkpoint | None,
    nonce: bytes,
    ephemeral: bytes,
    issued: int,
    expires: int,
) -> bytes:
    """Sign a greeting and seal it to the peer.

    Args:
        key: The greeter's node key.
        sender: The greeter's identity.
        to: The peer's node id.
        box: The peer's X25519 key.
        card: The greeter's signed status card.
        seen: The newest head of the peer's log that is kept.
        nonce: `addressed.REQUEST_NONCE` fresh random bytes.
        ephemeral: 32 fresh random bytes, for the box.
        issued: The time now, seconds since 1970.
        expires: End, at most `limits.REQUEST_LIFETIME` later.

    Returns:
        The body of `POST /undisc/v1/greeting`.

    Raises:
        LocalProtocolError: The peer would have to refuse it.
        BadKey: The peer's box key is unsound.
    """
    body, _ = seal_addressed(
        key,
        TAG_GREETING,
        {"card": card, "seen": None if seen is None else seen.to_value()},
        read=_read,
        sender=sender,
        to=to,
        box=box,
        nonce=nonce,
        ephemeral=ephemeral,
        issued=issued,
        expires=expires,
    )
    return body


def read_greeting(body: bytes, *, box: PrivateKey, own: NodeId, now: int) -> Greeting:
    """Open and verify a greeting, and the card in it.

    Args:
        body: The HTTP body as received.
        box: Our X25519 key.
        own: Our node id.
        now: The time now, seconds since 1970.

    Raises:
        RemoteProtocolError: As `addressed.open_addressed` and `identity.read_status_card`.
    """
    _, sender, fields = open_addressed(
        body, _read, limit=limits.MAX_GREETING, of="a greeting", box=box, own=own, now=now
    )
    card = fields.sized("card", most=limits.MAX_STATUS_CARD)
    shown = read_status_card(card, identity=sender, now=now)
    return Greeting(request_hash(body), NodeDocument(sender, shown, card), _seen(fields))


def _read(signed: bytes) -> tuple[Envelope, Fields]:
    """Check form, fields and lifetime, which need neither keys nor clock."""
    opened = envelope.read(signed, tag=TAG_GREETING, limit=limits.MAX_GREETING - BOX_OVERHEAD)
    fields = Fields(opened.payload, "a greeting", _FIELDS)
    fields.sized("card", most=limits.MAX_STATUS_CARD)
    _seen(fields)
    check_form(fields, of="a greeting")
    return opened, fields


def _seen(fields: Fields) -> Checkpoint | None:
    value: Value = fields.raw("seen")
    return None if value is None else Checkpoint.from_value(value)


def answer_greeting(
    key: SignKey,
    greeting: Greeting,
    *,
    card: bytes,
    seen: Checkpoint | None,
    proof: Sequence[bytes] | None,
    at: int,
) -> bytes:
    """Sign the answer to a greeting.

    Args:
        key: The peer's node key.
        greeting: What is answered.
        card: The peer's signed status card; its head is what the proof leads to.
        seen: The newest head of the greeter's log that the peer keeps.
        proof: `tree.prove_growth` from the head that the greeter keeps; None for none.
        at: The time now, seconds since 1970.
    """
    return sign_answer(
        key,
        request=greeting.hash,
        at=at,
        ok={
            "card": card,
            "seen": None if seen is None else seen.to_value(),
            "proof": None if proof is None else tuple(proof),
        },
    )


def read_greeted(body: bytes, *, status: int, request: bytes, peer: Identity, now: int) -> Greeted:
    """Verify the answer to our greeting, and the card in it.

    Args:
        body: The HTTP body as received.
        status: The HTTP status.
        request: `request_hash` of the body we sent.
        peer: The peer's identity as it is known.
        now: The time now, seconds since 1970.

    Raises:
        Unreachable: With another status than 200: no refusal signed by the peer.
        Oversize: Too many bytes, or a proof of too many hashes.
        Malformed: Not canonical bytes.
        BadFields: Not exactly an answer to a greeting, or the card of another node.
        BadSignature: Answer or card are not signed by the peer.
        WrongAnswer: It answers another request.
        Expired: The card is over.
        RemoteProtocolError: Any leaf, as the peer's signed refusal says.
    """
    if status != HTTP_OK:
        raise_refusal(body, request=request, holder=peer.key)
    value, _ = read_ok(body, request=request, holder=peer.key, limit=limits.MAX_REFUSAL)
    fields = Fields(value, "an answer to a greeting", {"card", "seen", "proof"})
    card = fields.sized("card", most=limits.MAX_STATUS_CARD)
    seen, proof = _seen(fields), None
    if fields.raw("proof") is not None:
        proof = tuple(
            fields.byte_strings("proof", size=HASH, items=limits.MAX_PROOF, least_items=0)
        )
        if any(len(one) != HASH for one in proof):
            raise BadFields("a proof is not made of hashes of 32 bytes")
    shown = read_status_card(card, identity=peer, now=now)
    return Greeted(NodeDocument(peer, shown, card), seen, proof)

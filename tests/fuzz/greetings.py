"""Targets: greetings between peers and their answers.

What would arrive in a box is sealed here, so that changes get past the seal.
"""

from __future__ import annotations

from hashlib import sha256

from fuzz.identity import FORM
from fuzz.seeds import payload, payloads
from fuzz.signing import boxed, enveloped
from fuzz.target import Target
from support.parties import ASKER, HOLDER, NOW, label
from undisc_protocol import dagcbor, limits
from undisc_protocol.answer import sign_answer
from undisc_protocol.boxes import box_open
from undisc_protocol.capability.envelope import TAG_ANSWER, TAG_GREETING, VARSIG
from undisc_protocol.errors import (
    BadKey,
    BadSignature,
    BrokenIdentity,
    Expired,
    LifetimeTooLong,
    NotYetValid,
    WrongAnswer,
    WrongAudience,
)
from undisc_protocol.greeting import make_greeting, read_greeted, read_greeting
from undisc_protocol.identity import StatusCard, sign_status_card
from undisc_protocol.tree import Checkpoint

_ASKED = sha256(b"greeting").digest()
_SEEN = Checkpoint(bytes(16), 5, bytes(32))
_WORDS = (b"dcarddseenforigindsizedroot", b"eproof\x81\x58\x20", b"\xf6")


def _card(party):
    return sign_status_card(
        party.key,
        StatusCard(
            node_id=party.identity.node_id,
            number=0,
            seq=NOW * 1000,
            name="somebody",
            urls=(),
            box=bytes(HOLDER.box.public_key),
            checkpoint=_SEEN,
            issued=NOW,
            expires=NOW + 86_400,
        ),
    )


def _greeting(data):
    whole = data.startswith(b"\x82\x58\x40")
    message = data if whole else enveloped(data, tag=TAG_GREETING, key=ASKER.key)
    read = read_greeting(
        boxed(HOLDER.box, message), box=HOLDER.box, own=HOLDER.identity.node_id, now=NOW
    )
    decoded = dagcbor.decode(message, limit=limits.MAX_GREETING)[1][TAG_GREETING]
    sender = read.document.identity
    again = {
        "from": sender.node_id,
        "to": HOLDER.identity.node_id,
        "records": sender.records,
        "card": read.document.card_bytes,
        "seen": read.seen and read.seen.to_value(),
        "nonce": decoded["nonce"],
        "exp": decoded["exp"],
        "iat": decoded["iat"],
    }
    assert dagcbor.encode({"h": VARSIG, TAG_GREETING: again}) == message[67:]
    assert read.document.card.node_id == sender.node_id


def _greetings():
    for seen in (None, _SEEN):
        made = make_greeting(
            ASKER.key,
            sender=ASKER.identity,
            to=HOLDER.identity.node_id,
            box=bytes(HOLDER.box.public_key),
            card=_card(ASKER),
            seen=seen,
            nonce=label("nonce", 16),
            ephemeral=label("ephemeral"),
            issued=NOW,
            expires=NOW + 300,
        )
        yield from payloads([box_open(HOLDER.box, made)])


def _greeted(data):
    """Nothing of a proof is lost, and the card is the peer's."""
    greeted = read_greeted(
        enveloped(data, tag=TAG_ANSWER, key=ASKER.key),
        status=200,
        request=_ASKED,
        peer=ASKER.identity,
        now=NOW,
    )
    ok = {
        "card": greeted.document.card_bytes,
        "seen": greeted.seen and greeted.seen.to_value(),
        "proof": greeted.proof,
    }
    at = dagcbor.decode(data, limit=limits.MAX_REFUSAL)["at"]
    assert dagcbor.encode({"req": _ASKED, "at": at, "ok": ok}) == data
    assert greeted.document.card.node_id == ASKER.identity.node_id


def _answers():
    for seen, proof in ((None, None), (_SEEN.to_value(), [bytes(32)] * 3)):
        ok = {"card": _card(ASKER), "seen": seen, "proof": proof}
        yield payload(sign_answer(ASKER.key, request=_ASKED, at=NOW, ok=ok))


_BETWEEN = (*FORM, BadKey, BadSignature, BrokenIdentity, NotYetValid, Expired, LifetimeTooLong)
TARGETS = [
    Target(
        "greeting",
        _greeting,
        _greetings,
        (*_BETWEEN, WrongAudience),
        words=_WORDS,
        longest=limits.MAX_GREETING,
    ),
    Target(
        "greeting-answer",
        _greeted,
        _answers,
        (*_BETWEEN, WrongAnswer),
        words=_WORDS,
        longest=limits.MAX_REFUSAL,
    ),
]

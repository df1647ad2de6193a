"""Targets: polls and the errands that answer them.

What would arrive in a box is sealed here, so that changes get past the seal.
"""

from __future__ import annotations

from hashlib import sha256

from nacl.public import PrivateKey

from fuzz.identity import FORM
from fuzz.seeds import payload, payloads
from fuzz.signing import boxed, enveloped
from fuzz.target import Target
from support.parties import ASKER, HOLDER, NOW, label
from undisc_protocol import dagcbor, limits
from undisc_protocol.answer import sign_answer
from undisc_protocol.boxes import box_open
from undisc_protocol.capability.envelope import TAG_ANSWER, TAG_POLL, VARSIG
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
from undisc_protocol.identity import StatusCard, sign_status_card
from undisc_protocol.poll import STREAM_PATH, Errand, make_poll, read_poll, read_polled

_REPLY = PrivateKey(label("poll key"))
_ASKED = sha256(b"poll").digest()
_WORDS = (b"dcarddbodydpathderrands", b"estart", b"dstop", b"/undisc/v1/packs", b"/undisc/v1/x")


def _poll(data):
    whole = data.startswith(b"\x82\x58\x40")
    message = data if whole else enveloped(data, tag=TAG_POLL, key=ASKER.key)
    read = read_poll(
        boxed(HOLDER.box, message), box=HOLDER.box, own=HOLDER.identity.node_id, now=NOW
    )
    decoded = dagcbor.decode(message, limit=limits.MAX_POLL)[1][TAG_POLL]
    again = {
        "from": read.sender.node_id,
        "to": HOLDER.identity.node_id,
        "records": read.sender.records,
        "card": read.card_bytes,
        "key": read.key,
        "nonce": read.nonce,
        "exp": read.expires,
        "iat": decoded["iat"],
    }
    assert dagcbor.encode({"h": VARSIG, TAG_POLL: again}) == message[67:]
    assert read.card.node_id == read.sender.node_id


def _polls():
    card = StatusCard(
        node_id=ASKER.identity.node_id,
        number=0,
        seq=NOW * 1000,
        name="asker",
        urls=(),
        box=bytes(_REPLY.public_key),
        checkpoint=None,
        issued=NOW,
        expires=NOW + 86_400,
    )
    made = make_poll(
        ASKER.key,
        sender=ASKER.identity,
        to=HOLDER.identity.node_id,
        box=bytes(HOLDER.box.public_key),
        card=sign_status_card(ASKER.key, card),
        reply_to=bytes(_REPLY.public_key),
        nonce=label("nonce", 16),
        ephemeral=label("ephemeral"),
        issued=NOW,
        expires=NOW + 300,
    )
    return payloads([box_open(HOLDER.box, made)])


def _polled(data):
    """What waits says it again, and names nothing but doors between nodes."""
    polled = read_polled(
        boxed(_REPLY, enveloped(data, tag=TAG_ANSWER, key=ASKER.key)),
        status=200,
        request=_ASKED,
        peer=ASKER.key.did,
        poll_key=_REPLY,
    )
    ok = {
        "card": polled.card,
        "errands": [one.to_value() for one in polled.errands],
        "more": polled.more,
    }
    at = dagcbor.decode(data, limit=limits.MAX_POLL_ANSWER)["at"]
    assert dagcbor.encode({"req": _ASKED, "at": at, "ok": ok}) == data
    assert all(one.path.startswith("/undisc/v1/") for one in polled.errands)


def _answers():
    errands = (
        Errand(bytes(32), "/undisc/v1/notice", b"sealed"),
        Errand(bytes(32), STREAM_PATH, bytes(32), 0, 5),
    )
    ok = {"card": b"card", "errands": [one.to_value() for one in errands], "more": 1}
    yield payload(sign_answer(ASKER.key, request=_ASKED, at=NOW, ok=ok))


_BETWEEN = (*FORM, BadKey, BadSignature, BrokenIdentity, NotYetValid)
TARGETS = [
    Target(
        "poll",
        _poll,
        _polls,
        (*_BETWEEN, WrongAudience, Expired, LifetimeTooLong),
        words=_WORDS,
        longest=limits.MAX_POLL,
    ),
    Target("poll-answer", _polled, _answers, (*_BETWEEN, WrongAnswer), words=_WORDS, longest=8_192),
]

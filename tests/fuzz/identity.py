"""Targets: identity records, status cards, node documents, offers."""

from __future__ import annotations

from fuzz.seeds import parts, payloads
from fuzz.signing import boxed, enveloped, signed
from fuzz.target import Target
from support.parties import ASKER, GRANT, HOLDER, NOW
from undisc_protocol import dagcbor
from undisc_protocol.boxes import box_open
from undisc_protocol.capability.envelope import (
    TAG_IDENTITY,
    TAG_OFFER,
    TAG_STATUS,
    VARSIG,
)
from undisc_protocol.errors import (
    BadFields,
    BadKey,
    BadSignature,
    BrokenChain,
    BrokenIdentity,
    CannotOpen,
    CommandNotGranted,
    Expired,
    LifetimeTooLong,
    Malformed,
    NotYetValid,
    Oversize,
    PolicyWidened,
    WrongAudience,
    WrongSubject,
)
from undisc_protocol.identity import (
    node_document,
    read_identity_record,
    read_node_document,
    read_status_card,
)
from undisc_protocol.offer import read_offer, sign_offer

FORM = (Oversize, Malformed, BadFields)
CARD = (*FORM, BadSignature, NotYetValid, Expired, LifetimeTooLong)
_WORDS = (
    b"https://node.example",
    b"http://[::1]:1/",
    b"\xe2\x80\xae",
    *(bytes((len(text) | 0x60,)) + text.encode() for text in (
        "n", "key", "next", "prev", "iat", "id", "seq", "name", "urls", "box", "exp",
        "checkpoint", "origin", "size", "root", "records", "card", "prf", "to", "at",
    )),
)  # fmt: skip


def _record(raw):
    read = read_identity_record(raw)
    payload = {
        "n": read.number,
        "key": read.key,
        "next": read.next_hash,
        "prev": read.previous,
        "iat": read.issued,
    }
    assert dagcbor.encode({"h": VARSIG, TAG_IDENTITY: payload}) == raw[67:]


def _card(raw):
    card = read_status_card(raw, identity=HOLDER.identity, now=NOW)
    payload = {
        "id": card.node_id,
        "n": card.number,
        "seq": card.seq,
        "name": card.name,
        "urls": card.urls,
        "box": card.box,
        "checkpoint": None if card.checkpoint is None else card.checkpoint.to_value(),
        "iat": card.issued,
        "exp": card.expires,
    }
    assert dagcbor.encode({"h": VARSIG, TAG_STATUS: payload}) == raw[67:]


def _document(data):
    """Begins as a card's payload does not: read as a document; else signed as the card of one."""
    if not data.startswith(b"\xa2"):
        card = enveloped(data, tag=TAG_STATUS, key=HOLDER.key)
        data = node_document(HOLDER.identity.records, card)
    read = read_node_document(data, now=NOW)
    assert node_document(read.identity.records, read.card_bytes) == data


def _offer(raw):
    offer = read_offer(raw, now=NOW)
    payload = {
        "records": offer.holder.records,
        "card": offer.card_bytes,
        "prf": [proof.raw for proof in offer.proofs],
        "to": offer.to,
        "at": offer.at,
    }
    assert dagcbor.encode({"h": VARSIG, TAG_OFFER: payload}) == raw[67:]
    assert offer.capability.audience == offer.to


def _offers():
    made = sign_offer(
        HOLDER.key,
        holder=HOLDER.identity,
        card=HOLDER.card,
        proofs=[GRANT],
        to=ASKER.key.did,
        at=NOW,
    )
    return payloads([made, *parts("offer")])


def _box(data):
    """What opens was sealed to our key: nothing that was not made here ever does."""
    try:
        opened = box_open(HOLDER.box, data)
    except CannotOpen:
        assert box_open(HOLDER.box, boxed(HOLDER.box, data)) == data
        raise
    assert boxed(HOLDER.box, opened) == data


TARGETS = [
    Target(
        "identity-record",
        signed(_record, tag=TAG_IDENTITY, key=HOLDER.key),
        lambda: payloads([*parts("identity"), *HOLDER.identity.records]),
        (*FORM, BadKey),
        longest=1_200,
        words=_WORDS,
    ),
    Target(
        "status-card",
        signed(_card, tag=TAG_STATUS, key=HOLDER.key),
        lambda: payloads([*parts("status", "card"), HOLDER.card]),
        CARD,
        words=_WORDS,
    ),
    Target(
        "node-document",
        _document,
        lambda: [
            *payloads([HOLDER.card]),
            node_document(HOLDER.identity.records, HOLDER.card),
            *parts("node-document", "bytes"),
        ],
        (*CARD, BadKey, BrokenIdentity),
        longest=8_192,
        words=_WORDS,
    ),
    Target(
        "offer",
        signed(_offer, tag=TAG_OFFER, key=HOLDER.key),
        _offers,
        (*CARD, BadKey, BrokenIdentity, WrongAudience, WrongSubject, BrokenChain, CommandNotGranted,
         PolicyWidened),
        longest=8_192,
        words=_WORDS,
    ),
    Target("box", _box, lambda: [boxed(HOLDER.box, b"hello"), *parts("box", "sealed")],
           (CannotOpen,), longest=256),
]  # fmt: skip

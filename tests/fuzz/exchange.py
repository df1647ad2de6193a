"""Targets: requests, answers, refusals, manifests, receipts, acknowledgements.

What would arrive in a box is sealed here, so that changes get past the seal.
"""

from __future__ import annotations

from fuzz.identity import FORM
from fuzz.seeds import parts, payload, payloads
from fuzz.signing import boxed, enveloped, signed
from fuzz.target import Target
from support.parties import (
    ASKER,
    CHECKPOINT,
    FETCH_KEY,
    HOLDER,
    INVOCATION_CID,
    MANIFEST,
    NOW,
    RECEIPT,
    REQUEST,
    REQUEST_HASH,
    TICKET,
)
from undisc_protocol import dagcbor, limits
from undisc_protocol.answer import raise_refusal, sign_answer, sign_refusal
from undisc_protocol.boxes import box_open
from undisc_protocol.capability.envelope import TAG_ANSWER, TAG_RECEIPT, TAG_REQUEST, VARSIG
from undisc_protocol.errors import (
    BadKey,
    BadSignature,
    BrokenIdentity,
    CannotOpen,
    Expired,
    LifetimeTooLong,
    NotYetValid,
    RemoteProtocolError,
    Revoked,
    WrongAnswer,
    WrongAudience,
)
from undisc_protocol.exchange import read_answer, read_request
from undisc_protocol.manifest import Manifest
from undisc_protocol.receipt import acknowledge, read_acknowledgement, read_receipt

_HOLDER = HOLDER.key.did
_WORDS = tuple(
    bytes((len(text) | 0x60,)) + text.encode()
    for text in ("req", "at", "ok", "err", "inv", "manifest", "ticket", "until", "checkpoint",
                 "code", "message", "hint", "revoked", "receipt", "from", "to", "records", "prf",
                 "have", "nonce", "iat", "exp", "study", "objects", "size", "raw", "uid", "patient")
)  # fmt: skip


def _request(data):
    """The signed request inside the box; one that is no envelope is signed."""
    whole = data.startswith(b"\x82\x58\x40")
    message = data if whole else enveloped(data, tag=TAG_REQUEST, key=ASKER.key)
    read = read_request(boxed(HOLDER.box, message), box=HOLDER.box, own=HOLDER.identity.node_id,
                        now=NOW)  # fmt: skip
    decoded = dagcbor.decode(message, limit=limits.MAX_REQUEST)[1][TAG_REQUEST]
    again = {
        "from": read.sender.node_id,
        "to": HOLDER.identity.node_id,
        "records": read.sender.records,
        "inv": read.invocation,
        "prf": read.proofs,
        "have": sorted(read.have),
        "nonce": decoded["nonce"],
        "iat": read.issued,
        "exp": read.expires,
    }
    assert dagcbor.encode({"h": VARSIG, TAG_REQUEST: again}) == message[67:]


def _requests():
    yield from payloads([box_open(HOLDER.box, REQUEST)])
    yield from parts("request", "body")


def _granted(granted):
    return {
        "inv": INVOCATION_CID,
        "manifest": granted.manifest.to_value(),
        "ticket": granted.ticket,
        "until": granted.until,
        "checkpoint": granted.checkpoint.to_value(),
    }


def _answer(data):
    message = enveloped(data, tag=TAG_ANSWER, key=HOLDER.key)
    granted = read_answer(
        boxed(FETCH_KEY, message),
        status=200,
        request=REQUEST_HASH,
        invocation=INVOCATION_CID,
        holder=_HOLDER,
        fetch_key=FETCH_KEY,
    )
    again = {"req": REQUEST_HASH, "at": granted.at, "ok": _granted(granted)}
    assert dagcbor.encode(again) == data


def _answers():
    ok = {
        "inv": INVOCATION_CID,
        "manifest": MANIFEST.to_value(),
        "ticket": TICKET,
        "until": NOW + 600,
        "checkpoint": CHECKPOINT.to_value(),
    }
    yield payload(sign_answer(HOLDER.key, request=REQUEST_HASH, at=NOW, ok=ok))


def _refusal(raw):
    """Whatever a peer signs, we raise a leaf that can be shown."""
    raise_refusal(raw, request=REQUEST_HASH, holder=_HOLDER)


def _refusals():
    error = Revoked("the permission was revoked")
    return payloads([sign_refusal(HOLDER.key, request=REQUEST_HASH, at=NOW, error=error)])


def _manifest(data):
    manifest = Manifest.from_value(dagcbor.decode(data, limit=65_536))
    assert dagcbor.encode(manifest.to_value()) == data
    manifest.check_own()
    ends = [manifest.span(number) for number in range(len(manifest.objects))]
    assert [extent.start for extent in ends] == [0, *(extent.stop for extent in ends)][: len(ends)]


def _receipt(raw):
    read = read_receipt(raw, to=HOLDER.identity.node_id, now=NOW)
    stored = read.stored
    again = {
        "from": read.sender.node_id,
        "to": HOLDER.identity.node_id,
        "inv": stored.invocation,
        "study": stored.study,
        "manifest": stored.manifest,
        "objects": stored.objects,
        "size": stored.size,
        "at": stored.at,
        "records": read.sender.records,
    }
    assert dagcbor.encode({"h": VARSIG, TAG_RECEIPT: again}) == raw[67:]


def _acknowledgement(raw):
    read_acknowledgement(raw, status=200, request=REQUEST_HASH, receipt=RECEIPT, holder=_HOLDER)


def _acknowledgements():
    receipt = read_receipt(RECEIPT, to=HOLDER.identity.node_id, now=NOW)
    made = acknowledge(HOLDER.key, receipt, request=REQUEST_HASH, at=NOW)
    return payloads([made, *parts("acknowledgement", "body")])


_SENT = (*FORM, BadKey, BadSignature, BrokenIdentity, WrongAudience, NotYetValid)
TARGETS = [
    Target(
        "request",
        _request,
        _requests,
        (*_SENT, CannotOpen, Expired, LifetimeTooLong),
        longest=8_192,
        words=_WORDS,
    ),
    Target(
        "answer",
        _answer,
        _answers,
        (*FORM, WrongAnswer, LifetimeTooLong),
        longest=8_192,
        words=_WORDS,
    ),
    Target(
        "refusal",
        signed(_refusal, tag=TAG_ANSWER, key=HOLDER.key),
        _refusals,
        (RemoteProtocolError,),
        words=_WORDS,
    ),
    Target(
        "manifest",
        _manifest,
        lambda: [dagcbor.encode(MANIFEST.to_value()), *parts("manifest")],
        FORM,
        longest=8_192,
        words=_WORDS,
    ),
    Target(
        "receipt",
        signed(_receipt, tag=TAG_RECEIPT, key=ASKER.key),
        lambda: payloads([RECEIPT]),
        _SENT,
        words=_WORDS,
    ),
    Target(
        "acknowledgement",
        signed(_acknowledgement, tag=TAG_ANSWER, key=HOLDER.key),
        _acknowledgements,
        (*FORM, BadSignature, WrongAnswer),
        words=_WORDS,
    ),
]

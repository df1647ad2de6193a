"""Targets: what one node tells another about a study it has, and what the other does about it."""

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
from undisc_protocol.capability.envelope import TAG_ANSWER, TAG_NOTICE, VARSIG
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
from undisc_protocol.notice import Does, NoticeKind, Why, make_notice, read_notice, read_noticed
from undisc_protocol.pack import PatientIdentity

_JANE = PatientIdentity("Smith^Jane", "P-900", "hospital", "19700102", "F")
_TOLD = sha256(b"a notice").digest()


def _made(sender, to, kind, **more):
    body, signed = make_notice(
        sender.key,
        sender=sender.identity,
        to=to.identity.node_id,
        box=bytes(HOLDER.box.public_key),
        kind=kind,
        study=label("study", 16),
        nonce=label("nonce", 16),
        ephemeral=label("ephemeral"),
        issued=NOW,
        expires=NOW + 300,
        **more,
    )
    assert sha256(box_open(HOLDER.box, body)).digest() == signed
    return box_open(HOLDER.box, body)


def ended_by_holder():
    """Return a notice with which the holder told the asker that it took something back."""
    return _made(HOLDER, ASKER, NoticeKind.ENDED, ended=[label("grant")])


def _notice(data):
    """A notice that is taken says the same again, and names what ended only where it did."""
    whole = data.startswith(b"\x82\x58\x40")
    message = data if whole else enveloped(data, tag=TAG_NOTICE, key=ASKER.key)
    read = read_notice(
        boxed(HOLDER.box, message), box=HOLDER.box, own=HOLDER.identity.node_id, now=NOW
    )
    assert (read.kind is NoticeKind.PATIENT) is (read.patient is not None)
    assert read.kind is NoticeKind.ENDED or not (read.ended or read.rest)
    decoded = dagcbor.decode(message, limit=limits.MAX_NOTICE)[1][TAG_NOTICE]
    again = {
        "from": read.sender.node_id,
        "to": HOLDER.identity.node_id,
        "records": read.sender.records,
        "kind": read.kind.value,
        "study": read.study,
        "patient": read.patient.to_value() if read.patient else None,
        "ended": read.ended,
        "rest": read.rest,
        **{name: decoded[name] for name in ("nonce", "iat", "exp")},
    }
    assert dagcbor.encode({"h": VARSIG, TAG_NOTICE: again}) == message[67:]


def _notices():
    yield from payloads(
        [
            _made(ASKER, HOLDER, NoticeKind.GROWN),
            _made(ASKER, HOLDER, NoticeKind.PATIENT, patient=_JANE),
            _made(ASKER, HOLDER, NoticeKind.ENDED, ended=[label("grant"), label("share")]),
        ]
    )


def _noticed(data):
    """What a recipient says it does is said again, byte for byte."""
    said = read_noticed(
        enveloped(data, tag=TAG_ANSWER, key=HOLDER.key),
        status=200,
        request=_TOLD,
        notice=_TOLD,
        recipient=HOLDER.key.did,
    )
    assert (said.why is not None) is (said.does is Does.KEPT)
    at = dagcbor.decode(data, limit=limits.MAX_REFUSAL)["at"]
    ok = {
        "notice": _TOLD,
        "does": said.does.value,
        "why": said.why.value if said.why else None,
        "passed": said.passed,
    }
    assert dagcbor.encode({"req": _TOLD, "at": at, "ok": ok}) == data


def _acknowledgements():
    for does, why in ((Does.DECIDES, None), (Does.KEPT, Why.LAW), (Does.PURGED, None)):
        ok = {"notice": _TOLD, "does": does.value, "why": why and why.value, "passed": True}
        yield payload(sign_answer(HOLDER.key, request=_TOLD, at=NOW, ok=ok))


_SIGNED = (*FORM, BadKey, BadSignature, BrokenIdentity, NotYetValid)
TARGETS = [
    Target(
        "notice",
        _notice,
        _notices,
        (*_SIGNED, WrongAudience, Expired, LifetimeTooLong),
        longest=limits.MAX_NOTICE,
    ),
    Target("noticed", _noticed, _acknowledgements, (*FORM, BadSignature, WrongAnswer)),
]

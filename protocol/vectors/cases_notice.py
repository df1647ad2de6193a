"""Cases of SPEC.md §6.11: telling a recipient what happened to a study, and its answer.

The node that tells is the one called asker elsewhere, and the one that is told is the holder: only
the holder has a box in this material, and a notice does not care.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import sha256

from material import (
    ASKER,
    ASKER_KEY,
    FETCH_KEY,
    HOLDER,
    HOLDER_BOX,
    HOLDER_KEY,
    STRANGER,
    STRANGER_KEY,
    STUDY,
    flipped,
    successor_of,
    to_holder,
)
from vectorfile import NOW, Vector, enveloped, fixed, payload_of, with_fields, without_field

from undisc_protocol import limits
from undisc_protocol.answer import request_hash, sign_answer, sign_refusal
from undisc_protocol.boxes import box_open, box_seal
from undisc_protocol.capability.envelope import TAG_REQUEST
from undisc_protocol.dagcbor import Value
from undisc_protocol.errors import (
    BadFields,
    BadSignature,
    CannotOpen,
    Expired,
    LifetimeTooLong,
    Malformed,
    NotYetValid,
    Oversize,
    RemoteProtocolError,
    UnknownRecipient,
    Unreachable,
    WrongAnswer,
    WrongAudience,
)
from undisc_protocol.keys import SignKey
from undisc_protocol.notice import Does, NoticeKind, Why, make_notice
from undisc_protocol.pack import PatientIdentity

_JANE = PatientIdentity("Smith^Jane", "P-900", "hospital", "19700102", "F")


def _told(
    kind: NoticeKind,
    patient: PatientIdentity | None = None,
    ended: tuple[bytes, ...] = (),
    *,
    rest: bool = False,
) -> bytes:
    body, _ = make_notice(
        ASKER_KEY,
        sender=ASKER,
        to=HOLDER.node_id,
        box=bytes(HOLDER_BOX.public_key),
        kind=kind,
        study=STUDY,
        patient=patient,
        ended=ended,
        rest=rest,
        nonce=fixed("notice", 16),
        ephemeral=fixed("to holder"),
        issued=NOW,
        expires=NOW + limits.REQUEST_LIFETIME,
    )
    return body


_BODY = _told(NoticeKind.GROWN)
_SIGNED = box_open(HOLDER_BOX, _BODY)


def cases() -> Iterator[Vector]:
    """Yield every case."""
    yield from _notices()
    yield from _acknowledgements()


def _notices() -> Iterator[Vector]:
    def case(row: str, name: str, error: type[RemoteProtocolError] | None, comment: str,
             body: bytes, now: int = NOW, *, kind: str = "grown", patient: str = "",
             ended: int = 0, rest: bool = False, fill: int = 0) -> Vector:  # fmt: skip
        headers = {"now": str(now), "own": HOLDER.node_id.hex()}
        return Vector(
            section="6.11", row=row, name=name, what="notice", expect=error, comment=comment,
            headers=headers | ({"fill": str(fill)} if fill else {}),
            parts={"box": bytes(HOLDER_BOX), "body": body},
            results={} if error else {
                "sender": ASKER.node_id.hex(), "kind": kind, "study": STUDY.hex(),
                "patient": patient, "ended": str(ended), "rest": "yes" if rest else "no",
            },
        )  # fmt: skip

    def wrong(row: str, name: str, comment: str, error: type[RemoteProtocolError] = BadFields,
              key: SignKey = ASKER_KEY, **fields: Value) -> Vector:  # fmt: skip
        return case(row, name, error, comment, to_holder(with_fields(_SIGNED, key, **fields)))

    later, succeeded = successor_of("asker")
    end = NOW + limits.REQUEST_LIFETIME
    yield case("A1", "grown", None, "there is more of the study", _BODY)
    yield case("A1", "patient", None, "the patient has another name and number now",
               _told(NoticeKind.PATIENT, _JANE), kind="patient", patient="P-900")  # fmt: skip
    grant, share = sorted((fixed("grant that ended"), fixed("share that ended")))
    yield case("A1", "ended", None, "a grant and a share were taken back",
               _told(NoticeKind.ENDED, ended=(grant, share)), kind="ended", ended=2)  # fmt: skip
    yield case("A1", "ended-rest", None, "the permission for a part was taken back",
               _told(NoticeKind.ENDED, ended=(share,), rest=True),
               kind="ended", ended=1, rest=True)  # fmt: skip
    yield case("A1", "ended-node", None, "the recipient is not to have it any more",
               _told(NoticeKind.ENDED), kind="ended")  # fmt: skip
    for kind in (NoticeKind.HELD, NoticeKind.RELEASED, NoticeKind.WITHDRAWN):
        yield case("A1", kind.value, None, f"the study is {kind.value} there", _told(kind),
                   kind=kind.value)  # fmt: skip
    yield case("A1", "second-key", None, "a node that came back under its next key",
               to_holder(with_fields(_SIGNED, later, records=succeeded.records)))  # fmt: skip
    yield case("R01", "large", Oversize, "more than 16384 bytes", b"", fill=limits.MAX_NOTICE + 1)
    many = [number.to_bytes(32, "big") for number in range(limits.MAX_NOTICE_ENDED + 1)]
    yield wrong("R01", "many-ended", "65 grants and shares", Oversize, ended=many)
    yield case("R02", "not-sealed", CannotOpen, "the notice without its box", _SIGNED)
    yield case("R02", "changed", CannotOpen, "one bit is changed", flipped(_BODY, 100))
    other = box_seal(bytes(FETCH_KEY.public_key), _SIGNED, ephemeral=fixed("to holder"))
    yield case("R02", "other-box", CannotOpen, "sealed to another key", other)
    yield case("R03", "trailing", Malformed, "a byte follows", to_holder(_SIGNED + b"\x00"))
    for field in ("from", "to", "records", "kind", "study", "patient", "ended", "rest", "nonce",
                  "iat", "exp"):  # fmt: skip
        yield case("R04", f"no-{field}", BadFields, f"without {field}",
                   to_holder(without_field(_SIGNED, ASKER_KEY, field)))  # fmt: skip
    yield wrong("R04", "extra", "an unknown field", more=1)
    yield wrong("R04", "short-study", "a study's id of 15 bytes", study=bytes(15))
    yield wrong("R04", "grown-patient", "a patient where nobody's identity changed",
                patient=_JANE.to_value())  # fmt: skip
    yield case("R04", "patient-null", BadFields, "a changed identity that is not said",
               to_holder(_with_kind("patient")))  # fmt: skip
    yield case("R04", "other-kind", BadFields, "a kind that is not known",
               to_holder(_with_kind("shrunk")))  # fmt: skip
    yield wrong("R04", "grown-ended", "what ended where nothing was taken back", ended=[grant])
    yield wrong("R04", "grown-rest", "a rest where nothing was taken back", rest=True)
    ending = box_open(HOLDER_BOX, _told(NoticeKind.ENDED, ended=(grant, share)))
    for name, comment, hashes in (
        ("ended-order", "not sorted", [share, grant]),
        ("ended-twice", "one of them twice", [grant, grant]),
        ("ended-short", "a hash of 31 bytes", [bytes(31)]),
    ):
        yield case("R04", name, BadFields, comment,
                   to_holder(with_fields(ending, ASKER_KEY, ended=hashes)))  # fmt: skip
    yield wrong("R04", "backwards", "it ends when it begins", exp=NOW)
    _, payload = payload_of(_SIGNED)
    yield case("R04", "other-tag", BadFields, "the tag of a request",
               to_holder(enveloped(payload, tag=TAG_REQUEST, key=ASKER_KEY)))  # fmt: skip
    yield wrong("R05", "other-sender", "from is another node than that of the records",
                **{"from": STRANGER.node_id})  # fmt: skip
    yield wrong("R06", "stranger", "signed by another node", BadSignature, STRANGER_KEY)
    yield wrong("R06", "former-key", "signed by the key that was replaced", BadSignature,
                records=succeeded.records)  # fmt: skip
    yield wrong("R07", "other-node", "addressed to another node", WrongAudience,
                to=STRANGER.node_id)  # fmt: skip
    skew = limits.CLOCK_SKEW
    yield case("R08", "too-early", NotYetValid, "61 seconds ahead", _BODY, NOW - skew - 1)
    yield case("R09", "too-late", Expired, "a minute over", _BODY, end + skew)
    yield wrong("R10", "too-long", "good for 301 seconds", LifetimeTooLong, exp=end + 1)


def _with_kind(kind: str) -> bytes:
    tag, payload = payload_of(_SIGNED)
    return enveloped({**payload, "kind": kind}, tag=tag, key=ASKER_KEY)


def _acknowledgements() -> Iterator[Vector]:
    named = sha256(_SIGNED).digest()

    def signed(
        said: Mapping[str, Value], key: SignKey = HOLDER_KEY, request: bytes = _BODY
    ) -> bytes:
        return sign_answer(key, request=request_hash(request), at=NOW, ok=said)

    def case(row: str, name: str, error: type[RemoteProtocolError] | None, comment: str,
             body: bytes, status: int = 200,
             results: Mapping[str, str] = {}) -> Vector:  # fmt: skip
        return Vector(
            section="6.11", row=row, name=name, what="noticed", expect=error, comment=comment,
            headers={"status": str(status), "recipient": HOLDER_KEY.did},
            parts={"request": _BODY, "notice": named, "body": body},
            results=results,
        )  # fmt: skip

    def ok(does: str, why: Value = None, *, passed: Value = False) -> Mapping[str, Value]:
        return {"notice": named, "does": does, "why": why, "passed": passed}

    for does in Does:
        why = "treatment" if does is Does.KEPT else None
        yield case("A2", does.value, None, f"the recipient says: {does.value}",
                   signed(ok(does.value, why)),
                   results={"does": does.value, "why": why or "", "passed": "no"})  # fmt: skip
    for reason in Why:
        yield case("A2", f"kept-{reason.value}", None, f"it keeps its copy: {reason.value}",
                   signed(ok("kept", reason.value, passed=True)),
                   results={"does": "kept", "why": reason.value, "passed": "yes"})  # fmt: skip
    yield case("A2", "purged-passed", None, "it has erased its copy; an archive has another",
               signed(ok("purged", passed=True)),
               results={"does": "purged", "why": "", "passed": "yes"})  # fmt: skip
    yield case("R11", "empty", BadFields, "nothing is said", signed({}))
    yield case("R11", "other-word", BadFields, "it does what is not known", signed(ok("deletes")))
    yield case("R11", "other-why", BadFields, "a reason that is not known",
               signed(ok("kept", "spite")))  # fmt: skip
    yield case("R11", "kept-silently", BadFields, "a copy is kept for no reason",
               signed(ok("kept")))  # fmt: skip
    yield case("R11", "purged-why", BadFields, "a reason for a copy that is not there",
               signed(ok("purged", "law")))  # fmt: skip
    yield case("R11", "passed-nothing", BadFields, "what was never fetched was handed on",
               signed(ok("not-fetched", passed=True)))  # fmt: skip
    yield case("R11", "passed-number", BadFields, "a number in the place of yes or no",
               signed(ok("kept", "law", passed=1)))  # fmt: skip
    good = ok("asks")
    yield case("R12", "ack-stranger", BadSignature, "signed by another node",
               signed(good, STRANGER_KEY))  # fmt: skip
    yield case("R13", "other-notice", WrongAnswer, "about another notice",
               signed({**good, "notice": bytes(32)}))  # fmt: skip
    yield case("R13", "other-request", WrongAnswer, "the answer to another request",
               signed(good, request=b"another"))  # fmt: skip
    refusal = sign_refusal(
        HOLDER_KEY, request=request_hash(_BODY), at=NOW, error=UnknownRecipient("not a peer")
    )
    yield case("R14", "refused", UnknownRecipient, "the sender is no peer", refusal, 403)
    yield case("R15", "unsigned", Unreachable, "an error that is not signed", b"try later", 503)

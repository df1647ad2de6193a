"""Cases of SPEC.md §6.12: unlocking a link, and the answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

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
    card_of,
    flipped,
    to_asker,
    to_holder,
)
from vectorfile import NOW, Vector, enveloped, fixed, payload_of, with_fields, without_field

from undisc_protocol import limits
from undisc_protocol.answer import request_hash, sign_answer, sign_refusal
from undisc_protocol.boxes import box_open, box_seal
from undisc_protocol.capability.delegation import Basis, Meta, sign_grant
from undisc_protocol.capability.envelope import TAG_REQUEST
from undisc_protocol.dagcbor import Value
from undisc_protocol.errors import (
    BadFields,
    BadKey,
    BadSignature,
    CannotOpen,
    CodeAsked,
    CodesUsedUp,
    Expired,
    LifetimeTooLong,
    Locked,
    Malformed,
    NotYetValid,
    Oversize,
    RemoteProtocolError,
    Unreachable,
    WrongAnswer,
    WrongAudience,
    WrongCode,
    WrongPasscode,
)
from undisc_protocol.keys import SignKey, link_key
from undisc_protocol.offer import sign_offer
from undisc_protocol.unlock import make_unlock

_LINK = link_key(fixed("unlocked link"))


def _asked(passcode: str | None, code: str | None = None) -> bytes:
    return make_unlock(
        _LINK, ASKER_KEY,
        sender=ASKER, to=HOLDER.node_id, box=bytes(HOLDER_BOX.public_key),
        reply_to=bytes(FETCH_KEY.public_key), passcode=passcode, code=code,
        nonce=fixed("unlock", 16), ephemeral=fixed("to holder"),
        issued=NOW, expires=NOW + limits.REQUEST_LIFETIME,
    )  # fmt: skip


_BODY = _asked("grün 7")
_SIGNED = box_open(HOLDER_BOX, _BODY)
_INNER = bytes(payload_of(_SIGNED)[1]["unlock"])


def cases() -> Iterator[Vector]:
    """Yield every case."""
    yield from _unlocks()
    yield from _answers()


def _around(inner: bytes, key: SignKey = ASKER_KEY) -> bytes:
    return to_holder(with_fields(_SIGNED, key, unlock=inner))


def _unlocks() -> Iterator[Vector]:
    def case(row: str, name: str, error: type[RemoteProtocolError] | None, comment: str,
             body: bytes, now: int = NOW, *, passcode: str = "grün 7",
             code: str = "", fill: int = 0) -> Vector:  # fmt: skip
        headers = {"now": str(now), "own": HOLDER.node_id.hex()}
        return Vector(
            section="6.12", row=row, name=name, what="unlock", expect=error, comment=comment,
            headers=headers | ({"fill": str(fill)} if fill else {}),
            parts={"box": bytes(HOLDER_BOX), "body": body},
            results={} if error else {
                "hash": request_hash(body).hex(), "sender": ASKER.node_id.hex(),
                "link": _LINK.did, "passcode": passcode, "code": code,
            },
        )  # fmt: skip

    def wrong(row: str, name: str, comment: str, error: type[RemoteProtocolError] = BadFields,
              signer: SignKey = _LINK, **fields: Value) -> Vector:  # fmt: skip
        return case(row, name, error, comment, _around(_with(_INNER, signer, fields)))

    end, skew = NOW + limits.REQUEST_LIFETIME, limits.CLOCK_SKEW
    yield case("A1", "passcode", None, "with a passcode", _BODY)
    yield case("A1", "bare", None, "without one", _asked(None), passcode="")
    yield case("A1", "code", None, "with a one-time code besides", _asked("grün 7", "314 159"),
               code="314 159")  # fmt: skip
    yield case("A1", "code-only", None, "with a one-time code alone", _asked(None, "314159"),
               passcode="", code="314159")  # fmt: skip
    yield case("R01", "large", Oversize, "more than 16384 bytes", b"", fill=limits.MAX_UNLOCK + 1)
    yield case("R02", "changed", CannotOpen, "one bit is changed", flipped(_BODY, 100))
    other = box_seal(bytes(FETCH_KEY.public_key), _SIGNED, ephemeral=fixed("to holder"))
    yield case("R02", "other-box", CannotOpen, "sealed to another key", other)
    yield case("R03", "trailing", Malformed, "a byte follows", to_holder(_SIGNED + b"\x00"))
    yield case("R03", "trailing-inside", Malformed, "a byte follows the unlock",
               _around(_INNER + b"\x00"))  # fmt: skip
    for field in ("records", "unlock"):
        yield case("R04", f"no-{field}", BadFields, f"without {field}",
                   to_holder(without_field(_SIGNED, ASKER_KEY, field)))  # fmt: skip
    for field in ("iss", "to", "by", "key", "passcode", "code", "nonce", "iat", "exp"):
        yield case("R04", f"no-{field}", BadFields, f"without {field}",
                   _around(without_field(_INNER, _LINK, field)))  # fmt: skip
    yield case("R04", "extra-outside", BadFields, "an unknown field around the unlock",
               to_holder(with_fields(_SIGNED, ASKER_KEY, more=1)))  # fmt: skip
    yield wrong("R04", "extra", "an unknown field", more=1)
    yield wrong("R04", "empty-passcode", "an empty passcode", passcode="")
    yield wrong("R04", "bytes-passcode", "bytes for a passcode", passcode=b"1234")
    yield wrong("R04", "long-passcode", "a passcode of 129 characters", passcode="a" * 129)
    yield wrong("R04", "empty-code", "an empty code", code="")
    yield wrong("R04", "bytes-code", "bytes for a code", code=b"314159")
    yield wrong("R04", "number-code", "a number for a code", code=314_159)
    yield wrong("R04", "long-code", "a code of 17 characters", code="3" * 17)
    yield wrong("R04", "short-nonce", "a nonce of 15 bytes", nonce=bytes(15))
    yield wrong("R04", "backwards", "it ends when it begins", exp=NOW)
    _, payload = payload_of(_SIGNED)
    yield case("R04", "other-tag", BadFields, "the tag of another request",
               to_holder(enveloped(payload, tag=TAG_REQUEST, key=ASKER_KEY)))  # fmt: skip
    yield wrong("R05", "web", "a link that is no did:key", BadKey, iss="did:web:example.org")
    yield case("R06", "stranger", BadSignature, "signed by another node than that of the records",
               _around(_INNER, STRANGER_KEY))  # fmt: skip
    yield wrong("R06", "other-link", "not signed by the link's key", BadSignature, STRANGER_KEY)
    yield wrong("R07", "other-node", "addressed to another node", WrongAudience,
                to=STRANGER.node_id)  # fmt: skip
    yield wrong("R07", "relayed", "made for another asker", WrongAudience, by=STRANGER.node_id)
    yield case("R08", "too-early", NotYetValid, "61 seconds ahead", _BODY, NOW - skew - 1)
    yield case("R09", "too-late", Expired, "a minute over", _BODY, end + skew)
    yield wrong("R10", "too-long", "good for 301 seconds", LifetimeTooLong, exp=end + 1)


def _with(signed: bytes, key: SignKey, fields: Mapping[str, Value]) -> bytes:
    """Change fields whose names `with_fields` has for itself."""
    tag, payload = payload_of(signed)
    return enveloped({**payload, **fields}, tag=tag, key=key)


def _offer(link: SignKey = _LINK, number: int = 0) -> bytes:
    grant = sign_grant(
        HOLDER_KEY, audience=link.did, study=bytes([number]) + STUDY[1:], command="/img/read",
        meta=Meta(Basis.TREATMENT), nonce=fixed("linked grant", 16), expires=NOW + 86_400,
    )  # fmt: skip
    return sign_offer(
        HOLDER_KEY, holder=HOLDER, card=card_of("holder"), proofs=[grant], to=link.did, at=NOW
    )


def _answers() -> Iterator[Vector]:
    until = NOW + limits.UNLOCK_LIFETIME
    body = _asked(None)

    def signed(key: SignKey = HOLDER_KEY, request: bytes = body, **fields: Value) -> bytes:
        said: dict[str, Value] = {"offers": [_offer()], "until": until}
        return sign_answer(key, request=request_hash(request), at=NOW, ok=said | fields)

    def case(row: str, name: str, error: type[RemoteProtocolError] | None, comment: str,
             answer: bytes, status: int = 200, offers: int = 1,
             fill: int = 0) -> Vector:  # fmt: skip
        headers = {"now": str(NOW), "status": str(status), "link": _LINK.did}
        return Vector(
            section="6.12", row=row, name=name, what="unlocked", expect=error, comment=comment,
            headers=headers | ({"fill": str(fill)} if fill else {}),
            parts={"request": body, "unlock-key": bytes(FETCH_KEY), "record": HOLDER.records[0],
                   "body": answer},
            results={} if error else {"offers": str(offers), "until": str(until)},
        )  # fmt: skip

    yield case("A2", "one", None, "one study", to_asker(signed()))
    yield case("A2", "two", None, "two studies of a visit",
               to_asker(signed(offers=[_offer(), _offer(number=1)])), offers=2)  # fmt: skip
    large = limits.MAX_UNLOCK_ANSWER + 1
    yield case("R11", "large", Oversize, "more than 557056 bytes", b"", fill=large)
    yield case("R11", "many-offers", Oversize, "33 offers", to_asker(signed(offers=[b""] * 33)))
    yield case("R12", "not-sealed", CannotOpen, "the answer without its box", signed())
    yield case("R13", "trailing-answer", Malformed, "a byte follows", to_asker(signed() + b"\x00"))
    yield case("R14", "nothing", BadFields, "no offer", to_asker(signed(offers=[])))
    yield case("R14", "extra-answer", BadFields, "an unknown field", to_asker(signed(more=1)))
    yield case("R14", "over", BadFields, "over when it begins", to_asker(signed(until=NOW)))
    yield case("R15", "stranger-answers", BadSignature, "signed by another node",
               to_asker(signed(STRANGER_KEY)))  # fmt: skip
    yield case("R16", "other-request", WrongAnswer, "the answer to another request",
               to_asker(signed(request=b"another")))  # fmt: skip
    yield case("R17", "other-link-offered", WrongAnswer, "an offer to another link",
               to_asker(signed(offers=[_offer(link_key(fixed("another link")))])))  # fmt: skip
    for row, name, error in (("R18", "locked", Locked("the link asks for a passcode")),
                             ("R20", "wrong-passcode", WrongPasscode("another")),
                             ("R21", "code-asked", CodeAsked("a code was sent to j***@e***")),
                             ("R22", "wrong-code", WrongCode("another")),
                             ("R23", "codes-used-up", CodesUsedUp("five in a day"))):  # fmt: skip
        refusal = sign_refusal(HOLDER_KEY, request=request_hash(body), at=NOW, error=error)
        yield case(row, name, type(error), "refused by the holder", refusal, error.status)
    yield case("R19", "unsigned", Unreachable, "an error that is not signed", b"try later", 503)

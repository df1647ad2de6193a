"""Cases of SPEC.md §6.15: a node that comes by itself, and the errands that wait for it.

The node that polls is the one called asker elsewhere, and the one that is polled the holder. What
is inside an errand is bytes to it; the messages themselves have cases of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from material import (
    ASKER,
    ASKER_KEY,
    FETCH_KEY,
    HOLDER,
    HOLDER_BOX,
    HOLDER_KEY,
    STRANGER,
    STRANGER_KEY,
    card_of,
    flipped,
    successor_of,
    to_asker,
    to_holder,
)
from vectorfile import NOW, Vector, enveloped, fixed, payload_of, without_field

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
from undisc_protocol.poll import STREAM_PATH, Errand, make_poll

_CARD = card_of("asker")
_BODY = make_poll(
    ASKER_KEY,
    sender=ASKER,
    to=HOLDER.node_id,
    box=bytes(HOLDER_BOX.public_key),
    card=_CARD,
    reply_to=bytes(FETCH_KEY.public_key),
    nonce=fixed("poll", 16),
    ephemeral=fixed("to holder"),
    issued=NOW,
    expires=NOW + limits.REQUEST_LIFETIME,
)
_SIGNED = box_open(HOLDER_BOX, _BODY)


def cases() -> Iterator[Vector]:
    """Yield every case."""
    yield from _polls()
    yield from _answers()


def _polls() -> Iterator[Vector]:
    def case(row: str, name: str, error: type[RemoteProtocolError] | None, comment: str,
             body: bytes, now: int = NOW, *, fill: int = 0) -> Vector:  # fmt: skip
        headers = {"now": str(now), "own": HOLDER.node_id.hex()}
        return Vector(
            section="6.15", row=row, name=name, what="poll", expect=error, comment=comment,
            headers=headers | ({"fill": str(fill)} if fill else {}),
            parts={"box": bytes(HOLDER_BOX), "body": body},
            results={} if error else {
                "hash": request_hash(body).hex(), "sender": ASKER.node_id.hex(),
                "name": "practice of asker",
            },
        )  # fmt: skip

    def wrong(row: str, name: str, comment: str, error: type[RemoteProtocolError] = BadFields,
              key: SignKey = ASKER_KEY, **fields: Value) -> Vector:  # fmt: skip
        return case(row, name, error, comment, to_holder(_with(_SIGNED, key, fields)))

    later, succeeded = successor_of("asker")
    end = NOW + limits.REQUEST_LIFETIME
    yield case("A1", "polled", None, "a poll", _BODY)
    yield case("A1", "second-key", None, "a node that came back under its next key",
               to_holder(_with(_SIGNED, later, {
                   "records": succeeded.records, "card": card_of("asker", succeeded=True),
               })))  # fmt: skip
    yield case("R01", "large", Oversize, "more than 16384 bytes", b"", fill=limits.MAX_POLL + 1)
    yield case("R02", "not-sealed", CannotOpen, "the message without its box", _SIGNED)
    yield case("R02", "changed", CannotOpen, "one bit is changed", flipped(_BODY, 100))
    other = box_seal(bytes(FETCH_KEY.public_key), _SIGNED, ephemeral=fixed("to holder"))
    yield case("R02", "other-box", CannotOpen, "sealed to another key", other)
    yield case("R03", "trailing", Malformed, "a byte follows", to_holder(_SIGNED + b"\x00"))
    for field in ("from", "to", "records", "card", "key", "nonce", "iat", "exp"):
        yield case("R04", f"no-{field}", BadFields, f"without {field}",
                   to_holder(without_field(_SIGNED, ASKER_KEY, field)))  # fmt: skip
    yield wrong("R04", "extra", "an unknown field", more=1)
    yield case("R04", "short-key", BadFields, "a key of 31 bytes",
               to_holder(_with(_SIGNED, ASKER_KEY, {"key": bytes(31)})))  # fmt: skip
    yield wrong("R04", "backwards", "it ends when it begins", exp=NOW)
    yield wrong("R04", "other-card", "the card of another node signed by the poller",
                card=_own_card_of_another())  # fmt: skip
    _, payload = payload_of(_SIGNED)
    yield case("R04", "other-tag", BadFields, "the tag of a request",
               to_holder(enveloped(payload, tag=TAG_REQUEST, key=ASKER_KEY)))  # fmt: skip
    yield wrong("R05", "other-sender", "from is another node than that of the records",
                **{"from": STRANGER.node_id})  # fmt: skip
    yield wrong("R06", "stranger", "signed by another node", BadSignature, STRANGER_KEY)
    yield wrong("R06", "former-key", "signed by the key that was replaced", BadSignature,
                records=succeeded.records)  # fmt: skip
    yield wrong("R06", "card-of-stranger", "the card of a stranger", BadSignature,
                card=card_of("stranger"))  # fmt: skip
    yield wrong("R07", "other-node", "addressed to another node", WrongAudience,
                to=STRANGER.node_id)  # fmt: skip
    skew = limits.CLOCK_SKEW
    yield case("R08", "too-early", NotYetValid, "61 seconds ahead", _BODY, NOW - skew - 1)
    yield case("R09", "too-late", Expired, "a minute over", _BODY, end + skew)
    yield wrong("R10", "too-long", "good for 301 seconds", LifetimeTooLong, exp=end + 1)


def _own_card_of_another() -> bytes:
    """Return a card about a stranger that the poller has signed."""
    tag, payload = payload_of(card_of("stranger"))
    return enveloped(payload, tag=tag, key=ASKER_KEY)


def _with(signed: bytes, key: SignKey, fields: Mapping[str, Value]) -> bytes:
    """Change fields whose names `with_fields` has for itself."""
    tag, payload = payload_of(signed)
    return enveloped({**payload, **fields}, tag=tag, key=key)


def _answers() -> Iterator[Vector]:
    notice = Errand(fixed("errand"), "/undisc/v1/notice", b"a sealed notice, not looked at here")
    stream = Errand(fixed("stream"), STREAM_PATH, fixed("ticket"), 0, limits.CHUNK)
    card = card_of("holder")

    def ok(errands: Sequence[Value] = (), *, more: Value = 0) -> dict[str, Value]:
        return {"card": card, "errands": list(errands), "more": more}

    def signed(
        said: Mapping[str, Value], key: SignKey = HOLDER_KEY, request: bytes = _BODY
    ) -> bytes:
        return sign_answer(key, request=request_hash(request), at=NOW, ok=said)

    def case(row: str, name: str, error: type[RemoteProtocolError] | None, comment: str,
             body: bytes, status: int = 200, results: Mapping[str, str] = {},
             fill: int = 0) -> Vector:  # fmt: skip
        headers = {"status": str(status), "peer": HOLDER_KEY.did}
        return Vector(
            section="6.15", row=row, name=name, what="polled", expect=error, comment=comment,
            headers=headers | ({"fill": str(fill)} if fill else {}),
            parts={"request": _BODY, "poll-key": bytes(FETCH_KEY), "body": body},
            results=results,
        )  # fmt: skip

    def told(row: str, name: str, error: type[RemoteProtocolError], comment: str,
             said: Mapping[str, Value]) -> Vector:  # fmt: skip
        return case(row, name, error, comment, to_asker(signed(said)))

    def odd(name: str, comment: str, **fields: Value) -> Vector:
        return told("R14", name, BadFields, comment, ok([{**notice.to_value(), **fields}]))

    good = signed(ok([notice.to_value(), stream.to_value()], more=2))
    yield case("A2", "errands", None, "a notice and a request for a stream; two more wait",
               to_asker(good),
               results={"paths": f"{notice.path} {stream.path}", "more": "2"})  # fmt: skip
    yield case("A2", "nothing", None, "nothing waits", to_asker(signed(ok())),
               results={"paths": "", "more": "0"})  # fmt: skip
    large = limits.MAX_POLL_ANSWER + 1
    yield case("R11", "large-answer", Oversize, "more than 2097152 bytes", b"", fill=large)
    yield told("R11", "many", Oversize, "seventeen errands", ok([notice.to_value()] * 17))
    yield case("R12", "answer-not-sealed", CannotOpen, "the answer without its box", good)
    yield case("R13", "answer-trailing", Malformed, "a byte follows", to_asker(good + b"\x00"))
    yield told("R14", "answer-extra", BadFields, "an unknown field", ok() | {"x": 1})
    yield told("R14", "no-errands", BadFields, "without errands", {"card": card, "more": 0})
    yield told("R14", "negative", BadFields, "less than nothing more", ok(more=-1))
    yield odd("short-handle", "a handle of 31 bytes", id=bytes(31))
    yield odd("admin-path", "a path that is none between nodes", path="/admin/v1/peers")
    yield odd("dotted-path", "a path that climbs", path="/undisc/v1/../x")
    yield odd("range", "a range where there is none", start=0, stop=5)
    yield told("R14", "no-ticket", BadFields, "a stream without a ticket",
               ok([{**stream.to_value(), "body": b""}]))  # fmt: skip
    yield told("R14", "no-range", BadFields, "a stream whose range is empty",
               ok([{**stream.to_value(), "start": 5, "stop": 5}]))  # fmt: skip
    yield case("R15", "answer-stranger", BadSignature, "signed by another node",
               to_asker(signed(ok(), STRANGER_KEY)))  # fmt: skip
    yield case("R16", "other-request", WrongAnswer, "the answer to another request",
               to_asker(signed(ok(), request=b"another")))  # fmt: skip
    refusal = sign_refusal(
        HOLDER_KEY, request=request_hash(_BODY), at=NOW, error=UnknownRecipient("not a peer")
    )
    yield case("R17", "refused", UnknownRecipient, "the poller is no peer", refusal, 403)
    yield case("R18", "unsigned", Unreachable, "an error that is not signed", b"try later", 503)

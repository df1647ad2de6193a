"""Cases of SPEC.md §6.16: two peers show each other their cards and what they keep of their logs.

The node that greets is the one called asker elsewhere, and the one that answers the holder.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import sha256

from material import (
    ASKER,
    ASKER_KEY,
    HOLDER,
    HOLDER_BOX,
    HOLDER_KEY,
    STRANGER,
    STRANGER_KEY,
    card_of,
    flipped,
    successor_of,
    to_holder,
)
from vectorfile import NOW, Vector, enveloped, fixed, payload_of, without_field

from undisc_protocol import limits
from undisc_protocol.answer import request_hash, sign_answer, sign_refusal
from undisc_protocol.boxes import box_open
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
from undisc_protocol.greeting import make_greeting
from undisc_protocol.keys import SignKey
from undisc_protocol.tree import Checkpoint, consistency_proof, tree_root

_LEAVES = [sha256(b"line %d" % number).digest() for number in range(6)]
_SEEN = Checkpoint(fixed("origin", 16), 5, tree_root(_LEAVES[:5]))
_PROOF = consistency_proof(_LEAVES, 5)


def _made(seen: Checkpoint | None) -> bytes:
    return make_greeting(
        ASKER_KEY,
        sender=ASKER,
        to=HOLDER.node_id,
        box=bytes(HOLDER_BOX.public_key),
        card=card_of("asker"),
        seen=seen,
        nonce=fixed("greeting", 16),
        ephemeral=fixed("to holder"),
        issued=NOW,
        expires=NOW + limits.REQUEST_LIFETIME,
    )


_BODY = _made(None)
_SIGNED = box_open(HOLDER_BOX, _BODY)


def cases() -> Iterator[Vector]:
    """Yield every case."""
    yield from _greetings()
    yield from _answers()


def _greetings() -> Iterator[Vector]:
    def case(row: str, name: str, error: type[RemoteProtocolError] | None, comment: str,
             body: bytes, now: int = NOW, *, fill: int = 0, lines: int = 0) -> Vector:  # fmt: skip
        headers = {"now": str(now), "own": HOLDER.node_id.hex()}
        return Vector(
            section="6.16", row=row, name=name, what="greeting", expect=error, comment=comment,
            headers=headers | ({"fill": str(fill)} if fill else {}),
            parts={"box": bytes(HOLDER_BOX), "body": body},
            results={} if error else {
                "sender": ASKER.node_id.hex(), "name": "practice of asker", "seen": str(lines),
            },
        )  # fmt: skip

    def wrong(row: str, name: str, comment: str, error: type[RemoteProtocolError] = BadFields,
              key: SignKey = ASKER_KEY, **fields: Value) -> Vector:  # fmt: skip
        return case(row, name, error, comment, to_holder(_with(_SIGNED, key, fields)))

    later, succeeded = successor_of("asker")
    end = NOW + limits.REQUEST_LIFETIME
    yield case("A1", "first", None, "a greeting of a node that keeps nothing yet", _BODY)
    yield case("A1", "seen", None, "it keeps a head of five lines", _made(_SEEN), lines=5)
    yield case("A1", "second-key", None, "a node that has replaced its key",
               to_holder(_with(_SIGNED, later, {
                   "records": succeeded.records, "card": card_of("asker", succeeded=True),
               })))  # fmt: skip
    yield case("R01", "large", Oversize, "too many bytes", b"", fill=limits.MAX_GREETING + 1)
    yield case("R02", "changed", CannotOpen, "one bit is changed", flipped(_BODY, 100))
    yield case("R03", "trailing", Malformed, "a byte follows", to_holder(_SIGNED + b"\x00"))
    for field in ("from", "to", "records", "card", "seen", "nonce", "iat", "exp"):
        yield case("R04", f"no-{field}", BadFields, f"without {field}",
                   to_holder(without_field(_SIGNED, ASKER_KEY, field)))  # fmt: skip
    yield wrong("R04", "extra", "an unknown field", more=1)
    yield wrong("R04", "no-root", "a head without a root",
                seen={"origin": bytes(16), "size": 1})  # fmt: skip
    yield wrong("R04", "backwards", "it ends when it begins", exp=NOW)
    tag, payload = payload_of(card_of("stranger"))
    yield wrong("R04", "other-card", "the card of another node signed by the greeter",
                card=enveloped(payload, tag=tag, key=ASKER_KEY))  # fmt: skip
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


def _with(signed: bytes, key: SignKey, fields: Mapping[str, Value]) -> bytes:
    """Change fields whose names `with_fields` has for itself."""
    tag, payload = payload_of(signed)
    return enveloped({**payload, **fields}, tag=tag, key=key)


def _answers() -> Iterator[Vector]:
    def ok(**changes: Value) -> dict[str, Value]:
        return {"card": card_of("holder"), "seen": None, "proof": None, **changes}

    def signed(
        said: Mapping[str, Value], key: SignKey = HOLDER_KEY, request: bytes = _BODY
    ) -> bytes:
        return sign_answer(key, request=request_hash(request), at=NOW, ok=said)

    def case(row: str, name: str, error: type[RemoteProtocolError] | None, comment: str,
             body: bytes, status: int = 200, results: Mapping[str, str] = {},
             fill: int = 0) -> Vector:  # fmt: skip
        headers = {"status": str(status), "now": str(NOW)}
        return Vector(
            section="6.16", row=row, name=name, what="greeted", expect=error, comment=comment,
            headers=headers | ({"fill": str(fill)} if fill else {}),
            parts={"request": _BODY, "peer": HOLDER.records[0], "body": body},
            results=results,
        )  # fmt: skip

    yield case("A2", "nothing", None, "it keeps nothing, and proves nothing", signed(ok()),
               results={"seen": "0", "proof": "none"})  # fmt: skip
    yield case("A2", "proof", None, "five lines of the greeter's log, and a proof of its own",
               signed(ok(seen=_SEEN.to_value(), proof=_PROOF)),
               results={"seen": "5", "proof": str(len(_PROOF))})  # fmt: skip
    large = limits.MAX_REFUSAL + 1
    yield case("R11", "large-answer", Oversize, "more than 8192 bytes", b"", fill=large)
    yield case("R11", "long-proof", Oversize, "129 hashes",
               signed(ok(proof=[bytes(32)] * (limits.MAX_PROOF + 1))))  # fmt: skip
    yield case("R12", "answer-trailing", Malformed, "a byte follows", signed(ok()) + b"\x00")
    yield case("R13", "answer-extra", BadFields, "an unknown field", signed(ok(x=1)))
    yield case("R13", "no-proof", BadFields, "without proof",
               signed({"card": card_of("holder"), "seen": None}))  # fmt: skip
    yield case("R13", "short-hash", BadFields, "a hash of 31 bytes",
               signed(ok(proof=[bytes(31)])))  # fmt: skip
    tag, payload = payload_of(card_of("stranger"))
    yield case("R13", "answer-other-card", BadFields, "the card of another node",
               signed(ok(card=enveloped(payload, tag=tag, key=HOLDER_KEY))))  # fmt: skip
    yield case("R14", "answer-card-of-stranger", BadSignature, "a stranger's card",
               signed(ok(card=card_of("stranger"))))  # fmt: skip
    yield case("R14", "answer-stranger", BadSignature, "signed by another node",
               signed(ok(), STRANGER_KEY))  # fmt: skip
    yield case("R15", "other-request", WrongAnswer, "the answer to another request",
               signed(ok(), request=b"another"))  # fmt: skip
    refusal = sign_refusal(
        HOLDER_KEY, request=request_hash(_BODY), at=NOW, error=UnknownRecipient("not a peer")
    )
    yield case("R16", "refused", UnknownRecipient, "the greeter is no peer", refusal, 403)
    yield case("R17", "unsigned", Unreachable, "an error that is not signed", b"try later", 503)

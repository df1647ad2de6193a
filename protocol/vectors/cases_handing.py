"""Cases of SPEC.md §6.14: an offer handed to the recipient's node, and its answer.

The node that hands over is the one called asker elsewhere, and the one it is for is the holder:
only the holder has a box in this material, and the message does not care. What is inside is bytes
to it; reading offers has cases of its own.
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
from undisc_protocol.handing import DoesWithOffer, make_handing
from undisc_protocol.keys import SignKey

_OFFER = b"an offer, not looked at here"
_BODY = make_handing(
    ASKER_KEY,
    sender=ASKER,
    to=HOLDER.node_id,
    box=bytes(HOLDER_BOX.public_key),
    offer=_OFFER,
    nonce=fixed("handing", 16),
    ephemeral=fixed("to holder"),
    issued=NOW,
    expires=NOW + limits.REQUEST_LIFETIME,
)
_SIGNED = box_open(HOLDER_BOX, _BODY)
_HASH = sha256(_OFFER).digest()


def cases() -> Iterator[Vector]:
    """Yield every case."""
    yield from _handed()
    yield from _answers()


def _handed() -> Iterator[Vector]:
    def case(row: str, name: str, error: type[RemoteProtocolError] | None, comment: str,
             body: bytes, now: int = NOW, *, fill: int = 0) -> Vector:  # fmt: skip
        headers = {"now": str(now), "own": HOLDER.node_id.hex()}
        return Vector(
            section="6.14", row=row, name=name, what="handing", expect=error, comment=comment,
            headers=headers | ({"fill": str(fill)} if fill else {}),
            parts={"box": bytes(HOLDER_BOX), "body": body},
            results={} if error else {"sender": ASKER.node_id.hex(), "offer": _OFFER.hex()},
        )  # fmt: skip

    def wrong(row: str, name: str, comment: str, error: type[RemoteProtocolError] = BadFields,
              key: SignKey = ASKER_KEY, **fields: Value) -> Vector:  # fmt: skip
        return case(row, name, error, comment, to_holder(with_fields(_SIGNED, key, **fields)))

    later, succeeded = successor_of("asker")
    end = NOW + limits.REQUEST_LIFETIME
    yield case("A1", "offered", None, "an offer", _BODY)
    yield case("A1", "second-key", None, "a node that came back under its next key",
               to_holder(with_fields(_SIGNED, later, records=succeeded.records)))  # fmt: skip
    yield case("R01", "large", Oversize, "more than 32768 bytes", b"", fill=limits.MAX_HANDING + 1)
    yield wrong("R04", "large-offer", "an offer of 16385 bytes", BadFields,
                offer=bytes(limits.MAX_OFFER + 1))  # fmt: skip
    yield case("R02", "not-sealed", CannotOpen, "the message without its box", _SIGNED)
    yield case("R02", "changed", CannotOpen, "one bit is changed", flipped(_BODY, 100))
    other = box_seal(bytes(FETCH_KEY.public_key), _SIGNED, ephemeral=fixed("to holder"))
    yield case("R02", "other-box", CannotOpen, "sealed to another key", other)
    yield case("R03", "trailing", Malformed, "a byte follows", to_holder(_SIGNED + b"\x00"))
    for field in ("from", "to", "records", "offer", "nonce", "iat", "exp"):
        yield case("R04", f"no-{field}", BadFields, f"without {field}",
                   to_holder(without_field(_SIGNED, ASKER_KEY, field)))  # fmt: skip
    yield wrong("R04", "extra", "an unknown field", more=1)
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


def _answers() -> Iterator[Vector]:
    def signed(
        said: Mapping[str, Value], key: SignKey = HOLDER_KEY, request: bytes = _BODY
    ) -> bytes:
        return sign_answer(key, request=request_hash(request), at=NOW, ok=said)

    def case(row: str, name: str, error: type[RemoteProtocolError] | None, comment: str,
             body: bytes, status: int = 200, does: str = "") -> Vector:  # fmt: skip
        return Vector(
            section="6.14", row=row, name=name, what="handed", expect=error, comment=comment,
            headers={"status": str(status), "recipient": HOLDER_KEY.did},
            parts={"request": _BODY, "offer": _OFFER, "body": body},
            results={"does": does} if does else {},
        )  # fmt: skip

    for does in DoesWithOffer:
        yield case("A2", does.value, None, f"the recipient {does.value}",
                   signed({"offer": _HASH, "does": does.value}), does=does.value)  # fmt: skip
    yield case("R11", "empty", BadFields, "nothing is said", signed({}))
    yield case("R11", "other-word", BadFields, "it does what is not known",
               signed({"offer": _HASH, "does": "deletes"}))  # fmt: skip
    good: Mapping[str, Value] = {"offer": _HASH, "does": "shows"}
    yield case("R12", "ack-stranger", BadSignature, "signed by another node",
               signed(good, STRANGER_KEY))  # fmt: skip
    yield case("R13", "other-offer", WrongAnswer, "about another offer",
               signed({"offer": bytes(32), "does": "shows"}))  # fmt: skip
    yield case("R13", "other-request", WrongAnswer, "the answer to another request",
               signed(good, request=b"another"))  # fmt: skip
    refusal = sign_refusal(
        HOLDER_KEY, request=request_hash(_BODY), at=NOW, error=UnknownRecipient("not a peer")
    )
    yield case("R14", "refused", UnknownRecipient, "the sender is no peer", refusal, 403)
    yield case("R15", "unsigned", Unreachable, "an error that is not signed", b"try later", 503)

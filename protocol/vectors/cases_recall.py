"""Cases of SPEC.md §6.10: asking a peer what it remembers, and its answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from material import (
    ASKER,
    ASKER_KEY,
    FETCH_KEY,
    HOLDER,
    HOLDER_BOX,
    HOLDER_KEY,
    INVOCATION,
    MANIFEST,
    STRANGER,
    STRANGER_KEY,
    STUDY,
    flipped,
    successor_of,
    to_asker,
    to_holder,
)
from vectorfile import (
    NOW,
    Vector,
    enveloped,
    fixed,
    payload_of,
    with_fields,
    without_field,
)

from undisc_protocol import limits
from undisc_protocol.answer import request_hash, sign_answer, sign_refusal
from undisc_protocol.boxes import box_open, box_seal
from undisc_protocol.capability.envelope import TAG_REQUEST
from undisc_protocol.dagcbor import Cid, Value
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
from undisc_protocol.identity import Identity
from undisc_protocol.keys import SignKey
from undisc_protocol.notice import NoticeKind, make_notice
from undisc_protocol.recall import make_recall
from undisc_protocol.receipt import Stored, sign_receipt
from undisc_protocol.tree import Checkpoint


def _asked(skip: int = 0) -> bytes:
    return make_recall(
        ASKER_KEY,
        sender=ASKER,
        to=HOLDER.node_id,
        box=bytes(HOLDER_BOX.public_key),
        reply_to=bytes(FETCH_KEY.public_key),
        skip=skip,
        nonce=fixed("recall", 16),
        ephemeral=fixed("to holder"),
        issued=NOW,
        expires=NOW + limits.REQUEST_LIFETIME,
    )


_BODY = _asked()
_SIGNED = box_open(HOLDER_BOX, _BODY)


def cases() -> Iterator[Vector]:
    """Yield every case."""
    yield from _requests()
    yield from _memories()


def _requests() -> Iterator[Vector]:
    def case(row: str, name: str, error: type[RemoteProtocolError] | None, comment: str,
             body: bytes, now: int = NOW, skip: int = 0, fill: int = 0) -> Vector:  # fmt: skip
        headers = {"now": str(now), "own": HOLDER.node_id.hex()}
        return Vector(
            section="6.10", row=row, name=name, what="recall", expect=error, comment=comment,
            headers=headers | ({"fill": str(fill)} if fill else {}),
            parts={"box": bytes(HOLDER_BOX), "body": body},
            results={} if error else {
                "hash": request_hash(body).hex(), "sender": ASKER.node_id.hex(), "skip": str(skip),
            },
        )  # fmt: skip

    def wrong(row: str, name: str, comment: str, error: type[RemoteProtocolError] = BadFields,
              key: SignKey = ASKER_KEY, **fields: Value) -> Vector:  # fmt: skip
        return case(row, name, error, comment, to_holder(with_fields(_SIGNED, key, **fields)))

    later, succeeded = successor_of("asker")
    end = NOW + limits.REQUEST_LIFETIME
    yield case("A1", "first", None, "the newest receipts are asked for", _BODY)
    yield case("A1", "further", None, "256 receipts are known already", _asked(256), skip=256)
    yield case("A1", "second-key", None, "a node that came back under its next key",
               to_holder(with_fields(_SIGNED, later, records=succeeded.records)))  # fmt: skip
    yield case("R01", "large", Oversize, "more than 8192 bytes", b"", fill=limits.MAX_RECALL + 1)
    yield case("R02", "changed", CannotOpen, "one bit is changed", flipped(_BODY, 100))
    other = box_seal(bytes(FETCH_KEY.public_key), _SIGNED, ephemeral=fixed("to holder"))
    yield case("R02", "other-box", CannotOpen, "sealed to another key", other)
    yield case("R03", "trailing", Malformed, "a byte follows", to_holder(_SIGNED + b"\x00"))
    for field in ("from", "to", "records", "key", "skip", "nonce", "iat", "exp"):
        yield case("R04", f"no-{field}", BadFields, f"without {field}",
                   to_holder(without_field(_SIGNED, ASKER_KEY, field)))  # fmt: skip
    yield wrong("R04", "extra", "an unknown field", more=1)
    yield case("R04", "short-key", BadFields, "a key of 31 bytes",
               to_holder(_with(_SIGNED, ASKER_KEY, {"key": bytes(31)})))  # fmt: skip
    yield wrong("R04", "negative", "less than no receipts are skipped", skip=-1)
    yield wrong("R04", "short-nonce", "a nonce of 15 bytes", nonce=bytes(15))
    yield wrong("R04", "backwards", "it ends when it begins", exp=NOW)
    _, payload = payload_of(_SIGNED)
    yield case("R04", "other-tag", BadFields, "the tag of another request",
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


def _with(signed: bytes, key: SignKey, fields: Mapping[str, Value]) -> bytes:
    """Change fields whose names `with_fields` has for itself."""
    tag, payload = payload_of(signed)
    return enveloped({**payload, **fields}, tag=tag, key=key)


def _memories() -> Iterator[Vector]:
    def receipt(key: SignKey, sender: Identity, to: Identity, objects: int = 3) -> bytes:
        stored = Stored(Cid.of(INVOCATION), STUDY, MANIFEST.hash, objects, MANIFEST.size, NOW)
        return sign_receipt(key, stored, sender=sender, to=to.node_id)

    ours = receipt(ASKER_KEY, ASKER, HOLDER)
    theirs = receipt(HOLDER_KEY, HOLDER, ASKER)
    head = Checkpoint(fixed("asker log", 16), 120, fixed("asker root"))

    def notice(key: SignKey = ASKER_KEY, sender: Identity = ASKER, to: Identity = HOLDER,
               kind: NoticeKind = NoticeKind.ENDED) -> bytes:  # fmt: skip
        body, _ = make_notice(
            key, sender=sender, to=to.node_id, box=bytes(HOLDER_BOX.public_key), kind=kind,
            study=STUDY, ended=[fixed("grant that ended")] if kind is NoticeKind.ENDED else (),
            nonce=fixed("ended", 16), ephemeral=fixed("to holder"), issued=NOW - 86_400,
            expires=NOW - 86_100,
        )  # fmt: skip
        return box_open(HOLDER_BOX, body)

    def ok(logs: Sequence[Value] = (head.to_value(),), receipts: Sequence[Value] = (theirs, ours),
           ended: Sequence[Value] = (notice(),),
           *, more: Value = False) -> dict[str, Value]:  # fmt: skip
        return {
            "logs": list(logs), "receipts": list(receipts), "ended": list(ended), "more": more,
        }  # fmt: skip

    def signed(
        said: Mapping[str, Value], key: SignKey = HOLDER_KEY, request: bytes = _BODY
    ) -> bytes:
        return sign_answer(key, request=request_hash(request), at=NOW, ok=said)

    def case(row: str, name: str, error: type[RemoteProtocolError] | None, comment: str,
             body: bytes, status: int = 200, results: Mapping[str, str] = {},
             fill: int = 0) -> Vector:  # fmt: skip
        headers = {
            "now": str(NOW), "status": str(status), "own": ASKER.node_id.hex(),
            "peer": HOLDER.node_id.hex(), "holder": HOLDER_KEY.did,
        }  # fmt: skip
        return Vector(
            section="6.10", row=row, name=name, what="memory", expect=error, comment=comment,
            headers=headers | ({"fill": str(fill)} if fill else {}),
            parts={"request": _BODY, "recall-key": bytes(FETCH_KEY), "body": body},
            results=results,
        )  # fmt: skip

    def told(row: str, name: str, error: type[RemoteProtocolError], comment: str,
             said: Mapping[str, Value]) -> Vector:  # fmt: skip
        return case(row, name, error, comment, to_asker(signed(said)))

    good = signed(ok())
    yield case("A2", "remembered", None, "a log, and a receipt of each of the two",
               to_asker(good),
               results={"lines": "120", "receipts": "2", "ended": "1", "more": "no"})  # fmt: skip
    yield case("A2", "nothing", None, "nothing is remembered", to_asker(signed(ok((), (), ()))),
               results={"lines": "", "receipts": "0", "ended": "0", "more": "no"})  # fmt: skip
    yield case("A2", "more", None, "there are older receipts", to_asker(signed(ok(more=True))),
               results={"lines": "120", "receipts": "2", "ended": "1", "more": "yes"})  # fmt: skip
    large = limits.MAX_RECALL_ANSWER + 1
    yield case("R11", "large", Oversize, "more than 7340032 bytes", b"", fill=large)
    yield told("R11", "many-logs", Oversize, "seventeen logs", ok([head.to_value()] * 17))
    yield told("R11", "many-receipts", Oversize, "257 receipts", ok((), [b""] * 257))
    yield told("R11", "many-notices", Oversize, "257 notices", ok((), (), [b""] * 257))
    yield case("R12", "not-sealed", CannotOpen, "the answer without its box", good)
    yield case("R13", "trailing", Malformed, "a byte follows", to_asker(good + b"\x00"))
    yield told("R14", "extra", BadFields, "an unknown field", ok() | {"x": 1})
    yield told("R14", "no-logs", BadFields, "without logs",
               {"receipts": [], "ended": [], "more": False})  # fmt: skip
    yield told("R14", "no-ended", BadFields, "without notices",
               {"logs": [], "receipts": [], "more": False})  # fmt: skip
    yield told("R14", "no-notice", BadFields, "a receipt in the place of a notice",
               ok(ended=[theirs]))  # fmt: skip
    yield told("R14", "text-more", BadFields, "text in the place of yes or no", ok(more="yes"))
    yield told("R14", "no-root", BadFields, "a checkpoint without its root",
               ok([{"origin": bytes(16), "size": 1}]))  # fmt: skip
    yield case("R15", "stranger", BadSignature, "signed by another node",
               to_asker(signed(ok(), STRANGER_KEY)))  # fmt: skip
    yield told("R15", "forged-receipt", BadSignature, "a receipt that the asker did not sign",
               ok(receipts=[with_fields(ours, HOLDER_KEY)]))  # fmt: skip
    yield told("R15", "forged-notice", BadSignature, "a notice that the asker did not sign",
               ok(ended=[with_fields(notice(), HOLDER_KEY)]))  # fmt: skip
    yield case("R16", "other-request", WrongAnswer, "the answer to another request",
               to_asker(signed(ok(), request=b"another")))  # fmt: skip
    yield told("R17", "to-another", WrongAnswer, "a receipt for another holder",
               ok(receipts=[receipt(ASKER_KEY, ASKER, STRANGER)]))  # fmt: skip
    yield told("R17", "of-another", WrongAnswer, "another node's receipt to the asker",
               ok(receipts=[receipt(STRANGER_KEY, STRANGER, ASKER)]))  # fmt: skip
    yield told("R17", "to-oneself", WrongAnswer, "a receipt of the peer to itself",
               ok(receipts=[receipt(HOLDER_KEY, HOLDER, HOLDER)]))  # fmt: skip
    yield told("R17", "notice-of-another", WrongAnswer, "another node's notice to the peer",
               ok(ended=[notice(STRANGER_KEY, STRANGER)]))  # fmt: skip
    yield told("R17", "notice-grown", WrongAnswer, "a notice of another kind",
               ok(ended=[notice(kind=NoticeKind.GROWN)]))  # fmt: skip
    yield told("R20", "notice-to-another", WrongAudience, "a notice to another node",
               ok(ended=[notice(to=STRANGER)]))  # fmt: skip
    refusal = sign_refusal(
        HOLDER_KEY, request=request_hash(_BODY), at=NOW, error=UnknownRecipient("not a peer")
    )
    yield case("R18", "stranger", UnknownRecipient, "the asker is no peer", refusal, 403)
    yield case("R19", "unsigned", Unreachable, "an error that is not signed", b"try later", 503)

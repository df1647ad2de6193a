"""Cases of SPEC.md §6.6 (receipt and acknowledgement) and §6.7 (offer)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256

from material import (
    ASKER,
    ASKER_KEY,
    GRANT,
    HOLDER,
    HOLDER_BOX,
    HOLDER_KEY,
    INVOCATION,
    MANIFEST,
    STRANGER,
    STRANGER_KEY,
    STUDY,
    card_of,
    flipped,
    successor_of,
    to_holder,
)
from vectorfile import NOW, Vector, enveloped, fixed, fixed_key, payload_of, with_fields

from undisc_protocol import limits
from undisc_protocol.answer import request_hash, sign_answer
from undisc_protocol.boxes import box_open
from undisc_protocol.capability.delegation import Basis, Meta, sign_grant, sign_share
from undisc_protocol.capability.envelope import TAG_REQUEST
from undisc_protocol.dagcbor import Cid, Value
from undisc_protocol.errors import (
    BadFields,
    BadKey,
    BadSignature,
    BrokenChain,
    CannotOpen,
    Expired,
    Malformed,
    NotYetValid,
    Oversize,
    RemoteProtocolError,
    Unreachable,
    WrongAnswer,
    WrongAudience,
    WrongSubject,
)
from undisc_protocol.keys import SignKey
from undisc_protocol.offer import sign_offer
from undisc_protocol.receipt import Stored, sign_receipt

_RECEIPT = sign_receipt(
    ASKER_KEY,
    Stored(Cid.of(INVOCATION), STUDY, MANIFEST.hash, 3, MANIFEST.size, NOW),
    sender=ASKER,
    to=HOLDER.node_id,
)
_BODY = to_holder(_RECEIPT)


def cases() -> Iterator[Vector]:
    """Yield every case."""
    yield from _receipts()
    yield from _acknowledgements()
    yield from _offers()


def _receipts() -> Iterator[Vector]:
    def case(row: str, name: str, error: type[RemoteProtocolError] | None, comment: str,
             body: bytes, now: int = NOW, fill: int = 0) -> Vector:  # fmt: skip
        headers = {"now": str(now), "own": HOLDER.node_id.hex()}
        return Vector(
            section="6.6", row=row, name=name, what="receipt", expect=error, comment=comment,
            headers=headers | ({"fill": str(fill)} if fill else {}),
            parts={"box": bytes(HOLDER_BOX), "body": body},
            results={} if error else {
                "id": sha256(box_open(HOLDER_BOX, body)).hexdigest(), "sender": ASKER.node_id.hex(),
                "objects": "3", "size": str(MANIFEST.size),
            },
        )  # fmt: skip

    def wrong(row: str, name: str, comment: str, error: type[RemoteProtocolError] = BadFields,
              key: SignKey = ASKER_KEY, **fields: Value) -> Vector:  # fmt: skip
        return case(row, name, error, comment, to_holder(with_fields(_RECEIPT, key, **fields)))

    yield case("A1", "receipt", None, "three objects were stored", _BODY)
    yield case("A1", "years-later", None, "it is as good as on the first day", _BODY, 2 * NOW)
    later, succeeded = successor_of("asker")
    yield case("A1", "second-key", None, "from a recipient that has replaced its key",
               to_holder(with_fields(_RECEIPT, later, records=succeeded.records)))  # fmt: skip
    yield wrong("R06", "former-key", "signed by the key that was replaced", BadSignature,
                records=succeeded.records)  # fmt: skip
    large = limits.MAX_RECEIPT + 1
    yield case("R01", "large", Oversize, "more than 8192 bytes", b"", fill=large)
    yield case("R02", "changed", CannotOpen, "one bit is changed", flipped(_BODY, 100))
    yield case("R02", "not-sealed", CannotOpen, "the receipt without its box", _RECEIPT)
    yield case("R03", "trailing", Malformed, "a byte follows", to_holder(_RECEIPT + b"\x00"))
    yield wrong("R04", "extra", "an unknown field", more=1)
    yield wrong("R04", "bytes-inv", "a hash in place of a CID", inv=bytes(32))
    yield wrong("R04", "short-study", "a study of 15 bytes", study=bytes(15))
    yield wrong("R04", "many", "more than 32768 objects", objects=limits.MAX_OBJECTS + 1)
    tag, payload = payload_of(_RECEIPT)
    assert tag != TAG_REQUEST
    other = enveloped(payload, tag=TAG_REQUEST, key=ASKER_KEY)
    yield case("R04", "other-tag", BadFields, "a request's tag", to_holder(other))
    yield wrong("R05", "other-sender", "from is another node than that of the records",
                **{"from": STRANGER.node_id})  # fmt: skip
    yield wrong("R06", "stranger", "signed by another node", BadSignature, STRANGER_KEY)
    more = _RECEIPT.replace(b"\x67objects\x03", b"\x67objects\x04")
    assert more != _RECEIPT
    yield case("R06", "one-more", BadSignature, "another number of objects than was signed",
               to_holder(more))  # fmt: skip
    yield wrong("R07", "other-node", "addressed to another node", WrongAudience,
                to=STRANGER.node_id)  # fmt: skip
    early = NOW - limits.CLOCK_SKEW - 1
    yield case("R08", "future", NotYetValid, "stored in the future", _BODY, early)


def _acknowledgements() -> Iterator[Vector]:
    def case(row: str, name: str, error: type[RemoteProtocolError] | None, comment: str,
             body: bytes, status: int = 200) -> Vector:  # fmt: skip
        return Vector(
            section="6.6", row=row, name=name, what="acknowledgement", expect=error,
            comment=comment, headers={"status": str(status), "holder": HOLDER_KEY.did},
            parts={"request": _BODY, "receipt": _RECEIPT, "body": body},
        )  # fmt: skip

    def signed(ok: Mapping[str, Value], key: SignKey = HOLDER_KEY, request: bytes = _BODY) -> bytes:
        return sign_answer(key, request=request_hash(request), at=NOW, ok=ok)

    ok: dict[str, Value] = {"receipt": sha256(_RECEIPT).digest()}
    good = signed(ok)
    yield case("A2", "acknowledged", None, "the holder has filed the receipt", good)
    yield case("R09", "empty", BadFields, "nothing is acknowledged", signed({}))
    yield case("R09", "extra", BadFields, "an unknown field", signed(ok | {"more": 1}))
    yield case("R10", "stranger", BadSignature, "signed by another node", signed(ok, STRANGER_KEY))
    yield case("R11", "other-request", WrongAnswer, "the answer to another request",
               signed(ok, request=b"another"))  # fmt: skip
    yield case("R11", "other-receipt", WrongAnswer, "about another receipt",
               signed({"receipt": bytes(32)}))  # fmt: skip
    yield case("R12", "unsigned", Unreachable, "an error that is not signed", b"try later", 503)


def _offers() -> Iterator[Vector]:
    patient = fixed_key("patient")
    grant = sign_grant(
        HOLDER_KEY,
        audience=patient.did,
        study=STUDY,
        command="/img",
        meta=Meta(Basis.PATIENT, fixed("consent")),
        nonce=fixed("patient grant", 12),
        expires=NOW + 86_400,
    )

    def shared(key: SignKey) -> bytes:
        return sign_share(
            key, audience=ASKER_KEY.did, subject=HOLDER_KEY.did, study=STUDY, command="/img/read",
            nonce=fixed("share", 12), not_before=NOW, expires=NOW + 3600,
        )  # fmt: skip

    share = shared(patient)

    def offered(proofs: Sequence[bytes]) -> bytes:
        return sign_offer(
            HOLDER_KEY, holder=HOLDER, card=card_of("holder"), proofs=proofs, to=ASKER_KEY.did,
            at=NOW,
        )  # fmt: skip

    direct = offered([GRANT])

    def case(row: str, name: str, error: type[RemoteProtocolError] | None, comment: str,
             raw: bytes, now: int = NOW, proofs: int = 1, fill: int = 0) -> Vector:  # fmt: skip
        return Vector(
            section="6.7", row=row, name=name, what="offer", expect=error, comment=comment,
            headers={"now": str(now)} | ({"fill": str(fill)} if fill else {}),
            parts={"bytes": raw},
            results={} if error else {
                "holder": HOLDER.node_id.hex(), "to": ASKER_KEY.did, "proofs": str(proofs),
            },
        )  # fmt: skip

    def wrong(row: str, name: str, comment: str, error: type[RemoteProtocolError],
              key: SignKey = HOLDER_KEY, **fields: Value) -> Vector:  # fmt: skip
        return case(row, name, error, comment, with_fields(direct, key, **fields))

    both = offered([grant, share])
    yield case("A1", "direct", None, "a grant to the recipient", direct)
    yield case("A2", "shared", None, "a grant to a patient, and the patient's share", both,
               proofs=2)  # fmt: skip
    later, succeeded = successor_of("holder")
    new = sign_offer(
        later, holder=succeeded, card=card_of("holder", succeeded=True), proofs=[GRANT],
        to=ASKER_KEY.did, at=NOW,
    )  # fmt: skip
    yield case("A3", "second-key", None, "a grant by the holder's former key, offered by the new",
               new)  # fmt: skip
    yield case("R05", "former-key", BadSignature, "signed by the key that was replaced",
               with_fields(new, HOLDER_KEY))  # fmt: skip
    large = limits.MAX_OFFER + 1
    yield case("R01", "large", Oversize, "more than 16384 bytes", b"", fill=large)
    yield wrong("R01", "many-proofs", "three proofs", Oversize, prf=[grant, share, share])
    yield case("R02", "trailing", Malformed, "a byte follows", direct + b"\x00")
    yield wrong("R03", "extra", "an unknown field", BadFields, more=1)
    yield wrong("R03", "no-proofs", "no proofs", BadFields, prf=[])
    yield wrong("R03", "no-records", "no identity records", BadFields, records=[])
    yield wrong("R04", "web", "a recipient that is not a did:key", BadKey, to="did:web:a.example")
    yield wrong("R05", "stranger", "signed by another node", BadSignature, STRANGER_KEY)
    yield wrong("R05", "other-card", "the card of another node", BadSignature,
                card=card_of("stranger"))  # fmt: skip
    yield wrong("R05", "changed-grant", "one bit of the grant is changed", BadSignature,
                prf=[flipped(GRANT, 10)])  # fmt: skip
    yield wrong("R06", "stolen", "another node offers what only the holder can give", WrongSubject,
                STRANGER_KEY, records=STRANGER.records, card=card_of("stranger"))  # fmt: skip
    yield wrong("R07", "share-first", "the share before the grant", BrokenChain, prf=[share, grant])
    yield wrong("R07", "two-grants", "two grants", BrokenChain, prf=[GRANT, GRANT])
    forged = shared(STRANGER_KEY)
    yield wrong("R08", "forged-share", "a share that the patient did not sign", BrokenChain,
                prf=[grant, forged])  # fmt: skip
    yield wrong("R09", "other-recipient", "the capability names another recipient", WrongAudience,
                to=STRANGER_KEY.did)  # fmt: skip
    skew = limits.CLOCK_SKEW
    yield case("R10", "early", NotYetValid, "61 seconds ahead", direct, NOW - skew - 1)
    yield case("R11", "share-over", Expired, "the share is over", both, NOW + 3600 + skew)
    yield case("R11", "grant-over", Expired, "the grant is over", direct, NOW + 86_400 + skew)
    card_over = NOW + limits.STATUS_CARD_LIFETIME + skew
    yield case("R11", "card-over", Expired, "the status card is over", direct, card_over)

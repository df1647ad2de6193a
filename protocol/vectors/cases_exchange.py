"""Cases of SPEC.md §6.1 to §6.4: boxes, request, answer and refusal, manifest."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from material import (
    ASKER,
    ASKER_KEY,
    FETCH_KEY,
    GRANT,
    HOLDER,
    HOLDER_BOX,
    HOLDER_KEY,
    INVOCATION,
    MANIFEST,
    STRANGER,
    STRANGER_KEY,
    flipped,
    successor_of,
    to_asker,
    to_holder,
)
from nacl.public import PrivateKey
from vectorfile import NOW, Vector, enveloped, fixed, with_fields, without_field

from undisc_protocol import dagcbor, limits
from undisc_protocol.answer import request_hash, sign_answer, sign_refusal
from undisc_protocol.boxes import BOX_OVERHEAD, box_open, box_seal
from undisc_protocol.capability.envelope import TAG_ANSWER, TAG_RECEIPT
from undisc_protocol.dagcbor import Cid, Value
from undisc_protocol.errors import (
    BadFields,
    BadKey,
    BadSignature,
    BrokenIdentity,
    Busy,
    CannotOpen,
    Expired,
    LifetimeTooLong,
    Malformed,
    NotYetValid,
    Oversize,
    RemoteFault,
    RemoteProtocolError,
    Revoked,
    Unreachable,
    WrongAnswer,
    WrongAudience,
)
from undisc_protocol.exchange import Granted, make_answer, make_request
from undisc_protocol.keys import SignKey
from undisc_protocol.tree import Checkpoint

_SMALL_ORDER = bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800")


def cases() -> Iterator[Vector]:
    """Yield every case."""
    yield from _boxes()
    yield from _requests()
    yield from _answers()
    yield from _refusals()
    yield from _manifests()


def _boxes() -> Iterator[Vector]:
    own, message = PrivateKey(fixed("box")), b"what is said"
    public, secret = bytes(own.public_key), fixed("ephemeral")
    sealed = box_seal(public, message, ephemeral=secret)

    def case(row: str, name: str, comment: str, raw: bytes, private: PrivateKey = own) -> Vector:
        return Vector(
            section="6.1", row=row, name=name, what="box", comment=comment,
            expect=None if row == "A1" else CannotOpen,
            parts={"private": bytes(private), "sealed": raw},
            results={"message": message.hex()} if row == "A1" else {},
        )  # fmt: skip

    yield case("A1", "open", "opened with the private key", sealed)
    yield Vector(
        section="6.1", row="A2", name="seal", what="box-seal", expect=None,
        comment="sealed with a given ephemeral key",
        parts={"recipient": public, "ephemeral": secret, "message": message},
        results={"sealed": sealed.hex()},
    )  # fmt: skip
    yield case("R01", "changed", "one bit of the box is changed", flipped(sealed))
    yield case("R01", "ephemeral", "one bit of the ephemeral key is changed", flipped(sealed, 0))
    yield case("R01", "other-key", "sealed to another key", sealed, PrivateKey(fixed("other box")))
    yield case("R01", "short", "fewer than 48 bytes", sealed[: BOX_OVERHEAD - 1])
    small = _SMALL_ORDER + bytes(64)
    yield case("R02", "small-order", "the ephemeral key is a point of small order", small)
    for name, point in (("to-small-order", _SMALL_ORDER), ("to-zero", bytes(32))):
        yield Vector(
            section="6.1", row="R03", name=name, what="box-seal", expect=BadKey,
            comment="the recipient's key is a point of small order",
            parts={"recipient": point, "ephemeral": secret, "message": message},
        )  # fmt: skip


# --- Request ------------------------------------------------------------------------------------


def _request(have: Collection[bytes] = ()) -> bytes:
    return make_request(
        ASKER_KEY,
        sender=ASKER,
        to=HOLDER.node_id,
        box=bytes(HOLDER_BOX.public_key),
        invocation=INVOCATION,
        proofs=[GRANT],
        have=have,
        nonce=fixed("request", 16),
        ephemeral=fixed("to holder"),
        issued=NOW,
        expires=NOW + limits.REQUEST_LIFETIME,
    )


_BODY = _request()
_SIGNED = box_open(HOLDER_BOX, _BODY)


def _requests() -> Iterator[Vector]:
    def case(
        row: str,
        name: str,
        error: type[RemoteProtocolError] | None,
        comment: str,
        body: bytes,
        now: int = NOW,
        have: int = 0,
        fill: int = 0,
    ) -> Vector:
        headers = {"now": str(now), "own": HOLDER.node_id.hex()}
        return Vector(
            section="6.2", row=row, name=name, what="request", expect=error, comment=comment,
            headers=headers | ({"fill": str(fill)} if fill else {}),
            parts={"box": bytes(HOLDER_BOX), "body": body},
            results={} if error else {
                "hash": request_hash(body).hex(), "sender": ASKER.node_id.hex(),
                "invocation": str(Cid.of(INVOCATION)), "have": str(have),
            },
        )  # fmt: skip

    def wrong(row: str, name: str, comment: str, error: type[RemoteProtocolError] = BadFields,
              key: SignKey = ASKER_KEY, **fields: Value) -> Vector:  # fmt: skip
        body = to_holder(with_fields(_SIGNED, key, **fields))
        return case(row, name, error, comment, body)

    yield case("A1", "request", None, "a first request", _BODY)
    have = [fixed("b", 16), fixed("a", 16)]
    yield case("A2", "have", None, "two objects are there already", _request(have), have=2)
    later, succeeded = successor_of("asker")
    yield case("A4", "second-key", None, "an asker that has replaced its key",
               to_holder(with_fields(_SIGNED, later, records=succeeded.records)))  # fmt: skip
    yield wrong("R06", "former-key", "signed by the key that was replaced", BadSignature,
                records=succeeded.records)  # fmt: skip
    gap = [*ASKER.records, ASKER.records[0]]
    yield wrong("R11", "records", "records that do not follow one another", BrokenIdentity,
                records=gap)  # fmt: skip
    skew = limits.CLOCK_SKEW
    end = NOW + limits.REQUEST_LIFETIME
    yield case("A3", "early", None, "the asker's clock is a minute ahead", _BODY, NOW - skew)
    yield case("A3", "late", None, "the last second", _BODY, end + skew - 1)
    yield case("R01", "large", Oversize, "more than 1 MiB", b"", fill=limits.MAX_REQUEST + 1)
    yield wrong("R01", "many-proofs", "three proofs", Oversize, prf=[GRANT] * 3)
    yield wrong("R01", "many-items", "more than 40000 items", Oversize,
                have=[None] * limits.MAX_REQUEST_ITEMS)  # fmt: skip
    long = bytes(limits.MAX_TOKEN + 1)
    yield wrong("R01", "large-proof", "a proof of 4097 bytes", Oversize, prf=[long])
    yield case("R02", "changed", CannotOpen, "one bit is changed", flipped(_BODY, 100))
    other = box_seal(bytes(FETCH_KEY.public_key), _SIGNED, ephemeral=fixed("to holder"))
    yield case("R02", "other-box", CannotOpen, "sealed to another key", other)
    yield case("R03", "trailing", Malformed, "a byte follows the signed message",
               to_holder(_SIGNED + b"\x00"))  # fmt: skip
    for field in ("from", "to", "records", "inv", "prf", "have", "nonce", "iat", "exp"):
        yield case("R04", f"no-{field}", BadFields, f"without {field}",
                   to_holder(without_field(_SIGNED, ASKER_KEY, field)))  # fmt: skip
    yield wrong("R04", "extra", "an unknown field", more=1)
    yield wrong("R04", "short-nonce", "a nonce of 15 bytes", nonce=bytes(15))
    yield wrong("R04", "no-proofs", "an empty list of proofs", prf=[])
    yield wrong("R04", "large-invocation", "an invocation of 4097 bytes", inv=long)
    yield wrong("R04", "unsorted", "names in the wrong order", have=[b"b" * 16, b"a" * 16])
    yield wrong("R04", "repeated", "a name twice", have=[b"a" * 16, b"a" * 16])
    yield wrong("R04", "short-name", "a name of 15 bytes", have=[bytes(15)])
    yield wrong("R04", "backwards", "it ends when it begins", exp=NOW)
    payload = dagcbor.decode(_SIGNED[67:], limit=limits.MAX_REQUEST)
    assert isinstance(payload, dict)
    yield case("R04", "other-tag", BadFields, "a receipt's tag",
               to_holder(enveloped(payload["undisc/request@1"], tag=TAG_RECEIPT, key=ASKER_KEY)),
               )  # fmt: skip
    yield wrong("R05", "other-sender", "from is another node than that of the records",
                **{"from": STRANGER.node_id})  # fmt: skip
    yield wrong("R06", "stranger", "signed by another node", BadSignature, STRANGER_KEY)
    yield wrong("R07", "other-node", "addressed to another node", WrongAudience,
                to=STRANGER.node_id)  # fmt: skip
    yield case("R08", "too-early", NotYetValid, "61 seconds ahead", _BODY, NOW - skew - 1)
    yield case("R09", "too-late", Expired, "a minute over", _BODY, end + skew)
    yield wrong("R10", "too-long", "good for 301 seconds", LifetimeTooLong, exp=end + 1)


# --- Answer -------------------------------------------------------------------------------------

_GRANTED = Granted(MANIFEST, fixed("ticket"), NOW, NOW + limits.TICKET_LIFETIME,
                   Checkpoint(fixed("log", 16), 5, fixed("root")))  # fmt: skip


def _answer(granted: Granted = _GRANTED, key: SignKey = HOLDER_KEY, request: bytes = b"",
            invocation: bytes = INVOCATION) -> bytes:  # fmt: skip
    return make_answer(
        key,
        granted,
        request=request or request_hash(_BODY),
        invocation=Cid.of(invocation),
        reply_to=bytes(FETCH_KEY.public_key),
        ephemeral=fixed("to asker"),
    )


def _reading(
    row: str,
    name: str,
    error: type[RemoteProtocolError] | None,
    comment: str,
    body: bytes,
    status: int = 200,
    *,
    have: bytes = b"",
    fill: int = 0,
    results: Mapping[str, str] = {},
) -> Vector:
    headers = {"status": str(status), "holder": HOLDER_KEY.did}
    return Vector(
        section="6.3", row=row, name=name, what="answer", expect=error, comment=comment,
        headers=headers | ({"fill": str(fill)} if fill else {}),
        parts={"request": _BODY, "invocation": INVOCATION, "fetch-key": bytes(FETCH_KEY),
               "have": have, "body": body},
        results=results,
    )  # fmt: skip


def _answers() -> Iterator[Vector]:
    good = _answer()
    signed = box_open(FETCH_KEY, good)

    def wrong(row: str, name: str, comment: str, error: type[RemoteProtocolError],
              **changes: Value) -> Vector:  # fmt: skip
        ok: dict[str, Value] = {
            "inv": Cid.of(INVOCATION), "manifest": MANIFEST.to_value(),
            "ticket": _GRANTED.ticket, "until": _GRANTED.until,
            "checkpoint": _GRANTED.checkpoint.to_value(),
        }  # fmt: skip
        body = sign_answer(HOLDER_KEY, request=request_hash(_BODY), at=NOW, ok=ok | changes)
        return _reading(row, name, error, comment, to_asker(body))

    found = {"ticket": _GRANTED.ticket.hex(), "until": str(_GRANTED.until),
             "manifest": MANIFEST.hash.hex(), "objects": "3"}  # fmt: skip
    yield _reading("A1", "granted", None, "three objects", good, results=found)
    nothing = replace(MANIFEST, objects=())
    yield _reading("A2", "nothing-left", None, "the asker has every object",
                   _answer(replace(_GRANTED, manifest=nothing)), have=MANIFEST.objects[0].id,
                   results=found | {"manifest": nothing.hash.hex(), "objects": "0"})  # fmt: skip
    yield _reading("R01", "large", Oversize, "more than 16 MiB", b"", fill=limits.MAX_ANSWER + 1)
    yield _reading("R02", "changed", CannotOpen, "one bit is changed", flipped(good, 100))
    yield _reading("R02", "not-sealed", CannotOpen, "the signed answer without its box", signed)
    yield _reading("R03", "trailing", Malformed, "a byte follows the signed message",
                   to_asker(signed + b"\x00"))  # fmt: skip
    yield wrong("R04", "extra", "an unknown field", BadFields, more=1)
    yield wrong("R04", "short-ticket", "a ticket of 31 bytes", BadFields, ticket=bytes(31))
    yield wrong("R04", "bytes-inv", "a hash in place of a CID", BadFields, inv=bytes(32))
    yield wrong("R04", "no-root", "a checkpoint without its root", BadFields,
                checkpoint={"origin": bytes(16), "size": 5})  # fmt: skip
    yield wrong("R04", "backwards", "the ticket ends when it begins", BadFields, until=NOW)
    refusal = sign_refusal(HOLDER_KEY, request=request_hash(_BODY), at=NOW, error=Busy("later"))
    yield _reading("R04", "sealed-refusal", BadFields, "a refusal in place of an answer",
                   to_asker(refusal))  # fmt: skip
    yield _reading("R05", "stranger", BadSignature, "signed by another node",
                   _answer(key=STRANGER_KEY))  # fmt: skip
    yield _reading("R06", "other-request", WrongAnswer, "the answer to another request",
                   _answer(request=request_hash(_BODY + b"\x00")))  # fmt: skip
    again = with_fields(INVOCATION, ASKER_KEY, nonce=fixed("other nonce", 12))
    yield _reading("R07", "other-invocation", WrongAnswer, "the answer to another invocation",
                   _answer(invocation=again))  # fmt: skip
    yield _reading("R08", "had", WrongAnswer, "an object that the asker has", good,
                   have=MANIFEST.objects[1].id)  # fmt: skip
    late = _GRANTED.until + 1
    yield wrong("R09", "long-ticket", "a ticket for 601 seconds", LifetimeTooLong, until=late)


def _refusals() -> Iterator[Vector]:
    def refusal(
        error: RemoteProtocolError, key: SignKey = HOLDER_KEY, body: bytes = _BODY
    ) -> bytes:
        return sign_refusal(key, request=request_hash(body), at=NOW, error=error)

    def written(**refused: Value) -> bytes:
        err = {"code": "revoked", "message": "no", "hint": ""} | refused
        payload = {"req": request_hash(_BODY), "at": NOW, "err": err}
        return enveloped(payload, tag=TAG_ANSWER, key=HOLDER_KEY)

    gone = Revoked("the grant was taken back")
    yield _reading("R10", "revoked", Revoked, "the holder's own refusal", refusal(gone), 403)
    later = written(code="reason_of_2031")
    yield _reading("R11", "unknown-code", RemoteFault, "a code of a later version", later, 400)
    unsigned = {
        "empty": ("nothing at all", b""),
        "page": ("a page of a proxy", b"<html>502 Bad Gateway</html>"),
        "json": ("an error that is not signed", b'{"error":{"code":"revoked"}}'),
        "stranger": ("signed by another node", refusal(gone, STRANGER_KEY)),
        "other-request": ("the refusal of another request", refusal(gone, body=b"another")),
        "changed": ("one bit is changed", flipped(refusal(gone), 100)),
        "extra": ("an unknown field", written(more=1)),
        "control": ("a message that steers the terminal", written(message="\x1b[2J")),
        "long": ("a message of 513 characters", written(message="x" * 513)),
        "granted": ("an answer that grants", box_open(FETCH_KEY, _answer())),
    }
    for name, (comment, body) in unsigned.items():
        yield _reading("R12", name, Unreachable, comment, body, 403)


# --- Manifest -----------------------------------------------------------------------------------


def _manifests() -> Iterator[Vector]:
    value = MANIFEST.to_value()
    assert isinstance(value, dict)
    objects = [granted.to_value() for granted in MANIFEST.objects]

    def case(row: str, name: str, error: type[RemoteProtocolError] | None, comment: str,
             manifest: Value, results: Mapping[str, str] = {}) -> Vector:  # fmt: skip
        return Vector(
            section="6.4", row=row, name=name, what="manifest", expect=error, comment=comment,
            parts={"bytes": dagcbor.encode(manifest)}, results=results,
        )  # fmt: skip

    def wrong(row: str, name: str, comment: str, place: int, item: Value) -> Vector:
        changed = [list(objects[0]), *objects[1:]]
        changed[0][place] = item
        return case(row, name, BadFields, comment, value | {"objects": changed})

    start, stop = MANIFEST.span(1)
    yield case("A1", "three", None, "three objects, one of them empty", value, {
        "hash": MANIFEST.hash.hex(), "stored": str(MANIFEST.stored), "span-1": f"{start} {stop}",
    })  # fmt: skip
    empty = replace(MANIFEST, objects=())
    yield case("A2", "empty", None, "no object", value | {"objects": []},
               {"hash": empty.hash.hex(), "stored": "0"})  # fmt: skip
    many: list[Value] = [None] * (limits.MAX_OBJECTS + 1)
    yield case("R01", "many", Oversize, "more than 32768 objects", value | {"objects": many})
    yield case("R02", "extra", BadFields, "an unknown field", value | {"more": 1})
    yield case("R02", "no-study", BadFields, "null in place of the study", value | {"study": None})
    short = [objects[0][:-1]]
    yield case("R02", "short-object", BadFields, "11 items", value | {"objects": short})
    yield wrong("R02", "short-key", "a key of 31 bytes", 1, bytes(31))
    yield wrong("R02", "codec", "a codec of a later version", 2, "htj2k")
    yield wrong("R02", "size", "more than 4 GiB", 3, limits.MAX_OBJECT + 1)
    yield wrong("R02", "uid", "a UID with a slash", 7, "1.2/3")
    yield wrong("R03", "object-twice", "one object id twice", 0, MANIFEST.objects[1].id)
    yield wrong("R03", "instance-twice", "one SOP Instance UID twice", 7,
                MANIFEST.objects[1].sop_uid)  # fmt: skip

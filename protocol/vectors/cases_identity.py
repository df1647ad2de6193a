"""Cases of SPEC.md §3.4 (identity record), §3.5 (status card) and §3.6 (node document)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256

from vectorfile import NOW, Vector, changed, enveloped, fixed, fixed_key, with_fields, without_field

from undisc_protocol import dagcbor, limits
from undisc_protocol.capability import envelope
from undisc_protocol.dagcbor import Value
from undisc_protocol.errors import (
    BadFields,
    BadKey,
    BadSignature,
    BrokenIdentity,
    Expired,
    ForkedIdentity,
    LifetimeTooLong,
    NotYetValid,
    OutdatedIdentity,
    Oversize,
    RemoteProtocolError,
)
from undisc_protocol.identity import (
    NodeId,
    StatusCard,
    commitment,
    node_document,
    sign_identity_record,
    sign_status_card,
)
from undisc_protocol.keys import SignKey, box_key
from undisc_protocol.tree import Checkpoint

_KEY = fixed_key("node")
_OTHER = fixed_key("other node")
_NEXT = sha256(fixed_key("recovery").public).digest()
_RECORD = sign_identity_record(_KEY, next_hash=_NEXT, issued=NOW - 1000)
_NODE = NodeId(sha256(_RECORD).digest())
_RECOVERY = fixed_key("recovery")
_LATER = fixed_key("later recovery")
_SECOND = sign_identity_record(
    _RECOVERY, next_hash=commitment(_LATER), issued=NOW - 500, previous=_RECORD
)
_CARD = StatusCard(
    node_id=_NODE,
    number=0,
    seq=(NOW - 100) * 1000,
    name="Radiologie am Ring",
    urls=("https://node.example", "http://[2001:db8::1]:8443/undisc"),
    box=bytes(box_key(fixed("node")).public_key),
    checkpoint=None,
    issued=NOW - 100,
    expires=NOW - 100 + limits.STATUS_CARD_LIFETIME,
)
_SIGNED_CARD = sign_status_card(_KEY, _CARD)


def cases() -> Iterator[Vector]:
    """Yield every case."""
    yield from _records()
    yield from _cards()
    yield from _documents()


def _record(
    row: str, name: str, error: type[RemoteProtocolError] | None, comment: str, *records: bytes
) -> Vector:
    return Vector(
        section="3.4", row=row, name=name, what="identity", expect=error, comment=comment,
        parts={f"record-{place}": record for place, record in enumerate(records)},
        results={} if error else {"node": _NODE.hex(), "did": _KEY.did},
    )  # fmt: skip


def _records() -> Iterator[Vector]:
    yield _record("A1", "first", None, "a first record", _RECORD)
    large = with_fields(_RECORD, _KEY, extra=bytes(1024))
    yield _record("R01", "large", Oversize, "more than 1,024 bytes", large)
    for name, comment, fields in (
        ("extra", "an unknown field", {"extra": 1}),
        ("text-n", "the number as text", {"n": "0"}),
        ("true-iat", "true in the place of a time", {"iat": True}),
        ("negative-iat", "a time before 1970", {"iat": -1}),
        ("short-next", "31 bytes in the place of a hash", {"next": bytes(31)}),
        ("null-next", "no commitment to a next key", {"next": None}),
        ("bytes-key", "the raw key in the place of a did:key", {"key": _KEY.public}),
    ):
        broken = with_fields(_RECORD, _KEY, **fields)
        yield _record("R02", name, BadFields, comment, broken)
    yield _record(
        "R02", "no-next", BadFields, "a field is missing", without_field(_RECORD, _KEY, "next")
    )
    small = "did:key:z6MkeTG3bFFSLYVU7VqhgZxqr6YzpaGrQtFMh1uvqGy1vDnP"
    yield _record(
        "R03", "small-order", BadKey, "the key zero", with_fields(_RECORD, _KEY, key=small)
    )
    with_previous = with_fields(_RECORD, _KEY, prev=bytes(32))
    yield _record(
        "R04", "previous", BadFields, "a first record with a hash of one before", with_previous
    )
    orphan = with_fields(_RECORD, _KEY, n=1)
    yield _record("R04", "orphan", BadFields, "a second record without a hash of the first", orphan)
    second = with_fields(_RECORD, _KEY, n=1, prev=sha256(_RECORD).digest())
    yield _record("R05", "second-alone", BadFields, "a chain that begins with record 1", second)
    yield _record("R05", "none", BadFields, "no record")
    tag, payload = envelope.TAG_IDENTITY, {
        "n": 0, "key": _KEY.did, "next": _NEXT, "prev": None, "iat": NOW,
    }  # fmt: skip
    stolen = enveloped(payload, tag=tag, key=_OTHER)
    yield _record(
        "R06", "other-signer", BadSignature, "signed by another key than it names", stolen
    )
    yield from _chains()
    yield from _continuations()


def _chains() -> Iterator[Vector]:
    third = sign_identity_record(
        _LATER, next_hash=fixed("third"), issued=NOW - 400, previous=_SECOND
    )

    def good(name: str, comment: str, key: SignKey, *records: bytes) -> Vector:
        found = {"node": _NODE.hex(), "did": key.did}
        return replace(_record("A2", name, None, comment, *records), results=found)

    yield good("two", "the key was replaced once", _RECOVERY, _RECORD, _SECOND)
    yield good("three", "the key was replaced twice", _LATER, _RECORD, _SECOND, third)
    longest, key = _longest()
    yield good("longest", "32 records", key, *longest)
    by_first = changed(_SECOND, _KEY, lambda payload: payload)
    yield _record("R06", "former-signer", BadSignature,
        "a second record signed by the key of the first", _RECORD, by_first,
    )  # fmt: skip
    for name, comment, records in (
        ("gap", "record 1 is missing", (_RECORD, third)),
        ("twice", "record 0 comes twice", (_RECORD, _RECORD)),
        ("swapped", "records 1 and 2 in each other's place", (_RECORD, third, _SECOND)),
        ("late-number", "record 1 says that it is record 2",
         (_RECORD, with_fields(_SECOND, _RECOVERY, n=2))),
    ):  # fmt: skip
        yield _record("R07", name, BrokenIdentity, comment, *records)
    same = with_fields(_RECORD, _KEY, n=1, prev=sha256(_RECORD).digest())
    yield _record("R08", "same-key", BrokenIdentity,
        "the node key makes the next record for itself", _RECORD, same,
    )  # fmt: skip
    thief = with_fields(_SECOND, _OTHER, key=_OTHER.did)
    yield _record("R08", "thief", BrokenIdentity,
        "a key to which nothing commits makes the next record", _RECORD, thief,
    )  # fmt: skip
    for name, comment, digest in (
        ("previous", "the hash of another record", sha256(third).digest()),
        ("previous-signed-part", "the hash of the signed part only",
         envelope.read(_RECORD, tag=envelope.TAG_IDENTITY, limit=1024).signed_hash),
    ):  # fmt: skip
        wrong = with_fields(_SECOND, _RECOVERY, prev=digest)
        yield _record("R09", name, BrokenIdentity, comment, _RECORD, wrong)
    yield _record("R10", "many", Oversize, "33 records", *longest, longest[-1])


def _longest() -> tuple[list[bytes], SignKey]:
    """Return a chain that is as long as allowed, and its last key."""
    records, signer, after = [_RECORD], _KEY, _RECOVERY
    for number in range(1, limits.MAX_IDENTITY_RECORDS):
        signer, after = after, fixed_key(f"recovery {number}")
        made = sign_identity_record(
            signer, next_hash=commitment(after), issued=NOW - 900 + number, previous=records[-1]
        )
        records.append(made)
    return records, signer


def _continuations() -> Iterator[Vector]:
    other = sign_identity_record(
        _RECOVERY, next_hash=fixed("elsewhere"), issued=NOW - 500, previous=_RECORD
    )

    def case(row: str, name: str, error: type[RemoteProtocolError] | None, comment: str,
             known: tuple[bytes, ...], *records: bytes) -> Vector:  # fmt: skip
        vector = _record(row, name, error, comment, *records)
        return replace(
            vector, what="continued", results={},
            parts={**vector.parts, **{f"known-{place}": one for place, one in enumerate(known)}},
        )  # fmt: skip

    yield case("A3", "same", None, "as it is known", (_RECORD, _SECOND), _RECORD, _SECOND)
    yield case("A3", "longer", None, "the key was replaced since", (_RECORD,), _RECORD, _SECOND)
    yield case("R11", "shorter", OutdatedIdentity, "the former key, after it was replaced",
               (_RECORD, _SECOND), _RECORD)  # fmt: skip
    yield case("R12", "fork", ForkedIdentity, "two records 1", (_RECORD, _SECOND), _RECORD, other)
    third = sign_identity_record(
        _LATER, next_hash=fixed("third"), issued=NOW - 400, previous=_SECOND
    )
    yield case("R12", "longer-fork", ForkedIdentity, "a longer chain over another record 1",
               (_RECORD, other), _RECORD, _SECOND, third)  # fmt: skip
    stranger = sign_identity_record(_OTHER, next_hash=_NEXT, issued=NOW)
    yield case("R12", "other-node", ForkedIdentity, "the records of another node",
               (_RECORD,), stranger)  # fmt: skip


def _card(
    row: str,
    name: str,
    error: type[RemoteProtocolError] | None,
    comment: str,
    card: bytes = _SIGNED_CARD,
    *,
    now: int = NOW,
    records: tuple[bytes, ...] = (_RECORD,),
    results: dict[str, str] | None = None,
) -> Vector:
    return Vector(
        section="3.5", row=row, name=name, what="status", expect=error, comment=comment,
        headers={"now": str(now)},
        parts={**{f"record-{place}": one for place, one in enumerate(records)}, "card": card},
        results=results or {},
    )  # fmt: skip


def _cards() -> Iterator[Vector]:
    skew, issued, expires = limits.CLOCK_SKEW, _CARD.issued, _CARD.expires
    yield _card("A1", "plain", None, "two addresses, an empty log", results={
        "name": _CARD.name, "seq": str(_CARD.seq), "box": _CARD.box.hex(),
        "urls": " ".join(_CARD.urls), "checkpoint": "",
    })  # fmt: skip
    full = replace(
        _CARD, name="放射線科 \u0645\u0631\u06a9\u0632", urls=(),
        checkpoint=Checkpoint(fixed("origin", 16), 12, fixed("root")),
    )  # fmt: skip
    yield _card("A2", "checkpoint", None, "a log head, no address, a name in other scripts",
        sign_status_card(_KEY, full),
        results={"name": full.name, "urls": "", "checkpoint": fixed("root").hex()},
    )  # fmt: skip
    yield _card("A3", "first-moment", None, "a minute before it begins", now=issued - skew)
    yield _card("A3", "last-moment", None, "59 seconds after its end", now=expires + skew - 1)

    def broken(**fields: Value) -> bytes:
        return with_fields(_SIGNED_CARD, _KEY, **fields)

    yield _card("R01", "large", Oversize, "more than 4,096 bytes", broken(extra=bytes(4096)))
    nine = broken(urls=[f"https://{number}.example" for number in range(9)])
    yield _card("R01", "nine-addresses", Oversize, "nine addresses", nine)
    for name, comment, fields in (
        ("extra", "an unknown field", {"extra": 1}),
        ("text-seq", "the sequence number as text", {"seq": "1"}),
        ("short-box", "a box key of 31 bytes", {"box": bytes(31)}),
        ("short-id", "a node id of 31 bytes", {"id": bytes(31)}),
        ("null-exp", "no end", {"exp": None}),
        ("checkpoint-size", "a checkpoint without a size",
         {"checkpoint": {"origin": bytes(16), "root": bytes(32)}}),
        ("checkpoint-origin", "a checkpoint with a short origin",
         {"checkpoint": {"origin": bytes(15), "root": bytes(32), "size": 1}}),
        ("backwards", "an end before the beginning", {"exp": issued}),
    ):  # fmt: skip
        yield _card("R02", name, BadFields, comment, broken(**fields))
    missing = without_field(_SIGNED_CARD, _KEY, "checkpoint")
    yield _card("R02", "no-checkpoint", BadFields, "a field is missing", missing)
    for name, comment, text in (
        ("empty", "no name", ""),
        ("long", "65 characters", "x" * 65),
        ("newline", "a line end", "Radiologie\nam Ring"),
        ("escape", "a terminal's escape character", "\x1b[2JRing"),
        ("c1-control", "a control character above ASCII", "Ring\x9b"),
        ("right-to-left", "a mark that reverses the direction of writing", "gniR\u202e"),
        ("isolate", "a mark that isolates a direction of writing", "Ring\u2066"),
        ("outer-space", "a space behind the name", "Radiologie am Ring "),
    ):
        yield _card("R03", name, BadFields, comment, broken(name=text))
    for name, comment, address in (
        ("ftp", "another scheme", "ftp://node.example"),
        ("script", "a script", "javascript:alert(1)"),
        ("user", "a user and password", "https://user:pass@node.example"),
        ("query", "a query", "https://node.example/?a=b"),
        ("fragment", "a fragment", "https://node.example/#a"),
        ("space", "a space", "https://node.example/ a"),
        ("no-host", "no host", "https:///path"),
        ("not-ascii", "a host outside ASCII", "https://praxis-müller.example"),
        ("long", "257 characters", "https://node.example/" + "x" * 236),
        ("bytes", "bytes instead of text", b"https://node.example"),
    ):
        yield _card("R04", f"address-{name}", BadFields, comment, broken(urls=[address]))
    too_long = broken(exp=issued + limits.STATUS_CARD_LIFETIME + 1)
    yield _card("R05", "long-life", LifetimeTooLong, "thirty days and a second", too_long)
    yield _card("R06", "expired", Expired, "60 seconds after its end", now=expires + skew)
    yield _card("R07", "early", NotYetValid, "61 seconds before it begins", now=issued - skew - 1)
    other = changed(_SIGNED_CARD, _OTHER, lambda payload: payload)
    yield _card("R08", "other-signer", BadSignature, "signed by another node", other)
    yield _card("R09", "other-id", BadFields, "names another node", broken(id=fixed("other")))
    yield _card("R09", "other-number", BadFields, "names another identity record", broken(n=1))
    both = (_RECORD, _SECOND)
    yield _card("A4", "second-key", None, "a card of a node that has replaced its key",
        sign_status_card(_RECOVERY, replace(_CARD, number=1)), records=both,
        results={"name": _CARD.name},
    )  # fmt: skip
    yield _card("R08", "former-key", BadSignature, "signed by the key that was replaced",
        broken(n=1), records=both,
    )  # fmt: skip
    yield _card("R09", "former-number", BadFields, "names the record that was replaced",
        sign_status_card(_RECOVERY, _CARD), records=both,
    )  # fmt: skip


def _document(
    row: str,
    name: str,
    error: type[RemoteProtocolError] | None,
    comment: str,
    raw: bytes,
    results: dict[str, str] | None = None,
) -> Vector:
    return Vector(
        section="3.6", row=row, name=name, what="node-document", expect=error, comment=comment,
        headers={"now": str(NOW)}, parts={"bytes": raw}, results=results or {},
    )  # fmt: skip


def _documents() -> Iterator[Vector]:
    yield _document("A1", "plain", None, "one record and a card",
        node_document([_RECORD], _SIGNED_CARD),
        {"node": _NODE.hex(), "name": _CARD.name},
    )  # fmt: skip
    later = sign_status_card(_RECOVERY, replace(_CARD, number=1))
    yield _document("A2", "two", None, "two records and a card",
        node_document([_RECORD, _SECOND], later),
        {"node": _NODE.hex(), "name": _CARD.name},
    )  # fmt: skip
    yield _document("R03", "former-card", BadSignature, "the card of the key that was replaced",
        node_document([_RECORD, _SECOND], _SIGNED_CARD),
    )  # fmt: skip
    large = dagcbor.encode({"records": [_RECORD], "card": _SIGNED_CARD, "x": bytes(16_384)})
    yield _document("R01", "large", Oversize, "more than 16,384 bytes", large)
    for name, comment, value in (
        ("extra", "an unknown field", {"records": [_RECORD], "card": _SIGNED_CARD, "x": 1}),
        ("no-card", "no card", {"records": [_RECORD]}),
        ("record-alone", "a record that is not in an array",
         {"records": _RECORD, "card": _SIGNED_CARD}),
        ("text-record", "text in the place of a record", {"records": ["x"], "card": _SIGNED_CARD}),
        ("no-records", "no record", {"records": [], "card": _SIGNED_CARD}),
        ("decoded-card", "a card that is not wrapped in a byte string",
         {"records": [_RECORD], "card": dagcbor.decode(_SIGNED_CARD, limit=4096)}),
        ("array", "an array", [[_RECORD], _SIGNED_CARD]),
    ):  # fmt: skip
        yield _document("R02", name, BadFields, comment, dagcbor.encode(value))
    record = sign_identity_record(_OTHER, next_hash=_NEXT, issued=NOW)
    yield _document("R03", "foreign-card", BadSignature, "a card of another node",
        node_document([record], _SIGNED_CARD),
    )  # fmt: skip

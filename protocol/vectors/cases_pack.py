"""Cases of SPEC.md §5: object chunks, frames, headers, index."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from hashlib import sha256

from material import flipped
from vectorfile import Vector, fixed

from undisc_protocol import dagcbor, keys, limits
from undisc_protocol.chunks import ObjectCipher, ObjectHash
from undisc_protocol.dagcbor import Value
from undisc_protocol.errors import (
    BadFields,
    Malformed,
    Oversize,
    RemoteProtocolError,
    Tampered,
)
from undisc_protocol.pack import (
    FRAME_HEAD,
    PACK_HEAD,
    FrameKind,
    IndexEntry,
    ObjectHeader,
    PatientIdentity,
    StudyHeader,
    encode_index,
    pack_start,
    seal_frame,
)

_PACK, _STUDY_KEY = fixed("pack", 16), fixed("study key")
_KEY, _NAME = fixed("object key"), fixed("object id", 16)
_PIXELS = b"pixels of one small object"
_STUDY = StudyHeader(
    study=fixed("study", 16),
    uid="1.2.826.0.1.3680043.10.1",
    patient=PatientIdentity("M\u00fcller^\u00c4nne", "4711", "Praxis", "19700101", "F"),
    study_date="20270114",
    study_time="081500",
    accession="A-77",
    description="Sch\u00e4del nativ",
    made_ms=1_800_000_000_000,
)


def _hash(content: bytes) -> bytes:
    hasher = ObjectHash()
    hasher.update(content)
    return hasher.digest()


_OBJECT = ObjectHeader(
    id=_NAME,
    key=_KEY,
    codec="raw",
    size=len(_PIXELS),
    hash=_hash(_PIXELS),
    series_uid="1.2.826.0.1.3680043.10.1.2",
    sop_uid="1.2.826.0.1.3680043.10.1.2.1",
    sop_class="1.2.840.10008.5.1.4.1.1.2",
    syntax="1.2.840.10008.1.2.1",
    modality="CT",
    number=-1,
    sender="dicom:ct1",
    replaces=None,
    at_ms=1_800_000_000_001,
)


def cases() -> Iterator[Vector]:
    """Yield every case."""
    yield from _chunks()
    yield from _objects()
    yield from _starts()
    yield from _frames()
    yield from _study_headers()
    yield from _object_headers()
    yield from _indexes()


def _seal(
    content: bytes, number: int = 0, *, last: bool = True, key: bytes = _KEY, name: bytes = _NAME
) -> bytes:
    out = bytearray(len(content) + limits.TAG)
    ObjectCipher(key, name).seal_into(number, memoryview(content), memoryview(out), last=last)
    return bytes(out)


def _flagged(content: bytes, number: int, *, last: bool) -> bytes:
    """Seal any length under any flag, as a faulty or hostile writer can."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - only here

    nonce = number.to_bytes(11, "big") + (b"\x01" if last else b"\x00")
    associated = b"\x01" + _NAME + number.to_bytes(8, "big")
    return AESGCM(_KEY).encrypt(nonce, content, associated)


def _chunk(
    row: str,
    name: str,
    comment: str,
    sealed: bytes,
    number: int = 0,
    *,
    last: bool = True,
    key: bytes = _KEY,
    plain: bytes | None = None,
) -> Vector:
    return Vector(
        section="5.1", row=row, name=name, what="chunk", comment=comment,
        expect=Tampered if plain is None else None,
        headers={"number": str(number), "last": "yes" if last else "no"},
        parts={"key": key, "object-id": _NAME, "sealed": sealed},
        results={} if plain is None else {"plaintext": plain.hex()},
    )  # fmt: skip


def _chunks() -> Iterator[Vector]:
    good = _seal(_PIXELS)
    yield _chunk("A1", "short-last", "the last chunk may be short", good, plain=_PIXELS)
    later = _seal(_PIXELS, 4095)
    yield _chunk("A1", "largest-number", "the last chunk of 4 GiB", later, 4095, plain=_PIXELS)
    yield _chunk("A2", "empty", "an empty object is one empty chunk", _seal(b""), plain=b"")
    full = bytes(limits.CHUNK)
    for name, last in (("full-first", False), ("full-last", True)):
        yield Vector(
            section="5.1", row="A3", name=name, what="seal-chunk", expect=None,
            comment="1 MiB of zero bytes; the result is the SHA-256 of the ciphertext and tag",
            headers={"number": "0", "last": "yes" if last else "no", "zeros": str(len(full))},
            parts={"key": _KEY, "object-id": _NAME},
            results={"sha256": sha256(_seal(full, last=last)).hexdigest()},
        )  # fmt: skip
    yield _chunk("R01", "ciphertext", "one bit of the ciphertext is changed", flipped(good, 0))
    yield _chunk("R01", "tag", "one bit of the tag is changed", flipped(good))
    yield _chunk("R02", "swapped", "chunk 1 in the place of chunk 0", _seal(_PIXELS, 1))
    yield _chunk("R03", "cut-off", "a chunk that was not the last passed off as the last",
                 _flagged(_PIXELS, 0, last=False))  # fmt: skip
    other = _seal(_PIXELS, name=fixed("another object", 16))
    yield _chunk("R04", "other-object", "a chunk of another object under the same key", other)
    yield _chunk("R05", "other-key", "sealed under another key", good, key=fixed("another key"))
    yield _chunk("R06", "short-before-last", "a short chunk that is not the last",
                 _flagged(_PIXELS, 0, last=False), last=False)  # fmt: skip
    yield _chunk("R06", "shorter-than-tag", "fewer bytes than a tag", good[: limits.TAG - 1])
    yield _chunk("R06", "nothing", "no bytes at all", b"")


def _objects() -> Iterator[Vector]:
    def case(row: str, name: str, comment: str, content: bytes, *, good: bool) -> Vector:
        return Vector(
            section="5.1", row=row, name=name, what="object", comment=comment,
            expect=None if good else Tampered, headers={"size": str(len(content))},
            parts={"key": _KEY, "object-id": _NAME, "sealed": _seal(content),
                   "hash": _hash(_PIXELS)},
            results={"plaintext": content.hex()} if good else {},
        )  # fmt: skip

    yield case("A4", "whole", "an object whose hash is right", _PIXELS, good=True)
    swapped = _PIXELS[::-1]
    yield case("R07", "other-content", "authentic chunks of other bytes", swapped, good=False)


def _starts() -> Iterator[Vector]:
    def case(row: str, name: str, comment: str, raw: bytes, *, good: bool = False) -> Vector:
        return Vector(
            section="5.2", row=row, name=name, what="pack-start", comment=comment,
            expect=None if good else Malformed, parts={"bytes": raw},
            results={"pack": _PACK.hex()} if good else {},
        )  # fmt: skip

    start = pack_start(_PACK)
    yield case("A1", "start", "the first 24 bytes of a pack", start, good=True)
    yield case("R01", "other-version", "a pack of version 2", b"undiscP2" + _PACK)
    yield case("R01", "cut-start", "the file ends inside the pack id", start[:-1])


def _frames() -> Iterator[Vector]:
    def case(
        row: str,
        name: str,
        error: type[RemoteProtocolError] | None,
        comment: str,
        raw: bytes,
        pack: bytes = _PACK,
        study_key: bytes = _STUDY_KEY,
        results: Mapping[str, str] = {},
    ) -> Vector:
        return Vector(
            section="5.2", row=row, name=name, what="frame", expect=error, comment=comment,
            parts={"bytes": raw, "pack-id": pack, "study-key": study_key}, results=results,
        )  # fmt: skip

    def sealed(kind: FrameKind, content: bytes = b"header") -> bytes:
        return seal_frame(
            kind, content, pack_id=_PACK, study_key=_STUDY_KEY, nonce=fixed("nonce", 24)
        )

    for kind in FrameKind:
        found = {"kind": str(int(kind)), "plaintext": b"header".hex()}
        yield case("A2", kind.name.lower(), None, "a frame", sealed(kind), results=found)
    good = sealed(FrameKind.OBJECT)
    yield case("R02", "kind-0", Malformed, "a kind that does not exist", b"\x00" + good[1:])
    yield case("R02", "kind-4", Malformed, "a kind that does not exist", b"\x04" + good[1:])
    yield case("R02", "cut-head", Malformed, "the file ends inside a head", good[:4])
    least = keys.SEAL_OVERHEAD
    short = b"\x02" + least.to_bytes(4, "big") + bytes(least)
    yield case("R02", "too-short", Malformed, "a length with room for nonce and tag only", short)
    for kind, bound in ((1, limits.MAX_HEADER), (2, limits.MAX_HEADER), (3, limits.MAX_INDEX)):
        head = bytes((kind,)) + (bound + 1).to_bytes(4, "big")
        yield case("R03", f"length-{kind}", Oversize, "a length over the bound of its kind", head)
    yield case("R04", "changed", Tampered, "one bit of the header is changed", flipped(good, 40))
    yield case("R04", "nonce", Tampered, "one bit of the nonce is changed", flipped(good, 5))
    yield case("R05", "other-pack", Tampered, "a header from another pack", good,
               pack=fixed("another pack", 16))  # fmt: skip
    yield case("R06", "other-kind", Tampered, "a header passed off as an index",
               b"\x03" + good[1:])  # fmt: skip
    yield case("R07", "other-study-key", Tampered, "another study key", good,
               study_key=fixed("another study key"))  # fmt: skip


def _header(
    what: str,
    row: str,
    name: str,
    error: type[RemoteProtocolError] | None,
    comment: str,
    raw: bytes,
    results: Mapping[str, str] = {},
) -> Vector:
    return Vector(
        section="5.3", row=row, name=f"{what.removesuffix('-header')}-{name}", what=what,
        expect=error, comment=comment, parts={"bytes": raw}, results=results,
    )  # fmt: skip


def _study_headers() -> Iterator[Vector]:
    value = dagcbor.decode(_STUDY.encode(), limit=limits.MAX_HEADER)
    assert isinstance(value, dict)

    def case(row: str, name: str, error: type[RemoteProtocolError], comment: str,
             change: Mapping[str, Value]) -> Vector:  # fmt: skip
        return _header("study-header", row, name, error, comment, dagcbor.encode(value | change))

    found = {"study": _STUDY.study.hex(), "uid": _STUDY.uid, "patient-id": "4711"}
    yield _header("study-header", "A1", "header", None, "every field", _STUDY.encode(), found)
    bare = replace(_STUDY, patient=PatientIdentity(), study_date="", study_time="", accession="",
                   description="")  # fmt: skip
    yield _header("study-header", "A1", "bare", None, "texts may be empty", bare.encode(),
                  found | {"patient-id": ""})  # fmt: skip
    large = bytes(limits.MAX_HEADER + 1)
    yield _header("study-header", "R01", "large", Oversize, "more than 4096 bytes", large)
    yield _header("study-header", "R02", "trailing", Malformed, "a byte follows",
                  _STUDY.encode() + b"\x00")  # fmt: skip
    yield case("R03", "unknown", BadFields, "an unknown field", {"note": ""})
    short = {"study": _STUDY.study[:-1]}
    yield case("R03", "short-id", BadFields, "a study id of 15 bytes", short)
    yield case("R03", "no-patient", BadFields, "null in place of the patient", {"patient": None})
    yield case("R04", "uid", BadFields, "a UID with a letter", {"uid": "1.2.x"})
    yield case("R04", "no-uid", BadFields, "an empty UID", {"uid": ""})
    yield case("R05", "long-text", BadFields, "a text of 257 characters",
               {"description": "x" * 257})  # fmt: skip


def _object_headers() -> Iterator[Vector]:
    def case(row: str, name: str, comment: str, field: str, value: Value) -> Vector:
        wrong = replace(_OBJECT, **{field: value})
        raw = dagcbor.encode(wrong.to_value())
        return _header("object-header", row, name, BadFields, comment, raw)

    found = {"id": _NAME.hex(), "chunks": "1", "stored": str(len(_PIXELS) + 16)}
    yield _header("object-header", "A2", "header", None, "an object", _OBJECT.encode(), found)
    later = replace(_OBJECT, replaces=fixed("older", 16), size=limits.CHUNK + 1)
    yield _header("object-header", "A2", "replaces", None, "two chunks; supersedes another object",
                  later.encode(), found | {"chunks": "2", "stored": str(later.stored)})  # fmt: skip
    empty = replace(_OBJECT, size=0)
    yield _header("object-header", "A2", "empty", None, "an object of no bytes has one chunk",
                  empty.encode(), found | {"stored": "16"})  # fmt: skip
    large = bytes(limits.MAX_HEADER + 1)
    yield _header("object-header", "R01", "large", Oversize, "more than 4096 bytes", large)
    yield _header("object-header", "R02", "cut", Malformed, "the last byte is missing",
                  _OBJECT.encode()[:-1])  # fmt: skip
    for name, value in (("fewer", _OBJECT.to_value()[:-1]), ("more", [*_OBJECT.to_value(), None])):
        yield _header("object-header", "R03", name, BadFields, "not an array of 14 items",
                      dagcbor.encode(value))  # fmt: skip
    yield case("R03", "short-key", "a key of 31 bytes", "key", _KEY[:-1])
    yield case("R03", "text-hash", "a hash as text", "hash", _OBJECT.hash.hex())
    yield case("R03", "no-number", "null as a number", "number", None)
    yield case("R03", "large-number", "a number of 33 bits", "number", limits.MAX_NUMBER + 1)
    yield case("R04", "uid", "a UID of 65 characters", "sop_uid", "1" * 65)
    yield case("R04", "path", "a UID that is a path", "series_uid", "../../etc")
    yield case("R05", "long-text", "a text of 257 characters", "modality", "M" * 257)
    yield case("R06", "codec", "a codec of a later version", "codec", "htj2k")
    yield case("R07", "size", "more than 4 GiB", "size", limits.MAX_OBJECT + 1)
    yield case("R07", "negative-size", "fewer than no bytes", "size", -1)


def _indexes() -> Iterator[Vector]:
    def case(row: str, name: str, error: type[RemoteProtocolError] | None, comment: str,
             raw: bytes, count: int = 0) -> Vector:  # fmt: skip
        return Vector(
            section="5.4", row=row, name=name, what="index", expect=error, comment=comment,
            parts={"bytes": raw}, results={} if error else {"objects": str(count)},
        )  # fmt: skip

    def entry(header_at: int, label: str) -> IndexEntry:
        header = replace(_OBJECT, id=fixed(label, 16))
        sealed = keys.SEAL_OVERHEAD + len(header.encode())
        return IndexEntry(header_at, header_at + FRAME_HEAD + sealed, header)

    first = entry(PACK_HEAD, "first")
    second = entry(first.extent_at + first.header.stored, "second")
    yield case("A1", "empty", None, "no objects yet", encode_index([]))
    yield case("A1", "two", None, "two objects, one after the other",
               encode_index([first, second]), 2)  # fmt: skip
    apart = encode_index([first, entry(second.header_at + 4000, "second")])
    yield case("A2", "apart", None, "another frame lies between two objects", apart, 2)
    yield case("R01", "overlap", BadFields, "the second object begins inside the first",
               encode_index([first, second._replace(header_at=second.header_at - 1)]))  # fmt: skip
    yield case("R01", "backwards", BadFields, "not in the order of the file",
               encode_index([second, first]))  # fmt: skip
    yield case("R01", "in-the-start", BadFields, "an object inside the first 24 bytes",
               encode_index([entry(0, "first")]))  # fmt: skip
    far = first._replace(extent_at=first.header_at + FRAME_HEAD + limits.MAX_HEADER + 1)
    yield case("R01", "long-header", BadFields, "no header can be that long", encode_index([far]))
    yield case("R02", "map", BadFields, "not an array", dagcbor.encode({}))
    yield case("R02", "short-entry", BadFields, "an entry of two items", dagcbor.encode([[24, 80]]))
    many: list[Value] = [None] * (limits.MAX_OBJECTS + 1)
    yield case("R03", "many", Oversize, "more than 32768 objects", dagcbor.encode(many))

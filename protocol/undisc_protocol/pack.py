"""Packs: how a study lies on disk, encrypted (SPEC.md §5).

    pack    =  "undiscP1" ‖ pack id (16)  frame*
    frame   =  kind (1) ‖ length (4, big-endian) ‖ sealed header (length)
               an object's header is followed at once by its chunks
    kinds   =  1 study header (first, once) · 2 object header · 3 index

This module knows bytes, not files. Headers are sealed under the study key and bound to the pack and
their kind; chunks are in `chunks`. Bytes in a frame come from a disk that may lie: a length is
bounded before anything of that length is read, and whatever does not authenticate is `Tampered`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from operator import attrgetter
from typing import Final, NamedTuple

from undisc_protocol import dagcbor, keys, limits
from undisc_protocol.chunks import (
    ObjectCipher,
    ObjectHash,
    chunk_count,
    chunk_span,
    hash_object,
    stored_size,
)
from undisc_protocol.dagcbor import Value
from undisc_protocol.errors import (
    BadFields,
    CannotOpen,
    LocalProtocolError,
    Malformed,
    Oversize,
    RemoteProtocolError,
    Tampered,
)
from undisc_protocol.fields import Fields

__all__ = [
    "CODEC_RAW",
    "FRAME_HEAD",
    "PACK_HEAD",
    "FrameHead",
    "FrameKind",
    "IndexEntry",
    "ObjectCipher",
    "ObjectHash",
    "ObjectHeader",
    "PatientIdentity",
    "StudyHeader",
    "chunk_count",
    "chunk_span",
    "decode_index",
    "encode_index",
    "hash_object",
    "open_frame",
    "pack_start",
    "read_frame_head",
    "read_start",
    "seal_frame",
    "stored_size",
]

MAGIC: Final = b"undiscP1"
ID: Final = 16  # bytes of pack, study and object ids: random, never used twice
PACK_HEAD: Final = len(MAGIC) + ID  # bytes before the first frame
FRAME_HEAD: Final = 5  # bytes before a sealed header
CODEC_RAW: Final = "raw"  # the object's bytes as received; the only codec of this version

_PATIENT = frozenset({"name", "id", "issuer", "birth_date", "sex"})
_STUDY_TEXTS = ("study_date", "study_time", "accession", "description")
_STUDY = frozenset({"study", "uid", "patient", "made_ms", *_STUDY_TEXTS})
_OBJECT = (
    "id",
    "key",
    "codec",
    "size",
    "hash",
    "series_uid",
    "sop_uid",
    "sop_class",
    "syntax",
    "modality",
    "number",
    "sender",
    "replaces",
    "at_ms",
)
_values = attrgetter(*_OBJECT)
_INDEX_ENTRY = ("header_at", "extent_at", "header")


class FrameKind(IntEnum):
    """What a frame holds."""

    STUDY = 1
    OBJECT = 2
    INDEX = 3


_MAX_SEALED: Final = {
    FrameKind.STUDY: limits.MAX_HEADER,
    FrameKind.OBJECT: limits.MAX_HEADER,
    FrameKind.INDEX: limits.MAX_INDEX,
}


@dataclass(frozen=True, slots=True)
class PatientIdentity:
    """Who a study is about, as its first object says it; any of it may be empty.

    Attributes:
        name: Patient's Name (0010,0010), decoded.
        id: Patient ID (0010,0020).
        issuer: Issuer of Patient ID (0010,0021).
        birth_date: Patient's Birth Date (0010,0030).
        sex: Patient's Sex (0010,0040).
    """

    name: str = ""
    id: str = ""
    issuer: str = ""
    birth_date: str = ""
    sex: str = ""

    def to_value(self) -> Value:
        """Return the map of SPEC.md §5.3."""
        return {name: getattr(self, name) for name in _PATIENT}

    @classmethod
    def from_value(cls, value: Value) -> PatientIdentity:
        """Read a decoded identity; raises as `StudyHeader.decode`."""
        fields = Fields(value, "a patient identity", _PATIENT)
        return cls(**{name: fields.text(name, most=limits.MAX_ATTRIBUTE) for name in _PATIENT})


@dataclass(frozen=True, slots=True)
class StudyHeader:
    """What a pack says about its study.

    Attributes:
        study: The study's id, 16 bytes.
        uid: Study Instance UID (0020,000D).
        patient: Who it is about.
        study_date: Study Date (0008,0020).
        study_time: Study Time (0008,0030).
        accession: Accession Number (0008,0050).
        description: Study Description (0008,1030).
        made_ms: When the study began at this node, in milliseconds since 1970.
    """

    study: bytes
    uid: str
    patient: PatientIdentity
    study_date: str
    study_time: str
    accession: str
    description: str
    made_ms: int

    def encode(self) -> bytes:
        """Encode the header.

        Raises:
            LocalProtocolError: `decode` would refuse it.
        """
        texts = {name: getattr(self, name) for name in _STUDY_TEXTS}
        encoded = dagcbor.encode(
            {
                "study": self.study,
                "uid": self.uid,
                "patient": self.patient.to_value(),
                "made_ms": self.made_ms,
                **texts,
            }
        )
        try:
            StudyHeader.decode(encoded)
        except RemoteProtocolError as error:
            raise LocalProtocolError(f"not a study header: {error}") from error
        return encoded

    @classmethod
    def decode(cls, encoded: bytes) -> StudyHeader:
        """Decode a header.

        Raises:
            Oversize: More than `limits.MAX_HEADER` bytes.
            Malformed: Not canonical.
            BadFields: Not exactly a study header.
        """
        value = dagcbor.decode(encoded, limit=limits.MAX_HEADER)
        fields = Fields(value, "a study header", _STUDY)
        return cls(
            study=fields.fixed("study", ID),
            uid=fields.uid("uid"),
            patient=PatientIdentity.from_value(fields.raw("patient")),
            study_date=fields.text("study_date", most=limits.MAX_ATTRIBUTE),
            study_time=fields.text("study_time", most=limits.MAX_ATTRIBUTE),
            accession=fields.text("accession", most=limits.MAX_ATTRIBUTE),
            description=fields.text("description", most=limits.MAX_ATTRIBUTE),
            made_ms=fields.integer("made_ms"),
        )


@dataclass(frozen=True, slots=True)
class ObjectHeader:
    """What a pack says about one object, and how to open it.

    Attributes:
        id: 16 random bytes, never used for another object.
        key: Its AES-256 key, 32 bytes.
        codec: How the bytes in its chunks stand for the object: `raw`.
        size: Bytes of the object as received.
        hash: BLAKE3 of the object as received, 32 bytes.
        series_uid: Series Instance UID (0020,000E).
        sop_uid: SOP Instance UID (0008,0018).
        sop_class: SOP Class UID (0008,0016).
        syntax: Transfer Syntax UID (0002,0010).
        modality: Modality (0008,0060).
        number: Instance Number (0020,0013), 0 when absent.
        sender: Who brought it.
        replaces: Id of the object it supersedes, or None.
        at_ms: When it arrived, in milliseconds since 1970.
    """

    id: bytes
    key: bytes
    codec: str
    size: int
    hash: bytes
    series_uid: str
    sop_uid: str
    sop_class: str
    syntax: str
    modality: str
    number: int
    sender: str
    replaces: bytes | None
    at_ms: int

    def __repr__(self) -> str:
        # A key or a patient's UID must not reach a traceback or a log.
        return f"ObjectHeader(id={self.id.hex()}, size={self.size})"

    @property
    def chunks(self) -> int:
        """Number of its chunks."""
        return chunk_count(self.size)

    @property
    def stored(self) -> int:
        """Bytes of its ciphertext."""
        return stored_size(self.size)

    def to_value(self) -> list[Value]:
        """Return the array of SPEC.md §5.3."""
        return list(_values(self))

    @classmethod
    def from_value(cls, value: Value) -> ObjectHeader:
        """Read a decoded header.

        Raises:
            BadFields: Not exactly an object header.
        """
        fields = Fields.of_array(value, "an object header", _OBJECT)
        return cls(
            id=fields.fixed("id", ID),
            key=fields.fixed("key", keys.KEY_SIZE),
            codec=read_codec(fields),
            size=fields.integer("size", most=limits.MAX_OBJECT),
            hash=fields.fixed("hash", ObjectHash.SIZE),
            series_uid=fields.uid("series_uid"),
            sop_uid=fields.uid("sop_uid"),
            sop_class=fields.uid("sop_class"),
            syntax=fields.uid("syntax"),
            modality=fields.text("modality", most=limits.MAX_ATTRIBUTE),
            number=fields.integer("number", least=limits.MIN_NUMBER, most=limits.MAX_NUMBER),
            sender=fields.text("sender", most=limits.MAX_ATTRIBUTE),
            replaces=fields.optional_fixed("replaces", ID),
            at_ms=fields.integer("at_ms"),
        )

    def encode(self) -> bytes:
        """Encode the header.

        Raises:
            LocalProtocolError: `decode` would refuse it.
        """
        try:
            ObjectHeader.from_value(value := self.to_value())
        except RemoteProtocolError as error:
            raise LocalProtocolError(f"not an object header: {error}") from error
        return dagcbor.encode(value)

    @classmethod
    def decode(cls, encoded: bytes) -> ObjectHeader:
        """Decode a header.

        Raises:
            Oversize: More than `limits.MAX_HEADER` bytes.
            Malformed: Not canonical.
            BadFields: Not exactly an object header.
        """
        return cls.from_value(dagcbor.decode(encoded, limit=limits.MAX_HEADER))


def read_codec(fields: Fields) -> str:
    """Read a codec that this version knows.

    Raises:
        BadFields: Another one.
    """
    codec = fields.text("codec", most=limits.MAX_ATTRIBUTE)
    if codec != CODEC_RAW:
        raise BadFields("an object is encoded in a way that this version does not know")
    return codec


class IndexEntry(NamedTuple):
    """Where an object lies in its pack.

    Attributes:
        header_at: Offset of its frame.
        extent_at: Offset of its first chunk.
        header: Its header.
    """

    header_at: int
    extent_at: int
    header: ObjectHeader


def encode_index(entries: Iterable[IndexEntry]) -> bytes:
    """Encode the index of all objects, in the order in which they lie in the pack."""
    return dagcbor.encode(
        [[entry.header_at, entry.extent_at, entry.header.to_value()] for entry in entries]
    )


def decode_index(encoded: bytes) -> tuple[IndexEntry, ...]:
    """Decode an index.

    Raises:
        Oversize: More than `limits.MAX_INDEX` bytes or `limits.MAX_OBJECTS` objects.
        Malformed: Not canonical.
        BadFields: Not exactly an index, or its extents overlap or run backwards.
    """
    value = dagcbor.decode(encoded, limit=limits.MAX_INDEX)
    if not isinstance(value, list):
        raise BadFields("an index is not an array")
    if len(value) > limits.MAX_OBJECTS:
        raise Oversize(f"an index has more than {limits.MAX_OBJECTS} objects")
    entries, free_from = [], PACK_HEAD
    for item in value:
        fields = Fields.of_array(item, "an index entry", _INDEX_ENTRY)
        header_at, extent_at = fields.integer("header_at"), fields.integer("extent_at")
        sealed = extent_at - header_at - FRAME_HEAD
        if header_at < free_from or not keys.SEAL_OVERHEAD < sealed <= limits.MAX_HEADER:
            raise BadFields("the extents of an index overlap")
        header = ObjectHeader.from_value(fields.raw("header"))
        entries.append(IndexEntry(header_at, extent_at, header))
        free_from = extent_at + header.stored
    return tuple(entries)


def pack_start(pack_id: bytes) -> bytes:
    """Return the first `PACK_HEAD` bytes of a pack with this id of 16 bytes."""
    if len(pack_id) != ID:
        raise LocalProtocolError("a pack id has 16 bytes")
    return MAGIC + pack_id


def read_start(start: bytes) -> bytes:
    """Return the pack id from the first `PACK_HEAD` bytes of a pack.

    Raises:
        Malformed: Not the start of a pack of this version.
    """
    if len(start) != PACK_HEAD or start[: len(MAGIC)] != MAGIC:
        raise Malformed("not the start of a pack")
    return start[len(MAGIC) :]


def _bound_to(kind: FrameKind, pack_id: bytes) -> bytes:
    return pack_id + bytes((kind,))


def seal_frame(
    kind: FrameKind, header: bytes, *, pack_id: bytes, study_key: bytes, nonce: bytes
) -> bytes:
    """Seal an encoded header or index into a frame.

    Args:
        kind: What it is.
        header: Its encoding.
        pack_id: The pack it goes into, 16 bytes.
        study_key: The pack's key, 32 bytes.
        nonce: 24 fresh random bytes.

    Returns:
        The frame; an object's chunks follow it.

    Raises:
        LocalProtocolError: It is larger than its kind may be.
    """
    sealed = keys.seal(
        study_key,
        header,
        domain=keys.DOMAIN_HEADER,
        bound_to=_bound_to(kind, pack_id),
        nonce=nonce,
    )
    if len(sealed) > _MAX_SEALED[kind]:
        raise LocalProtocolError(f"a sealed header is over its bound of {_MAX_SEALED[kind]} bytes")
    return bytes((kind,)) + len(sealed).to_bytes(4, "big") + sealed


class FrameHead(NamedTuple):
    """The first bytes of a frame, as read.

    Attributes:
        kind: What the frame holds.
        length: Bytes of the sealed header that follow.
    """

    kind: FrameKind
    length: int


def read_frame_head(head: bytes) -> FrameHead:
    """Read the `FRAME_HEAD` bytes before a sealed header.

    Args:
        head: Exactly `FRAME_HEAD` bytes.

    Raises:
        Malformed: No frame of this version, or too short to be sealed.
        Oversize: The length is over the bound of its kind.
    """
    if len(head) != FRAME_HEAD or head[0] not in _MAX_SEALED:
        raise Malformed("not the head of a frame")
    kind, length = FrameKind(head[0]), int.from_bytes(head[1:], "big")
    if length > _MAX_SEALED[kind]:
        raise Oversize(f"a sealed header of {length} bytes is over its bound")
    if length <= keys.SEAL_OVERHEAD:
        raise Malformed("a sealed header is too short")
    return FrameHead(kind, length)


def open_frame(kind: FrameKind, sealed: bytes, *, pack_id: bytes, study_key: bytes) -> bytes:
    """Open a sealed header or index.

    Args:
        kind: The kind from the frame's head.
        sealed: The bytes that follow the head.
        pack_id: The pack it was read from, 16 bytes.
        study_key: The pack's key, 32 bytes.

    Returns:
        The encoding that was sealed.

    Raises:
        Tampered: It does not authenticate as a header of this kind in this pack.
    """
    try:
        return keys.unseal(
            study_key, sealed, domain=keys.DOMAIN_HEADER, bound_to=_bound_to(kind, pack_id)
        )
    except CannotOpen:
        raise Tampered("a header of the pack does not authenticate") from None

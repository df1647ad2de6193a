"""The manifest: which objects an answer grants, and how to open them (SPEC.md §6.4).

It travels inside a signed and sealed answer, because it holds object keys and patient data. The
ticket that comes with it reads one stream: the ciphertexts of its objects, one after the other in
the manifest's order, without anything between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import accumulate
from operator import attrgetter
from typing import Final, NamedTuple

from undisc_protocol import dagcbor, keys, limits
from undisc_protocol.chunks import ObjectHash, chunk_count, stored_size
from undisc_protocol.dagcbor import Value
from undisc_protocol.errors import BadFields, LocalProtocolError, RemoteProtocolError
from undisc_protocol.fields import Fields
from undisc_protocol.pack import ID, ObjectHeader, PatientIdentity, read_codec

SERIES_NAME: Final = 16  # bytes of a series' name (`keys.series_name`)

_STUDY_TEXTS = ("study_date", "study_time", "accession", "description")
_STUDY = frozenset({"uid", "patient", *_STUDY_TEXTS})
_OBJECT = (
    "id",
    "key",
    "codec",
    "size",
    "hash",
    "series",
    "series_uid",
    "sop_uid",
    "sop_class",
    "syntax",
    "modality",
    "number",
)
_values = attrgetter(*_OBJECT)


@dataclass(frozen=True, slots=True)
class ManifestStudy:
    """The study that the objects belong to.

    Attributes:
        uid: Study Instance UID (0020,000D).
        patient: Who it is about.
        study_date: Study Date (0008,0020).
        study_time: Study Time (0008,0030).
        accession: Accession Number (0008,0050).
        description: Study Description (0008,1030).
    """

    uid: str
    patient: PatientIdentity
    study_date: str = ""
    study_time: str = ""
    accession: str = ""
    description: str = ""

    def to_value(self) -> Value:
        """Return the map of SPEC.md §6.4."""
        texts = {name: getattr(self, name) for name in _STUDY_TEXTS}
        return {"uid": self.uid, "patient": self.patient.to_value(), **texts}

    @classmethod
    def from_value(cls, value: Value) -> ManifestStudy:
        """Read a decoded study; raises as `Manifest.from_value`."""
        fields = Fields(value, "a manifest's study", _STUDY)
        return cls(
            uid=fields.uid("uid"),
            patient=PatientIdentity.from_value(fields.raw("patient")),
            study_date=fields.text("study_date", most=limits.MAX_ATTRIBUTE),
            study_time=fields.text("study_time", most=limits.MAX_ATTRIBUTE),
            accession=fields.text("accession", most=limits.MAX_ATTRIBUTE),
            description=fields.text("description", most=limits.MAX_ATTRIBUTE),
        )


@dataclass(frozen=True, slots=True)
class ManifestObject:
    """One granted object.

    Attributes:
        id: Its id, 16 bytes.
        key: Its AES-256 key, 32 bytes.
        codec: How its bytes are encoded: `raw`.
        size: Bytes of the object as the holder received it.
        hash: BLAKE3 of these bytes, 32 bytes.
        series: Name of its series in capabilities, 16 bytes.
        series_uid: Series Instance UID (0020,000E).
        sop_uid: SOP Instance UID (0008,0018).
        sop_class: SOP Class UID (0008,0016).
        syntax: Transfer Syntax UID (0002,0010).
        modality: Modality (0008,0060).
        number: Instance Number (0020,0013), 0 when absent.
    """

    id: bytes
    key: bytes
    codec: str
    size: int
    hash: bytes
    series: bytes
    series_uid: str
    sop_uid: str
    sop_class: str
    syntax: str
    modality: str
    number: int

    def __repr__(self) -> str:
        # A key or a patient's UID must not reach a traceback or a log.
        return f"ManifestObject(id={self.id.hex()}, size={self.size})"

    @property
    def chunks(self) -> int:
        """Number of its chunks."""
        return chunk_count(self.size)

    @property
    def stored(self) -> int:
        """Bytes of its ciphertext."""
        return stored_size(self.size)

    @classmethod
    def from_header(cls, header: ObjectHeader, *, series: bytes) -> ManifestObject:
        """Grant an object of a pack; `series` is the 16-byte name of its series."""
        return cls(
            id=header.id,
            key=header.key,
            codec=header.codec,
            size=header.size,
            hash=header.hash,
            series=series,
            series_uid=header.series_uid,
            sop_uid=header.sop_uid,
            sop_class=header.sop_class,
            syntax=header.syntax,
            modality=header.modality,
            number=header.number,
        )

    def to_header(self, *, sender: str, at_ms: int, replaces: bytes | None = None) -> ObjectHeader:
        """Return the header under which a receiver keeps the object.

        Args:
            sender: The holder, as `peer:<node id hex>`.
            at_ms: The time now, in milliseconds since 1970.
            replaces: Id of the receiver's own object that it supersedes, or None.
        """
        return ObjectHeader(
            id=self.id,
            key=self.key,
            codec=self.codec,
            size=self.size,
            hash=self.hash,
            series_uid=self.series_uid,
            sop_uid=self.sop_uid,
            sop_class=self.sop_class,
            syntax=self.syntax,
            modality=self.modality,
            number=self.number,
            sender=sender,
            replaces=replaces,
            at_ms=at_ms,
        )

    def to_value(self) -> list[Value]:
        """Return the array of SPEC.md §6.4."""
        return list(_values(self))

    @classmethod
    def from_value(cls, value: Value) -> ManifestObject:
        """Read a decoded object; raises as `Manifest.from_value`."""
        fields = Fields.of_array(value, "a manifest's object", _OBJECT)
        return cls(
            id=fields.fixed("id", ID),
            key=fields.fixed("key", keys.KEY_SIZE),
            codec=read_codec(fields),
            size=fields.integer("size", most=limits.MAX_OBJECT),
            hash=fields.fixed("hash", ObjectHash.SIZE),
            series=fields.fixed("series", SERIES_NAME),
            series_uid=fields.uid("series_uid"),
            sop_uid=fields.uid("sop_uid"),
            sop_class=fields.uid("sop_class"),
            syntax=fields.uid("syntax"),
            modality=fields.text("modality", most=limits.MAX_ATTRIBUTE),
            number=fields.integer("number", least=limits.MIN_NUMBER, most=limits.MAX_NUMBER),
        )


class Extent(NamedTuple):
    """A part of the ticket's stream.

    Attributes:
        start: Offset of its first byte.
        stop: Offset after its last byte.
    """

    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """The granted objects of one answer.

    Attributes:
        study: The study they belong to.
        objects: In the order of the stream. Empty when the asker named all of them in `have`.
    """

    study: ManifestStudy
    objects: tuple[ManifestObject, ...]
    _ends: tuple[int, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        ends = tuple(accumulate(granted.stored for granted in self.objects))
        object.__setattr__(self, "_ends", ends)

    @property
    def stored(self) -> int:
        """Bytes of the whole stream."""
        return self._ends[-1] if self._ends else 0

    @property
    def size(self) -> int:
        """Bytes of all objects as the holder received them."""
        return sum(granted.size for granted in self.objects)

    @property
    def hash(self) -> bytes:
        """SHA-256 of the encoding: what a receipt refers to."""
        return sha256(dagcbor.encode(self.to_value())).digest()

    def span(self, number: int) -> Extent:
        """Return where the ciphertext of object `number` lies in the stream."""
        if not 0 <= number < len(self._ends):
            raise LocalProtocolError("the manifest has no such object")
        return Extent(self._ends[number - 1] if number else 0, self._ends[number])

    def to_value(self) -> Value:
        """Return the map of SPEC.md §6.4."""
        objects = [granted.to_value() for granted in self.objects]
        return {"study": self.study.to_value(), "objects": objects}

    @classmethod
    def from_value(cls, value: Value) -> Manifest:
        """Read a decoded manifest.

        Raises:
            BadFields: Not exactly a manifest, or an object or SOP Instance UID comes twice.
            Oversize: More than `limits.MAX_OBJECTS` objects.
        """
        fields = Fields(value, "a manifest", {"study", "objects"})
        study = ManifestStudy.from_value(fields.raw("study"))
        listed = fields.array("objects", most=limits.MAX_OBJECTS)
        objects = tuple(ManifestObject.from_value(item) for item in listed)
        _require_distinct([granted.id for granted in objects])
        _require_distinct([granted.sop_uid for granted in objects])
        return cls(study, objects)

    def check_own(self) -> None:
        """Read what this side is about to send, so that nothing leaves which others must refuse.

        Raises:
            LocalProtocolError: Another node would refuse this manifest.
        """
        try:
            Manifest.from_value(self.to_value())
        except RemoteProtocolError as error:
            raise LocalProtocolError(f"not a manifest: {error}") from error


def _require_distinct(names: Sequence[bytes] | Sequence[str]) -> None:
    if len(set(names)) != len(names):
        raise BadFields("a manifest names an object twice")

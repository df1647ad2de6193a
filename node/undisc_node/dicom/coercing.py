"""Gives an outside study the patient's local identity, as IHE IRWF asks (RAD-61, PS3.3 §C.12.1).

Only the elements that change are written anew. Every other byte of the header is copied as it is,
and what follows the header, pixel data above all, is passed through unread. The transfer syntax
stays. What an element said before goes, byte for byte, into a new item of the Original Attributes
Sequence; the items that are there stay.

    before   … (0010,0020) OUT-7 … (0400,0561) [items] … (7FE0,0010) pixels
    after    … (0010,0020) L-1   … (0400,0561) [items, COERCE: OUT-7] … (7FE0,0010) pixels
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BufferedReader, BytesIO
from typing import BinaryIO, Final, cast

from undisc_node.dicom import part10, scan, text
from undisc_node.dicom.elements import Writer
from undisc_node.dicom.inflating import DEFLATED, Ending, inflate
from undisc_node.dicom.sources import BytesSource, Following
from undisc_node.services.archive_model import Coercion
from undisc_node.services.errors import Invalid
from undisc_node.services.ports import Source

MAX_HEAD: Final = 64 * 2**20  # bytes before (0400,0600); private blocks have some megabytes
MAX_INFLATED: Final = 64 * 2**20  # bytes of a deflated object; reports and documents have few
_FIRST_READ: Final = 262_144  # bytes looked at first
_WINDOW: Final = 1_048_576  # bytes read at once of what is passed through

CHARACTER_SET: Final = 0x00080005
COERCION_TIME: Final = 0x00080015
ACCESSION: Final = 0x00080050
ACCESSION_ISSUER: Final = 0x00080051
NAME: Final = 0x00100010
PATIENT_ID: Final = 0x00100020
ISSUER: Final = 0x00100021
ISSUER_QUALIFIERS: Final = 0x00100024
BIRTH_DATE: Final = 0x00100030
SEX: Final = 0x00100040
ADMISSION: Final = 0x00380010
ADMISSION_ISSUER: Final = 0x00380014
REQUEST: Final = 0x00400275
ORIGINAL: Final = 0x04000561
ORIGIN: Final = 0x04000600

_UTF_8: Final = b"ISO_IR 192"
_DEFAULT_SETS: Final = frozenset((b"", b"ISO_IR 6", b"ISO 2022 IR 6"))
# These name an order, a visit or an authority of the other house: here they would lead astray.
_DROPPED: Final = (ACCESSION_ISSUER, ISSUER_QUALIFIERS, ADMISSION, ADMISSION_ISSUER, REQUEST)


class HeaderCoercer:
    """Coerces headers; implements `ports.Coercer`."""

    def coerce(self, source: Source, coercion: Coercion) -> Source:
        """Return the object with the local identity; the source stays as it is.

        Raises:
            Invalid: The header cannot be read, or is larger than `MAX_HEAD`.
        """
        with source.open() as stream:
            head, frame = _read_start(stream, source.size)
            if frame.transfer_syntax in DEFLATED:
                return self._deflated(head, stream, frame, coercion)
            split = _Split.of(head, source.size, frame, stream)
        meta = _meta(frame, split)
        written = _rewritten(split, coercion)
        return _Spliced(source, meta + written, split.stop)

    def _deflated(
        self, head: bytes, stream: BinaryIO, frame: part10.Frame, coercion: Coercion
    ) -> Source:
        """Inflate, coerce and deflate again: deflated bytes cannot be cut at the header's end."""
        whole = cast("BinaryIO", BufferedReader(Following(head[frame.data_set_at :], stream)))
        plain, ending = inflate(whole, most=MAX_INFLATED)
        if ending is Ending.BOUND:
            raise Invalid("the deflated object is too large", code="too_deflated")
        if ending is Ending.DAMAGED:
            raise Invalid("the compressed object is damaged", code="truncated")
        inner = part10.Frame(frame.sop_class, frame.sop_uid, part10.EXPLICIT_LITTLE, 0)
        split = _Split.of(plain, len(plain), inner, BytesIO())
        deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        packed = deflater.compress(_rewritten(split, coercion) + split.rest) + deflater.flush()
        packed += b"\0" * (len(packed) % 2)  # PS3.5 §A.5
        return BytesSource(_meta(frame, split), packed)


@dataclass(frozen=True, slots=True)
class _Split:
    """The elements of a header, and where it ends."""

    data: bytes
    stop: int
    spans: tuple[scan.Span, ...]
    encoding: scan.Encoding

    @property
    def rest(self) -> bytes:
        """What was read behind the header."""
        return self.data[self.stop :]

    @classmethod
    def of(cls, head: bytes, size: int, frame: part10.Frame, stream: BinaryIO) -> _Split:
        """Read as much as it takes to see the whole header."""
        while True:
            try:
                return cls._of(head, size, frame)
            except Invalid as refusal:
                if refusal.reason != "truncated" or len(head) >= size:
                    raise
                if len(head) >= MAX_HEAD:
                    raise Invalid(
                        "the header of the object is too large", code="too_complex"
                    ) from refusal
            more = stream.read(3 * len(head))
            if not more:
                raise Invalid("the object ends in the middle of an element", code="truncated")
            head += more

    @classmethod
    def _of(cls, head: bytes, size: int, frame: part10.Frame) -> _Split:
        first = head[frame.data_set_at : frame.data_set_at + 8]
        big_endian = frame.transfer_syntax == part10.EXPLICIT_BIG
        explicit = big_endian or scan.is_representation(first[4:6])
        encoding = scan.Encoding(explicit=explicit, big_endian=big_endian)
        data = BytesIO(head)
        data.seek(frame.data_set_at)
        scanner = scan.Scanner(data, size, encoding)
        spans = tuple(scanner.spans(ORIGIN))
        if scanner.position > len(head):  # a jump goes beyond what was read
            raise Invalid("the object ends in the middle of an element", code="truncated")
        return cls(head, scanner.position, spans, encoding)

    def raw(self, span: scan.Span) -> bytes:
        """Return an element as it is, with its header."""
        return self.data[span.start : span.stop]

    def value(self, span: scan.Span | None) -> bytes:
        """Return the bytes of a value; of a sequence of undefined length, without its end."""
        if span is None:
            return b""
        return self.data[span.value_at : span.stop - (8 if span.undefined else 0)]


def _read_start(stream: BinaryIO, size: int) -> tuple[bytes, part10.Frame]:
    head = stream.read(_FIRST_READ)
    while len(head) < min(size, _FIRST_READ):
        more = stream.read(_FIRST_READ - len(head))
        if not more:
            break
        head += more
    return head, part10.read_frame(BytesIO(head), size)


def _meta(frame: part10.Frame, split: _Split) -> bytes:
    """Make file meta information anew: the preamble of a stranger goes to no archive."""
    uids = {span.tag: split.value(span) for span in split.spans if span.tag in _UIDS}
    return part10.compose_part10(
        sop_class=frame.sop_class or text.read_uid(uids.get(_SOP_CLASS, b"")) or "",
        sop_uid=frame.sop_uid or text.read_uid(uids.get(_SOP_UID, b"")) or "",
        transfer_syntax=frame.transfer_syntax,
    )


_SOP_CLASS: Final = 0x00080016
_SOP_UID: Final = 0x00080018
_UIDS: Final = frozenset((_SOP_CLASS, _SOP_UID))


def _rewritten(split: _Split, coercion: Coercion) -> bytes:
    """Return the header with the new values in it."""
    writer = Writer(split.encoding)
    before = {span.tag: span for span in split.spans}
    changes = _changes(split, before, coercion, writer)
    if not changes:
        return b"".join(split.raw(span) for span in split.spans)
    changes[ORIGINAL] = _original(split, before, changes, coercion, writer)
    changes[COERCION_TIME] = writer.element(COERCION_TIME, b"DT", _date_time(coercion.at_ms))
    parts: list[bytes] = []
    todo = sorted(changes)
    for span in split.spans:
        while todo and todo[0] < span.tag:
            parts.append(changes[todo.pop(0)])
        if todo and todo[0] == span.tag:
            parts.append(changes[todo.pop(0)])
        else:
            parts.append(split.raw(span))
    parts.extend(changes[tag] for tag in todo)
    return b"".join(parts)


def _changes(
    split: _Split, before: dict[int, scan.Span], coercion: Coercion, writer: Writer
) -> dict[int, bytes]:
    """Return the elements that change, encoded; one that goes is empty."""
    old_set = split.value(before.get(CHARACTER_SET)).strip(b" \0")
    sets = text.character_sets(old_set)
    patient = coercion.patient
    wanted: dict[int, tuple[bytes, str]] = {
        ACCESSION: (b"SH", coercion.accession),
        PATIENT_ID: (b"LO", patient.id),
        ISSUER: (b"LO", patient.issuer),
    }
    # An archive that does not know a birth date knows nothing better than what the image says.
    if patient.name:
        wanted[NAME] = (b"PN", patient.name)
    if patient.birth_date:
        wanted[BIRTH_DATE] = (b"DA", patient.birth_date)
    if patient.sex:
        wanted[SEX] = (b"CS", patient.sex)
    changes: dict[int, bytes] = {}
    different = {
        tag: (kind, new)
        for tag, (kind, new) in wanted.items()
        if text.decode(split.value(before.get(tag)), sets).rstrip("=^ ") != new.rstrip("=^ ")
        or (tag in before) != bool(new)
    }
    if old_set in _DEFAULT_SETS and not all(new.isascii() for _, new in different.values()):
        # ASCII is a part of UTF-8, so nothing else in the object reads differently.
        changes[CHARACTER_SET] = writer.element(CHARACTER_SET, b"CS", _UTF_8)
        sets = ("utf-8",)
    for tag, (kind, new) in different.items():
        changes[tag] = writer.element(tag, kind, writer.text(new, sets[0]))
    for tag in _DROPPED:
        if tag in before:
            changes[tag] = b""
    if split.value(before.get(ORIGIN)).strip(b" \0") != b"IMPORTED":
        changes[ORIGIN] = writer.element(ORIGIN, b"CS", b"IMPORTED")
    return changes


def _original(
    split: _Split,
    before: dict[int, scan.Span],
    changes: dict[int, bytes],
    coercion: Coercion,
    writer: Writer,
) -> bytes:
    """Return the Original Attributes Sequence with one more item (PS3.3 §C.12.1.1.9)."""
    known = before.get(ORIGINAL)
    kind = b"SQ"
    if known is not None and known.representation == b"UN":
        # Whoever did not know the sequence wrote its items implicitly (PS3.5 §6.2.2), so the new
        # one must be implicit, too.
        kind, writer = b"UN", Writer(scan.Encoding(explicit=False))
    values = b"".join(_before(split, before.get(tag), tag, kind, writer) for tag in sorted(changes))
    codec = text.character_sets(
        _UTF_8 if CHARACTER_SET in changes else split.value(before.get(CHARACTER_SET))
    )[0]
    item = b"".join(
        (
            writer.sequence(0x04000550, writer.item(values)),
            writer.element(0x04000562, b"DT", _date_time(coercion.at_ms)),
            writer.element(0x04000563, b"LO", writer.text(coercion.system, codec)),
            writer.element(0x04000564, b"LO", writer.text(coercion.source, codec)),
            writer.element(0x04000565, b"CS", b"COERCE"),
        )
    )
    return Writer(split.encoding).sequence(ORIGINAL, split.value(known) + writer.item(item), kind)


def _before(split: _Split, span: scan.Span | None, tag: int, kind: bytes, writer: Writer) -> bytes:
    """Return an element as it was; empty if it was absent (PS3.3 §C.12.1.1.9)."""
    if span is None:
        return writer.element(tag, _KINDS[tag], b"")
    if kind == b"SQ":
        return split.raw(span)
    # A sequence inside explicit elements cannot be told implicitly without reading it whole.
    return writer.element(tag, b"", b"" if tag in _DROPPED else split.value(span))


_KINDS: Final = {
    CHARACTER_SET: b"CS",
    ACCESSION: b"SH",
    NAME: b"PN",
    PATIENT_ID: b"LO",
    ISSUER: b"LO",
    BIRTH_DATE: b"DA",
    SEX: b"CS",
    ORIGIN: b"CS",
}
"""Value representations of what may have been absent."""


def _date_time(at_ms: int) -> bytes:
    moment = datetime.fromtimestamp(at_ms / 1000, UTC)
    return moment.strftime("%Y%m%d%H%M%S.%f+0000").encode("ascii")


class _Spliced:
    """An object with another head; the rest is read from where it lies."""

    def __init__(self, source: Source, head: bytes, skip: int) -> None:
        self._source = source
        self._head = head
        self._skip = skip

    @property
    def size(self) -> int:
        """Size in bytes."""
        return len(self._head) + self._source.size - self._skip

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Open for reading from the first byte; cannot be sought in."""
        with self._source.open() as stream:
            left = self._skip
            while left:
                piece = stream.read(min(left, _WINDOW))
                if not piece:
                    raise Invalid("the object is shorter than it was", code="truncated")
                left -= len(piece)
            yield cast("BinaryIO", BufferedReader(Following(self._head, stream), _WINDOW))

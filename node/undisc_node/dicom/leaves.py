"""Prepares an instance for a medium: its first bytes, and what its directory records say.

Only the start of the instance is looked at, with the bounded scanner, so an object that would blow
up a parser does no harm here. A value that is not there, or is none, never keeps a study from
leaving on a disc: the record gets a stand-in (`record_keys`).
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator
from typing import BinaryIO, Final

from undisc_node.dicom import part10, record_keys, scan
from undisc_node.dicom.inflating import DEFLATED, inflate
from undisc_node.dicom.reader import MAX_INFLATED, encoding_of
from undisc_node.dicom.record_keys import CHARACTER_SET, CONCEPT_NAME, ENCAPSULATED, Key
from undisc_node.services.errors import Invalid
from undisc_node.services.model import Study
from undisc_node.services.ports import Leaf
from undisc_node.services.preambles import PREAMBLE, harmless
from undisc_protocol.pack import ObjectHeader

_LAST: Final = 0x3010FFFF  # no key of a record comes later
_ITEM: Final = 0xFFFEE000
_CODE: Final = (
    Key(0x00080100, b"SH", b"UNKNOWN"),
    Key(0x00080102, b"SH", b"99UNDISC"),
    Key(0x00080104, b"LO", b"UNKNOWN"),
)
_WITH_CONCEPT: Final = {"SR DOCUMENT": True, "KEY OBJECT DOC": True, "ENCAP DOC": False}
_PDF: Final = b"%PDF"
_SHAPES: Final = {  # of values that a reader will want to understand (PS3.5 §6.2)
    b"DA": re.compile(rb"[0-9]{8}"),
    b"TM": re.compile(rb"[0-9]{2}(?:[0-9]{2}){0,2}(?:\.[0-9]{1,6})?"),
    b"IS": re.compile(rb"[+-]?[0-9]{1,11}"),
    b"CS": re.compile(rb"[A-Z0-9_ ]{1,16}(?:\\[A-Z0-9_ ]{0,16})*"),
    b"UI": re.compile(rb"[0-9.]{1,64}"),
}
_UNSEEN: Final = re.compile(rb"[\x00-\x1a\x1c-\x1f]")  # ESC switches character sets
_SETS: Final = re.compile(rb"[A-Z0-9_ \\]*")
_LONG: Final = frozenset((b"SQ", b"OB"))

Values = dict[int, bytes]


def leaf_of(head: bytes, header: ObjectHeader, study: Study, place: tuple[int, int]) -> Leaf:
    """Prepare one instance; see `services.ports.MediumComposer`."""
    start, skip = _start(head, header)
    values, concept, report = _values(head, header)
    values[0x0020000D] = study.uid.encode()
    values[0x0020000E] = header.series_uid.encode()
    kind = record_keys.record_type(header.sop_class)
    references = element(0x00041430, b"CS", kind.encode())
    if kind == "PRIVATE":
        references += element(0x00041432, b"UI", header.sop_class.encode())
    own = dict(_filled(record_keys.LEAVES[kind], values, place[1]))
    if kind in _WITH_CONCEPT:
        own[CONCEPT_NAME] = _concept(concept, needed=_WITH_CONCEPT[kind])
    if kind == "ENCAP DOC":
        mime = record_keys.DOCUMENTS.get(header.sop_class, b"application/octet-stream")
        own[0x00420012] = element(0x00420012, b"LO", mime)
    return Leaf(
        header=header,
        start=start,
        skip=skip,
        kind=kind,
        references=references,
        record=_joined(own, values),
        series=_joined(dict(_filled(record_keys.SERIES, values, place[0])), values),
        study=_joined(dict(_filled(record_keys.STUDY, values, place[0])), values),
        patient=_joined(dict(_filled(record_keys.PATIENT, values, place[0])), values),
        report=report if header.sop_class == record_keys.ENCAPSULATED_PDF else None,
    )


def _start(head: bytes, header: ObjectHeader) -> tuple[bytes, int]:
    """Return what the file begins with on a medium, and how much of the original that replaces.

    A preamble can hold another program's file; only a TIFF has business there (PS3.10 §7.5).
    """
    frame = part10.read_frame(io.BytesIO(head), len(head))
    regular = head[PREAMBLE : part10.META_AT] == b"DICM"
    if regular and frame.sop_class and frame.sop_uid:
        return harmless(head[: part10.META_AT]), part10.META_AT
    made = part10.compose_part10(
        sop_class=header.sop_class, sop_uid=header.sop_uid, transfer_syntax=frame.transfer_syntax
    )
    return made, frame.data_set_at


def _values(head: bytes, header: ObjectHeader) -> tuple[Values, Values, tuple[int, int] | None]:
    """Gather raw values, the concept name's code, and where an encapsulated document lies."""
    stream: BinaryIO = io.BytesIO(head)
    frame = part10.read_frame(stream, len(head))
    size = header.size
    deflated = frame.transfer_syntax in DEFLATED
    if deflated:
        inflated = inflate(stream, most=MAX_INFLATED).data
        stream, size = io.BytesIO(inflated), len(inflated)
    encoding = encoding_of(stream, frame.transfer_syntax)
    scanner = scan.Scanner(stream, size, encoding)
    values, concept = Values(), Values()
    report: tuple[int, int] | None = None
    try:
        for last in (0x00200013, CONCEPT_NAME - 1, ENCAPSULATED - 1, _LAST):
            stream.seek(scanner.position)
            values |= scanner.collect(_WANTED, last)
            stream.seek(scanner.position)
            if last == CONCEPT_NAME - 1:
                concept = _first_item(stream, size, encoding, CONCEPT_NAME)
            if last == ENCAPSULATED - 1 and not deflated:
                report = _document(stream, size, encoding)
    except Invalid:
        pass  # more of it lies behind the head, or is damaged: what was read before counts
    return values, concept, report


def _first_item(stream: BinaryIO, size: int, encoding: scan.Encoding, tag: int) -> Values:
    """Read the code in the first item of a sequence that may be next."""
    found = scan.open_element(stream, encoding)
    if found is None or found[0] != tag:
        return {}
    item = scan.open_element(stream, scan.Encoding(explicit=False, big_endian=encoding.big_endian))
    if item is None or item[0] != _ITEM:
        return {}
    scanner = scan.Scanner(stream, size, encoding)
    return scanner.collect(frozenset(key.tag for key in _CODE), 0x00080104)


def _document(stream: BinaryIO, size: int, encoding: scan.Encoding) -> tuple[int, int] | None:
    """Find the PDF that may be next: its offset and length in the file."""
    found = scan.open_element(stream, encoding)
    if found is None or found[0] != ENCAPSULATED:
        return None
    at, length = stream.tell(), found[1]
    return (at, length) if length <= size - at and stream.read(4) == _PDF else None


def _filled(keys: Iterable[Key], values: Values, number: int) -> Iterator[tuple[int, bytes]]:
    """Yield tag and encoded element of each key that has a value, or must have one."""
    for key in keys:
        tags = (key.tag, *key.others)
        value = next(filter(None, (_usable(key.kind, values.get(tag)) for tag in tags)), None)
        if value is None:
            value = str(number).encode() if key.missing == record_keys.NUMBER else key.missing
        if value is not None:
            yield key.tag, element(key.tag, key.kind, value)


def _usable(kind: bytes, value: bytes | None) -> bytes | None:
    """Return a value without padding; None when it is not what its representation says."""
    if value is None:
        return None
    trimmed = _UNSEEN.sub(b"", value).strip(b" ")
    shape = _SHAPES.get(kind)
    return trimmed if shape is None or shape.fullmatch(trimmed) else None


def _joined(elements: dict[int, bytes], values: Values) -> bytes:
    """Put elements in order; with the character set in which their text is."""
    sets = _UNSEEN.sub(b"", values.get(CHARACTER_SET, b"")).strip(b" ")
    if sets and _SETS.fullmatch(sets):
        elements = {**elements, CHARACTER_SET: element(CHARACTER_SET, b"CS", sets)}
    return b"".join(element for _, element in sorted(elements.items()))


def _concept(found: Values, *, needed: bool) -> bytes:
    """Encode Concept Name Code Sequence; an empty one where that is allowed."""
    if not found and not needed:
        return element(CONCEPT_NAME, b"SQ", b"")
    item = b"".join(element for _, element in _filled(_CODE, found, 0))
    head = b"\xfe\xff\x00\xe0" + len(item).to_bytes(4, "little")
    return element(CONCEPT_NAME, b"SQ", head + item)


def element(tag: int, kind: bytes, value: bytes) -> bytes:
    """Encode an element in explicit VR little endian (PS3.5 §7.1.2)."""
    if len(value) % 2:
        value += b"\0" if kind == b"UI" else b" "
    head = (tag >> 16).to_bytes(2, "little") + (tag & 0xFFFF).to_bytes(2, "little") + kind
    if kind in _LONG:
        return head + b"\0\0" + len(value).to_bytes(4, "little") + value
    return head + len(value).to_bytes(2, "little") + value


_WANTED: Final = frozenset(
    tag
    for keys in (
        record_keys.PATIENT,
        record_keys.STUDY,
        record_keys.SERIES,
        *record_keys.LEAVES.values(),
    )
    for key in keys
    for tag in (key.tag, *key.others)
) | {CHARACTER_SET}

"""Reads a DICOMDIR (PS3.3 Annex F, PS3.10 §8.6), which nobody has to have told the truth in.

Only what an import compares is read: which files are listed, and who wrote the list. The tree of
offsets between the records is never followed, so it cannot lead in circles; records are read one
after the other as they lie in the file. Nothing here opens a file that a record names.
"""

from __future__ import annotations

import re
import struct
from collections import Counter
from dataclasses import dataclass
from typing import BinaryIO, Final

from undisc_node.dicom import part10, scan, text
from undisc_node.dicom.reader import encoding_of
from undisc_node.services.errors import Invalid
from undisc_node.services.media_model import MAX_CREATOR, MAX_FILE_SET, Listing
from undisc_node.services.ports import Source

DICOMDIR: Final = "1.2.840.10008.1.3.10"  # Media Storage Directory Storage
MAX_DIRECTORY: Final = 64 * 2**20  # bytes; a record has about 300, a full DVD has 20,000 of them
MAX_RECORDS: Final = 200_000  # more than files of 64 MiB can usefully have
_MAX_COMPONENTS: Final = 16  # the standard allows 8 (PS3.10 §8.2); real discs go a little deeper
_MAX_COMPONENT: Final = 64  # characters; the standard allows 8

_FILE_SET: Final = 0x00041130
_RECORDS: Final = 0x00041220
_RECORD_TYPE: Final = 0x00041430
_FILE_ID: Final = 0x00041500
_IMPLEMENTATION_CLASS: Final = 0x00020012
_IMPLEMENTATION_NAME: Final = 0x00020013
_SOURCE_TITLE: Final = 0x00020016
_LAST_META: Final = 0x0002FFFF
_ITEM: Final = 0xFFFEE000
_SEQUENCE_END: Final = 0xFFFEE0DD
_UNDEFINED: Final = 0xFFFFFFFF
_PLAIN: Final = re.compile(r"[^\x00-\x1f\x7f/\\:*?\"<>|\u202a-\u202e\u2066-\u2069]+")


@dataclass(frozen=True, slots=True)
class _Items:
    """The sequence of records: where it and the file end, and how its items are written."""

    stop: int
    size: int
    encoding: scan.Encoding


class DirectoryReader:
    """Reads DICOMDIR files (`services.ports.DirectoryReader`)."""

    def listing(self, source: Source) -> Listing:
        """Read what a DICOMDIR lists.

        Raises:
            Invalid: `not_a_dicomdir`, or as the reader of instances.
        """
        if source.size > MAX_DIRECTORY:
            raise Invalid("the DICOMDIR is larger than any real one", code="too_large")
        with source.open() as stream:
            frame = part10.read_frame(stream, source.size)
            if frame.sop_class != DICOMDIR:
                raise Invalid("this is not a DICOMDIR", code="not_a_dicomdir")
            creator = _creator(stream, source.size)
            stream.seek(frame.data_set_at)
            encoding = encoding_of(stream, frame.transfer_syntax)
            scanner = scan.Scanner(stream, source.size, encoding)
            head = scanner.collect(frozenset((_FILE_SET,)), _RECORDS - 1)
            stream.seek(scanner.position)
            records: list[tuple[str, bytes | None]] = []
            try:
                _read_records(stream, source.size, encoding, records)
            except Invalid:
                damaged = True  # what was read before is still a hint
            else:
                damaged = False
        files = [_components(raw) for _, raw in records if raw]
        return Listing(
            file_set=_text(head.get(_FILE_SET, b""), MAX_FILE_SET),
            creator=creator,
            files=tuple(found for found in files if found is not None),
            refused=files.count(None),
            patients=Counter(kind for kind, _ in records)["PATIENT"],
            damaged=damaged,
        )


def _creator(stream: BinaryIO, size: int) -> str:
    """Read who wrote the file from its meta information."""
    stream.seek(part10.META_AT)
    scanner = scan.Scanner(stream, size, scan.Encoding(explicit=True))
    wanted = frozenset((_IMPLEMENTATION_CLASS, _IMPLEMENTATION_NAME, _SOURCE_TITLE))
    try:
        found = scanner.collect(wanted, _LAST_META)
    except Invalid:
        return ""  # meta information that is not explicit; it was read once, so it is only unusual
    names = (_text(found.get(tag, b""), MAX_CREATOR) for tag in sorted(wanted, reverse=True))
    title, name, identifier = names
    return " ".join(filter(None, (name or identifier, title and f"({title})")))[:MAX_CREATOR]


def _read_records(
    stream: BinaryIO,
    size: int,
    encoding: scan.Encoding,
    found: list[tuple[str, bytes | None]],
) -> None:
    """Gather type and raw file id of each record, in the order in which they lie there."""
    items = _open_sequence(stream, size, encoding)
    while items is not None and stream.tell() < items.stop:
        tag, length = _tag_and_length(stream, encoding)
        if tag != _ITEM:
            break  # the end of a sequence of undefined length
        if len(found) == MAX_RECORDS:
            raise Invalid("the DICOMDIR has too many records", code="too_complex")
        found.append(_read_record(stream, items, length))


def _open_sequence(stream: BinaryIO, size: int, encoding: scan.Encoding) -> _Items | None:
    """Go to the first record; None when there is no sequence of records at all."""
    found = scan.open_element(stream, encoding)
    if found is None or found[0] != _RECORDS:
        return None
    length = found[1]
    stop = size if length == _UNDEFINED else min(size, stream.tell() + length)
    return _Items(stop, size, encoding)


def _read_record(stream: BinaryIO, items: _Items, length: int) -> tuple[str, bytes | None]:
    """Read one record, and leave the stream behind it."""
    start = stream.tell()
    # Some programs forget to correct the length of the sequence; the file's own end is the bound.
    stop = items.size if length == _UNDEFINED else start + length
    if stop > items.size:
        raise Invalid("a record of the DICOMDIR is longer than the file", code="truncated")
    scanner = scan.Scanner(stream, stop, items.encoding)
    found = scanner.collect(frozenset((_RECORD_TYPE, _FILE_ID)), _FILE_ID)
    if length == _UNDEFINED:
        stream.seek(scanner.position)
        scanner.collect(frozenset(), _ITEM)
        stream.seek(scanner.position)
        _tag_and_length(stream, items.encoding)  # the end of the item
    else:
        stream.seek(stop)
    return _text(found.get(_RECORD_TYPE, b""), 16), found.get(_FILE_ID)


def _tag_and_length(stream: BinaryIO, encoding: scan.Encoding) -> tuple[int, int]:
    """Read the start of an item or of a delimiter, which never has a value representation."""
    raw = stream.read(8)
    if len(raw) != 8:  # noqa: PLR2004 - tag and length
        raise Invalid("the DICOMDIR ends in the middle of a record", code="truncated")
    order = ">" if encoding.big_endian else "<"
    group, element, length = struct.unpack(order + "HHL", raw)
    return group << 16 | element, length


def _components(raw: bytes) -> tuple[str, ...] | None:
    """Take a file id apart; None when it does not name a place below the medium's root."""
    try:
        parts = tuple(part.strip(" \0") for part in raw.decode("ascii").split("\\"))
    except UnicodeDecodeError:
        return None
    good = 0 < len(parts) <= _MAX_COMPONENTS and all(
        len(part) <= _MAX_COMPONENT and part not in {".", ".."} and _PLAIN.fullmatch(part)
        for part in parts
    )
    return parts if good else None


def _text(raw: bytes, most: int) -> str:
    """Read a value of the default character repertoire."""
    return text.decode(raw, ("ascii",))[:most]

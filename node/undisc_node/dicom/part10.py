"""The frame of a DICOM file: preamble, prefix and file meta information (PS3.10 §7.1).

What arrives by C-STORE is a bare data set. The node keeps it as a file: the meta information made
here, followed by the data-set bytes exactly as they were on the wire. `read_frame` finds that
boundary again, in our files and in everybody else's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO, Final

from undisc_node.dicom import scan, text
from undisc_node.services.errors import Invalid
from undisc_node.services.ports import Source

IMPLEMENTATION_CLASS: Final = "2.25.84802887000898371967178980933377136919"
# Names the layout made here, not our release: sent again after an update, the same data set must
# become the same file.
IMPLEMENTATION_VERSION: Final = "UNDISC_1"

IMPLICIT_LITTLE: Final = "1.2.840.10008.1.2"
EXPLICIT_LITTLE: Final = "1.2.840.10008.1.2.1"
EXPLICIT_BIG: Final = "1.2.840.10008.1.2.2"

_PREAMBLE = 128
_PREFIX = b"DICM"
_START = _PREAMBLE + len(_PREFIX)
META_AT: Final = _START
"""Where the file meta information of a regular file starts, in bytes."""
_LAST_META = 0x0002FFFF
_SOP_CLASS = 0x00020002
_SOP_INSTANCE = 0x00020003
_TRANSFER_SYNTAX = 0x00020010
_LONGEST_AE_TITLE = 16  # characters (PS3.5 §6.2)


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands before the data set of a file.

    Attributes:
        sop_class: Media Storage SOP Class UID, empty when absent.
        sop_uid: Media Storage SOP Instance UID, empty when absent.
        transfer_syntax: Transfer Syntax UID; what the bytes look like when the file does not say.
        data_set_at: Offset of the data set in the file, in bytes.
    """

    sop_class: str
    sop_uid: str
    transfer_syntax: str
    data_set_at: int


def compose_part10(
    *, sop_class: str, sop_uid: str, transfer_syntax: str, calling_ae: str = ""
) -> bytes:
    """Make preamble, prefix and file meta information for a data set from the network.

    Args:
        sop_class: Affected SOP Class UID of the C-STORE command.
        sop_uid: Affected SOP Instance UID of the C-STORE command.
        transfer_syntax: The transfer syntax that was negotiated.
        calling_ae: AE title of the sender; left out when it is not a valid one.

    Raises:
        Invalid: `bad_uid`.
    """
    for uid in (sop_class, sop_uid, transfer_syntax):
        if not text.is_uid(uid):
            raise Invalid("an identifier of the object is not a valid UID", code="bad_uid")
    elements = [
        _element(0x0001, b"OB", b"\x00\x01"),
        _element(0x0002, b"UI", sop_class.encode("ascii")),
        _element(0x0003, b"UI", sop_uid.encode("ascii")),
        _element(0x0010, b"UI", transfer_syntax.encode("ascii")),
        _element(0x0012, b"UI", IMPLEMENTATION_CLASS.encode("ascii")),
        _element(0x0013, b"SH", IMPLEMENTATION_VERSION.encode("ascii")),
    ]
    title = calling_ae.strip(" ")
    if 0 < len(title) <= _LONGEST_AE_TITLE and title.isascii() and title.isprintable():
        # Sending Application Entity Title: who brought it, not who wrote the file.
        elements.append(_element(0x0017, b"AE", title.replace("\\", "/").encode("ascii")))
    body = b"".join(elements)
    group_length = _element(0x0000, b"UL", len(body).to_bytes(4, "little"))
    return bytes(_PREAMBLE) + _PREFIX + group_length + body


def split_part10(source: Source) -> int:
    """Return the offset at which the data set of a file starts, in bytes.

    Raises:
        Invalid: Not a DICOM file.
    """
    with source.open() as stream:
        return read_frame(stream, source.size).data_set_at


def read_frame(stream: BinaryIO, size: int) -> Frame:
    """Read what stands before the data set, and leave the stream at the data set.

    Files without preamble or without file meta information are understood when their first
    element is one that a data set can start with.

    Args:
        stream: Positioned at the first byte of the file.
        size: Size of the file in bytes.

    Raises:
        Invalid: `not_dicom`, `truncated`, or `bad_uid`.
    """
    start = stream.read(_START)
    meta_at = _START if start[_PREAMBLE:] == _PREFIX else 0
    stream.seek(meta_at)
    first = _peek(stream)
    if meta_at == 0 and not _can_start(first):
        raise Invalid(
            "this is not a DICOM file", code="not_dicom", hint="choose files that end in .dcm"
        )
    meta: dict[int, bytes] = {}
    if first[:2] == b"\x02\x00":
        explicit = scan.is_representation(first[4:6])
        scanner = scan.Scanner(stream, size, scan.Encoding(explicit=explicit))
        meta = scanner.collect(frozenset((_SOP_CLASS, _SOP_INSTANCE, _TRANSFER_SYNTAX)), _LAST_META)
        stream.seek(scanner.position)
    syntax = _uid(meta, _TRANSFER_SYNTAX)
    return Frame(
        sop_class=_uid(meta, _SOP_CLASS),
        sop_uid=_uid(meta, _SOP_INSTANCE),
        transfer_syntax=syntax or _guess_syntax(_peek(stream)),
        data_set_at=stream.tell(),
    )


def _element(element: int, representation: bytes, value: bytes) -> bytes:
    """Encode one element of group 2 in explicit VR little endian, padded to even length."""
    if len(value) % 2:
        value += b"\0" if representation == b"UI" else b" "
    head = b"\x02\x00" + element.to_bytes(2, "little") + representation
    if representation == b"OB":
        return head + b"\0\0" + len(value).to_bytes(4, "little") + value
    return head + len(value).to_bytes(2, "little") + value


def _peek(stream: BinaryIO) -> bytes:
    """Look at the next eight bytes."""
    at = stream.tell()
    first = stream.read(8)
    stream.seek(at)
    return first


def _can_start(first: bytes) -> bool:
    """Tell whether eight bytes can start a file without preamble.

    That is an element of group 2 or 8 with a believable value representation or length.
    """
    if first[:2] not in {b"\x02\x00", b"\x08\x00", b"\x00\x08"} or len(first) < 8:  # noqa: PLR2004
        return False
    little = first[0] != 0
    length = int.from_bytes(first[4:8], "little" if little else "big")
    return scan.is_representation(first[4:6]) or length <= scan.MAX_VALUE


def _guess_syntax(first: bytes) -> str:
    """Name the uncompressed transfer syntax that the first element looks like."""
    if first[:1] == b"\0" and first[1:2] != b"\0":
        return EXPLICIT_BIG
    return EXPLICIT_LITTLE if scan.is_representation(first[4:6]) else IMPLICIT_LITTLE


def _uid(meta: dict[int, bytes], tag: int) -> str:
    """Return a UID of the meta information, or an empty text when it is absent or empty."""
    value = meta.get(tag, b"").rstrip(b"\0 ")
    if not value:
        return ""
    uid = text.read_uid(value)
    if uid is None:
        raise Invalid("an identifier of the file is not a valid UID", code="bad_uid")
    return uid

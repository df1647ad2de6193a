"""Writes small data sets that we make ourselves, in explicit VR little endian (PS3.5 §7).

Values go into the file exactly as they are given: a patient's identity that was read from an image
must read the same again, whatever a checking library thinks of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from undisc_node.dicom.part10 import EXPLICIT_LITTLE, compose_part10

UTF_8: Final = "ISO_IR 192"  # Specific Character Set of everything written here

_LONG: Final = frozenset({"OB", "OW", "SQ", "UC", "UN", "UR", "UT"})
_TEXT_PADDING: Final = b" "
_MOST_SHORT: Final = 0xFFFE  # bytes of a value with a 16-bit length

Value = str | bytes | int | Sequence["DataSet"]
DataSet = Mapping[tuple[int, str], Value]
"""Values by tag and value representation: `{(0x00100010, "PN"): "Doe^Jane"}`."""


def uid_of(name: bytes) -> str:
    """Return a UID made of a 16-byte name (PS3.5 §B.2)."""
    return f"2.25.{int.from_bytes(name, 'big')}"


def code(value: str, scheme: str, meaning: str) -> Sequence[DataSet]:
    """Return a code sequence with one item (PS3.3 §8.8)."""
    return [
        {(0x00080100, "SH"): value, (0x00080102, "SH"): scheme, (0x00080104, "LO"): meaning},
    ]


def encode(values: DataSet) -> bytes:
    """Encode a data set, its elements in the order of their tags."""
    return b"".join(_element(tag, kind, values[tag, kind]) for tag, kind in sorted(values))


def _element(tag: int, kind: str, value: Value) -> bytes:
    data = _data(kind, value)
    if len(data) % 2:
        data += b"\0" if kind in ("UI", "OB", "UN") else _TEXT_PADDING
    head = (tag >> 16).to_bytes(2, "little") + (tag & 0xFFFF).to_bytes(2, "little")
    head += kind.encode("ascii")
    if kind in _LONG:
        return head + b"\0\0" + len(data).to_bytes(4, "little") + data
    data = data[:_MOST_SHORT]
    return head + len(data).to_bytes(2, "little") + data


def _data(kind: str, value: Value) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode("utf-8", "replace")
    if isinstance(value, int):
        return value.to_bytes(4 if kind == "UL" else 2, "little")
    items = b""
    for item in value:
        inner = encode(item)
        items += b"\xfe\xff\x00\xe0" + len(inner).to_bytes(4, "little") + inner
    return items


def file_of(values: DataSet) -> bytes:
    """Return a whole file (PS3.10) of a data set that names its SOP class and instance."""
    head = compose_part10(
        sop_class=str(values[0x00080016, "UI"]),
        sop_uid=str(values[0x00080018, "UI"]),
        transfer_syntax=EXPLICIT_LITTLE,
    )
    return head + encode(values)

"""Values of elements in the DICOM JSON Model (PS3.18 Annex F.2).

Nothing here fails on a value that breaks the rules of its representation: a number that is none is
handed on as the text that it is, because one bad element must not hide an image.
"""

from __future__ import annotations

import base64
import math
import struct
from collections.abc import Callable
from typing import Any, Final

from undisc_node.dicom import text

INLINE: Final = 1_024  # bytes of a binary value that stays in the JSON; larger ones are bulk data
INLINE_NUMBERS: Final = 16_384  # bytes of numbers, which readers want beside the rest
INLINE_TEXT: Final = 65_536  # bytes of one text
INLINE_PALETTE: Final = 131_072  # bytes of a full 16-bit palette: viewers draw black without it

_BINARY: Final = {b"OB": 1, b"OW": 2, b"OL": 4, b"OF": 4, b"OD": 8, b"OV": 8, b"UN": 1}
NUMBERS: Final = {
    b"US": "H", b"SS": "h", b"UL": "L", b"SL": "l", b"UV": "Q", b"SV": "q", b"FL": "f", b"FD": "d",
}  # fmt: skip
_PLAIN: Final = frozenset((b"AE", b"AS", b"CS", b"DA", b"DT", b"TM", b"UI"))
_SPLIT: Final = frozenset((b"LO", b"SH", b"UC"))
_WHOLE: Final = frozenset((b"LT", b"ST", b"UT", b"UR"))
_FORMS: Final = ("Alphabetic", "Ideographic", "Phonetic")
_PALETTES: Final = frozenset((*range(0x00281201, 0x00281205), *range(0x00281221, 0x00281224)))

Element = dict[str, Any]


def width_of(representation: bytes) -> int:
    """Return the bytes of one value whose byte order matters, else 1."""
    if representation in NUMBERS:
        return struct.calcsize("<" + NUMBERS[representation])
    return _BINARY.get(representation, 1)


def most_inline(tag: int, representation: bytes) -> int:
    """Return how long a value may be to stay in the JSON, in bytes."""
    if tag in _PALETTES:
        return INLINE_PALETTE
    if representation in _BINARY:
        return INLINE
    return INLINE_NUMBERS if representation in NUMBERS else INLINE_TEXT


def element_of(
    representation: bytes, raw: bytes, sets: tuple[str, ...], *, big_endian: bool
) -> Element:
    """Return one element with its value; without one when it is empty (PS3.18 §F.2.5).

    Args:
        representation: The value representation, two letters.
        raw: The value as it is encoded.
        sets: What `text.character_sets` returned for the data set.
        big_endian: Byte order of the value.
    """
    element: Element = {"vr": representation.decode("ascii")}
    if not raw:
        return element
    if representation in _BINARY:
        little = turned(raw, _BINARY[representation]) if big_endian else raw
        element["InlineBinary"] = base64.b64encode(little).decode("ascii")
        return element
    values = _values(representation, raw, sets, ">" if big_endian else "<")
    if any(value is not None for value in values):
        element["Value"] = values
    return element


def turned(raw: bytes, width: int) -> bytes:
    """Turn round the bytes of each value; bytes at the end that are no whole value stay."""
    if width == 1:
        return raw
    whole = len(raw) - len(raw) % width
    result = bytearray(raw)
    for number in range(width):
        result[number:whole:width] = raw[width - 1 - number : whole : width]
    return bytes(result)


def _values(representation: bytes, raw: bytes, sets: tuple[str, ...], order: str) -> list[Any]:
    if representation in _PLAIN:
        return _each(raw.decode("ascii", "replace"), _plain)
    if representation == b"DS":
        return _each(raw.decode("ascii", "replace"), _decimal)
    if representation == b"IS":
        return _each(raw.decode("ascii", "replace"), _integer)
    if representation == b"PN":
        return _each(text.decode_whole(raw, sets), _name)
    if representation in _SPLIT:
        return _each(text.decode_whole(raw, sets), _plain)
    if representation in _WHOLE:
        return [_plain(text.decode_whole(raw, sets), keep_start=True)]
    if representation == b"AT":
        count = len(raw) // 4
        pairs = struct.unpack(f"{order}{2 * count}H", raw[: 4 * count])
        return [f"{pairs[at]:04X}{pairs[at + 1]:04X}" for at in range(0, 2 * count, 2)]
    code = NUMBERS.get(representation)
    if code is None:  # a representation that does not exist yet
        return [_plain(text.decode_whole(raw, sets))]
    count = len(raw) // struct.calcsize("<" + code)
    numbers = struct.unpack(f"{order}{count}{code}", raw[: count * struct.calcsize("<" + code)])
    return [_finite(number) for number in numbers] if code in "fd" else list(numbers)


def _each(whole: str, read: Callable[[str], Any]) -> list[Any]:
    if "\\" not in whole:
        return [read(whole)]
    return [read(part) for part in whole.split("\\")]


def _plain(part: str, *, keep_start: bool = False) -> str | None:
    """Drop the padding; an empty value is null (PS3.18 §F.2.5)."""
    kept = part.rstrip(" \0") if keep_start else part.strip(" \0")
    return text.visible(kept) or None


def _decimal(part: str) -> float | int | str | None:
    kept = part.strip(" \0")
    if not kept:
        return None
    try:
        number = float(kept)
    except ValueError:
        return text.visible(kept)
    if not math.isfinite(number) or "_" in kept:
        return text.visible(kept)
    return int(number) if number.is_integer() and abs(number) < 2**53 else number


def _integer(part: str) -> int | str | None:
    kept = part.strip(" \0")
    if not kept:
        return None
    try:
        number = int(kept)
    except ValueError:
        return text.visible(kept)
    return number if abs(number) < 2**53 and "_" not in kept else text.visible(kept)


def _name(part: str) -> dict[str, str] | None:
    """Read a person's name: up to three forms, each without the padding (PS3.18 §F.2.2)."""
    forms = part.split("=")[: len(_FORMS)]
    cleaned = (text.visible(form.strip(" \0")) for form in forms)
    return {name: form for name, form in zip(_FORMS, cleaned, strict=False) if form} or None


def _finite(number: float) -> float | str:
    """Write what JSON has no number for as text (PS3.18 §F.2.3)."""
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "-Infinity" if number < 0 else "Infinity"
    return number

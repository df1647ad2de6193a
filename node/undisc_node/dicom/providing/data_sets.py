"""Encodes answers: data sets of the DICOM JSON Model, in little endian (PS3.5 §7, PS3.18 §F).

Texts are ASCII where they can be, otherwise UTF-8, and then the data set says so: a workstation
that knows ASCII only still reads most names.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from undisc_node.dicom import dictionary, scan
from undisc_node.dicom.values import NUMBERS
from undisc_node.services.dicomweb.model import Attributes

_CHARACTER_SET: Final = "00080005"
_UTF_8: Final = {"vr": "CS", "Value": ["ISO_IR 192"]}
_FORMS: Final = ("Alphabetic", "Ideographic", "Phonetic")
_LONGEST_SHORT: Final = 0xFFFE  # bytes of a value with a 16-bit length, even
_DECIMAL: Final = 16  # characters of a DS value (PS3.5 §6.2)
_SHORT: Final = struct.Struct("<HH2sH")
_LONG: Final = struct.Struct("<HH2sHL")
_IMPLICIT: Final = struct.Struct("<HHL")
_ITEM: Final = 0xE000
_WRITTEN: Final = (
    *("AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UI"),
    *("UR", "UT", "OB", "OW", "OD", "OF", "OL", "OV", "UN", "SQ", "AT"),
)


def encode(attributes: Attributes, *, explicit: bool) -> bytes:
    """Encode a data set, its elements in the order of their tags.

    What cannot be encoded is left empty: an answer is better without a value than not at all.

    Args:
        attributes: By tag; a Specific Character Set among them is replaced by what holds here.
        explicit: Whether elements name their representation.
    """
    kept = {tag: one for tag, one in attributes.items() if tag != _CHARACTER_SET}
    if not _is_ascii(kept.values()):
        kept[_CHARACTER_SET] = _UTF_8
    return _elements(kept, explicit=explicit)


def empty(tag: str) -> dict[str, Any] | None:
    """Return an element without a value for a standard attribute, or None for what is none."""
    named = dictionary.representation(int(tag, 16))
    return {"vr": named[-2:] if named.startswith("OB or") else named[:2]} if named else None


def _is_ascii(found: Iterable[Any]) -> bool:
    """Tell whether every text in a value, at any depth, is ASCII."""
    for one in found:
        if isinstance(one, str):
            if not one.isascii():
                return False
        elif isinstance(one, Mapping):
            if not _is_ascii(one.values()):
                return False
        elif isinstance(one, list) and not _is_ascii(one):
            return False
    return True


def _elements(attributes: Mapping[str, Any], *, explicit: bool) -> bytes:
    return b"".join(
        _element(int(tag, 16), attributes[tag], explicit=explicit) for tag in sorted(attributes)
    )


def _element(tag: int, element: Mapping[str, Any], *, explicit: bool) -> bytes:
    vr = str(element.get("vr", "UN"))
    if vr not in _WRITTEN and vr.encode() not in NUMBERS:
        vr = "UN"
    try:
        value = _value(vr, element, explicit=explicit)
    except (ValueError, TypeError, OverflowError, struct.error):  # a number that is none, say
        value = b""
    is_long = vr.encode() in scan.LONG
    if not is_long and len(value) > _LONGEST_SHORT and explicit:
        value = b""
    group, number = tag >> 16, tag & 0xFFFF
    if not explicit:
        return _IMPLICIT.pack(group, number, len(value)) + value
    if is_long:
        return _LONG.pack(group, number, vr.encode(), 0, len(value)) + value
    return _SHORT.pack(group, number, vr.encode(), len(value)) + value


def _value(vr: str, element: Mapping[str, Any], *, explicit: bool) -> bytes:
    if vr == "SQ":
        items = (_elements(one, explicit=explicit) for one in element.get("Value", ()))
        return b"".join(_IMPLICIT.pack(0xFFFE, _ITEM, len(item)) + item for item in items)
    if "InlineBinary" in element:
        return _even(base64.b64decode(element["InlineBinary"]), b"\0")
    values = element.get("Value", ())
    if vr.encode() in NUMBERS:
        return struct.pack(f"<{len(values)}{NUMBERS[vr.encode()]}", *values)
    if vr == "AT":
        numbers = [int(one, 16) for one in values]
        return b"".join(struct.pack("<HH", one >> 16, one & 0xFFFF) for one in numbers)
    write = _WRITERS.get(vr, _text)
    written = "\\".join(write(one) for one in values)
    return _even(written.encode("utf-8", "replace"), b"\0" if vr == "UI" else b" ")


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _name(value: Any) -> str:
    if not isinstance(value, dict):
        return _text(value)
    return "=".join(value.get(form, "") for form in _FORMS).rstrip("=")


def _decimal(value: Any) -> str:
    """Write a number in 16 characters."""
    written = _text(value)
    if len(written) <= _DECIMAL or not isinstance(value, float):
        return written
    return f"{value:.9e}"


_WRITERS: Final[Mapping[str, Callable[[Any], str]]] = {"PN": _name, "DS": _decimal}


def _even(value: bytes, padding: bytes) -> bytes:
    return value + padding * (len(value) % 2)

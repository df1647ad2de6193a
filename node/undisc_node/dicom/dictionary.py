"""Looks up the value representations of PS3.6, in the same short time for every tag.

pydicom's own look-up tries seventy patterns, one after the other, for each tag that it does not
know: a file of nothing but unknown tags would take seconds to read.
"""

from __future__ import annotations

from typing import Final

from pydicom._dicom_dict import DicomDictionary, RepeatersDictionary
from pydicom.datadict import tag_for_keyword

_ANY_GROUP: Final = 0xFF00FFFF  # what is fixed of a tag in a repeating group: curves and overlays
_REPEATED: Final = {
    int(pattern[:2] + "00" + pattern[4:], 16): entry[0]
    for pattern, entry in RepeatersDictionary.items()
    if pattern[2:4] == "xx" and "x" not in pattern[4:]
}


def representation(tag: int) -> str:
    """Return the value representation of a standard element, such as `US or SS`; empty if unknown.

    Args:
        tag: A tag as 32-bit number, group first.
    """
    entry = DicomDictionary.get(tag)
    return entry[0] if entry else _REPEATED.get(tag & _ANY_GROUP, "")


def tag_of(keyword: str) -> int | None:
    """Return the tag of an attribute's keyword, or None."""
    return tag_for_keyword(keyword)

"""What DICOMweb works with: an instance described, its pixel data, and where its bulk data lie.

Attributes are values of the DICOM JSON Model (PS3.18 Annex F): a dictionary by tag, each eight hex
digits in upper case.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Attributes = dict[str, Any]
"""A data set in the DICOM JSON Model: by tag, a dictionary with `vr` and `Value`, or bulk data."""

BULK = "BulkDataURI"
"""Key under which an element names its bulk data; a path within the instance until it is served."""


@dataclass(frozen=True, slots=True)
class Extent:
    """A run of bytes of an instance as received.

    Attributes:
        at: Offset of the first byte. Of a deflated instance: in the inflated data set.
        length: Number of bytes.
        width: Bytes of one value where their order must be turned round, else 1.
    """

    at: int
    length: int
    width: int = 1


@dataclass(frozen=True, slots=True)
class Pixels:
    """Where the pixel data of an instance lie (PS3.5 §8).

    Attributes:
        at: Offset of the value.
        length: Its bytes; None when it is encapsulated.
        bits: Bits Allocated (0028,0100).
        samples: Samples per Pixel (0028,0002).
        rows: Rows (0028,0010).
        columns: Columns (0028,0011).
        frames: Number of Frames (0028,0008), at least 1.
        subsampled: Whether chroma is stored for every second pixel only (YBR_FULL_422).
        offsets: Where the Extended Offset Table (7FE0,0001) lies, or None.
    """

    at: int
    length: int | None
    bits: int
    samples: int
    rows: int
    columns: int
    frames: int
    subsampled: bool = False
    offsets: Extent | None = None

    @property
    def frame_bits(self) -> int:
        """Bits of one native frame (PS3.5 §8.1.1); frames of single bits follow without a gap."""
        samples = 2 if self.subsampled else self.samples
        return self.rows * self.columns * samples * self.bits


@dataclass(frozen=True, slots=True)
class Described:
    """What an instance says about itself before its pixel data.

    Attributes:
        attributes: Everything before the pixel data; large values only as paths of bulk data.
        syntax: Transfer Syntax UID.
        pixels: Where its pixel data lie, or None.
        bulk: Where the bulk data of each path lie.
        deflated: Whether offsets count within the inflated data set.
        big_endian: Whether pixels of more than a byte have their first byte last for most readers.
        problem: Why it ends earlier than it should; empty when it does not.
    """

    attributes: Attributes
    syntax: str
    pixels: Pixels | None = None
    bulk: Mapping[str, Extent] = field(default_factory=dict)
    deflated: bool = False
    big_endian: bool = False
    problem: str = ""


def values_of(attributes: Mapping[str, Any], tag: str) -> Sequence[Any]:
    """Return the values of an element; none when it is absent, empty or bulk data."""
    element = attributes.get(tag)
    found = element.get("Value", ()) if isinstance(element, dict) else ()
    return found if isinstance(found, list) else ()


def number_of(attributes: Mapping[str, Any], tag: str, default: int = 0) -> int:
    """Return the first value of an element as a whole number."""
    first = next(iter(values_of(attributes, tag)), None)
    return int(first) if isinstance(first, int | float) and abs(first) < 2**53 else default


def text_of(attributes: Mapping[str, Any], tag: str) -> str:
    """Return the first value of an element as text; of a name its alphabetic form."""
    first = next(iter(values_of(attributes, tag)), None)
    if isinstance(first, dict):
        first = first.get("Alphabetic", "")
    return first if isinstance(first, str) else ""

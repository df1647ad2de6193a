"""Ports to the inside of DICOM objects: descriptions, names of attributes, decoded pixels."""

from __future__ import annotations

from typing import BinaryIO, Protocol

from undisc_node.services.dicomweb.model import Described


class DescribesInstances(Protocol):
    """Reads what an instance says before its pixel data."""

    def describe(self, stream: BinaryIO, size: int) -> Described:
        """Describe a Part 10 file; what is broken ends the description there.

        Raises:
            Invalid: This is no DICOM file.
        """

    def inflate(self, stream: BinaryIO) -> bytes:
        """Return the inflated data set of a deflated Part 10 file, up to a bound."""

    def tag_of(self, keyword: str) -> str | None:
        """Return the tag of an attribute's keyword (PS3.6) as eight hex digits, or None."""

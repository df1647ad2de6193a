"""Writes single elements in the encoding of the object they go into (PS3.5 §7.1)."""

from __future__ import annotations

import struct
import unicodedata

from undisc_node.dicom import scan

_ITEM = 0xFFFEE000


class Writer:
    """Encodes elements, items and sequences.

    Args:
        encoding: How the object is written.
    """

    def __init__(self, encoding: scan.Encoding) -> None:
        self._explicit = encoding.explicit
        order = ">" if encoding.big_endian else "<"
        self._tag_and_length = struct.Struct(order + "HHL")
        self._tag_and_short = struct.Struct(order + "HH2sH")
        self._tag_and_long = struct.Struct(order + "HH2s2xL")

    def element(self, tag: int, representation: bytes, value: bytes) -> bytes:
        """Encode an element whose value has a short length, padded to even length with a space."""
        value += b" " * (len(value) % 2)
        group, number = tag >> 16, tag & 0xFFFF
        if not self._explicit:
            return self._tag_and_length.pack(group, number, len(value)) + value
        return self._tag_and_short.pack(group, number, representation, len(value)) + value

    def sequence(self, tag: int, items: bytes, representation: bytes = b"SQ") -> bytes:
        """Encode a sequence of items that are encoded already."""
        group, number = tag >> 16, tag & 0xFFFF
        if not self._explicit:
            return self._tag_and_length.pack(group, number, len(items)) + items
        return self._tag_and_long.pack(group, number, representation, len(items)) + items

    def item(self, content: bytes) -> bytes:
        """Encode an item."""
        return self._tag_and_length.pack(_ITEM >> 16, _ITEM & 0xFFFF, len(content)) + content

    @staticmethod
    def text(value: str, codec: str) -> bytes:
        """Encode a text; what its character set has no letter for is written without its marks.

        A letter that has no such form either becomes a question mark.
        """
        try:
            return value.encode(codec)
        except UnicodeEncodeError:
            bare = "".join(
                letter
                for letter in unicodedata.normalize("NFKD", value)
                if not unicodedata.combining(letter)
            )
            return bare.encode("ascii", "replace")

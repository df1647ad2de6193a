"""Reads the fields of a PDU that is in memory whole, and never beyond its end (PS3.8 §9.3.1).

Numbers are big endian. Items have a type, a reserved byte and a length of two bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from undisc_node.dicom.upper_layer import limits
from undisc_node.dicom.upper_layer.errors import LocalViolation, RemoteViolation

_ITEM = struct.Struct(">BxH")
_DIGITS_AND_DOTS = frozenset(b"0123456789.")


class Fields:
    """Takes fields from the front of some bytes.

    Args:
        data: The bytes; not copied.
    """

    def __init__(self, data: memoryview) -> None:
        self._data = data

    @property
    def is_empty(self) -> bool:
        """Whether everything was taken."""
        return not self._data

    def take(self, count: int) -> memoryview:
        """Take so many bytes.

        Raises:
            RemoteViolation: There are fewer.
        """
        if count > len(self._data):
            raise RemoteViolation("a field that ends after its PDU")
        taken, self._data = self._data[:count], self._data[count:]
        return taken

    def rest(self) -> memoryview:
        """Take everything that is left."""
        return self.take(len(self._data))

    def number(self, size: int) -> int:
        """Take an unsigned number of so many bytes."""
        return int.from_bytes(self.take(size), "big")

    def counted(self, most: int) -> memoryview:
        """Take a field that is preceded by its length in two bytes."""
        length = self.number(2)
        if length > most:
            raise RemoteViolation("a field that is too long")
        return self.take(length)

    def items(self) -> Iterator[tuple[int, Fields]]:
        """Take everything that is left as items: type and content of each."""
        while self._data:
            kind, length = _ITEM.unpack(self.take(_ITEM.size))
            yield kind, Fields(self.take(length))

    def uid(self) -> str:
        """Take everything that is left as a UID; padding that should not be there is dropped."""
        return read_uid(self.rest())

    def finish(self) -> None:
        """See that nothing is left.

        Raises:
            RemoteViolation: Something is.
        """
        if self._data:
            raise RemoteViolation("bytes after the last field")


def read_uid(data: memoryview) -> str:
    """Read a UID: at most 64 digits and dots (PS3.8 annex F).

    Raises:
        RemoteViolation: It is none.
    """
    if len(data) > limits.MAX_UID + 1:  # some pad to an even length, as in data sets
        raise RemoteViolation("a UID that is too long")
    value = bytes(data).rstrip(b"\0 ")
    if not value or len(value) > limits.MAX_UID or not _DIGITS_AND_DOTS.issuperset(value):
        raise RemoteViolation("a UID with other characters than digits and dots")
    return value.decode("ascii")


def read_title(data: memoryview) -> str:
    """Read an AE title; what is not in the default repertoire stays what it is, byte by byte."""
    return bytes(data).decode("latin-1").strip(" \0")


def item(kind: int, content: bytes) -> bytes:
    """Encode an item.

    Raises:
        LocalViolation: The content does not fit.
    """
    if len(content) > 0xFFFF:  # noqa: PLR2004 - two bytes of length
        raise LocalViolation("an item longer than its length field can say")
    return _ITEM.pack(kind, len(content)) + content


def counted(content: bytes) -> bytes:
    """Encode a field that is preceded by its length in two bytes."""
    return struct.pack(">H", len(content)) + content


def title(text: str) -> bytes:
    """Encode an AE title.

    Raises:
        LocalViolation: It is longer than 16 characters.
    """
    encoded = text.encode("latin-1", "replace")
    if len(encoded) > limits.AE_TITLE:
        raise LocalViolation("an AE title has at most 16 characters")
    return encoded.ljust(limits.AE_TITLE)

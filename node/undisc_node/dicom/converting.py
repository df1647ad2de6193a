"""Rewrites the headers of elements between the two uncompressed little endian encodings.

Implicit and Explicit VR Little Endian hold the same values; only what stands before each differs
(PS3.5 §7.1). Values are copied as they are, piece by piece. What is stored stays as it came: this
is for whoever takes the other encoding only.

Like the other readers of the house it has no recursion, counts elements and depth, and refuses what
lies about its lengths. An error in the middle of sending could only end the association, so
`check` reads an object to its end before.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from undisc_node.dicom import dictionary, scan
from undisc_node.dicom.part10 import EXPLICIT_LITTLE, IMPLICIT_LITTLE
from undisc_node.services.errors import Invalid

MAX_ELEMENTS: Final = 2_000_000  # an enhanced object of 30,000 frames has below that
MAX_DEPTH: Final = 64  # open sequences and items, as for descriptions
_PIECE: Final = 131_072  # bytes of a value copied at once
_UNDEFINED: Final = 0xFFFFFFFF
_LONGEST_SHORT: Final = 0xFFFE  # bytes of a value with a 16-bit length
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_DELIMITERS: Final = 0xFFFE
_SIGNED: Final = 0x00280103
_PLAIN: Final = struct.Struct("<HHL")
_SHORT: Final = struct.Struct("<HH2sH")
_LONG: Final = struct.Struct("<HH2sHL")

OTHER: Final = {IMPLICIT_LITTLE: EXPLICIT_LITTLE, EXPLICIT_LITTLE: IMPLICIT_LITTLE}
"""The transfer syntax into which one can be rewritten."""


@dataclass(slots=True)
class _Open:
    """A sequence or item that is being read.

    Attributes:
        stop: Where it ends; None when a delimiter says so.
        is_sequence: Whether it holds items, else elements.
        explicit: Whether its elements name their representation.
    """

    stop: int | None
    is_sequence: bool
    explicit: bool


def converted(stream: BinaryIO, syntax: str) -> Iterator[bytes]:
    """Yield a data set in the other encoding.

    Sequences and items get undefined lengths, so that nothing has to be known before it is read.

    Args:
        stream: A data set, from its first byte; read once.
        syntax: The transfer syntax that it has, one of `OTHER`.

    Raises:
        Invalid: The data set breaks the standard or a bound.
    """
    gathered = bytearray()
    for part in _Conversion(stream, explicit=syntax == EXPLICIT_LITTLE).run():
        gathered += part
        if len(gathered) >= _PIECE:
            yield bytes(gathered)
            gathered.clear()
    yield bytes(gathered)


def check(stream: BinaryIO, syntax: str) -> None:
    """See that a data set can be rewritten to its end; arguments and errors as for `converted`."""
    for _ in converted(stream, syntax):
        pass


class _Conversion:
    """One pass over a data set."""

    def __init__(self, stream: BinaryIO, *, explicit: bool) -> None:
        self._stream = stream
        self._explicit = explicit
        self._at = 0
        self._signed = False
        self._stack: list[_Open] = []

    def run(self) -> Iterator[bytes]:
        """Yield the data set."""
        for _ in range(MAX_ELEMENTS):
            yield from self._close_ended()
            head = self._read(_PLAIN.size, may_end=not self._stack)
            if not head:
                return
            group, number, length = _PLAIN.unpack(head)
            here = self._stack[-1] if self._stack else _Open(None, False, self._explicit)  # noqa: FBT003
            if group == _DELIMITERS:
                yield from self._delimiter(here, group << 16 | number, length)
            elif here.is_sequence:
                raise _broken("a sequence holds something that is no item")
            else:
                yield from self._element(here, group, number, head)
        raise Invalid("the object has too many elements", code="too_complex")

    def _close_ended(self) -> Iterator[bytes]:
        """Write delimiters for what ended by its length."""
        while self._stack and self._stack[-1].stop is not None:
            here = self._stack[-1]
            if self._at < (here.stop or 0):
                return
            if self._at > (here.stop or 0):
                raise _broken("an element reaches beyond what it is in")
            self._stack.pop()
            yield _end(here)

    def _delimiter(self, here: _Open, tag: int, length: int) -> Iterator[bytes]:
        if tag == _ITEM and here.is_sequence:
            self._open(length, is_sequence=False, explicit=here.explicit)
            yield _PLAIN.pack(_DELIMITERS, _ITEM & 0xFFFF, _UNDEFINED)
            return
        expected = _SEQUENCE_END if here.is_sequence else _ITEM_END
        if not self._stack or tag != expected or here.stop is not None:
            raise _broken("a delimiter where none can be")
        self._stack.pop()
        yield _end(here)

    def _element(self, here: _Open, group: int, number: int, head: bytes) -> Iterator[bytes]:
        tag = group << 16 | number
        length, representation, inner = _PLAIN.unpack(head)[2], b"", here.explicit
        if here.explicit:
            representation, length = head[4:6], int.from_bytes(head[6:8], "little")
            if not scan.is_representation(representation):
                raise _broken("an element has no representation")
            if representation in scan.LONG or not scan.is_short(representation):
                length = int.from_bytes(self._read(4), "little")
        if representation in (b"", b"UN"):
            # PS3.5 §6.2.2: whoever writes UN with an undefined length means a sequence, implicit.
            inner = False
            representation = self._known(tag, length, representation)
        if representation == b"SQ":
            self._open(length, is_sequence=True, explicit=inner)
            yield self._head(group, number, b"SQ", _UNDEFINED)
            return
        if length == _UNDEFINED:
            raise _broken("a value has no length")
        if not number:
            self._copy_away(length)  # group lengths would be wrong (PS3.5 §7.2)
            return
        yield self._head(group, number, representation, length)
        first = True
        while length:
            piece = self._read(min(length, _PIECE))
            if first and tag == _SIGNED:
                self._signed = piece[:2] == b"\1\0"
            first = False
            length -= len(piece)
            yield piece

    def _head(self, group: int, number: int, representation: bytes, length: int) -> bytes:
        """Return the header in the other encoding."""
        if self._explicit:
            return _PLAIN.pack(group, number, length)
        if representation in scan.LONG:
            return _LONG.pack(group, number, representation, 0, length)
        if length > _LONGEST_SHORT:
            return _LONG.pack(group, number, b"UN", 0, length)
        return _SHORT.pack(group, number, representation, length)

    def _known(self, tag: int, length: int, representation: bytes) -> bytes:
        """Return the representation of an element that does not name it."""
        if length == _UNDEFINED:
            return b"SQ"
        if representation:
            return representation
        if tag >> 16 & 1:
            return b"LO" if 0x10 <= tag & 0xFFFF <= 0xFF else b"UN"  # noqa: PLR2004 - PS3.5 §7.8.1
        named = dictionary.representation(tag)
        if named == "US or SS":
            return b"SS" if self._signed else b"US"
        if "OW" in named:
            return b"OW"
        return named.encode("ascii") if len(named) == 2 else b"UN"  # noqa: PLR2004 - two letters

    def _open(self, length: int, *, is_sequence: bool, explicit: bool) -> None:
        if len(self._stack) == MAX_DEPTH:
            raise Invalid("the object is nested too deeply", code="too_complex")
        stop = None if length == _UNDEFINED else self._at + length
        self._stack.append(_Open(stop, is_sequence, explicit))

    def _copy_away(self, length: int) -> None:
        while length:
            length -= len(self._read(min(length, _PIECE)))

    def _read(self, count: int, *, may_end: bool = False) -> bytes:
        data = self._stream.read(count)
        while 0 < len(data) < count:
            more = self._stream.read(count - len(data))
            if not more:
                break
            data += more
        if len(data) != count and (data or not may_end):
            raise Invalid("the object ends in the middle of an element", code="truncated")
        self._at += len(data)
        return data


def _end(ended: _Open) -> bytes:
    tag = _SEQUENCE_END if ended.is_sequence else _ITEM_END
    return _PLAIN.pack(_DELIMITERS, tag & 0xFFFF, 0)


def _broken(message: str) -> Invalid:
    return Invalid(message, code="bad_encoding")

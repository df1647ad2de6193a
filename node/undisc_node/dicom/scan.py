"""Walks the top level of an encoded data set without building it (PS3.5 §7).

This is not a parser of whole objects: it returns the raw values of a few wanted elements and jumps
over everything else. What it guarantees for any input:

- no recursion: items of undefined length are walked with a counted stack;
- bounded work: at most `MAX_ELEMENTS` headers are looked at;
- bounded memory: a wanted value longer than `MAX_VALUE` is cut, and a window of `_WINDOW` bytes is
  read ahead; nothing else is kept;
- nothing after the element `last` is looked at, so never pixel data.

Elements in order, of a known length, within the window, are read in one loop (`_run`): it is where
nearly all of the time of taking an image in would go otherwise. Whatever is not so plain is left to
the careful way, which alone refuses anything.

A wanted element that appears twice, or after a higher tag, is refused: two programs could read two
different patients from such an object.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final, NamedTuple, NoReturn

from undisc_node.services.errors import Invalid

MAX_ELEMENTS: Final = 100_000  # headers before Instance Number; large private blocks have hundreds
MAX_DEPTH: Final = 64  # open sequences and items of undefined length; real objects use below ten
MAX_VALUE: Final = 4_096  # bytes kept of one wanted value; names have at most 3 × 64 characters

_WINDOW: Final = 16_384  # bytes read at once; up to Instance Number there are seldom over 8,000
_LONGEST_HEAD: Final = 12  # bytes before a value, at most (PS3.5 §7.1.2)
_UNDEFINED = 0xFFFFFFFF
_DELIMITERS = 0xFFFE  # group of items and delimiters
_ITEM = 0xFFFEE000
_ITEM_END = 0xFFFEE00D
_SEQUENCE_END = 0xFFFEE0DD
_LONG_FORM = frozenset((b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN"))
LONG = _LONG_FORM | {b"UR", b"UT", b"UV"}
_SHORT = frozenset(b"AE AS AT CS DA DS DT FL FD IS LO LT PN SH SL SS ST TM UI UL US".split())


@dataclass(frozen=True, slots=True)
class Encoding:
    """How elements are written.

    Attributes:
        explicit: Whether each element names its value representation.
        big_endian: Byte order of tags and lengths.
    """

    explicit: bool
    big_endian: bool = False


@dataclass(frozen=True, slots=True)
class Span:
    """Where an element of the top level lies.

    Attributes:
        tag: Its tag.
        representation: Its value representation; empty where it is implicit.
        undefined: Whether its length is undefined.
        start: Its first byte, in bytes from the start of the stream.
        value_at: First byte of its value.
        stop: The byte after it.
    """

    tag: int
    representation: bytes
    undefined: bool
    start: int
    value_at: int
    stop: int


class _Header(NamedTuple):
    """The start of an element."""

    tag: int
    representation: bytes
    length: int


_Structs = tuple[struct.Struct, struct.Struct, struct.Struct]
# By byte order: tag and length, tag and short length, long length.
_STRUCTS: Final[dict[bool, _Structs]] = {
    big_endian: (
        struct.Struct(order + "HHL"),
        struct.Struct(order + "HH2sH"),
        struct.Struct(order + "L"),
    )
    for big_endian, order in ((False, "<"), (True, ">"))
}


class Scanner:
    """Reads the headers of consecutive elements of a stream.

    Args:
        stream: A seekable stream, positioned at the first element.
        size: Where the stream ends, counted from its start, in bytes.
        encoding: How the elements are written.
    """

    def __init__(self, stream: BinaryIO, size: int, encoding: Encoding) -> None:
        self._stream = stream
        self._size = size
        self._at = stream.tell()
        self._looked_at = 0
        self._explicit = encoding.explicit
        self._tag_and_length, self._tag_and_short, self._long = _STRUCTS[encoding.big_endian]
        self._window = b""
        self._window_at = self._at

    @property
    def position(self) -> int:
        """Where the next element starts, in bytes from the start of the stream."""
        return self._at

    def collect(self, wanted: frozenset[int], last: int) -> dict[int, bytes]:
        """Return the raw values of the wanted elements up to the tag `last`.

        Args:
            wanted: Tags as 32-bit numbers, group first.
            last: The scan stops before the first element with a higher tag.

        Raises:
            Invalid: `truncated`, `bad_encoding`, `too_complex`, or `bad_order`.
        """
        found: dict[int, bytes] = {}
        highest = -1
        while self._at < self._size:
            highest = self._run(found, wanted, last, highest)
            start = self._at
            if start == self._size:
                break
            header = self._header(self._explicit, last)
            if header.tag > last:
                self._at = start
                break
            if header.tag in wanted:
                if header.tag <= highest:
                    raise Invalid(
                        "the object names the same attribute twice or in the wrong order",
                        code="bad_order",
                    )
                found[header.tag] = self._value(header)
            else:
                self._skip(header, self._explicit)
            highest = max(highest, header.tag)
        return found

    def _run(self, found: dict[int, bytes], wanted: frozenset[int], last: int, highest: int) -> int:
        """Collect from plain elements, up to the first one that is not; return the highest tag."""
        at = self._at - self._window_at
        if at + _LONGEST_HEAD > len(self._window):
            self._window = self._stream.read(min(_WINDOW, self._size - self._at))
            self._window_at, at = self._at, 0
        window, explicit = self._window, self._explicit
        read_head, read_long = self._tag_and_short.unpack_from, self._long.unpack_from
        begin, end = at, len(window)
        while at + _LONGEST_HEAD <= end and self._looked_at < MAX_ELEMENTS:
            group, element, representation, length = read_head(window, at)
            tag = group << 16 | element
            if not highest < tag <= last or group == _DELIMITERS:
                break
            value_at = at + 8
            if not explicit:
                (length,) = read_long(window, at + 4)
            elif representation in LONG:
                (length,) = read_long(window, value_at)
                value_at += 4
            elif representation not in _SHORT:
                break
            if value_at + length > end:  # all of undefined length, too
                break
            if tag in wanted:
                found[tag] = window[value_at : value_at + min(length, MAX_VALUE)]
            at, highest = value_at + length, tag
            self._looked_at += 1
        self._at += at - begin
        self._stream.seek(self._at)
        return highest

    def spans(self, last: int) -> Iterator[Span]:
        """Yield the elements of the top level up to the tag `last`, in their order.

        Raises:
            Invalid: As `collect`, and whatever comes twice or after a higher tag.
        """
        highest = -1
        while self._at < self._size:
            start = self._at
            header = self._header(self._explicit, last)
            if header.tag > last:
                self._at = start
                return
            if header.tag <= highest:
                raise Invalid(
                    "the object names the same attribute twice or in the wrong order",
                    code="bad_order",
                )
            highest = header.tag
            value_at = self._at
            self._skip(header, self._explicit)
            undefined = header.length == _UNDEFINED
            yield Span(header.tag, header.representation, undefined, start, value_at, self._at)

    def _header(self, explicit: bool, last: int = 0xFFFFFFFF) -> _Header:  # noqa: FBT001 - private
        """Read one element header and count it; of one after `last`, only the tag."""
        self._looked_at += 1
        if self._looked_at > MAX_ELEMENTS:
            raise Invalid("the object has too many elements", code="too_complex")
        start = self._read(8)
        if not explicit:
            group, element, length = self._tag_and_length.unpack(start)
            return _Header(group << 16 | element, b"", length)
        group, element, representation, length = self._tag_and_short.unpack(start)
        tag = group << 16 | element
        if tag > last:  # what follows may be encoded in another way
            return _Header(tag, b"", 0)
        if group == _DELIMITERS:  # items and delimiters never have a value representation
            return _Header(tag, b"", self._tag_and_length.unpack(start)[2])
        if representation in _SHORT:
            return _Header(tag, representation, length)
        if representation not in LONG and not is_representation(representation):
            _refuse_encoding()
        # PS3.5 §7.1.2: also every value representation still to be defined has the long form.
        return _Header(tag, representation, self._long.unpack(self._read(4))[0])

    def _value(self, header: _Header) -> bytes:
        """Read the value of a wanted element; only its start if it is too long."""
        if header.length == _UNDEFINED:
            _refuse_encoding()
        kept = self._read(min(header.length, MAX_VALUE))
        self._jump(header.length - len(kept))
        return kept

    def _skip(self, header: _Header, explicit: bool) -> None:  # noqa: FBT001 - private
        """Go past an element's value, whatever is nested in it."""
        if header.length != _UNDEFINED:
            self._jump(header.length)
            return
        # Each entry is an open sequence or item: (is it an item, are its elements explicit).
        # PS3.5 §6.2.2: inside UN of undefined length everything is implicit.
        open_parts = [(False, explicit and header.representation != b"UN")]
        while open_parts:
            in_item, explicit_here = open_parts[-1]
            inner = self._header(explicit_here)
            if inner.tag == (_ITEM_END if in_item else _SEQUENCE_END):
                open_parts.pop()
            elif not in_item and inner.tag != _ITEM:
                _refuse_encoding()
            elif inner.length != _UNDEFINED:
                self._jump(inner.length)
            elif len(open_parts) == MAX_DEPTH:
                raise Invalid("the object is nested too deeply", code="too_complex")
            else:
                open_parts.append((not in_item, explicit_here and inner.representation != b"UN"))

    def _read(self, count: int) -> bytes:
        """Read exactly `count` bytes."""
        data = self._stream.read(count) if count <= self._size - self._at else b""
        if len(data) != count:
            raise Invalid("the object ends in the middle of an element", code="truncated")
        self._at += count
        return data

    def _jump(self, count: int) -> None:
        """Go forward without reading."""
        if count > self._size - self._at:
            raise Invalid("the object ends in the middle of an element", code="truncated")
        if count:
            self._at += count
            self._stream.seek(self._at)


def open_element(stream: BinaryIO, encoding: Encoding) -> tuple[int, int] | None:
    """Read the tag and length of the element at which a stream stands; None at its end.

    The stream is left at the value; of an element that begins no value here, such as a delimiter,
    only the tag is of use.
    """
    start = stream.read(8)
    if len(start) < 8:  # noqa: PLR2004 - tag and length
        return None
    order = ">" if encoding.big_endian else "<"
    group, element, representation, short = struct.unpack(order + "HH2sH", start)
    if not encoding.explicit:
        short = struct.unpack(order + "L", start[4:])[0]
    elif representation in LONG:
        rest = stream.read(4)
        short = struct.unpack(order + "L", rest)[0] if len(rest) == 4 else _UNDEFINED  # noqa: PLR2004
    return group << 16 | element, short


def is_representation(data: bytes) -> bool:
    """Tell whether two bytes look like a value representation: two capital letters."""
    return data.isalpha() and data.isupper()


def is_short(representation: bytes) -> bool:
    """Tell whether an element of this value representation has a length of two bytes."""
    return representation in _SHORT


def _refuse_encoding() -> NoReturn:
    raise Invalid("the object is not encoded as its transfer syntax says", code="bad_encoding")

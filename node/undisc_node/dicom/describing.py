"""Describes an instance up to its pixel data, in the DICOM JSON Model (PS3.18 Annex F).

Its own reader and not pydicom: a viewer asks for the description of 2,000 slices at a time, and
every one of them is a stranger's bytes. What it guarantees for any input:

- no recursion: open sequences and items lie on a counted stack;
- bounded work and memory: at most `MAX_ELEMENTS` elements are looked at, `MAX_TOTAL` bytes kept;
- large values are named by place and length, never read;
- what is broken ends the description there and is told as `problem`: what was read until then is
  still worth showing. Only what is no DICOM file at all raises.
"""

from __future__ import annotations

import io
import struct
import sys
from dataclasses import dataclass, field
from typing import BinaryIO, Final

from undisc_node.dicom import dictionary, part10, scan, text
from undisc_node.dicom.inflating import DEFLATED, inflate
from undisc_node.dicom.values import Element, element_of, most_inline, width_of
from undisc_node.services.dicomweb.model import (
    BULK,
    Attributes,
    Described,
    Extent,
    Pixels,
    number_of,
    text_of,
)
from undisc_node.services.errors import Invalid

MAX_ELEMENTS: Final = 150_000  # an enhanced multi-frame image has about 50 for each frame
MAX_DEPTH: Final = 64  # open sequences and items; real objects use below ten
MAX_TOTAL: Final = 32 * 2**20  # bytes of all values kept in one description
MAX_INFLATED: Final = 64 * 2**20  # bytes of a deflated object, inflated; its images are small

_UNDEFINED: Final = 0xFFFFFFFF
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_CHARACTER_SET: Final = 0x00080005
_SIGNED: Final = 0x00280103
_OFFSETS: Final = 0x7FE00001
_PIXELS: Final = frozenset((0x7FE00008, 0x7FE00009, 0x7FE00010))  # float, double float, integer
_FIRST_PIXELS: Final = min(_PIXELS)
_GROUP: Final = 16
_LONG: Final = scan.LONG
_AMBIGUOUS: Final = {
    "OB or OW": b"OW",
    "US or OW": b"OW",
    "US or SS or OW": b"OW",
    "US or SS": b"US",
    "OB": b"OB",
}


@dataclass(slots=True)
class _Open:
    """A data set or sequence that is being read.

    Attributes:
        into: Where its elements, or items, go.
        stop: Where it ends; None when a delimiter says so.
        explicit: Whether its elements name their representation.
        sets: Character sets that hold here.
        path: How its bulk data are named, up to here.
    """

    into: Attributes | list[Attributes]
    stop: int | None
    explicit: bool
    sets: tuple[str, ...]
    path: str


class Describer:
    """Implements `ports.images.DescribesInstances`."""

    def describe(self, stream: BinaryIO, size: int) -> Described:
        """Describe a Part 10 file.

        Args:
            stream: Positioned at its first byte; seekable.
            size: Its bytes.

        Raises:
            Invalid: `not_dicom`: this is none.
        """
        frame = part10.read_frame(stream, size)
        syntax = frame.transfer_syntax
        if syntax in DEFLATED:
            inflated = inflate(stream, most=MAX_INFLATED).data
            inner = _Walk(io.BytesIO(inflated), 0, len(inflated), syntax)
            return inner.described(deflated=True)
        return _Walk(stream, frame.data_set_at, size, syntax).described(deflated=False)

    def inflate(self, stream: BinaryIO) -> bytes:
        """Return the inflated data set of a deflated Part 10 file, up to a bound."""
        stream.seek(0)
        part10.read_frame(stream, sys.maxsize)
        return inflate(stream, most=MAX_INFLATED).data

    def tag_of(self, keyword: str) -> str | None:
        """Return the tag of an attribute's keyword (PS3.6) as eight hex digits, or None."""
        tag = dictionary.tag_of(keyword)
        return None if tag is None else f"{tag:08X}"


def describe_data_set(data: bytes, syntax: str) -> Attributes:
    """Read a small data set that came by itself, such as a question.

    Args:
        data: The encoded data set.
        syntax: Its transfer syntax; not deflated.

    Raises:
        Invalid: It is broken, or larger than any description.
    """
    described = _Walk(io.BytesIO(data), 0, len(data), syntax).described(deflated=False)
    if described.problem:
        raise Invalid("the data set cannot be read to its end", code=described.problem)
    return described.attributes


@dataclass(slots=True)
class _Walk:
    """One pass over a data set."""

    stream: BinaryIO
    at: int
    size: int
    syntax: str
    bulk: dict[str, Extent] = field(default_factory=dict)
    pixels_at: tuple[int, int] | None = None
    signed: bool = False
    kept: int = 0
    looked_at: int = 0
    big_endian: bool = False

    def described(self, *, deflated: bool) -> Described:
        """Walk, and sum up."""
        self.big_endian = self.syntax == part10.EXPLICIT_BIG
        root: Attributes = {}
        problem = ""
        try:
            self._walk(root)
        except Invalid as refusal:
            problem = refusal.reason
        return Described(
            attributes=root,
            syntax=self.syntax,
            pixels=self._pixels(root),
            bulk=self.bulk,
            deflated=deflated,
            big_endian=self.big_endian,
            problem=problem,
        )

    def _walk(self, root: Attributes) -> None:
        self.stream.seek(self.at)
        first = self.stream.read(8)
        self.stream.seek(self.at)
        explicit = self.big_endian or scan.is_representation(first[4:6])
        stack = [_Open(root, self.size, explicit, text.character_sets(b""), "")]
        order = ">" if self.big_endian else "<"
        plain, short = struct.Struct(order + "HHL"), struct.Struct(order + "HH2sH")
        long = struct.Struct(order + "L")
        while stack:
            here = stack[-1]
            if here.stop is not None and self.at >= here.stop:
                stack.pop()
                continue
            self.looked_at += 1
            if self.looked_at > MAX_ELEMENTS:
                raise Invalid("the object has too many elements", code="too_complex")
            head = self._read(8)
            group, number, length = plain.unpack(head)
            tag, representation = group << _GROUP | number, b""
            if here.explicit and group != 0xFFFE:  # noqa: PLR2004 - items and delimiters
                _, _, representation, length = short.unpack(head)
                if not scan.is_representation(representation):
                    raise Invalid("an element has no representation", code="bad_encoding")
                if representation in _LONG or not scan.is_short(representation):
                    length = long.unpack(self._read(4))[0]
            if isinstance(here.into, list):
                self._in_sequence(stack, here, tag, length)
            elif tag == _ITEM_END and len(stack) > 1:
                stack.pop()
            elif tag >= _FIRST_PIXELS and len(stack) == 1:
                self._name_pixels(root, tag, representation, length)
                return
            else:
                self._element(stack, here, tag, representation, length)

    def _in_sequence(self, stack: list[_Open], here: _Open, tag: int, length: int) -> None:
        assert isinstance(here.into, list)  # noqa: S101 - for the type checker
        if tag == _SEQUENCE_END:
            stack.pop()
            return
        if tag != _ITEM:
            raise Invalid("a sequence holds something that is no item", code="bad_encoding")
        item: Attributes = {}
        path = f"{here.path}/{len(here.into)}"
        here.into.append(item)
        self._open(stack, _Open(item, self._stop(length), here.explicit, here.sets, path))

    def _name_pixels(self, root: Attributes, tag: int, representation: bytes, length: int) -> None:
        """Note where the pixel data are, behind which nothing is worth reading."""
        if tag in _PIXELS:
            self.pixels_at = (self.at, length)
            name = representation.decode("ascii") if representation else "OW"
            root[f"{tag:08X}"] = {"vr": name, BULK: f"{tag:08X}"}

    def _element(
        self, stack: list[_Open], here: _Open, tag: int, representation: bytes, length: int
    ) -> None:
        assert isinstance(here.into, dict)  # noqa: S101 - for the type checker
        inner_explicit = here.explicit
        if not representation or representation == b"UN":
            # PS3.5 §6.2.2: whoever writes UN has encoded the value in implicit little endian.
            inner_explicit = False
            representation = self._known(tag, representation, length)
        name = f"{tag:08X}"
        if representation == b"SQ":
            items: list[Attributes] = []
            here.into[name] = {"vr": "SQ", "Value": items}
            path = self._path(here, name)
            self._open(stack, _Open(items, self._stop(length), inner_explicit, here.sets, path))
            return
        if length == _UNDEFINED:  # the pixels of an icon, say
            here.into[name] = {"vr": representation.decode("ascii")}
            self._skip_fragments()
            return
        if not tag & 0xFFFF:  # group lengths say nothing (PS3.5 §7.2)
            self._jump(length)
            return
        if not length and tag != _CHARACTER_SET:
            here.into[name] = {"vr": representation.decode("ascii")}
            return
        if length > most_inline(tag, representation):
            self._bulk(here.into, tag, representation, length, self._path(here, name))
            return
        self.kept += length
        if self.kept > MAX_TOTAL:
            raise Invalid("the object says too much before its pixels", code="too_complex")
        raw = self._read(length)
        if tag == _CHARACTER_SET:
            here.sets = text.character_sets(raw)
        elif tag == _SIGNED:
            self.signed = raw[:2].strip(b"\0") == b"\1"
        here.into[name] = element_of(representation, raw, here.sets, big_endian=self.big_endian)

    @staticmethod
    def _path(here: _Open, name: str) -> str:
        return f"{here.path}/{name}" if here.path else name

    def _bulk(
        self, into: Attributes, tag: int, representation: bytes, length: int, path: str
    ) -> None:
        width = width_of(representation) if self.big_endian else 1
        at = self.at
        self._jump(length)  # refuses what ends behind the file, before anything is named
        self.bulk[path] = Extent(at, length, width)
        element: Element = {"vr": representation.decode("ascii")}
        if tag != _OFFSETS:
            element[BULK] = path
        into[f"{tag:08X}"] = element

    def _known(self, tag: int, representation: bytes, length: int) -> bytes:
        """Return the representation of an element that does not name it."""
        if tag >> _GROUP & 1:
            if tag & 0xFF00 == 0 and tag & 0xFFFF >= 0x10:  # noqa: PLR2004 - who owns a block
                return b"LO"
            return b"SQ" if length == _UNDEFINED else b"UN"
        if not tag & 0xFFFF:
            return b"UL"
        named = dictionary.representation(tag)
        if not named:
            return b"SQ" if length == _UNDEFINED else b"UN"
        if named == "US or SS" and self.signed:
            return b"SS"
        known = _AMBIGUOUS.get(named, named.encode("ascii")[:2])
        if representation == b"UN" and self.big_endian and known != b"SQ":
            return b"UN"
        return known

    def _open(self, stack: list[_Open], opened: _Open) -> None:
        if len(stack) == MAX_DEPTH:
            raise Invalid("the object is nested too deeply", code="too_complex")
        stack.append(opened)

    def _stop(self, length: int) -> int | None:
        if length == _UNDEFINED:
            return None
        if length > self.size - self.at:
            raise Invalid("the object ends in the middle of an element", code="truncated")
        return self.at + length

    def _skip_fragments(self) -> None:
        """Go past encapsulated pixel data within a sequence (PS3.5 §A.4)."""
        while True:
            self.looked_at += 1
            if self.looked_at > MAX_ELEMENTS:
                raise Invalid("the object has too many elements", code="too_complex")
            group, number, length = struct.unpack("<HHL", self._read(8))
            tag = group << _GROUP | number
            if tag == _SEQUENCE_END:
                return
            if tag != _ITEM or length == _UNDEFINED:
                raise Invalid("fragments are not where they must be", code="bad_encoding")
            self._jump(length)

    def _read(self, count: int) -> bytes:
        data = self.stream.read(count) if count <= self.size - self.at else b""
        if len(data) != count:
            raise Invalid("the object ends in the middle of an element", code="truncated")
        self.at += count
        return data

    def _jump(self, count: int) -> None:
        if count > self.size - self.at:
            raise Invalid("the object ends in the middle of an element", code="truncated")
        if count:
            self.at += count
            self.stream.seek(self.at)

    def _pixels(self, root: Attributes) -> Pixels | None:
        if self.pixels_at is None:
            return None
        at, length = self.pixels_at
        encapsulated = length == _UNDEFINED
        return Pixels(
            at=at,
            length=None if encapsulated else min(length, max(0, self.size - at)),
            bits=number_of(root, "00280100"),
            samples=number_of(root, "00280002", 1),
            rows=number_of(root, "00280010"),
            columns=number_of(root, "00280011"),
            frames=max(1, number_of(root, "00280008", 1)),
            subsampled=not encapsulated and text_of(root, "00280004") == "YBR_FULL_422",
            offsets=self.bulk.get("7FE00001"),
        )

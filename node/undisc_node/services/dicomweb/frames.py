"""Finds the frames in an instance's pixel data without reading the rest (PS3.5 §8 and §A.4)."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import Final

from undisc_node.services.dicomweb.model import Extent, Pixels
from undisc_node.services.dicomweb.objects import ObjectStream
from undisc_node.services.errors import NotFound

MAX_FRAGMENTS: Final = 262_144  # items looked at; the largest slides have about 100,000 tiles
MAX_TABLE: Final = 8 * 2**20  # bytes of an offset table: eight for each of a million frames
_ITEM, _END = 0xFFFEE000, 0xFFFEE0DD
_HEAD: Final = struct.Struct("<HHL")
# How a frame begins: JPEG and JPEG-LS, JPEG 2000 and HTJ2K, JPEG XL.
_STARTS: Final = (b"\xff\xd8", b"\xff\x4f\xff\x51", b"\xff\x0a")


def native_frame(pixels: Pixels, number: int) -> tuple[Extent, int]:
    """Return where an uncompressed frame lies, and how many bits of its first byte come before it.

    Args:
        pixels: The instance's pixel data, not encapsulated.
        number: From 1.

    Raises:
        NotFound: There is no such frame, or the pixel data are too short for it.
    """
    bits = pixels.frame_bits
    start, stop = (number - 1) * bits, number * bits
    first, last = start // 8, -(-stop // 8)
    if not 1 <= number <= pixels.frames or not bits or last > (pixels.length or 0):
        raise no_frame()
    width = pixels.bits // 8 if pixels.bits in {16, 32, 64} else 1
    return Extent(pixels.at + first, last - first, width), start % 8


def encapsulated_frames(
    stream: ObjectStream, pixels: Pixels, size: int
) -> Sequence[Sequence[Extent]]:
    """Return the fragments of each frame of encapsulated pixel data.

    Args:
        stream: The instance.
        pixels: Its pixel data.
        size: Its bytes.
    """
    table = _table(stream, pixels, size)
    fragments = list(_fragments(stream, pixels.at, size))
    if not fragments:
        return []
    start = fragments[0].at - _HEAD.size
    if pixels.frames == 1:
        return [fragments]
    if len(fragments) == pixels.frames:
        return [[one] for one in fragments]
    if len(table) > 1:
        return _grouped(fragments, {start + offset for offset in table})
    begins = {
        one.at - _HEAD.size for one in fragments if _bytes(stream, one.at, 4).startswith(_STARTS)
    }
    if len(begins) == pixels.frames:
        return _grouped(fragments, begins)
    return [[one] for one in fragments]  # what is there, one by one; the rest is not found


def _grouped(fragments: Sequence[Extent], begins: set[int]) -> Sequence[Sequence[Extent]]:
    frames: list[list[Extent]] = []
    for one in fragments:
        if one.at - _HEAD.size in begins or not frames:
            frames.append([])
        frames[-1].append(one)
    return frames


def _table(stream: ObjectStream, pixels: Pixels, size: int) -> Sequence[int]:
    """Return the offsets of frames, from the extended table or the basic one; may be none."""
    if pixels.offsets is not None:
        length = min(pixels.offsets.length, MAX_TABLE) // 8 * 8
        raw = _bytes(stream, pixels.offsets.at, length)
        return struct.unpack(f"<{len(raw) // 8}Q", raw[: len(raw) // 8 * 8])
    tag, length = _item(stream, pixels.at, size)
    if tag != _ITEM:
        return ()
    length = min(length, MAX_TABLE) // 4 * 4
    raw = _bytes(stream, pixels.at + _HEAD.size, length)
    return struct.unpack(f"<{len(raw) // 4}L", raw[: len(raw) // 4 * 4])


def _fragments(stream: ObjectStream, at: int, size: int) -> Iterator[Extent]:
    """Yield every fragment behind the basic offset table."""
    tag, length = _item(stream, at, size)
    if tag != _ITEM:
        return
    at += _HEAD.size + length
    for _ in range(MAX_FRAGMENTS):
        tag, length = _item(stream, at, size)
        if tag != _ITEM or at + _HEAD.size + length > size:
            return
        yield Extent(at + _HEAD.size, length)
        at += _HEAD.size + length


def _item(stream: ObjectStream, at: int, size: int) -> tuple[int, int]:
    """Read the head of an item: tag and length; an end where the object ends."""
    raw = _bytes(stream, at, _HEAD.size) if at + _HEAD.size <= size else b""
    if len(raw) < _HEAD.size:
        return _END, 0
    group, element, length = _HEAD.unpack(raw)
    return group << 16 | element, length


def _bytes(stream: ObjectStream, at: int, length: int) -> bytes:
    return b"".join(stream.pieces(at, length))


def no_frame() -> NotFound:
    """Say that an instance has no such frame."""
    return NotFound("the instance has no such frame", code="no_frame")

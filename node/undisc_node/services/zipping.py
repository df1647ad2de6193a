"""Writes a ZIP file as a stream of known length, members stored as they are (APPNOTE.TXT 6.3.10).

Images hardly shrink, and what is stored can be read again without inflating it. Sizes are known
before the first byte, so the whole length can be announced; checksums are not, so they follow each
member in a data descriptor. ZIP64 fields appear where a member or the whole needs them.
"""

from __future__ import annotations

import struct
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

_LOCAL = struct.Struct("<4s5H3L2H")
_DESCRIPTOR = struct.Struct("<4s3L")
_DESCRIPTOR_64 = struct.Struct("<4sL2Q")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR_64 = struct.Struct("<4sLQL")
_END = struct.Struct("<4s4H2LH")
_EXTRA_LOCAL = struct.Struct("<2H2Q")
_EXTRA_CENTRAL = struct.Struct("<2H3Q")

_NEEDED, _NEEDED_64 = 20, 45  # versions of the format: 2.0, 4.5 for ZIP64
_MADE_BY: Final = 3 << 8 | 45  # Unix, 4.5
_DESCRIPTOR_FOLLOWS: Final = 1 << 3
_STORED: Final = 0
_REGULAR: Final = 0o100644 << 16  # external attributes: a regular file, read by everybody
_ZIP64: Final = 0x0001  # id of the extra field
_MOST_32, _MOST_16 = 0xFFFFFFFF, 0xFFFF
_EARLIEST: Final = (1980, 1, 1, 0, 0, 0)  # the format has no earlier time


class WrongSizeError(Exception):
    """A member's content does not have the size that was announced."""


@dataclass(frozen=True, slots=True)
class Member:
    """A file of an archive.

    Attributes:
        name: Its path: ASCII, with `/`, never absolute.
        size: Bytes of its content.
        content: Opens its content.
    """

    name: str
    size: int
    content: Callable[[], Iterable[bytes]]

    @property
    def is_large(self) -> bool:
        """Whether its size needs ZIP64."""
        return self.size >= _MOST_32


@dataclass(frozen=True, slots=True)
class _Written:
    member: Member
    checksum: int
    at: int


def size_of(members: Sequence[Member]) -> int:
    """Return the exact length of the archive, in bytes."""
    at = 0
    central = 0
    for member in members:
        central += len(_central(_Written(member, 0, at), 0))
        at += len(_local(member, 0)) + member.size + len(_descriptor(_Written(member, 0, 0)))
    return at + central + len(_end(len(members), at, central))


def write(members: Sequence[Member], *, at_seconds: float) -> Iterator[bytes]:
    """Yield the archive.

    Args:
        members: What is in it, in order.
        at_seconds: The time that all members get, seconds since 1970; shown as UTC.

    Raises:
        WrongSizeError: A member's content is longer or shorter than its size.
    """
    stamp = _stamp(at_seconds)
    at, written = 0, list[_Written]()
    for member in members:
        local = _local(member, stamp)
        yield local
        checksum, size = 0, 0
        for block in member.content():
            checksum = zlib.crc32(block, checksum)
            size += len(block)
            if size > member.size:
                raise WrongSizeError(member.name)
            yield block
        if size != member.size:
            raise WrongSizeError(member.name)
        done = _Written(member, checksum, at)
        written.append(done)
        descriptor = _descriptor(done)
        yield descriptor
        at += len(local) + size + len(descriptor)
    central = b"".join(_central(one, stamp) for one in written)
    yield central
    yield _end(len(written), at, len(central))


def _stamp(seconds: float) -> int:
    """Encode a time as MS-DOS does: date in the high 16 bits, two-second steps."""
    year, month, day, hour, minute, second = max(tuple(time.gmtime(seconds)[:6]), _EARLIEST)
    date = (year - 1980) << 9 | month << 5 | day
    return date << 16 | hour << 11 | minute << 5 | second // 2


def _local(member: Member, stamp: int) -> bytes:
    name = member.name.encode("ascii")
    large = member.is_large
    extra = _EXTRA_LOCAL.pack(_ZIP64, 16, member.size, member.size) if large else b""
    size = _MOST_32 if large else member.size
    needed = _NEEDED_64 if large else _NEEDED
    return (
        _LOCAL.pack(
            b"PK\3\4",
            needed,
            _DESCRIPTOR_FOLLOWS,
            _STORED,
            stamp & _MOST_16,
            stamp >> 16,
            0,
            size,
            size,
            len(name),
            len(extra),
        )
        + name
        + extra
    )


def _descriptor(written: _Written) -> bytes:
    size = written.member.size
    shape = _DESCRIPTOR_64 if written.member.is_large else _DESCRIPTOR
    return shape.pack(b"PK\7\x08", written.checksum, size, size)


def _central(written: _Written, stamp: int) -> bytes:
    member = written.member
    name = member.name.encode("ascii")
    large = member.is_large or written.at >= _MOST_32
    extra = _EXTRA_CENTRAL.pack(_ZIP64, 24, member.size, member.size, written.at) if large else b""
    size = _MOST_32 if large else member.size
    return (
        _CENTRAL.pack(
            b"PK\1\2",
            _MADE_BY,
            _NEEDED_64 if large else _NEEDED,
            _DESCRIPTOR_FOLLOWS,
            _STORED,
            stamp & _MOST_16,
            stamp >> 16,
            written.checksum,
            size,
            size,
            len(name),
            len(extra),
            0,
            0,
            0,
            _REGULAR,
            _MOST_32 if large else written.at,
        )
        + name
        + extra
    )


def _end(count: int, at: int, size: int) -> bytes:
    """Encode the end of the central directory; with its ZIP64 form where numbers are too large."""
    plain = _END.pack(
        b"PK\5\6",
        0,
        0,
        min(count, _MOST_16),
        min(count, _MOST_16),
        min(size, _MOST_32),
        min(at, _MOST_32),
        0,
    )
    if count < _MOST_16 and size < _MOST_32 and at < _MOST_32:
        return plain
    large = _END_64.pack(
        b"PK\6\6", _END_64.size - 12, _MADE_BY, _NEEDED_64, 0, 0, count, count, size, at
    )
    return large + _LOCATOR_64.pack(b"PK\6\7", 0, at + size, 1) + plain

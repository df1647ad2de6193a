"""Where the bytes of one instance come from: memory or a file (`services.ports.Source`)."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, cast

from undisc_node.dicom.part10 import read_frame

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_WINDOW = 65_536  # bytes; larger reads go straight to the caller's buffer
_META: Final = 65_536  # bytes that hold any file meta information


@dataclass(frozen=True, slots=True)
class BytesSource:
    """An instance in memory, in two parts that are read as one.

    Attributes:
        head: What comes first, such as preamble and file meta information.
        body: What follows, such as a data set exactly as received.
    """

    head: bytes
    body: bytes | memoryview = b""

    @property
    def size(self) -> int:
        """Size of both parts, in bytes."""
        return len(self.head) + len(self.body)

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Open for reading from the first byte; neither part is copied."""
        with io.BufferedReader(_Joined(self.head, self.body), _WINDOW) as stream:
            yield stream


@dataclass(frozen=True, slots=True)
class FileSource:
    """An instance in a file of the local disk."""

    path: Path

    @property
    def size(self) -> int:
        """Size of the file now, in bytes."""
        return self.path.stat().st_size

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Open for reading from the first byte."""
        with self.path.open("rb") as stream:
            yield stream


class Following(io.RawIOBase):
    """Bytes, and then a stream; read once, from the start.

    Args:
        head: What comes first.
        rest: What follows.
    """

    def __init__(self, head: bytes, rest: BinaryIO) -> None:
        super().__init__()
        self._head = memoryview(head)
        self._rest = rest

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Fill a buffer with what is there."""
        target = memoryview(buffer).cast("B")
        count = len(target)
        part = self._head[:count] if self._head else memoryview(self._rest.read(count))
        target[: len(part)] = part
        self._head = self._head[len(part) :]
        return len(part)


def data_set_of(stream: BinaryIO, size: int) -> BinaryIO:
    """Return what follows the file meta information of a stream that cannot be sought in.

    Args:
        stream: A Part 10 file, read from its first byte.
        size: Its bytes.

    Raises:
        Invalid: This is no DICOM file.
    """
    head = stream.read(_META)
    start = read_frame(io.BytesIO(head), size).data_set_at
    return cast("BinaryIO", io.BufferedReader(Following(head[start:], stream), _META))


def stream_of(pieces: Iterator[bytes]) -> BinaryIO:
    """Return pieces as one stream, read once from the start."""
    return cast("BinaryIO", io.BufferedReader(_Pieces(pieces), _WINDOW))


class _Pieces(io.RawIOBase):
    """Pieces one after the other."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        super().__init__()
        self._pieces = pieces
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        target = memoryview(buffer).cast("B")
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = memoryview(piece)
        part = self._rest[: len(target)]
        target[: len(part)] = part
        self._rest = self._rest[len(part) :]
        return len(part)


class _Joined(io.RawIOBase):
    """Two byte strings as one seekable stream."""

    def __init__(self, head: bytes, body: bytes | memoryview) -> None:
        super().__init__()
        self._head = memoryview(head)
        self._body = memoryview(body)
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {
            io.SEEK_SET: 0,
            io.SEEK_CUR: self._at,
            io.SEEK_END: len(self._head) + len(self._body),
        }[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: WriteableBuffer) -> int:
        target = memoryview(buffer).cast("B")
        if self._at < len(self._head):
            part = self._head[self._at : self._at + len(target)]
        else:
            start = self._at - len(self._head)
            part = self._body[start : start + len(target)]
        target[: len(part)] = part
        self._at += len(part)
        return len(part)

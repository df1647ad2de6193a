"""Uploads on their way in: written to the staging folder, read by use cases, removed afterwards.

File names are random; nothing that a caller sends becomes part of a path.
"""

from __future__ import annotations

import contextlib
import errno
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from undisc_node.services.errors import DiskFull
from undisc_node.services.ports import Entropy
from undisc_node.web.limits import Body
from undisc_node.web.workers import Workers

_SUFFIX: Final = ".upload"
_NO_ROOM: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_WRITE: Final = 1_048_576  # bytes gathered for one write, so that a thread is worth its wake-up


@dataclass(frozen=True, slots=True)
class FileSource:
    """A spooled file as a `ports.Source`."""

    path: Path
    size: int

    def open(self) -> AbstractContextManager[BinaryIO]:
        """Open for reading from the first byte."""
        return self.path.open("rb")


@contextmanager
def _disk_full() -> Iterator[None]:
    try:
        yield
    except OSError as problem:
        if problem.errno not in _NO_ROOM:
            raise
        raise DiskFull(
            "the disk has no room for the upload", hint="free some space and import again"
        ) from problem


class Spool:
    """Keeps uploads in a folder for as long as a request needs them.

    Args:
        folder: The staging folder.
        entropy: Source of random names.
        workers: Threads that write.
    """

    def __init__(self, *, folder: Path, entropy: Entropy, workers: Workers) -> None:
        self._folder = folder
        self._entropy = entropy
        self._workers = workers

    def sweep(self) -> None:
        """Remove what a crash left behind; call before the listeners start."""
        for left in self._folder.glob(f"*{_SUFFIX}"):
            left.unlink(missing_ok=True)

    @asynccontextmanager
    async def take(self, body: Body) -> AsyncIterator[FileSource]:
        """Write a body to a file that exists while the block runs.

        Raises:
            DiskFull: No room.
            TooLarge: As `Body.blocks`.
            TooSlow: As `Body.blocks`.
        """
        async with self.take_blocks(body.blocks()) as source:
            yield source

    @asynccontextmanager
    async def take_blocks(self, blocks: AsyncIterator[bytes]) -> AsyncIterator[FileSource]:
        """Write what arrives to a file that exists while the block runs.

        Raises:
            DiskFull: No room.
        """
        path = self._folder / f"{self._entropy.random(16).hex()}{_SUFFIX}"
        with _disk_full():
            file = await self._workers.run(lambda: path.open("xb", buffering=0))
        try:
            with file:
                size = await self._fill(file, blocks)
            yield FileSource(path, size)
        finally:
            with contextlib.suppress(FileNotFoundError):
                path.unlink()

    async def _fill(self, file: BinaryIO, blocks: AsyncIterator[bytes]) -> int:
        size, gathered = 0, bytearray()
        async for block in blocks:
            gathered += block
            size += len(block)
            if len(gathered) >= _WRITE:
                await self._write(file, gathered)
                gathered = bytearray()
        await self._write(file, gathered)
        return size

    async def _write(self, file: BinaryIO, gathered: bytearray) -> None:
        def write_all() -> None:
            rest = memoryview(gathered)
            while rest:
                rest = rest[file.write(rest) :]

        with _disk_full():
            await self._workers.run(write_all)

"""The two directories of pack files, and how bytes get in and out of them.

A file's name is its pack's id in hex and nothing else: no name comes from outside. Files are 0600,
directories 0700. Whatever must survive a power cut is synced here: the file first, then its
directory.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

from undisc_node.services.errors import Damaged
from undisc_node.storage.faults import disk_faults

_NAME: Final = re.compile(r"[0-9a-f]{32}")


class PackFiles:
    """Paths of pack files, and the acts that concern names.

    Args:
        home: The node's directory; `packs` and `staging` are made in it.
    """

    def __init__(self, home: Path) -> None:
        self.packs = home / "packs"
        self.staging = home / "staging"
        for directory in (self.packs, self.staging):
            with disk_faults(directory):
                directory.mkdir(mode=0o700, exist_ok=True)
        sync_directory(home)

    def published(self, pack: bytes) -> Path:
        """Where a finished pack lies."""
        return self.packs / pack.hex()

    def staged(self, pack: bytes) -> Path:
        """Where a pack lies while it is filled from a peer."""
        return self.staging / pack.hex()

    def find(self, pack: bytes) -> Path | None:
        """Where a pack lies now, staged or in place; None if it does not."""
        for path in (self.staged(pack), self.published(pack)):
            with disk_faults(path):
                if path.exists():
                    return path
        return None

    def names(self) -> frozenset[bytes]:
        """List the ids of all pack files; files with other names are not ours and left out."""
        found: set[bytes] = set()
        for directory in (self.packs, self.staging):
            with disk_faults(directory), os.scandir(directory) as entries:
                found.update(bytes.fromhex(entry.name) for entry in entries if _is_pack(entry))
        return frozenset(found)

    def make(self, path: Path, start: bytes) -> None:
        """Make a new file that begins with `start`; file and name are durable on return."""
        try:
            with disk_faults(path):
                made = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
                try:
                    write_at(made, [start], 0)
                    os.fsync(made)
                finally:
                    os.close(made)
            sync_directory(path.parent)
        except BaseException:
            with suppress(OSError):
                path.unlink(missing_ok=True)
            raise

    def publish(self, pack: bytes) -> None:
        """Move a staged file in place; durable on return. Doing it again changes nothing."""
        source, target = self.staged(pack), self.published(pack)
        with disk_faults(target):
            if source.exists():
                source.rename(target)
        sync_directory(self.packs)
        sync_directory(self.staging)

    def remove(self, pack: bytes) -> None:
        """Unlink a pack's file; durable on return. Doing it again changes nothing."""
        for path in (self.published(pack), self.staged(pack)):
            with disk_faults(path):
                path.unlink(missing_ok=True)
            sync_directory(path.parent)

    def free_bytes(self) -> int:
        """Room for this user on the disk of the packs, in bytes."""
        with disk_faults(self.packs):
            room = os.statvfs(self.packs)
        return room.f_bavail * room.f_frsize


def _is_pack(entry: os.DirEntry[str]) -> bool:
    return bool(_NAME.fullmatch(entry.name)) and entry.is_file(follow_symlinks=False)


def sync_directory(path: Path) -> None:
    """Make names in a directory durable."""
    with disk_faults(path):
        directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def open_pack(path: Path, *, writable: bool) -> int:
    """Open an existing pack file; the caller closes the descriptor."""
    mode = os.O_RDWR if writable else os.O_RDONLY
    with disk_faults(path):
        return os.open(path, mode | os.O_CLOEXEC | os.O_NOFOLLOW)


@contextmanager
def opened(path: Path, *, writable: bool = False) -> Iterator[int]:
    """Open an existing pack file; yield its descriptor, close it at the end of the block."""
    descriptor = open_pack(path, writable=writable)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def open_stream(path: Path) -> BinaryIO:
    """Open an existing pack file for serving."""
    with disk_faults(path):
        return path.open("rb")


def read_at(descriptor: int, buffer: memoryview, offset: int) -> None:
    """Fill a buffer from an offset.

    Raises:
        Damaged: The file ends before that.
    """
    done = 0
    while done < len(buffer):
        count = os.preadv(descriptor, [buffer[done:]], offset + done)
        if count == 0:
            raise Damaged("a pack file is shorter than what was committed")
        done += count


def write_at(descriptor: int, parts: Sequence[bytes | memoryview], offset: int) -> None:
    """Write parts one after another from an offset, completely."""
    views = [memoryview(part) for part in parts if len(part)]
    while views:
        count = os.pwritev(descriptor, views, offset)
        offset += count
        while views and count >= len(views[0]):
            count -= len(views.pop(0))
        if views and count:
            views[0] = views[0][count:]

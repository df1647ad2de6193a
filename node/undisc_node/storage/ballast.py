"""Room put aside on the disk, so that a revocation still fits when the disk is full.

Ingest stops at its reserve, but other programs fill disks too. A file of fixed size gives way to
the databases when almost nothing is left, and comes back when there is room again.
"""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

BALLAST_SIZE: Final = 32 * 2**20
"""Bytes; ten thousands of revocations with their lines of log."""

_LOW: Final = 8 * 2**20  # bytes left at which it gives way: more than one change can need

log = logging.getLogger("undisc")


class Ballast:
    """The file that gives way; safe to use from many threads.

    Args:
        path: Where it lies, on the disk of the databases.
        size: Its size in bytes.
    """

    def __init__(self, path: Path, size: int = BALLAST_SIZE) -> None:
        self._path = path
        self._size = size

    def give_way(self) -> None:
        """Remove the file if the disk is almost full; cheap, and never fails."""
        with suppress(OSError):
            if self._free() < _LOW and self._path.exists():
                self._path.unlink()
                log.warning("the disk is full: the node's ballast gave way, so that it can go on")

    def put_back(self) -> None:
        """Make the file again as soon as there is room for it: it comes before new images."""
        with suppress(OSError):
            if self._path.exists() or self._free() < self._size + 2 * _LOW:
                return
            descriptor = os.open(
                self._path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600
            )
            try:
                os.posix_fallocate(descriptor, 0, self._size)
            except OSError:
                self._path.unlink()
            finally:
                os.close(descriptor)

    def _free(self) -> int:
        room = os.statvfs(self._path.parent)
        return room.f_bavail * room.f_frsize

"""Lets the disk work on what was written while the next bytes arrive.

Without it a study lies in memory until the sync at its end, and then everybody waits for the disk.
"""

from __future__ import annotations

import threading
from typing import Final

from undisc_node.storage.packs.linux import start_writing

_ENOUGH: Final = 8 * 2**20
"""Bytes until the disk is given the next lot: large enough that small objects are gathered."""


class WriteBehind:
    """What was written to one file and not handed to the disk yet; for several threads."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._start: int | None = None
        self._stop = 0
        self._bytes = 0

    def wrote(self, descriptor: int, offset: int, length: int) -> None:
        """Note bytes that were written, and start the disk when it is worth it."""
        with self._guard:
            self._start = offset if self._start is None else min(self._start, offset)
            self._stop = max(self._stop, offset + length)
            self._bytes += length
            if self._bytes < _ENOUGH:
                return
            start, stop = self._start, self._stop
            self._start, self._stop, self._bytes = None, 0, 0
        # Threads write in different places; what lies clean between them costs nothing.
        start_writing(descriptor, start, stop - start)

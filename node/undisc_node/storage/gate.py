"""Lets many readers in at once, and nobody for a moment."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Gate:
    """Counts who is inside; can be closed for a moment, so that everybody leaves."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside = 0
        self._closed = False

    @contextmanager
    def inside(self, *, patience: float) -> Iterator[None]:
        """Be inside; wait while it is closed, but not longer than so many seconds.

        The bound lets somebody pass who is inside already: the gate would never be empty.
        """
        with self._changed:
            self._changed.wait_for(lambda: not self._closed, patience)
            self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                self._changed.notify_all()

    @contextmanager
    def closed(self, *, patience: float) -> Iterator[bool]:
        """Let nobody in; yield whether it got empty within so many seconds."""
        with self._changed:
            self._closed = True
            empty = self._changed.wait_for(lambda: self._inside == 0, patience)
        try:
            yield empty
        finally:
            with self._changed:
                self._closed = False
                self._changed.notify_all()

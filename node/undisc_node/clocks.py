"""The system's clock and random numbers, as use cases need them."""

from __future__ import annotations

import os
import time
from threading import Lock
from typing import Final


class SystemClock:
    """UTC that never goes back, whatever is done to the system's clock: it stands still meanwhile.

    Within a run it remembers by itself; what earlier runs have seen is told by `not_before`.
    """

    def __init__(self) -> None:
        self._highest = 0
        self._lock = Lock()

    def not_before(self, time_ms: int) -> None:
        """Never answer an earlier time than this from now on, UTC in ms."""
        with self._lock:
            self._highest = max(self._highest, time_ms)

    def now_ms(self) -> int:
        """Return UTC in milliseconds since 1970; never smaller than an earlier answer."""
        with self._lock:
            self._highest = max(self._highest, wall_ms())
            return self._highest


class SystemEntropy:
    """The system's random numbers."""

    def random(self, count: int) -> bytes:
        """Return `count` unpredictable bytes."""
        return os.urandom(count)


RELEASED_MS: Final = 1_793_491_200_000
"""2026-11-01, the month this version was released in: a clock that shows less is wrong."""


def wall_ms() -> int:
    """Return what the system's clock shows now, UTC in milliseconds since 1970."""
    return time.time_ns() // 1_000_000

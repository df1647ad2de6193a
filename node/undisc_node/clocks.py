"""The system's clock and random numbers, as use cases need them."""

from __future__ import annotations

import os
import time
from threading import Lock


class SystemClock:
    """UTC that never goes back within a run, whatever is done to the system's clock."""

    def __init__(self) -> None:
        self._highest = 0
        self._lock = Lock()

    def now_ms(self) -> int:
        """Return UTC in milliseconds since 1970; never smaller than an earlier answer."""
        with self._lock:
            self._highest = max(self._highest, time.time_ns() // 1_000_000)
            return self._highest


class SystemEntropy:
    """The system's random numbers."""

    def random(self, count: int) -> bytes:
        """Return `count` unpredictable bytes."""
        return os.urandom(count)

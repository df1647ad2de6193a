"""Time and randomness that a test decides."""

from __future__ import annotations

from hashlib import shake_256

START_MS = 1_795_498_283_000  # 2026-11-24T05:31:23Z


class FakeClock:
    """A clock that stands still until a test moves it; implements `ports.Clock`."""

    def __init__(self, now_ms: int = START_MS) -> None:
        self._now_ms = now_ms

    def now_ms(self) -> int:
        """Return the time of the test."""
        return self._now_ms

    def advance(self, seconds: float) -> None:
        """Move forward."""
        self._now_ms += round(seconds * 1000)


class SeededEntropy:
    """Bytes that look random and are the same in every run; implements `ports.Entropy`."""

    def __init__(self, seed: str = "undisc") -> None:
        self._seed = seed
        self._drawn = 0

    def random(self, count: int) -> bytes:
        """Return the next bytes; no two draws of one seed are related."""
        self._drawn += 1
        return shake_256(f"{self._seed}/{self._drawn}".encode()).digest(count)

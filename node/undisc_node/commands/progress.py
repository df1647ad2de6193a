"""Progress of long work: how far, how fast, how long still. Only on a terminal."""

from __future__ import annotations

import sys
import threading
import time
from typing import Final

import click

_EVERY: Final = 0.5  # seconds between two lines
_MB: Final = 1_000_000


class Meter:
    """Counts bytes; may be told of them from several threads.

    Args:
        verb: What is being done, such as `reading`.
    """

    def __init__(self, verb: str) -> None:
        self._verb = verb
        self._total = self._done = 0
        self._began = self._said = 0.0
        self._guard = threading.Lock()
        self._shown = sys.stderr.isatty()

    def begin(self, total: int) -> None:
        """Start the clock; `total` bytes are expected."""
        self._total, self._began = total, time.monotonic()

    def moved(self, count: int) -> None:
        """Add bytes that were done."""
        with self._guard:
            self._done += count
            now = time.monotonic()
            if not self._shown or now - self._said < _EVERY:
                return
            self._said = now
            click.echo(f"\r{self._line(now)}", nl=False, err=True)

    def end(self) -> None:
        """Say the last figures and leave the line."""
        if self._shown and self._said:
            click.echo(f"\r{self._line(time.monotonic())}", err=True)

    def _line(self, now: float) -> str:
        rate = self._done / max(now - self._began, 1e-6)
        left = max(self._total - self._done, 0) / max(rate, 1)
        share = min(100, 100 * self._done // max(self._total, 1))
        text = (
            f"{self._verb}: {share} %, {self._done / _MB:.0f} of {self._total / _MB:.0f} MB,"
            f" {rate / _MB:.0f} MB/s, {left:.0f} s left"
        )
        return f"{text:<70}"

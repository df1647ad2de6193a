"""Progress of long work on standard error: what, how far, how fast, how long still."""

from __future__ import annotations

import sys
import threading
import time
from types import TracebackType
from typing import Final, Self

import click

_EVERY: Final = 0.5  # seconds between two lines on a terminal
_EVERY_IN_A_LOG: Final = 30.0  # the same where lines stay
_MB: Final = 1_000_000


class StagesMeter:
    """Shows how far each stage is, on standard error; a line of its own for each stage.

    On a terminal one line is written over and over; elsewhere (a timer's log) a line comes now and
    then, so that long work does not look dead.
    """

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._stage = ""
        self._began = self._said = 0.0
        self._open = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._leave()

    def moved(self, stage: str, done: int, total: int) -> None:
        """Say that `done` of `total` bytes of a stage are done."""
        now = time.monotonic()
        if stage != self._stage:
            self._leave()
            self._stage, self._began, self._said = stage, now, now
        pause = _EVERY if self._terminal else _EVERY_IN_A_LOG
        if now - self._said < pause:
            return
        self._said, self._open = now, self._terminal
        text = _figures(stage, done, total, now - self._began)
        click.echo(f"\r{text:<70}" if self._terminal else text, nl=not self._terminal, err=True)

    def _leave(self) -> None:
        if self._open:
            click.echo(err=True)
            self._open = False


class Meter:
    """Counts bytes; may be told of them from several threads. Shown only on a terminal.

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
        return f"{_figures(self._verb, self._done, self._total, now - self._began):<70}"


def _figures(what: str, done: int, total: int, seconds: float) -> str:
    rate = done / max(seconds, 1e-6)
    left = max(total - done, 0) / max(rate, 1)
    share = min(100, 100 * done // max(total, 1))
    return (
        f"{what}: {share} %, {done / _MB:.0f} of {total / _MB:.0f} MB,"
        f" {rate / _MB:.0f} MB/s, {left:.0f} s left"
    )

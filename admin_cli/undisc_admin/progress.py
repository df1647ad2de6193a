"""Shows how far a transfer is: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import click

from undisc_admin.render import count_of, duration, size
from undisc_admin.screen import is_terminal

_BAR: Final = 24  # columns
_EVERY: Final = 10.0  # seconds between two plain lines
_REDRAW: Final = 0.1  # seconds between two drawings of the bar
MEGABYTE: Final = 1_000_000
_CLEAR: Final = "\r\x1b[2K"


@dataclass(frozen=True, slots=True)
class Step:
    """How far something is.

    Attributes:
        images: Images done.
        images_total: Images in all; 0 while unknown.
        done: Bytes done.
        total: Bytes in all; 0 while unknown.
        speed: Megabytes a second.
        waiting: Until when it waits before it goes on, for people; empty while it does not.
    """

    images: int
    images_total: int
    done: int
    total: int
    speed: float
    waiting: str = ""


def describe(step: Step) -> str:
    """Say in one line how far something is.

    >>> describe(Step(3, 12, 150_000_000, 600_000_000, 100.0))
    '3 of 12 images, 150.0 MB of 600.0 MB, 100.0 MB/s, 0:05 left'
    """
    if step.images_total:
        images = f"{step.images:,} of {count_of(step.images_total, 'image')}"
    else:
        images = count_of(step.images, "image")
    parts = [images, f"{size(step.done)} of {size(step.total)}" if step.total else size(step.done)]
    if step.waiting:
        parts.append(f"next try at {step.waiting}")
    elif step.speed > 0:
        parts.append(f"{step.speed:.1f} MB/s")
        if step.done < step.total:
            parts.append(f"{duration((step.total - step.done) / MEGABYTE / step.speed)} left")
    return ", ".join(parts)


def bar(step: Step) -> str:
    """Draw the share of bytes done; nothing while the total is unknown."""
    if not step.total:
        return ""
    filled = min(_BAR, _BAR * step.done // step.total)
    return f"[{'#' * filled}{'.' * (_BAR - filled)}] {100 * step.done // step.total:>3} %  "


class Progress:
    """Draws steps on standard error.

    Args:
        now: Seconds; only differences matter.
        quiet: Show nothing.
    """

    def __init__(self, *, now: Callable[[], float], quiet: bool = False) -> None:
        self._now = now
        self._quiet = quiet
        self._terminal = is_terminal(sys.stderr)
        self._shown_at = -_EVERY
        self._shown: Step | None = None

    def show(self, step: Step) -> None:
        """Draw a step if it is new and the last drawing is old enough."""
        pause = _REDRAW if self._terminal else _EVERY
        if self._quiet or step == self._shown or self._now() - self._shown_at < pause:
            return
        self._shown, self._shown_at = step, self._now()
        if self._terminal:
            click.echo(f"{_CLEAR}{bar(step)}{describe(step)}", err=True, nl=False)
        else:
            click.echo(describe(step), err=True)

    def end(self) -> None:
        """Take the bar away, so that the next line stands alone."""
        if self._terminal and self._shown is not None:
            click.echo(_CLEAR, err=True, nl=False)
            self._shown = None

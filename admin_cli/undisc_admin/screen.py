"""Prints: answers to standard output, everything else to standard error.

So a pipe or a file gets exactly the table or the JSON, and notes, questions and progress stay with
the person. Every line that may hold text from outside is cleaned by `render` or by `note`.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TextIO

import click

from undisc_admin.errors import CommandError
from undisc_admin.render import Column, clean, table


def is_terminal(stream: TextIO) -> bool:
    """Tell whether somebody watches a stream who can see a line being redrawn."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def _has_colour() -> bool:
    return is_terminal(sys.stdout) and not os.environ.get("NO_COLOR")


def say(lines: Iterable[str]) -> None:
    """Print lines that `render` made."""
    for line in lines:
        click.echo(line)


def say_table(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], *, titles: bool = True
) -> None:
    """Print a table that fits the terminal; into a pipe it goes uncut."""
    width = shutil.get_terminal_size().columns if is_terminal(sys.stdout) else None
    heading, *lines = table(columns, rows, width=width)
    if titles:
        click.echo(click.style(heading, bold=True) if _has_colour() else heading)
    say(lines)


def say_json(value: Mapping[str, object], *, indent: int | None = 2) -> None:
    """Print JSON; characters outside ASCII are escaped, so it is safe on every terminal."""
    click.echo(json.dumps(value, indent=indent))


def note(text: str) -> None:
    """Tell the person something that is not the answer."""
    click.echo(clean(text), err=True)


def hint(text: str) -> None:
    """Tell the person what to do next."""
    note(f"hint: {text}")


def confirm(question: str, *, assume_yes: bool) -> None:
    """Ask for a yes before something that matters.

    Raises:
        CommandError: The answer is not yes, or nobody is there to answer.
    """
    if assume_yes:
        return
    click.echo(clean(question) + " [y/N] ", err=True, nl=False)
    line = sys.stdin.readline()
    if line.strip().lower() in {"y", "yes"}:
        return
    if not line:
        click.echo(err=True)
    raise CommandError(
        "not confirmed; nothing was changed",
        code="not_confirmed",
        hint="" if line else "nobody could be asked; --help says how a script answers",
    )

"""Asks for facts that were not given: on the terminal, or line by line from a pipe.

What is about a patient is asked for, not given on a command line, where other users of the machine
could see it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from undisc_admin.errors import CommandError, ExitCode
from undisc_admin.render import clean

_TRIES = 3  # answers that do not fit, before the command gives up


def ask(
    question: str, *, choices: Sequence[str] = (), default: str = "", needed: bool = True
) -> str:
    """Ask a question; return the answer, without spaces at its ends.

    Args:
        question: What is asked.
        choices: The only answers there are; a unique beginning of one is enough.
        default: What an empty answer means.
        needed: Whether there must be an answer.

    Raises:
        CommandError: Nobody answers, or not with what fits.
    """
    shown = f" ({'/'.join(choices)})" if choices else ""
    usual = f" [{default}]" if default else ""
    for _ in range(_TRIES):
        click.echo(clean(f"{question}{shown}{usual}: "), err=True, nl=False)
        line = sys.stdin.readline()
        if not line:
            click.echo(err=True)
            break
        typed = line.strip() or default
        fitting = [one for one in choices if typed and one.startswith(typed.lower())]
        if choices and len(fitting) == 1:
            return fitting[0]
        if not choices and (typed or not needed):
            return typed
    raise CommandError(
        f"no answer to: {clean(question)}; nothing was recorded",
        exit_code=ExitCode.INVALID,
        code="not_answered",
        hint="give it as an option, or all facts as JSON: --facts FILE",
    )

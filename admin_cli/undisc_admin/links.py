"""What commands do with links, passcodes and codes: read them without argv, show them once.

A link is a secret, and so are a passcode and a one-time code: other users of the machine see what
stands on a command line. All are typed when asked for, or read from a file or standard input.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import click

from undisc_admin.errors import CommandError, ExitCode, invalid
from undisc_admin.files import read_input
from undisc_admin.screen import hint, is_terminal, note

_MAX_PASSCODE_FILE: Final = 1_024  # bytes; a passcode has up to 128 characters


def ask_link() -> str:
    """Ask for a link, or read it from standard input when that is no person."""
    if is_terminal(sys.stdin):
        typed: str = click.prompt("link (it is not shown)", hide_input=True, err=True)
        return typed
    return sys.stdin.read(8_192)


def ask_passcode(*, new: bool = False) -> str:
    """Ask for a passcode; for a new one twice.

    Raises:
        CommandError: Nobody is there to be asked.
    """
    if not is_terminal(sys.stdin):
        raise CommandError(
            "the link asks for a passcode",
            exit_code=ExitCode.REFUSED,
            code="locked",
            hint="give it in a file: --passcode-file FILE",
        )
    typed: str = click.prompt("passcode", hide_input=True, confirmation_prompt=new, err=True)
    return typed


def read_passcode(path: Path) -> str:
    """Read a passcode, the first line of a file.

    Raises:
        CommandError: It cannot be read, or is empty.
    """
    return _first_line(path, "a passcode")


def _first_line(path: Path, what: str) -> str:
    content = read_input(path, limit=_MAX_PASSCODE_FILE, what=what)
    try:
        line = content.decode().splitlines()[0].strip()
    except (UnicodeDecodeError, IndexError):
        line = ""
    if not line:
        raise invalid(f"{path} is not {what}: its first line is empty, or no text")
    return line


def ask_code(problem: CommandError) -> str:
    """Say where a one-time code was sent, or why the last one was none, and ask for it.

    Args:
        problem: What the other node said; raised again when nobody is there to be asked.

    Raises:
        CommandError: `problem`, with how to give the code in a file.
    """
    if not is_terminal(sys.stdin):
        raise CommandError(
            problem.message,
            exit_code=problem.exit_code,
            code=problem.code,
            hint="type the same command again, with the code in a file: --code-file FILE",
        )
    note(problem.message)
    hint(problem.hint)
    typed: str = click.prompt("code", err=True)
    return typed


def read_code(path: Path) -> str:
    """Read a one-time code, the first line of a file or of standard input.

    Raises:
        CommandError: It cannot be read, or is empty.
    """
    return _first_line(path, "a one-time code")


def show_qr(link: str) -> None:
    """Draw a link as a QR code on standard error, where it is not taken for the link itself."""
    import segno  # noqa: PLC0415 - 30 ms that no other command needs

    segno.make_qr(link, error="m").terminal(out=sys.stderr, compact=True)

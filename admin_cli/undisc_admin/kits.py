"""Recovery kits on the administrator's side: read, written, read back; and their passphrases.

A passphrase is typed, or read from a file; never given on a command line, where other users of the
machine could see it.
"""

from __future__ import annotations

import base64
import os
import sys
from pathlib import Path
from typing import Final

import click

from undisc_admin.errors import CommandError, ExitCode
from undisc_admin.files import new_file, read_input
from undisc_admin.screen import note

_MAX_KIT: Final = 16_384  # bytes; a page has about 1,100
_MAX_PASSPHRASE: Final = 4_096  # bytes of a file with one


def read_kit(path: Path) -> str:
    """Read a kit's page; return it in base64, as the node takes it."""
    return base64.b64encode(read_input(path, limit=_MAX_KIT, what="a recovery kit")).decode()


def read_passphrase(path: Path | None, asked: str, *, twice: bool = False) -> str:
    """Read a passphrase from a file, or ask for it.

    Args:
        path: The file; None asks.
        asked: What it is the passphrase of.
        twice: Ask twice, because a slip would lock the kit.

    Raises:
        CommandError: Nobody is there who could be asked.
    """
    if path is not None:
        return read_input(path, limit=_MAX_PASSPHRASE, what="a passphrase").decode().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise CommandError(
            f"a passphrase for {asked} is needed",
            exit_code=ExitCode.USAGE,
            code="passphrase_needed",
            hint="name a file that holds it; see --help",
        )
    typed: str = click.prompt(
        f"passphrase for {asked}", hide_input=True, confirmation_prompt=twice, err=True
    )
    return typed


def write_kit(path: Path, content: bytes) -> None:
    """Write a kit so that it is durable; one that is there with the same content stays.

    Raises:
        CommandError: Something else is there, or it cannot be written.
    """
    if path.exists() and read_input(path, limit=len(content) + 1, what="a kit") == content:
        return
    with new_file(path, force=False) as file:
        file.write(content)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def warn_of_own_disk(path: Path, home: Path) -> None:
    """Say so when a kit lies on the disk of the node that it is to bring back."""
    try:
        same = path.stat().st_dev == home.stat().st_dev
    except OSError:
        return
    if same:
        note(f"warning: {path} is on the node's own disk: a thief of the disk would have it too")
        note("print it or copy it to a medium that you take away, then delete the file")

"""Writes and reads the files a command leaves: offers and link secrets.

A file's place is taken before the node is asked to make something that is shown only once, so that
a typing mistake in a path cannot lose it.
"""

from __future__ import annotations

import base64
import binascii
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from undisc_admin.errors import CommandError, ExitCode, invalid

SECRET: Final = 32  # bytes of a link's secret
_MODE: Final = 0o600  # offers and secrets are the person's own until handed over
_MAX_LINK_FILE: Final = 1_024  # bytes; a secret has 43 characters
_STANDARD: Final = Path("-")


@dataclass(slots=True)
class NewFile:
    """A file whose place is taken.

    Attributes:
        path: Where it will be.
        standard: It is standard output instead.
    """

    path: Path
    standard: bool = False
    _temporary: Path | None = None
    _descriptor: int = -1
    _written: bool = field(default=False)

    def write(self, content: bytes) -> None:
        """Write all of it and put it in place, durably.

        Raises:
            CommandError: It could not be written.
        """
        if self.standard:
            sys.stdout.write(content.decode("ascii"))
            sys.stdout.flush()
        else:
            try:
                _write_all(self._descriptor, content)
                os.fsync(self._descriptor)
                if self._temporary:
                    self._temporary.replace(self.path)
            except OSError as problem:
                raise _unwritable(self.path, problem) from None
        self._written = True

    def close(self) -> None:
        """Give the place back if nothing was written."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
            if not self._written:
                (self._temporary or self.path).unlink(missing_ok=True)


def _write_all(descriptor: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


@contextmanager
def new_file(path: Path, *, force: bool) -> Iterator[NewFile]:
    """Take the place of a file that only its owner may read; `-` is standard output.

    Args:
        path: Where it goes.
        force: Whether a file that is there may be replaced; it stays until the new one is whole.

    Raises:
        CommandError: A file is there, or none can be made.
    """
    if path == _STANDARD:
        yield NewFile(path, standard=True)
        return
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new") if force else None
    try:
        descriptor = os.open(temporary or path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE)
    except FileExistsError:
        raise CommandError(
            f"{path} is there already",
            exit_code=ExitCode.CONFLICT,
            code="file_exists",
            hint="name another file, or add --force to replace it",
        ) from None
    except OSError as problem:
        raise _unwritable(path, problem) from None
    made = NewFile(path, _temporary=temporary, _descriptor=descriptor)
    try:
        yield made
    finally:
        made.close()


def _unwritable(path: Path, problem: OSError) -> CommandError:
    return CommandError(
        f"{path} cannot be written: {(problem.strerror or 'failed').lower()}",
        exit_code=ExitCode.INVALID,
        code="file_not_writable",
    )


def read_input(path: Path, *, limit: int, what: str) -> bytes:
    """Read a small file, or standard input for `-`.

    Args:
        path: The file.
        limit: Largest accepted size in bytes.
        what: What it should be, for the message.

    Raises:
        CommandError: It cannot be read, is empty, or is larger than that.
    """
    try:
        if path == _STANDARD:
            content = sys.stdin.buffer.read(limit + 1)
        else:
            with path.open("rb") as file:
                content = file.read(limit + 1)
    except OSError as problem:
        raise CommandError(
            f"{path} cannot be read: {(problem.strerror or 'failed').lower()}",
            exit_code=ExitCode.NOT_FOUND
            if isinstance(problem, FileNotFoundError)
            else ExitCode.INVALID,
            code="file_not_readable",
        ) from None
    if not content or len(content) > limit:
        raise invalid(f"{path} is not {what}: it is {'too large' if content else 'empty'}")
    return content


def encode_link(secret: str) -> bytes:
    """Lay out a link's secret for its file: base64url without padding, and a line end."""
    return secret.encode("ascii") + b"\n"


def read_link(path: Path) -> bytes:
    """Read a link's secret from a file that only its owner can read, or from standard input.

    Returns:
        The secret, 32 bytes.

    Raises:
        CommandError: Others can read the file, or it holds no secret.
    """
    if path != _STANDARD:
        _must_be_private(path)
    text = read_input(path, limit=_MAX_LINK_FILE, what="a link file").strip()
    try:
        secret = base64.b64decode(text + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        secret = b""
    if len(secret) != SECRET:
        raise invalid(
            f"{path} is not a link file",
            "it is the file that `undisc grants create --to-link --link-file FILE` wrote",
        )
    return secret


def _must_be_private(path: Path) -> None:
    try:
        mode = path.stat().st_mode
    except OSError:
        return  # reading it will say what is wrong
    if stat.S_ISREG(mode) and mode & 0o077:
        raise CommandError(
            f"others can read {path}, which holds a secret",
            exit_code=ExitCode.REFUSED,
            code="link_file_open",
            hint=f"chmod 600 {path}, or hand it over on standard input with --link-file -",
        )

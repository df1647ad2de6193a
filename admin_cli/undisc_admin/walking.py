"""Finds the files of an import, and hands each out as a body of known size.

Nothing is followed but what the person named: a symbolic link inside a folder is reported and left
alone, and a file that became one since is refused by the kernel (`O_NOFOLLOW`).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self


class Body(Protocol):
    """A file that is open as the body of a request."""

    @property
    def size(self) -> int:
        """Bytes that `read` will hand out in total."""

    def read(self, count: int = -1, /) -> bytes:
        """Return up to `count` bytes; nothing at the end."""

    def __enter__(self) -> Self:
        """Go on with it."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file of an import.

    Attributes:
        path: Where it is, as the person sees it; never sent anywhere.
        parts: Its place below what was named on the command line.
        open: Opens it; raises `OSError` or `ChangedError`.
        skipped: Why it is left out, as a code; empty for a file to import.
    """

    path: Path
    parts: tuple[str, ...]
    open: Callable[[], Body]
    skipped: str = ""


class ChangedError(Exception):
    """A file became shorter while it was read."""

    code = "changed_while_read"


def walk(named: Path) -> Iterator[Found]:
    """Yield every file below a path, in order of name.

    Args:
        named: A file or folder; a symbolic link named here is followed, because it was named.
    """
    root = named.resolve()
    waiting = [(named, root)]
    while waiting:
        shown, real = waiting.pop()
        try:
            mode = real.lstat().st_mode
            names = sorted(entry.name for entry in real.iterdir()) if stat.S_ISDIR(mode) else []
        except OSError:
            yield _found(shown, real, root, "unreadable")
            continue
        if stat.S_ISDIR(mode):
            waiting.extend((shown / name, real / name) for name in reversed(names))
        elif stat.S_ISLNK(mode):
            yield _found(shown, real, root, "symbolic_link")
        elif stat.S_ISREG(mode):
            yield _found(shown, real, root)
        else:
            yield _found(shown, real, root, "special_file")


def _found(shown: Path, real: Path, root: Path, skipped: str = "") -> Found:
    parts = real.relative_to(root).parts or (real.name,)
    return Found(shown, parts, lambda: FileBody(real), skipped)


class FileBody:
    """A file as the body of a request: exactly the bytes it had when it was opened.

    Args:
        real: The file, without links on the way.

    Raises:
        OSError: It cannot be opened, or is a symbolic link by now.
    """

    def __init__(self, real: Path) -> None:
        self._file = os.fdopen(os.open(real, os.O_RDONLY | os.O_NOFOLLOW), "rb")
        self.size = os.fstat(self._file.fileno()).st_size
        self._rest = self.size

    def read(self, count: int = -1, /) -> bytes:
        """Return up to `count` bytes; nothing at the end.

        Raises:
            ChangedError: The file has become shorter.
        """
        wanted = self._rest if count < 0 else min(count, self._rest)
        block = self._file.read(wanted)
        if wanted and not block:
            raise ChangedError
        self._rest -= len(block)
        return block

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

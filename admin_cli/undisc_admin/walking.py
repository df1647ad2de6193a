"""Finds the files of an import, and hands each out as a body of known size.

Nothing is followed but what the person named: a symbolic link inside a folder is reported and left
alone, and a file that became one since is refused by the kernel (`O_NOFOLLOW`).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self


@dataclass(frozen=True, slots=True)
class Found:
    """A directory entry of an import.

    Attributes:
        path: Where it is, as the person sees it; never sent anywhere.
        real: The same without links on the way.
        skipped: Why it is left out, as a code; empty for a file to import.
    """

    path: Path
    real: Path
    skipped: str = ""


class ChangedError(Exception):
    """A file became shorter while it was read."""


def walk(paths: Iterable[Path]) -> Iterator[Found]:
    """Yield every file below the paths, in order of name.

    Args:
        paths: Files and folders; a symbolic link named here is followed, because it was named.
    """
    waiting = [(path, path.resolve()) for path in reversed(list(paths))]
    while waiting:
        shown, real = waiting.pop()
        try:
            mode = real.lstat().st_mode
            names = sorted(entry.name for entry in real.iterdir()) if stat.S_ISDIR(mode) else []
        except OSError:
            yield Found(shown, real, "unreadable")
            continue
        if stat.S_ISDIR(mode):
            waiting.extend((shown / name, real / name) for name in reversed(names))
        elif stat.S_ISLNK(mode):
            yield Found(shown, real, "symbolic_link")
        elif stat.S_ISREG(mode):
            yield Found(shown, real)
        else:
            yield Found(shown, real, "special_file")


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

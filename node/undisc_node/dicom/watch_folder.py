"""Takes in files that a program without DICOM networking drops into a folder.

Looks again and again instead of waiting to be told, because a network share tells nobody. A file is
taken when its size and time have not changed for a while by this process's own clock, so nobody has
to agree about the time; after a restart that while begins anew. What is stored is durable before
its file goes: a crash in between finds a duplicate. Links, pipes and devices are never opened.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import BinaryIO, Final

from undisc_node.services.errors import Conflict, Invalid, ServiceError
from undisc_node.services.ports import Source

DONE, FAILED = "done", "failed"
MAX_SEEN: Final = 50_000  # entries looked at in one round; the rest waits for the next
MAX_TAKEN: Final = 500  # files stored in one round, so that other folders get their turn
MAX_DEPTH: Final = 8  # folders within folders
_UNFINISHED: Final = (".part", ".tmp", ".temp", ".filepart", ".crdownload", ".lock")
_LONGEST_NAME: Final = 200  # bytes of a name that are kept when it is moved; NAME_MAX is 255
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

Store = Callable[[Source, str], object]


@dataclass(frozen=True, slots=True)
class Watched:
    """A folder that is watched.

    Attributes:
        name: What its sender is called in the log and beside its studies.
        path: Where it is.
        delete: Whether stored files are deleted; otherwise they are moved to `done`.
    """

    name: str
    path: str
    delete: bool = False


@dataclass(frozen=True, slots=True)
class _State:
    size: int
    changed_ns: int
    inode: int


@dataclass(frozen=True, slots=True)
class _OpenFile:
    """An open file as a `Source`; read by one reader at a time."""

    descriptor: int
    size: int

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Open for reading from the first byte."""
        os.lseek(self.descriptor, 0, os.SEEK_SET)
        with os.fdopen(os.dup(self.descriptor), "rb") as stream:
            yield stream


class WatchFolder:
    """Looks into one folder.

    Args:
        watched: The folder.
        store: Stores an instance durably.
        elapsed: Monotonic seconds.
        quiet: Seconds for which a file must not change.
        stamp: Names files that are moved: UTC as text, without spaces.
    """

    def __init__(
        self,
        watched: Watched,
        *,
        store: Store,
        elapsed: Callable[[], float],
        quiet: float,
        stamp: Callable[[], str],
    ) -> None:
        self._watched = watched
        self._store = store
        self._elapsed = elapsed
        self._quiet = quiet
        self._stamp = stamp
        self._seen: dict[tuple[str, ...], tuple[_State, float]] = {}
        self._moved = 0

    def look(self) -> int:
        """Take in what is quiet; return how many files were stored.

        Raises:
            ServiceError: The folder cannot be used, or the node can store nothing for now.
        """
        try:
            root = os.open(self._watched.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as problem:
            raise ServiceError(
                f"the watch folder of {self._watched.name!r} cannot be read:"
                f" {(problem.strerror or 'failed').lower()}",
                code="watch_folder",
            ) from None
        try:
            return self._round(root)
        finally:
            os.close(root)

    def _round(self, root: int) -> int:
        now, taken, seen = self._elapsed(), 0, dict[tuple[str, ...], tuple[_State, float]]()
        for parts, state in self._files(root):
            before = self._seen.get(parts)
            since = before[1] if before is not None and before[0] == state else now
            seen[parts] = (state, since)
            if now - since >= self._quiet and before is not None and taken < MAX_TAKEN:
                with suppress(OSError):  # gone or changed since; the next round sees how it is
                    if self._take(root, parts, state):
                        taken += 1
                        del seen[parts]
        self._seen = seen
        return taken

    def _files(self, root: int) -> Iterator[tuple[tuple[str, ...], _State]]:
        """Yield every regular file that is not one of ours, and how it looks now."""
        waiting: list[tuple[str, ...]] = [()]
        count = 0
        while waiting:
            parts = waiting.pop()
            with suppress(OSError), _folder(root, parts) as folder, os.scandir(folder) as entries:
                for entry in entries:
                    count += 1
                    if count > MAX_SEEN:
                        return
                    name = entry.name
                    if name.startswith(".") or (not parts and name in {DONE, FAILED}):
                        continue
                    found = os.stat(name, dir_fd=folder, follow_symlinks=False)
                    if stat.S_ISDIR(found.st_mode) and len(parts) < MAX_DEPTH:
                        waiting.append((*parts, name))
                    elif stat.S_ISREG(found.st_mode) and not name.lower().endswith(_UNFINISHED):
                        yield (*parts, name), _state(found)

    def _take(self, root: int, parts: tuple[str, ...], state: _State) -> bool:
        """Store one file and clear it away; tell whether it is gone."""
        with _folder(root, parts[:-1]) as folder:
            descriptor = os.open(parts[-1], _FILE, dir_fd=folder)
            try:
                if _state(os.fstat(descriptor)) != state:
                    return False
                try:
                    self._store(_OpenFile(descriptor, state.size), f"watch:{self._watched.name}")
                except Invalid as refusal:
                    self._fail(root, folder, parts[-1], refusal)
                    return True
                except Conflict:
                    return False  # it changed while it was read
                if _state(os.stat(parts[-1], dir_fd=folder, follow_symlinks=False)) != state:
                    return False  # somebody put another file in its place
                if self._watched.delete:
                    os.unlink(parts[-1], dir_fd=folder)
                else:
                    self._move(root, folder, parts[-1], DONE)
            finally:
                os.close(descriptor)
        return True

    def _fail(self, root: int, folder: int, name: str, refusal: Invalid) -> None:
        """Move a file aside, with the reason beside it; the reason names no patient."""
        moved = self._move(root, folder, name, FAILED)
        with _folder(root, (FAILED,)) as aside:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            told = f"{refusal.reason}: {refusal}\n" + (f"{refusal.hint}\n" if refusal.hint else "")
            with os.fdopen(os.open(f"{moved}.txt", flags, 0o640, dir_fd=aside), "wb") as file:
                file.write(told.encode())

    def _move(self, root: int, folder: int, name: str, where: str) -> str:
        with suppress(FileExistsError):
            os.mkdir(where, 0o750, dir_fd=root)
        self._moved += 1
        kept = os.fsdecode(os.fsencode(name)[-_LONGEST_NAME:])
        moved = f"{self._stamp()}-{self._moved:06}-{kept}"
        with _folder(root, (where,)) as aside:
            os.rename(name, moved, src_dir_fd=folder, dst_dir_fd=aside)
            os.fsync(aside)
        return moved


def _state(found: os.stat_result) -> _State:
    return _State(found.st_size, found.st_mtime_ns, found.st_ino)


@contextmanager
def _folder(root: int, parts: tuple[str, ...]) -> Iterator[int]:
    """Open a folder below the root, step by step, so that no link on the way is followed."""
    here = os.dup(root)
    try:
        for part in parts:
            below = os.open(part, _FOLDER, dir_fd=here)
            os.close(here)
            here = below
        yield here
    finally:
        os.close(here)

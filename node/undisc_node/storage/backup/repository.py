"""A repository: a directory of files that are written once and never changed.

    undisc-backup                      whose it is, in which format; also the lock
    snapshots/<snapshot>               one sealed manifest for each snapshot, written last
    keyrings/<snapshot>                one sealed keyring for each of the newest snapshots
    blocks/<2 hex>/<name>              sealed blocks: catalog, lists of packs, tombstones
    packs/<2 hex>/<pack>.<start>.<hash>  ciphertext of a pack from an offset on, as in the home
    removal-due                        empty; there while unneeded files wait to be removed
    tmp/                               what is being written

A file appears complete or not at all: written in tmp/, synced, renamed. Names become durable with
`settle`, before the manifest that needs them.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from undisc_node.services.errors import Conflict, Invalid, NotFound, Refused, Unavailable
from undisc_node.services.ports import Entropy
from undisc_node.storage.backup.faults import damaged, repository_faults

MARKER: Final = "undisc-backup"
FORMAT: Final = 1
MODE: Final = 0o600
_FOLDERS: Final = ("snapshots", "keyrings", "blocks", "packs", "tmp")
_MAX_MARKER: Final = 4_096  # bytes; a marker has about 100
_SNAPSHOT: Final = re.compile(r"\d{8}T\d{6}\.\d{3}Z-[0-9a-f]{8}")
_HINT_MAKE: Final = "make one with: undisc-node backup --to DIRECTORY"


class Repository:
    """A repository that this process holds the lock of; see `opened`.

    Attributes:
        root: The directory.
    """

    def __init__(self, root: Path, entropy: Entropy) -> None:
        self.root = root
        self._entropy = entropy
        self._unsettled: set[Path] = set()
        self.written = 0  # bytes written since it was opened

    # --- Places ---------------------------------------------------------------------------------

    def snapshot(self, name: str) -> Path:
        """Where a snapshot's manifest lies."""
        return self.root / "snapshots" / name

    def keyring(self, name: str) -> Path:
        """Where a snapshot's keyring lies."""
        return self.root / "keyrings" / name

    def block(self, name: bytes) -> Path:
        """Where a block lies."""
        return self.root / "blocks" / name.hex()[:2] / name.hex()

    def segment(self, name: str) -> Path:
        """Where a segment of a pack lies."""
        return self.root / "packs" / name[:2] / name

    def names(self, folder: str) -> list[str]:
        """List the snapshots or keyrings, oldest first; other files are not ours."""
        place = self.root / folder
        with repository_faults(place):
            return sorted(path.name for path in place.iterdir() if _SNAPSHOT.fullmatch(path.name))

    def shard_names(self, folder: str, shard: str) -> list[str]:
        """List what lies in one of the subfolders of `blocks` or `packs`."""
        place = self.root / folder / shard
        with repository_faults(place):
            try:
                with os.scandir(place) as entries:  # a large repository has 10^6 of them
                    return [entry.name for entry in entries]
            except FileNotFoundError:
                return []

    # --- Reading and writing --------------------------------------------------------------------

    def read(self, path: Path) -> bytes:
        """Read a whole file.

        Raises:
            Unavailable: It is missing or cannot be read.
        """
        with repository_faults(path):
            return path.read_bytes()

    def write(self, path: Path, parts: Iterable[bytes]) -> None:
        """Write a new file; its name is durable after `settle`.

        Raises:
            DiskFull: No room; nothing of it remains.
        """
        with self.draft() as (descriptor, draft):
            for part in parts:
                write_all(descriptor, part, path)
            self.publish(descriptor, draft, path)

    @contextmanager
    def draft(self) -> Iterator[tuple[int, Path]]:
        """Open a new file in `tmp`; removed at the end of the block unless it was published."""
        path = self.root / "tmp" / self._entropy.random(16).hex()
        with repository_faults(path):
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, MODE)
        try:
            yield descriptor, path
        finally:
            os.close(descriptor)
            with suppress(OSError):
                path.unlink(missing_ok=True)

    def publish(self, descriptor: int, draft: Path, path: Path) -> None:
        """Give a finished draft its name."""
        with repository_faults(path):
            os.fsync(descriptor)
            size = os.fstat(descriptor).st_size
            if not path.parent.exists():
                path.parent.mkdir(mode=0o700, exist_ok=True)
                self._unsettled.add(path.parent.parent)
            draft.rename(path)
        self._unsettled.add(path.parent)
        self.written += size

    def remove(self, path: Path) -> None:
        """Remove a file; durable after `settle`. Doing it again changes nothing."""
        with repository_faults(path):
            path.unlink(missing_ok=True)
        self._unsettled.add(path.parent)

    def settle(self) -> None:
        """Make every name given or removed so far durable."""
        for folder in sorted(self._unsettled, reverse=True):  # inner folders first
            with repository_faults(folder):
                _sync(folder)
        self._unsettled.clear()

    def sweep(self) -> None:
        """Clear up after an interrupted backup; only with the exclusive lock.

        What it was writing is removed. Files that it had finished are used again, and it may have
        died before their names were durable: the next `settle` makes every name here durable.
        """
        folder = self.root / "tmp"
        with repository_faults(folder):
            for path in folder.iterdir():
                path.unlink(missing_ok=True)
            self._unsettled.add(self.root)
            for place in (self.root / name for name in _FOLDERS):
                shards = (path for path in place.iterdir() if path.is_dir())
                self._unsettled.update((place, *shards))


@contextmanager
def opened(
    root: Path, *, node: bytes, entropy: Entropy, change: bool, create: bool = False
) -> Iterator[Repository]:
    """Open a repository and keep others from changing it while the block runs.

    Args:
        root: The directory.
        node: Whose backups it must hold: the node id, 32 bytes.
        entropy: Draws names of unfinished files.
        change: Whether it will be changed: then nobody else may even read.
        create: Begin a repository where there is none.

    Raises:
        NotFound: No repository is there.
        Refused: It belongs to another node.
        Conflict: It is in use, or the directory holds something else.
        Invalid: A newer undisc made it.
    """
    if create:
        _begin(root, node=node, entropy=entropy)
    marker = root / MARKER
    _check_marker(marker, node)
    mode = os.O_RDWR if change else os.O_RDONLY  # NFS wants write access for an exclusive lock
    with repository_faults(marker):
        descriptor = os.open(marker, mode | os.O_CLOEXEC)
    try:
        _lock(descriptor, root, exclusive=change)
        yield Repository(root, entropy)
    finally:
        os.close(descriptor)


def _begin(root: Path, *, node: bytes, entropy: Entropy) -> None:
    """Make an empty repository, unless there is one."""
    with repository_faults(root):
        if (root / MARKER).exists():
            return
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        strange = {path.name for path in root.iterdir() if not path.name.startswith(f".{MARKER}")}
        if strange - {*_FOLDERS, "lost+found"}:
            raise Conflict(
                f"{root} is not empty, and holds no backups of undisc",
                code="not_a_repository",
                hint="give the backups a directory of their own: --to DIRECTORY",
            )
        for name in _FOLDERS:
            (root / name).mkdir(mode=0o700, exist_ok=True)
        text = json.dumps({"format": FORMAT, "node": node.hex()}) + "\n"
        draft = root / f".{MARKER}-{entropy.random(8).hex()}"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, MODE)
        try:
            write_all(descriptor, text.encode(), draft)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        draft.rename(root / MARKER)
        _sync(root)
        _sync(root.parent)


def _check_marker(marker: Path, node: bytes) -> None:
    number, owner_id = _read_marker(marker)
    if number != FORMAT:
        raise Invalid(
            f"the backups at {marker.parent} have format {number}, and this undisc knows {FORMAT}",
            code="newer_repository",
            hint="use the version of undisc that made them, or a newer one",
        )
    if owner_id != node:
        raise Refused(
            f"the backups at {marker.parent} are another node's",
            code="other_node",
            hint="each node needs a directory of its own; a restore needs the kit of that node",
        )


def _read_marker(marker: Path) -> tuple[int, bytes]:
    try:
        with repository_faults(marker):
            raw = marker.read_bytes()[:_MAX_MARKER]
    except Unavailable as problem:
        if problem.reason != "backup_incomplete":
            raise
        raise NotFound(
            f"there are no backups at {marker.parent}", code="no_repository", hint=_HINT_MAKE
        ) from None
    try:
        found = json.loads(raw)
        return int(found["format"]), bytes.fromhex(found["node"])
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        raise damaged(marker, "not readable") from None


def _lock(descriptor: int, root: Path, *, exclusive: bool) -> None:
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except OSError as fault:
        if fault.errno in (errno.EAGAIN, errno.EACCES):
            raise Conflict(
                f"another backup, check or restore is using {root}",
                code="repository_in_use",
                hint="wait until it has ended, and try again",
            ) from None
        raise Unavailable(
            f"{root} cannot be locked: {fault.strerror}",
            code="cannot_lock",
            hint="a network disk must support locks (NFS 4 does); mount it with them",
        ) from fault


def write_all(descriptor: int, content: bytes | memoryview, path: Path) -> None:
    """Append bytes to an open file, completely."""
    view = memoryview(content)
    with repository_faults(path):
        while view:
            view = view[os.write(descriptor, view) :]


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def owner(root: Path) -> bytes:
    """Return whose backups are here: a node id, 32 bytes.

    Raises:
        NotFound: No repository is there.
        Damaged: The marker cannot be read.
    """
    return _read_marker(root / MARKER)[1]

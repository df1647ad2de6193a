"""Databases of an older undisc become today's: a copy first, then every step at once.

    before-upgrade/<version that wrote them>-<time>/catalog.sqlite3, keyring.sqlite3

The copy is complete, checked and on the disk before anything is changed, and it is what a rollback
starts from. The steps of one database are one transaction: whoever looks finds the old tables or
the new ones. An upgrade that was interrupted between the two databases goes on at the next start
and keeps the copy it began with.
"""

from __future__ import annotations

import calendar
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlite_utils import Database

from undisc_node.services.errors import Damaged, DiskFull, NotFound
from undisc_node.storage import versions
from undisc_node.storage.database import apply_all, connect, make_private, refuse_newer
from undisc_node.storage.faults import database_faults, disk_faults
from undisc_node.storage.keyring import KEYRING
from undisc_node.storage.migrations import CATALOG

DATABASES: Final = {"catalog.sqlite3": CATALOG, "keyring.sqlite3": KEYRING}
COPIES: Final = "before-upgrade"
_KEPT: Final = 2  # versions whose newest copy stays: the way back from a bad release, and one more
_DAYS: Final = 30  # a copy holds patients' names, and keys of studies erased since: no longer
_GROWTH: Final = 2  # room for the copy, and as much again for what the steps write
_SPARE: Final = 16 << 20  # bytes; journals, and the node's first minutes
_TIME: Final = "%Y%m%dT%H%M%SZ"
_NAME: Final = re.compile(r"(\d+\.\d+\.\d+)-(\d{8}T\d{6}Z)")


@dataclass(frozen=True, slots=True)
class Copy:
    """The databases as they were before an upgrade.

    Attributes:
        path: Its directory.
        version: The version that had written them.
        taken: When, seconds since 1970.
    """

    path: Path
    version: str
    taken: int


@dataclass(frozen=True, slots=True)
class Upgrade:
    """What an upgrade has to do, or did.

    Attributes:
        before: The version that wrote the databases.
        after: This version.
        steps: What is applied, as `catalog.sqlite3 m0006_…`.
        copy: Where the databases lie as they were; None while nothing was done.
    """

    before: str
    after: str
    steps: tuple[str, ...]
    copy: Path | None = None


def pending(home: Path) -> Upgrade | None:
    """Find out what an upgrade would do; None when the databases are up to date.

    Raises:
        Conflict: A newer undisc has written to one of them.
        NotFound: One is missing.
        ServiceError: One cannot be read.
    """
    steps: list[str] = []
    before: set[str] = set()
    for name, migrations in DATABASES.items():
        with _opened(home / name) as database:
            refuse_newer(database, migrations, home / name)
            waiting = migrations.pending(database)
            steps += [f"{name} {step.name}" for step in waiting]
            if waiting:
                before.add(versions.written_by(database.conn))
    if not steps:
        return None
    oldest = min(before, key=versions.order)
    return Upgrade(oldest, versions.running_version(), tuple(steps))


def bring_up_to_date(home: Path, *, now: float) -> Upgrade | None:
    """Upgrade the databases of a home that no other process uses; None when nothing was to do.

    Args:
        home: Directory of the node's state.
        now: The time, seconds since 1970; names the copy.

    Raises:
        Conflict: A newer undisc has written to one of them.
        Damaged: A database is damaged; nothing was changed.
        DiskFull: No room for the copy and the upgrade; nothing was changed.
        ServiceError: One cannot be read or written.
    """
    forget_copies(home, now=now)
    wanted = pending(home)
    if wanted is None:
        return None
    copy = _begun(home, wanted) or _copy(home, wanted.before, now=now)
    for name, migrations in DATABASES.items():
        with _opened(home / name) as database:
            database.conn.execute("PRAGMA synchronous = FULL")
            database.conn.execute("PRAGMA secure_delete = ON")  # also what a step throws away
            apply_all(database, migrations)
    forget_copies(home, now=now)
    return Upgrade(wanted.before, wanted.after, wanted.steps, copy)


def copies(home: Path) -> list[Copy]:
    """List the copies, newest first."""
    found = []
    with disk_faults(home / COPIES):
        for path in (home / COPIES).glob("*"):
            if match := _NAME.fullmatch(path.name):
                taken = calendar.timegm(time.strptime(match[2], _TIME))
                found.append(Copy(path, match[1], taken))
    return sorted(found, key=lambda copy: (copy.taken, copy.path.name), reverse=True)


def forget_copies(home: Path, *, now: float) -> int:
    """Delete copies that are too old or too many, and unfinished ones; return how many.

    Of each of the last two versions the newest copy stays, for 30 days.
    """
    kept: set[str] = set()
    gone = 0
    for copy in copies(home):
        young = copy.taken > now - _DAYS * 86_400
        if young and copy.version not in kept and len(kept) < _KEPT:
            kept.add(copy.version)
        else:
            gone += 1
            _remove(copy.path)
    for path in (home / COPIES).glob(".new-*"):
        _remove(path)
    return gone


def copy_database(source: Path, target: Path) -> None:
    """Copy a database that may be in use, durably, readable for this user only, and check it.

    Raises:
        Damaged: What was copied is damaged.
        ServiceError: It cannot be read or written.
    """
    make_private(target)
    with database_faults(source), closing(connect(source)) as old, closing(connect(target)) as new:
        old.backup(new)
        if new.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
            raise Damaged(
                f"{source} is damaged",
                hint="nothing was changed; stop the node and restore from a backup",
            )
    with disk_faults(target):
        sync(target)
        sync(target.parent)


def sync(path: Path) -> None:
    """Wait until a file's bytes, or a directory's names, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _begun(home: Path, wanted: Upgrade) -> Path | None:
    """Return the copy of an upgrade that was interrupted between the databases."""
    marks = set()
    for name in DATABASES:
        with _opened(home / name) as database:
            marks.add(versions.written_by(database.conn))
    if wanted.after not in marks:
        return None
    return next((copy.path for copy in copies(home) if copy.version == wanted.before), None)


def _copy(home: Path, version: str, *, now: float) -> Path:
    _check_room(home)
    folder = home / COPIES
    draft = folder / f".new-{os.getpid()}"
    with disk_faults(folder):
        folder.mkdir(mode=0o700, exist_ok=True)
        draft.mkdir(mode=0o700)
    for name in DATABASES:
        copy_database(home / name, draft / name)
    final = folder / f"{version}-{time.strftime(_TIME, time.gmtime(now))}"
    with disk_faults(final):
        _remove(final)  # an upgrade of the same second; this one is newer
        draft.rename(final)
        sync(folder)
        sync(home)
    return final


def _check_room(home: Path) -> None:
    with disk_faults(home):
        size = sum(path.stat().st_size for name in DATABASES for path in home.glob(name + "*"))
        free = shutil.disk_usage(home).free
    needed = size * _GROWTH + _SPARE
    if free < needed:
        raise DiskFull(
            f"an upgrade needs {needed >> 20} MiB of free disk, and {free >> 20} MiB are free",
            code="no_room_for_upgrade",
            hint="nothing was changed; free some space, or start the older version again",
        )


@contextmanager
def _opened(path: Path) -> Iterator[Database]:
    with disk_faults(path):
        if not path.exists():
            raise NotFound(
                f"{path} is missing",
                code="database_missing",
                hint="check that the disk is mounted and restore the file from a backup",
            )
    with database_faults(path), closing(connect(path)) as connection:
        yield Database(connection, execute_plugins=False)


def _remove(path: Path) -> None:
    with disk_faults(path):
        if path.exists():
            shutil.rmtree(path)

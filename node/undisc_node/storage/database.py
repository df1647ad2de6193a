"""Opens the node's SQLite files, always the same way.

- WAL with `synchronous=FULL`: a commit that returned survives a power cut (sqlite.org/wal.html).
- Foreign keys are enforced, and triggers also fire for rows that REPLACE removes.
- Files are made with mode 0600 before SQLite writes to them; its -wal and -shm files follow.
- A file written by a newer undisc is refused, untouched.
- A file written by an older one is refused too: `upgrade` brings it up to date, after it has made a
  copy.

Plug-ins of sqlite-utils are not loaded: whatever else is installed has no business in here.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Final

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from undisc_node.services.errors import Conflict, NotFound, Unavailable
from undisc_node.storage import versions
from undisc_node.storage.faults import database_faults, disk_faults

BUSY_MS: Final = 5_000  # how long to wait for another program, such as a backup, to let go
WAL_KEPT: Final = 4 * 2**20
"""Bytes of a write-ahead log that stay on the disk when it begins anew: what SQLite lets it grow to
(1,000 pages) where no reader stands on it. A long reader can make it larger for a while."""
_STRICT_SINCE: Final = (3, 37, 0)  # SQLite's first version with STRICT tables


def open_writer(
    path: Path, *, migrations: Migrations, create: bool, secure_delete: bool = False
) -> Database:
    """Open a database for writing; a new one gets its tables.

    The connection may move between threads; the caller sees to it that one uses it at a time.

    Args:
        path: The file; its directory exists.
        migrations: Steps that lead from nothing to today's tables.
        create: Make the file when it is missing.
        secure_delete: Overwrite deleted rows with zeros.

    Raises:
        Conflict: A newer undisc has written to it, or an older one and it was not upgraded.
        NotFound: It is missing.
        ServiceError: It cannot be opened; see `faults`.
    """
    if sqlite3.sqlite_version_info < _STRICT_SINCE:
        raise Unavailable(
            f"SQLite {sqlite3.sqlite_version} is too old",
            code="sqlite_too_old",
            hint="use a Python whose sqlite3 module has SQLite 3.37 or newer",
        )
    if create:
        make_private(path)
    elif not _exists(path):
        raise NotFound(
            f"{path} is missing",
            code="database_missing",
            hint="check that the disk is mounted and restore the file from a backup;"
            " a node never begins anew beside old packs",
        )
    with database_faults(path):
        connection = connect(path)
        database = Database(connection, execute_plugins=False)
        try:
            refuse_newer(database, migrations, path)
            _refuse_older(database, migrations, path)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute(f"PRAGMA journal_size_limit = {WAL_KEPT}")
            connection.execute(f"PRAGMA secure_delete = {'ON' if secure_delete else 'OFF'}")
            apply_all(database, migrations)
        except BaseException:
            connection.close()
            raise
    return database


def open_reader(path: Path) -> sqlite3.Connection:
    """Open an existing database for reading only; the connection may move between threads.

    Raises:
        ServiceError: It cannot be opened; see `faults`.
    """
    with database_faults(path):
        connection = connect(path)
        connection.execute("PRAGMA query_only = ON")
    return connection


def connect(path: Path) -> sqlite3.Connection:
    """Open a file as it is, whatever has written to it."""
    # isolation_level None: transactions begin and end where this package says, nowhere else.
    connection = sqlite3.connect(
        path, timeout=BUSY_MS / 1000, isolation_level=None, check_same_thread=False
    )
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA recursive_triggers = ON")
    return connection


def sizes(path: Path) -> tuple[int, int]:
    """Return the bytes of a database and of its write-ahead log; 0 for what is not there."""
    return _size(path), _size(path.with_name(f"{path.name}-wal"))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _exists(path: Path) -> bool:
    with disk_faults(path):
        return path.exists()


def make_private(path: Path) -> None:
    """Make an empty file for this user only, durably, unless there is one."""
    with disk_faults(path):
        try:
            made = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            return
        os.close(made)
        directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def apply_all(database: Database, migrations: Migrations) -> None:
    """Apply what is pending, all of it or nothing, and note which version did."""
    with database.atomic():
        if migrations.pending(database):
            migrations.apply(database)
        versions.mark(database.conn, versions.running_version())


def refuse_newer(database: Database, migrations: Migrations, path: Path) -> None:
    """Let nothing that a newer undisc has written be touched.

    Raises:
        Conflict: It has steps that this program does not know.
    """
    empty = Database(memory=True, execute_plugins=False)
    known = {step.name for step in migrations.pending(empty)}
    empty.close()
    unknown = {step.name for step in migrations.applied(database)} - known
    if unknown:
        raise Conflict(
            f"{path} was written by a newer undisc, {versions.written_by(database.conn)},"
            f" and this is {versions.running_version()}",
            code="newer_database",
            hint="start that version or a newer one, or go back with that version's"
            " undisc-node rollback: docs/howto/upgrade-and-roll-back.md",
        )


def _refuse_older(database: Database, migrations: Migrations, path: Path) -> None:
    if migrations.applied(database) and migrations.pending(database):
        raise Conflict(
            f"{path} was written by undisc {versions.written_by(database.conn)}"
            " and has not been upgraded",
            code="older_database",
            hint="stop the node, then: undisc-node migrate",
        )

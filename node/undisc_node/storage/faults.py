"""Turns what the disk and SQLite complain about into what a person can act on.

Every public method of this package lets only `ServiceError` out. Messages name a file of the node's
own (its names are fixed or random), never anything from outside.
"""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path
from types import TracebackType

from undisc_node.services.errors import Conflict, Damaged, DiskFull, ServiceError, Unavailable

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_NO_ACCESS = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_ROOM_HINT = "free some space, or move the node's directory to a larger disk"


class _DiskFaults:
    # It and the next stand around every statement and write: a class costs a fifth of a generator.
    __slots__ = ("_path",)

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        """Nothing is to be done before."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if isinstance(fault, OSError):
            raise _of_disk(fault, self._path) from fault


class _DatabaseFaults:
    __slots__ = ("_path",)

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        """Nothing is to be done before."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if isinstance(fault, sqlite3.Error):
            raise _of_database(fault, self._path) from fault


def disk_faults(path: Path) -> _DiskFaults:
    """Translate an `OSError` inside a `with` block.

    Args:
        path: The file or directory of the node that the block works on; named in the message.

    Raises:
        DiskFull: No room, no quota, or over the file size limit.
        Unavailable: No permission, or the disk failed.
    """
    return _DiskFaults(path)


def _of_disk(fault: OSError, path: Path) -> ServiceError:
    if fault.errno in _NO_ROOM:
        return DiskFull(f"no room left on the disk for {path}", hint=_ROOM_HINT)
    if fault.errno in _NO_ACCESS:
        return Unavailable(
            f"the node may not use {path}",
            code="no_access",
            hint="the user that runs undisc-node must own it: check owner, mode and mount options",
        )
    if isinstance(fault, FileNotFoundError):
        return Unavailable(
            f"{path} is missing",
            code="file_missing",
            hint="check that the disk is mounted, or restore it from a backup",
        )
    return Unavailable(
        f"the disk failed on {path}: {fault.strerror or 'unknown fault'}",
        code="disk_fault",
        hint="look at the system's log for disk errors before trying again",
    )


def database_faults(path: Path) -> _DatabaseFaults:
    """Translate an SQLite error inside a `with` block.

    Args:
        path: The database file; named in the message.

    Raises:
        DiskFull: No room.
        Conflict: A rule of the tables forbids the change.
        Damaged: Not a database, or a damaged one.
        Unavailable: Locked by another program, no permission, or the disk failed.
    """
    return _DatabaseFaults(path)


def _of_database(fault: sqlite3.Error, path: Path) -> ServiceError:
    # The low byte is the primary result code (sqlite.org/rescode.html).
    code = getattr(fault, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    if code == sqlite3.SQLITE_CONSTRAINT:
        return Conflict(f"the change breaks a rule of {path.name}: {fault}")
    if code == sqlite3.SQLITE_FULL:
        return DiskFull(f"no room left on the disk for {path}", hint=_ROOM_HINT)
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return Damaged(
            f"{path} is damaged or not a database",
            hint="stop the node and restore the file from a backup",
        )
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return Unavailable(
            f"{path} is in use by another program",
            code="database_busy",
            hint="stop the other undisc-node, or whatever else has the file open",
        )
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_READONLY):
        return Unavailable(
            f"the node may not use {path}",
            code="no_access",
            hint="the user that runs undisc-node must own the file and its directory",
        )
    return Unavailable(
        f"{path} failed: {fault}",
        code="database_fault",
        hint="look at the system's log for disk errors before trying again",
    )

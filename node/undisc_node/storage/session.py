"""One change or one look: the only way the record classes reach SQLite.

A session ends with its block; what was handed out of the block is then dead, so that nothing is
written outside a transaction by accident.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from undisc_node.storage.faults import database_faults


class Session:
    """Runs statements within one transaction.

    Args:
        connection: An open connection inside a transaction.
        path: The database file, named in messages.
        writable: Whether this is a change.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path, *, writable: bool) -> None:
        self._connection: sqlite3.Connection | None = connection
        self._path = path
        self._writable = writable

    def row(self, statement: str, values: Sequence[object] = ()) -> Any:
        """Return the first row of a query as a tuple, or None."""
        with database_faults(self._path):
            return self._open().execute(statement, values).fetchone()

    def rows(self, statement: str, values: Sequence[object] = ()) -> list[Any]:
        """Return all rows of a query as tuples."""
        with database_faults(self._path):
            return self._open().execute(statement, values).fetchall()

    def write(self, statement: str, values: Sequence[object] = ()) -> int:
        """Run a statement that changes rows; return how many it changed.

        Raises:
            Conflict: A rule of the tables forbids it.
            RuntimeError: The session is a look (a mistake in this program).
        """
        if not self._writable:
            raise RuntimeError("a look cannot write")
        with database_faults(self._path):
            return self._open().execute(statement, values).rowcount

    def end(self) -> None:
        """Make every later call fail."""
        self._connection = None

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            raise RuntimeError("records were used after their change or look ended")
        return self._connection

"""Looks that end within a moment, for a doctor who is asked every minute."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final

from undisc_node.services.errors import Damaged, ServiceError
from undisc_node.services.ports import LogRecords
from undisc_node.storage.faults import database_faults
from undisc_protocol.log import leaf_hash

_INSTRUCTIONS: Final = 10_000  # of SQLite's machine between two looks at the clock; about 0.1 ms
_NEWEST: Final = 100  # lines


def quickly_damaged(connection: sqlite3.Connection, path: Path, enough: Callable[[], bool]) -> bool:
    """Let SQLite look for damage until `enough` says so; what was not reached counts as good."""
    connection.set_progress_handler(lambda: int(enough()), _INSTRUCTIONS)
    try:
        with database_faults(path):
            row = connection.execute("PRAGMA quick_check(1)").fetchone()
            return bool(row != ("ok",))
    except Damaged:
        return True
    except ServiceError:
        return False  # interrupted
    finally:
        connection.set_progress_handler(None, 0)


def head_problem(log: LogRecords) -> str:
    """Say what is wrong with the head of the log or its newest lines; empty when nothing is."""
    try:
        size = log.frontier().size
    except ServiceError as fault:
        return str(fault)
    rows = log.newest(_NEWEST)
    newest = rows[-1].number + 1 if rows else 0
    if newest != size:
        return f"the head of the log says {size} lines, and there are {newest}"
    for row in rows:
        if row.event and leaf_hash(row.salt, row.event) != row.leaf:
            return f"line {row.number} of the log was changed"
    return ""

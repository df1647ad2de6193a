"""What can be said of the databases without saying what is in them."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlite_utils import Database

from undisc_node.services.errors import ServiceError
from undisc_node.storage.checking.reading import CATALOG_FILE, KEYRING_FILE, open_untouched
from undisc_node.storage.faults import database_faults
from undisc_node.storage.upgrade import DATABASES
from undisc_protocol.errors import RemoteProtocolError
from undisc_protocol.log import Event

SQLITE_VERSION: Final = sqlite3.sqlite_version
_EVENTS: Final = 1_000  # newest lines of the log


@dataclass(frozen=True, slots=True)
class DatabaseSummary:
    """One database.

    Attributes:
        name: Its file.
        problem: Code of what keeps it from being read; empty when nothing does.
        tables: Rows by table.
        steps: Names of the steps that were applied.
        options: What SQLite was built with.
    """

    name: str
    problem: str
    tables: dict[str, int]
    steps: list[str]
    options: list[str]


@dataclass(frozen=True, slots=True)
class LoggedKind:
    """A line of the log without anybody in it.

    Attributes:
        number: Its number.
        at_ms: When.
        kind: What happened; empty when the line was erased.
        outcome: As in the log.
    """

    number: int
    at_ms: int
    kind: str
    outcome: int


def summarise(home: Path) -> list[DatabaseSummary]:
    """Count rows in both databases."""
    return [_summary(home / name) for name in (CATALOG_FILE, KEYRING_FILE)]


def _summary(path: Path) -> DatabaseSummary:
    try:
        with closing(open_untouched(path)) as connection, database_faults(path):
            names = connection.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
            ).fetchall()
            tables = {name: _count(connection, name) for (name,) in names}
            options = [row[0] for row in connection.execute("PRAGMA compile_options")]
            database = Database(connection, execute_plugins=False)
            steps = [step.name for step in DATABASES[path.name].applied(database)]
    except ServiceError as fault:
        return DatabaseSummary(path.name, fault.reason, {}, [], [])
    return DatabaseSummary(path.name, "", tables, steps, options)


def _count(connection: sqlite3.Connection, table: str) -> int:
    quoted = '"' + table.replace('"', '""') + '"'
    row = connection.execute(f"SELECT count(*) FROM {quoted}").fetchone()  # noqa: S608 - a table's own name
    return int(row[0])


def newest_kinds(home: Path) -> Sequence[LoggedKind]:
    """List the newest lines of the log, oldest first: what happened and when, not to whom."""
    path = home / CATALOG_FILE
    try:
        with closing(open_untouched(path)) as connection, database_faults(path):
            rows = connection.execute(
                "SELECT number, event FROM log ORDER BY number DESC LIMIT ?", (_EVENTS,)
            ).fetchall()
    except ServiceError:
        return []
    return [_kind(number, raw) for number, raw in reversed(rows)]


def _kind(number: int, raw: bytes) -> LoggedKind:
    try:
        event = Event.decode(raw)
    except RemoteProtocolError:
        return LoggedKind(number, 0, "", 0)
    return LoggedKind(number, event.at, event.type, event.outcome)

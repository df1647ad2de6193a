"""Consistent copies of the node's databases, and what a backup must know of them.

Works on files of any version: a backup is made before a migration too. Tables that an older undisc
did not have count as empty.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from undisc_node.services.model import Tombstone
from undisc_node.storage.database import open_reader
from undisc_node.storage.faults import database_faults
from undisc_protocol.tree import Frontier

_COUNTED: Final = ("studies", "grants", "shares", "peers", "fetches", "receipts")
_HASH: Final = 32  # bytes


@dataclass(frozen=True, slots=True)
class CatalogFacts:
    """What a backup reads from the copy of a catalog.

    Attributes:
        migrations: Names of the steps applied.
        packs: Place in order of arrival, id and committed length of each pack.
        log: The head of the log.
        counts: Rows by table.
    """

    migrations: tuple[str, ...]
    packs: tuple[tuple[int, bytes, int], ...]
    log: Frontier
    counts: Mapping[str, int]


def copy_catalog(source: Path, target: Path) -> None:
    """Copy a database as it is at one moment, also while a node writes to it.

    Args:
        source: The catalog.
        target: An empty file of mode 0600.
    """
    # The copy lives for the length of a backup: syncing it would only cost time.
    with (
        database_faults(source),
        closing(open_reader(source)) as reader,
        closing(sqlite3.connect(target, isolation_level=None)) as copy,
    ):
        copy.execute("PRAGMA synchronous = OFF")
        copy.execute("PRAGMA journal_mode = OFF")
        reader.backup(copy)


def copy_keyring(source: Path) -> tuple[bytes, tuple[str, ...]]:
    """Copy the keyring in memory, so that no erased key stays in a forgotten file.

    Returns:
        The bytes of the database, and the migrations applied to it.
    """
    with (
        database_faults(source),
        closing(open_reader(source)) as reader,
        closing(sqlite3.connect(":memory:", isolation_level=None)) as copy,
    ):
        reader.backup(copy)
        return copy.serialize(), _migrations(copy)


def read_facts(catalog: Path) -> CatalogFacts:
    """Read what a backup must know from the copy of a catalog."""
    with _reading(catalog) as reader:
        origin, size, nodes = reader.execute("SELECT origin, size, nodes FROM log_head").fetchone()
        parts = tuple(nodes[at : at + _HASH] for at in range(0, len(nodes), _HASH))
        return CatalogFacts(
            migrations=_migrations(reader),
            packs=tuple(reader.execute("SELECT rowid, id, length FROM packs ORDER BY rowid")),
            log=Frontier(origin, size, parts),
            counts={
                table: reader.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608 - fixed names
                for table in _COUNTED
            },
        )


def read_tombstones(catalog: Path) -> list[Tombstone]:
    """List what was erased, oldest first."""
    with _reading(catalog) as reader:
        if not _has_table(reader, "tombstones"):
            return []
        rows = reader.execute("SELECT pack, study, at_ms FROM tombstones ORDER BY at_ms, pack")
        return [Tombstone(*row) for row in rows]


@contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    with database_faults(path), closing(open_reader(path)) as reader:
        reader.execute("BEGIN")
        yield reader


def _has_table(reader: sqlite3.Connection, name: str) -> bool:
    statement = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?"
    return reader.execute(statement, (name,)).fetchone() is not None


def _migrations(reader: sqlite3.Connection) -> tuple[str, ...]:
    if not _has_table(reader, "_sqlite_migrations"):
        return ()
    rows = reader.execute("SELECT name FROM _sqlite_migrations ORDER BY name")
    return tuple(row[0] for row in rows)


def private_file(path: Path) -> None:
    """Make an empty file that only this user can read."""
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))

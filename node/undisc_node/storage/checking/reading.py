"""Opens the databases of a home for reading only, also while a node is writing to them.

Nothing is created, migrated or repaired here. A look is a snapshot: what it shows belongs together.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from undisc_node.services.errors import Conflict, Damaged, NotFound
from undisc_node.storage.catalog import CatalogRecords
from undisc_node.storage.database import BUSY_MS
from undisc_node.storage.faults import database_faults
from undisc_node.storage.keyring import KEYRING
from undisc_node.storage.migrations import CATALOG
from undisc_node.storage.session import Session
from undisc_protocol import keys
from undisc_protocol.errors import CannotOpen

CATALOG_FILE: Final = "catalog.sqlite3"
KEYRING_FILE: Final = "keyring.sqlite3"


def open_untouched(path: Path) -> sqlite3.Connection:
    """Open a database that this process will not change.

    SQLite may make the -shm file that readers of a write-ahead log share; it gives it to the owner
    of the database.

    Raises:
        NotFound: There is no such file.
        ServiceError: It cannot be opened; see `faults`.
    """
    if not path.exists():
        raise NotFound(f"{path} is missing", code="database_missing")
    with database_faults(path):
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro",
            uri=True,
            timeout=BUSY_MS / 1000,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            connection.execute("PRAGMA query_only = ON")
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except BaseException:
            connection.close()
            raise
        return connection


class CatalogView:
    """The catalog for one reader; has `look` as `ports.Catalog`, and no way to change anything.

    Args:
        path: `catalog.sqlite3`.

    Raises:
        ServiceError: It cannot be opened, or its tables are not those of this version.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.connection = open_untouched(path)
        try:
            same_version(self.connection, CATALOG, path)
        except BaseException:
            self.connection.close()
            raise

    @contextmanager
    def look(self) -> Iterator[CatalogRecords]:
        """Open a consistent view."""
        with database_faults(self.path):
            self.connection.execute("BEGIN")
        session = Session(self.connection, self.path, writable=False)
        try:
            yield CatalogRecords(session)
        finally:
            session.end()
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")

    @property
    def changes(self) -> int:
        """None: a check changes nothing."""
        return 0

    def change(self, *, vital: bool = False) -> AbstractContextManager[CatalogRecords]:  # noqa: ARG002 - the port asks for it
        """Refuse: a check changes nothing."""
        raise RuntimeError("a check changes nothing")

    def close(self) -> None:
        """Close the file."""
        self.connection.close()


class KeyringView:
    """The keyring for one reader.

    Args:
        path: `keyring.sqlite3`.
        key_encryption_key: 32 bytes that wrap every study key.

    Raises:
        ServiceError: It cannot be opened, or its tables are not those of this version.
    """

    def __init__(self, path: Path, *, key_encryption_key: bytes) -> None:
        self.path = path
        self._wrapping_key = key_encryption_key
        self.connection = open_untouched(path)
        try:
            same_version(self.connection, KEYRING, path)
        except BaseException:
            self.connection.close()
            raise

    def get(self, pack: bytes) -> bytes:
        """Return a pack's study key, 32 bytes; as `Keyring.get`."""
        with database_faults(self.path):
            row = self.connection.execute(
                "SELECT wrapped FROM study_keys WHERE pack = ?", (pack,)
            ).fetchone()
        if row is None:
            raise NotFound("the key of this pack is not in the keyring", code="key_destroyed")
        try:
            return keys.unseal(
                self._wrapping_key, row[0], domain=keys.DOMAIN_STUDY_KEY, bound_to=pack
            )
        except CannotOpen:
            raise Damaged("the key of this pack does not open", code="wrong_key") from None

    def finished(self) -> dict[bytes, bool]:
        """List every pack that has a key, and whether the catalog is known to have named it."""
        with database_faults(self.path):
            rows = self.connection.execute("SELECT pack, known FROM study_keys")
            return {pack: bool(known) for pack, known in rows}

    def close(self) -> None:
        """Close the file."""
        self.connection.close()


def pending(connection: sqlite3.Connection, migrations: Migrations) -> list[str]:
    """List the steps that a database of this node has still to take."""
    database = Database(connection, execute_plugins=False)
    return [step.name for step in migrations.pending(database)]


def same_version(connection: sqlite3.Connection, migrations: Migrations, path: Path) -> None:
    """Require that the tables are those this version works with.

    Raises:
        Conflict: They are older, or newer.
    """
    with database_faults(path):
        database = Database(connection, execute_plugins=False)
        empty = Database(memory=True, execute_plugins=False)
        known = {step.name for step in migrations.pending(empty)}
        empty.close()
        applied = {step.name for step in migrations.applied(database)}
    if applied - known:
        raise Conflict(
            f"{path} was written by a newer version of undisc",
            code="newer_database",
            hint="use the version that last used it, or a newer one",
        )
    if known - applied:
        raise Conflict(
            f"{path} has not been brought up to date yet",
            code="older_database",
            hint="start the node once with this version, then check again",
        )

"""Wrapped study keys in `keyring.sqlite3`: one key for each pack.

A pack can be read only while its row is here. Erasing a study is deleting the row: it is
overwritten (`secure_delete`) and no copy stays in the write-ahead log. A row is durable before its
pack exists, so no pack is ever without a key. Until the catalog has committed the pack, its row is
marked as unfinished: only such packs are what a crash left over.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final, TypeVar

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from undisc_node.services.errors import Damaged, NotFound, Unavailable
from undisc_node.services.ports import Entropy
from undisc_node.storage.database import open_writer
from undisc_node.storage.faults import database_faults
from undisc_protocol import keys
from undisc_protocol.errors import CannotOpen

KEYRING = Migrations("undisc-keyring")
_CACHED: Final = 1024  # unwrapped keys kept in memory

_Result = TypeVar("_Result")


@KEYRING()
def m0001_study_keys(database: Database) -> None:
    """One wrapped key for each pack."""
    database.execute("""
        CREATE TABLE study_keys (
            pack BLOB NOT NULL PRIMARY KEY CHECK (length(pack) = 16),
            wrapped BLOB NOT NULL CHECK (length(wrapped) = 72)
        ) STRICT, WITHOUT ROWID
    """)


@KEYRING()
def m0002_unfinished_packs(database: Database) -> None:
    """Whether the catalog has committed a pack; every pack made before this step counts as such."""
    database.execute("""
        ALTER TABLE study_keys
            ADD COLUMN known INTEGER NOT NULL DEFAULT 1 CHECK (known IN (0, 1))
    """)
    database.execute("CREATE INDEX study_keys_unfinished ON study_keys (pack) WHERE known = 0")


class Keyring:
    """Study keys by pack id; safe to use from many threads.

    Args:
        path: `keyring.sqlite3`.
        key_encryption_key: 32 bytes that wrap every study key.
        entropy: Draws keys and nonces.
        create: Make the file when it is missing; only for a new node.

    Raises:
        ServiceError: It cannot be opened, or a newer undisc has written to it.
    """

    def __init__(
        self, path: Path, *, key_encryption_key: bytes, entropy: Entropy, create: bool
    ) -> None:
        self._path = path
        self._wrapping_key = key_encryption_key
        self._entropy = entropy
        self._guard = threading.Lock()
        self._unwrapped: dict[bytes, bytes] = {}
        self._connection = open_writer(
            path, migrations=KEYRING, create=create, secure_delete=True
        ).conn

    def make(self, pack: bytes) -> bytes:
        """Make the study key of a new, unfinished pack; durable on return.

        Args:
            pack: The pack's id, 16 bytes, never used before.

        Raises:
            Conflict: The pack has a key.
            DiskFull: No room.
        """
        study_key = self._entropy.random(keys.KEY_SIZE)
        wrapped = keys.seal(
            self._wrapping_key,
            study_key,
            domain=keys.DOMAIN_STUDY_KEY,
            bound_to=pack,
            nonce=self._entropy.random(keys.SEAL_NONCE),
        )
        statement = "INSERT INTO study_keys (pack, wrapped, known) VALUES (?, ?, 0)"
        self._locked(lambda: self._connection.execute(statement, (pack, wrapped)))
        return study_key

    def get(self, pack: bytes) -> bytes:
        """Return a pack's study key, 32 bytes.

        Raises:
            NotFound: The key was destroyed, or never was.
            Damaged: The wrapped key does not open.
        """
        return self._locked(lambda: self._unwrap(pack))

    def packs(self) -> frozenset[bytes]:
        """List the ids of all packs that have a key, also of those without a file."""
        statement = "SELECT pack FROM study_keys"
        return self._locked(
            lambda: frozenset(row[0] for row in self._connection.execute(statement))
        )

    def unfinished(self) -> frozenset[bytes]:
        """List the ids of packs that were begun and are not known to be committed."""
        statement = "SELECT pack FROM study_keys WHERE known = 0"
        return self._locked(
            lambda: frozenset(row[0] for row in self._connection.execute(statement))
        )

    def finish(self, packs: Iterable[bytes]) -> None:
        """Note that the catalog has committed these packs; unknown ones change nothing."""
        statement = "UPDATE study_keys SET known = 1 WHERE pack = ?"
        values = [(pack,) for pack in packs]
        self._locked(lambda: self._in_one_change(statement, values))

    def destroy(self, pack: bytes) -> None:
        """Delete a pack's study key for good; doing it again changes nothing."""
        self._locked(lambda: self._delete(pack))

    def close(self) -> None:
        """Close the file and forget every key."""
        with self._guard:
            self._unwrapped.clear()
            self._connection.close()

    def _locked(self, work: Callable[[], _Result]) -> _Result:
        with self._guard, database_faults(self._path):
            return work()

    def _in_one_change(self, statement: str, values: Sequence[tuple[bytes]]) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            self._connection.executemany(statement, values)
            self._connection.execute("COMMIT")
        finally:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    def _unwrap(self, pack: bytes) -> bytes:
        known = self._unwrapped.get(pack)
        if known is not None:
            return known
        statement = "SELECT wrapped FROM study_keys WHERE pack = ?"
        row = self._connection.execute(statement, (pack,)).fetchone()
        if row is None:
            raise NotFound("the key of this pack is not in the keyring", code="key_destroyed")
        try:
            study_key = keys.unseal(
                self._wrapping_key, row[0], domain=keys.DOMAIN_STUDY_KEY, bound_to=pack
            )
        except CannotOpen:
            raise Damaged(
                "a study key does not open",
                code="wrong_key",
                hint="the key-encryption key in keys/ is not the one this keyring was made with;"
                " restore it from the recovery kit",
            ) from None
        if len(self._unwrapped) >= _CACHED:
            self._unwrapped.pop(next(iter(self._unwrapped)))
        self._unwrapped[pack] = study_key
        return study_key

    def _delete(self, pack: bytes) -> None:
        self._unwrapped.pop(pack, None)
        self._connection.execute("DELETE FROM study_keys WHERE pack = ?", (pack,))
        # The old page lives on in the write-ahead log until that is moved over and cut.
        busy, _, _ = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise Unavailable(
                "a study key was deleted, but a copy may remain in the keyring's write-ahead log",
                code="database_busy",
                hint="stop the program that reads keyring.sqlite3 and delete the study again",
            )

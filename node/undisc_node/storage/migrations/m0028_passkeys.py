"""Step 28: passkeys of staff; their public halves."""

from __future__ import annotations

from sqlite_utils import Database

from undisc_node.storage.migrations.steps import CATALOG


@CATALOG()
def m0028_passkeys(database: Database) -> None:
    """An id is as long as WebAuthn lets it be (level 3 §6.1.3); a key is a COSE key."""
    database.execute("""
        CREATE TABLE staff_passkeys (
            id BLOB NOT NULL PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 1023),
            name TEXT NOT NULL REFERENCES staff (name),
            label TEXT NOT NULL,
            key BLOB NOT NULL CHECK (length(key) BETWEEN 1 AND 2048),
            count INTEGER NOT NULL CHECK (count >= 0),
            created_ms INTEGER NOT NULL,
            used_ms INTEGER
        ) STRICT, WITHOUT ROWID
    """)
    database.execute("CREATE INDEX staff_passkeys_by_name ON staff_passkeys (name)")

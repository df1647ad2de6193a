"""Step 9: accounts of the practice's own people."""

from __future__ import annotations

from sqlite_utils import Database

from undisc_node.storage.migrations.steps import CATALOG


@CATALOG()
def m0009_staff(database: Database) -> None:
    """Who of the practice signs in."""
    database.execute("""
        CREATE TABLE staff (
            name TEXT NOT NULL PRIMARY KEY CHECK (length(name) BETWEEN 1 AND 64),
            role TEXT NOT NULL CHECK (role IN ('desk', 'admin')),
            salt BLOB NOT NULL CHECK (length(salt) = 16),
            hash BLOB NOT NULL CHECK (length(hash) = 32),
            passes INTEGER NOT NULL CHECK (passes > 0),
            memory INTEGER NOT NULL CHECK (memory > 0),
            created_ms INTEGER NOT NULL,
            changed_ms INTEGER NOT NULL,
            disabled_ms INTEGER
        ) STRICT
    """)

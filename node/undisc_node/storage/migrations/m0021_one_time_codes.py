"""Step 21: one-time codes, without the codes."""

from __future__ import annotations

from sqlite_utils import Database

from undisc_node.storage.migrations.steps import CATALOG


@CATALOG()
def m0021_one_time_codes(database: Database) -> None:
    """The newest code of each context, and how many there were."""
    database.execute("""
        CREATE TABLE one_time_codes (
            context BLOB NOT NULL PRIMARY KEY CHECK (length(context) = 32),
            salt BLOB NOT NULL CHECK (length(salt) = 16),
            mac BLOB NOT NULL CHECK (length(mac) = 32),
            made_ms INTEGER NOT NULL,
            expires_ms INTEGER NOT NULL,
            tries INTEGER NOT NULL CHECK (tries >= 0),
            used INTEGER NOT NULL CHECK (used IN (0, 1)),
            since_ms INTEGER NOT NULL,
            made INTEGER NOT NULL CHECK (made > 0)
        ) STRICT, WITHOUT ROWID
    """)
    database.execute("CREATE INDEX one_time_codes_by_age ON one_time_codes (since_ms)")

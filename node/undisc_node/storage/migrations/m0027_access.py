"""Step 27: grants that a link opens by itself, and patients who want to hear of every use."""

from __future__ import annotations

from sqlite_utils import Database

from undisc_node.storage.migrations.steps import CATALOG


@CATALOG()
def m0027_access(database: Database) -> None:
    """Who wants to hear of uses is one row for each visit, with what was told of already."""
    database.execute("CREATE INDEX grants_by_audience ON grants (audience)")
    database.execute("""
        CREATE TABLE use_notices (
            visit BLOB NOT NULL PRIMARY KEY REFERENCES visits (id),
            wanted INTEGER NOT NULL CHECK (wanted IN (0, 1)),
            by TEXT NOT NULL,
            at_ms INTEGER NOT NULL,
            told_ms INTEGER NOT NULL,
            until_ms INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID
    """)
    database.execute("""
        CREATE INDEX outgoing_messages_by_end ON outgoing_messages (ended_ms)
        WHERE ended_ms IS NOT NULL
    """)

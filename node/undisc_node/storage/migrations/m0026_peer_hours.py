"""Step 26: when peers were seen on and off."""

from __future__ import annotations

from sqlite_utils import Database

from undisc_node.storage.migrations.steps import CATALOG


@CATALOG()
def m0026_peer_hours(database: Database) -> None:
    """For each hour of a week: how often a peer answered in it, and how often it did not."""
    database.execute("""
        CREATE TABLE peer_hours (
            peer BLOB NOT NULL PRIMARY KEY CHECK (length(peer) = 32),
            seen_ms INTEGER,
            off_ms INTEGER,
            on_hours BLOB NOT NULL CHECK (length(on_hours) = 168),
            off_hours BLOB NOT NULL CHECK (length(off_hours) = 168),
            CHECK (seen_ms IS NOT NULL OR off_ms IS NOT NULL)
        ) STRICT
    """)

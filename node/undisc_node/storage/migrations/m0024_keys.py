"""Step 24: keys that were replaced, rounds to peers, and what was seen that must not be."""

from __future__ import annotations

from sqlite_utils import Database

from undisc_node.storage.migrations.steps import CATALOG


@CATALOG()
def m0024_keys(database: Database) -> None:
    """Which identity records this node has put into use, and one more reason to suspend.

    The reasons are a check of the table, which SQLite changes only by making the table anew.
    """
    database.execute("""
        CREATE TABLE own_keys (
            number INTEGER NOT NULL PRIMARY KEY CHECK (number >= 0),
            at_ms INTEGER NOT NULL
        ) STRICT
    """)
    database.execute("""
        CREATE TABLE restored_24 (
            since_ms INTEGER NOT NULL PRIMARY KEY,
            taken_ms INTEGER NOT NULL,
            how TEXT NOT NULL CHECK (how IN ('restore', 'rebuild', 'rollback', 'theft')),
            confirmed_ms INTEGER
        ) STRICT
    """)
    database.execute(
        "INSERT INTO restored_24 SELECT since_ms, taken_ms, how, confirmed_ms FROM restored"
    )
    database.execute("DROP TABLE restored")
    database.execute("ALTER TABLE restored_24 RENAME TO restored")
    database.execute("""
        CREATE TABLE peer_rounds (
            peer BLOB NOT NULL PRIMARY KEY CHECK (length(peer) = 32),
            next_ms INTEGER NOT NULL,
            attempts INTEGER NOT NULL CHECK (attempts >= 0),
            heard_ms INTEGER,
            knows INTEGER CHECK (knows >= 0),
            told TEXT NOT NULL,
            seen BLOB,
            seen_ms INTEGER,
            kept BLOB,
            proved_ms INTEGER,
            problem TEXT NOT NULL
        ) STRICT
    """)
    database.execute("""
        CREATE TABLE peer_alerts (
            peer BLOB NOT NULL CHECK (length(peer) = 32),
            kind TEXT NOT NULL CHECK (kind IN (
                'forked_identity', 'outdated_identity', 'log_forked', 'log_shrank',
                'log_restarted', 'stale'
            )),
            at_ms INTEGER NOT NULL,
            why TEXT NOT NULL,
            PRIMARY KEY (peer, kind)
        ) STRICT
    """)

"""Step 14: who may send, what came of them, and what is in quarantine of the unknown ones."""

from __future__ import annotations

from sqlite_utils import Database

from undisc_node.storage.migrations.steps import CATALOG


@CATALOG()
def m0014_senders(database: Database) -> None:
    """A sender is pinned by address or certificate; an AE title alone is no row."""
    database.execute("""
        CREATE TABLE senders (
            name TEXT NOT NULL PRIMARY KEY CHECK (length(name) > 0),
            address TEXT NOT NULL,
            ae_title TEXT NOT NULL,
            fingerprint BLOB NOT NULL CHECK (length(fingerprint) IN (0, 32)),
            certificate BLOB NOT NULL,
            state TEXT NOT NULL CHECK (state IN ('pending', 'trusted', 'removed')),
            may_query INTEGER NOT NULL CHECK (may_query IN (0, 1)),
            quota INTEGER NOT NULL CHECK (quota >= 0),
            added_ms INTEGER NOT NULL,
            port INTEGER NOT NULL CHECK (port BETWEEN 0 AND 65535),
            CHECK (length(address) > 0 OR length(fingerprint) > 0),
            CHECK (may_query = 0 OR state = 'trusted')
        ) STRICT, WITHOUT ROWID
    """)
    # Apart from the senders: counts change all the time, and those in undisc.toml have some too.
    database.execute("""
        CREATE TABLE sender_counts (
            name TEXT NOT NULL PRIMARY KEY CHECK (length(name) > 0),
            seen_ms INTEGER,
            objects INTEGER NOT NULL CHECK (objects >= 0),
            size INTEGER NOT NULL CHECK (size >= 0),
            refused INTEGER NOT NULL CHECK (refused >= 0)
        ) STRICT, WITHOUT ROWID
    """)
    # What is in quarantine lies in a study of its own, whose sender begins with "stranger:".
    database.execute("""
        CREATE TABLE quarantine (
            study BLOB NOT NULL PRIMARY KEY REFERENCES studies (id) ON DELETE CASCADE,
            uid TEXT NOT NULL CHECK (length(uid) > 0)
        ) STRICT, WITHOUT ROWID
    """)
    database.execute("CREATE INDEX quarantine_by_uid ON quarantine (uid)")

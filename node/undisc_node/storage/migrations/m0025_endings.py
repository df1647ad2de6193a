"""Step 25: who was given what, for good; and what was said when a permission ended."""

from __future__ import annotations

from sqlite_utils import Database

from undisc_node.storage.migrations.steps import CATALOG


@CATALOG()
def m0025_endings(database: Database) -> None:
    """Tickets are forgotten after a month; who has the keys of a study is not."""
    database.execute("""
        CREATE TABLE given (
            peer BLOB NOT NULL CHECK (length(peer) = 32),
            study BLOB NOT NULL CHECK (length(study) = 16),
            grant_id BLOB NOT NULL CHECK (length(grant_id) = 32),
            share_id BLOB NOT NULL CHECK (length(share_id) IN (0, 32)),
            at_ms INTEGER NOT NULL,
            PRIMARY KEY (study, peer, grant_id, share_id)
        ) STRICT, WITHOUT ROWID
    """)
    database.execute("CREATE INDEX given_by_peer ON given (peer)")
    # A ticket lives for ten minutes at most, and says when it ends.
    database.execute("""
        INSERT INTO given (peer, study, grant_id, share_id, at_ms)
            SELECT peer, study, grant_id, coalesce(share_id, x''), min(expires_ms) FROM tickets
            GROUP BY peer, study, grant_id, coalesce(share_id, x'')
    """)
    for column in (
        "since_ms INTEGER NOT NULL DEFAULT 0",
        "heard_ms INTEGER",
        "does TEXT NOT NULL DEFAULT ''",
        "why TEXT NOT NULL DEFAULT ''",
        "passed INTEGER NOT NULL DEFAULT 0 CHECK (passed IN (0, 1))",
    ):
        database.execute(f"ALTER TABLE notices ADD COLUMN {column}")
    database.execute("UPDATE notices SET since_ms = made_ms")
    database.execute("CREATE INDEX notices_by_peer ON notices (peer)")
    database.execute("ALTER TABLE recalled ADD COLUMN ended INTEGER NOT NULL DEFAULT 0")
    database.execute("""
        CREATE TABLE endings (
            hash BLOB NOT NULL PRIMARY KEY CHECK (length(hash) = 32),
            peer BLOB NOT NULL CHECK (length(peer) = 32),
            study BLOB NOT NULL CHECK (length(study) = 16),
            token BLOB NOT NULL CHECK (length(token) > 0),
            at_ms INTEGER NOT NULL
        ) STRICT
    """)
    database.execute("CREATE INDEX endings_by_peer ON endings (peer, at_ms)")
    database.execute("""
        CREATE TABLE copy_answers (
            peer BLOB NOT NULL CHECK (length(peer) = 32),
            study BLOB NOT NULL CHECK (length(study) = 16),
            does TEXT NOT NULL,
            why TEXT NOT NULL,
            passed INTEGER NOT NULL CHECK (passed IN (0, 1)),
            at_ms INTEGER NOT NULL,
            by TEXT NOT NULL,
            PRIMARY KEY (peer, study)
        ) STRICT, WITHOUT ROWID
    """)

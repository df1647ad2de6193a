"""Step 11: what waits for a person."""

from __future__ import annotations

from sqlite_utils import Database

from undisc_node.storage.migrations.steps import CATALOG


@CATALOG()
def m0011_queue(database: Database) -> None:
    """What waits for a person."""
    database.execute("""
        CREATE TABLE queue (
            id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
            kind TEXT NOT NULL CHECK (length(kind) > 0),
            study BLOB CHECK (length(study) = 16),
            subject TEXT NOT NULL,
            facts TEXT NOT NULL CHECK (json_valid(facts)),
            at_ms INTEGER NOT NULL,
            done_ms INTEGER,
            outcome TEXT NOT NULL
        ) STRICT
    """)
    # One thing waits once, however often it is told.
    database.execute("""
        CREATE UNIQUE INDEX queue_open ON queue (kind, subject) WHERE done_ms IS NULL
    """)
    database.execute("CREATE INDEX queue_by_study ON queue (study)")
    database.execute("CREATE INDEX queue_waiting ON queue (at_ms) WHERE done_ms IS NULL")
    database.execute("CREATE INDEX queue_decided ON queue (done_ms) WHERE done_ms IS NOT NULL")
    database.execute("""
        CREATE TRIGGER queue_stays_decided BEFORE UPDATE ON queue
        WHEN OLD.done_ms IS NOT NULL
        BEGIN SELECT RAISE(ABORT, 'a decision is on record and stays'); END
    """)

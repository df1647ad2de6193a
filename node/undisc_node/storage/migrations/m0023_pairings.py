"""Step 23: pairings with other nodes."""

from __future__ import annotations

from sqlite_utils import Database

from undisc_node.storage.migrations.steps import CATALOG


@CATALOG()
def m0023_pairings(database: Database) -> None:
    """A handle names one pairing for good: an invitation is good for one try."""
    database.execute("""
        CREATE TABLE pairings (
            id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
            role TEXT NOT NULL CHECK (role IN ('inviter', 'guest')),
            by_file INTEGER NOT NULL CHECK (by_file IN (0, 1)),
            state TEXT NOT NULL CHECK (state IN
                ('waiting', 'comparing', 'confirmed', 'trusted', 'refused', 'expired', 'failed')),
            handle BLOB NOT NULL UNIQUE CHECK (length(handle) = 32),
            key BLOB CHECK (length(key) = 32),
            urls TEXT NOT NULL,
            expects BLOB CHECK (length(expects) = 32),
            scopes TEXT NOT NULL,
            own BLOB NOT NULL CHECK (length(own) > 0),
            commitment BLOB CHECK (length(commitment) = 32),
            theirs BLOB,
            name TEXT NOT NULL,
            node BLOB CHECK (length(node) = 32),
            their_scopes TEXT NOT NULL,
            words TEXT NOT NULL CHECK ((words = '') = (theirs IS NULL)),
            spoken_ms INTEGER CHECK ((spoken_ms IS NULL) = (theirs IS NULL)),
            verdict BLOB CHECK (verdict IS NULL OR words <> ''),
            their_verdict BLOB CHECK (their_verdict IS NULL OR words <> ''),
            made_ms INTEGER NOT NULL,
            taken_by_ms INTEGER NOT NULL,
            ends_ms INTEGER NOT NULL,
            next_ms INTEGER NOT NULL,
            ended_ms INTEGER CHECK ((ended_ms IS NULL) =
                (state IN ('waiting', 'comparing', 'confirmed'))),
            problem TEXT NOT NULL,
            by TEXT NOT NULL
        ) STRICT
    """)
    database.execute("""
        CREATE TRIGGER pairings_stay_ended BEFORE UPDATE OF state ON pairings
        WHEN OLD.ended_ms IS NOT NULL AND NEW.state <> OLD.state
        BEGIN SELECT RAISE(ABORT, 'a pairing that ended stays so'); END
    """)
    database.execute("""
        CREATE TRIGGER pairings_have_one_try BEFORE UPDATE OF commitment, theirs ON pairings
        WHEN (OLD.commitment IS NOT NULL AND NEW.commitment IS NOT OLD.commitment)
            OR (OLD.theirs IS NOT NULL AND NEW.theirs IS NOT OLD.theirs)
        BEGIN SELECT RAISE(ABORT, 'an invitation is good for one try'); END
    """)

"""Step 19: browser sessions, and the keys and shares of patients."""

from __future__ import annotations

from sqlite_utils import Database

from undisc_node.storage.migrations.steps import CATALOG


@CATALOG()
def m0019_patients(database: Database) -> None:
    """A cookie is in no row, and a link's secret only sealed, until it was claimed."""
    _sessions(database)
    _keys(database)
    _shares(database)


def _sessions(database: Database) -> None:
    database.execute("""
        CREATE TABLE browser_sessions (
            hash BLOB NOT NULL PRIMARY KEY CHECK (length(hash) = 32),
            kind TEXT NOT NULL CHECK (kind IN ('patient', 'share')),
            link TEXT NOT NULL CHECK (length(link) = 56),
            visit BLOB CHECK (visit IS NULL OR length(visit) = 16),
            use INTEGER NOT NULL CHECK (use >= 0),
            name TEXT NOT NULL,
            test INTEGER NOT NULL CHECK (test IN (0, 1)),
            created_ms INTEGER NOT NULL,
            until_ms INTEGER NOT NULL CHECK (until_ms <= created_ms + 3600000),
            ended_ms INTEGER,
            CHECK ((kind = 'patient') = (visit IS NOT NULL))
        ) STRICT, WITHOUT ROWID
    """)
    database.execute("CREATE INDEX browser_sessions_by_link ON browser_sessions (link)")
    database.execute("CREATE INDEX browser_sessions_by_end ON browser_sessions (until_ms)")
    database.execute("""
        CREATE TRIGGER browser_sessions_stay BEFORE UPDATE ON browser_sessions
        WHEN OLD.ended_ms IS NOT NULL OR NEW.until_ms > OLD.until_ms OR NEW.link <> OLD.link
        BEGIN SELECT RAISE(ABORT, 'a session that has ended stays so'); END
    """)
    database.execute("""
        CREATE TABLE accesses (
            number INTEGER PRIMARY KEY,
            at_ms INTEGER NOT NULL,
            kind TEXT NOT NULL,
            link TEXT NOT NULL CHECK (length(link) = 56),
            study BLOB CHECK (study IS NULL OR length(study) = 16),
            session BLOB CHECK (session IS NULL OR length(session) = 32),
            who TEXT NOT NULL,
            node BLOB CHECK (node IS NULL OR length(node) = 32)
        ) STRICT
    """)
    database.execute("""
        CREATE UNIQUE INDEX accesses_of_session
        ON accesses (session, kind, ifnull(study, x'')) WHERE session IS NOT NULL
    """)
    database.execute("CREATE INDEX accesses_by_link ON accesses (link, at_ms)")
    database.execute("CREATE INDEX accesses_by_study ON accesses (study, at_ms)")


def _keys(database: Database) -> None:
    database.execute("""
        CREATE TABLE patient_keys (
            did TEXT NOT NULL PRIMARY KEY CHECK (length(did) = 56),
            visit BLOB NOT NULL REFERENCES visits (id),
            kind TEXT NOT NULL CHECK (kind IN ('link', 'browser')),
            sealed BLOB,
            handle BLOB UNIQUE CHECK (handle IS NULL OR length(handle) = 32),
            software INTEGER NOT NULL CHECK (software IN (0, 1)),
            created_ms INTEGER NOT NULL,
            retired_ms INTEGER,
            ended_ms INTEGER,
            CHECK (kind = 'link' OR (sealed IS NULL AND handle IS NULL)),
            CHECK (ended_ms IS NULL OR retired_ms IS NOT NULL),
            CHECK (retired_ms IS NULL OR sealed IS NULL)
        ) STRICT
    """)
    database.execute("CREATE INDEX patient_keys_by_visit ON patient_keys (visit, created_ms)")
    database.execute("""
        CREATE TRIGGER patient_keys_stay_retired BEFORE UPDATE ON patient_keys
        WHEN (OLD.retired_ms IS NOT NULL AND NEW.retired_ms IS NOT OLD.retired_ms)
            OR (OLD.ended_ms IS NOT NULL AND NEW.ended_ms IS NOT OLD.ended_ms)
        BEGIN SELECT RAISE(ABORT, 'a key that was replaced stays so'); END
    """)
    database.execute("""
        CREATE TABLE patient_grants (
            did TEXT NOT NULL REFERENCES patient_keys (did),
            study BLOB NOT NULL CHECK (length(study) = 16),
            grant_id BLOB NOT NULL REFERENCES grants (id),
            PRIMARY KEY (did, study)
        ) STRICT, WITHOUT ROWID
    """)


def _shares(database: Database) -> None:
    database.execute("""
        CREATE TABLE patient_shares (
            id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
            visit BLOB NOT NULL REFERENCES visits (id),
            audience TEXT NOT NULL CHECK (length(audience) = 56),
            label TEXT NOT NULL,
            contact TEXT NOT NULL,
            created_ms INTEGER NOT NULL,
            tested_ms INTEGER
        ) STRICT
    """)
    database.execute("CREATE INDEX patient_shares_by_visit ON patient_shares (visit, created_ms)")
    database.execute("CREATE INDEX patient_shares_by_audience ON patient_shares (audience)")
    database.execute("""
        CREATE TABLE patient_share_parts (
            share BLOB NOT NULL PRIMARY KEY REFERENCES shares (id),
            of BLOB NOT NULL REFERENCES patient_shares (id)
        ) STRICT, WITHOUT ROWID
    """)
    database.execute("CREATE INDEX patient_share_parts_of ON patient_share_parts (of)")

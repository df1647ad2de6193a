"""Step 18: who is signed in at the desk, what is being asked, and what patients wished."""

from __future__ import annotations

from sqlite_utils import Database

from undisc_node.storage.migrations.steps import CATALOG


@CATALOG()
def m0018_desk(database: Database) -> None:
    """No secret of a session, handle, authenticator or PIN is in a row: hashes and seals are."""
    database.execute("""
        CREATE TABLE staff_sessions (
            id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 32),
            name TEXT NOT NULL REFERENCES staff (name),
            stage TEXT NOT NULL CHECK (stage IN ('code', 'enrol', 'in')),
            created_ms INTEGER NOT NULL,
            seen_ms INTEGER NOT NULL,
            until_ms INTEGER NOT NULL,
            wrong INTEGER NOT NULL CHECK (wrong >= 0)
        ) STRICT, WITHOUT ROWID
    """)
    database.execute("CREATE INDEX staff_sessions_by_name ON staff_sessions (name)")
    database.execute("""
        CREATE TABLE staff_factors (
            name TEXT NOT NULL PRIMARY KEY REFERENCES staff (name),
            sealed BLOB NOT NULL,
            last_step INTEGER NOT NULL,
            confirmed_ms INTEGER
        ) STRICT, WITHOUT ROWID
    """)
    database.execute("""
        CREATE TABLE asks (
            id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
            handle BLOB NOT NULL CHECK (length(handle) IN (0, 32)),
            session BLOB NOT NULL CHECK (length(session) IN (0, 32)),
            by TEXT NOT NULL,
            facts TEXT NOT NULL,
            created_ms INTEGER NOT NULL,
            until_ms INTEGER NOT NULL,
            done_ms INTEGER,
            visit BLOB NOT NULL CHECK (length(visit) IN (0, 16))
        ) STRICT, WITHOUT ROWID
    """)
    for column in ("handle", "session"):
        database.execute(
            f"CREATE UNIQUE INDEX asks_by_{column} ON asks ({column}) WHERE length({column}) > 0"
        )
    database.execute("CREATE INDEX asks_by_time ON asks (created_ms)")
    database.execute("""
        CREATE TABLE visit_pins (
            visit BLOB NOT NULL PRIMARY KEY REFERENCES visits (id),
            salt BLOB NOT NULL CHECK (length(salt) = 16),
            hash BLOB NOT NULL CHECK (length(hash) = 32),
            passes INTEGER NOT NULL CHECK (passes > 0),
            memory INTEGER NOT NULL CHECK (memory > 0),
            attempts INTEGER NOT NULL CHECK (attempts BETWEEN 0 AND max_attempts),
            max_attempts INTEGER NOT NULL CHECK (max_attempts > 0)
        ) STRICT, WITHOUT ROWID
    """)
    database.execute("""
        CREATE TABLE visit_channels (
            visit BLOB NOT NULL REFERENCES visits (id),
            kind TEXT NOT NULL CHECK (kind IN ('email', 'text', 'print')),
            address TEXT NOT NULL,
            language TEXT NOT NULL,
            accepted_ms INTEGER,
            by TEXT NOT NULL,
            at_ms INTEGER NOT NULL,
            PRIMARY KEY (visit, kind),
            CHECK ((kind = 'print') = (address = '')),
            CHECK (kind = 'print' OR accepted_ms IS NOT NULL)
        ) STRICT, WITHOUT ROWID
    """)
    database.execute("""
        CREATE TABLE consent_signatures (
            consent BLOB NOT NULL PRIMARY KEY REFERENCES consents (id),
            image BLOB NOT NULL CHECK (length(image) BETWEEN 1 AND 65536)
        ) STRICT
    """)
    for deed in ("UPDATE", "DELETE"):
        database.execute(f"""
            CREATE TRIGGER signatures_have_no_{deed.lower()} BEFORE {deed} ON consent_signatures
            BEGIN SELECT RAISE(ABORT, 'a signature stays as it was drawn'); END
        """)

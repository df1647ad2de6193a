"""Step 11, second part: orders, reports that have no study yet, HL7 messages, notices."""

from __future__ import annotations

from sqlite_utils import Database

from undisc_node.storage.migrations.steps import CATALOG

_PATIENT = """
            patient_name TEXT NOT NULL,
            patient_id TEXT NOT NULL,
            patient_issuer TEXT NOT NULL,
            birth_date TEXT NOT NULL,
            sex TEXT NOT NULL
"""


@CATALOG()
def m0013_orders_and_reports(database: Database) -> None:
    """What the department tells, and what other nodes have to be told."""
    database.execute(f"""
        CREATE TABLE orders (
            id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
            accession TEXT NOT NULL,
            {_PATIENT},
            scheduled TEXT NOT NULL,
            modality TEXT NOT NULL,
            description TEXT NOT NULL,
            requested_by TEXT NOT NULL,
            referring TEXT NOT NULL,
            study_uid TEXT NOT NULL,
            source TEXT NOT NULL,
            state TEXT NOT NULL CHECK (state IN ('scheduled', 'cancelled', 'done')),
            seen_ms INTEGER NOT NULL
        ) STRICT
    """)
    database.execute("CREATE INDEX orders_by_time ON orders (scheduled)")
    database.execute("CREATE INDEX orders_by_accession ON orders (accession)")
    database.execute("CREATE INDEX orders_by_patient ON orders (patient_id)")
    database.execute(f"""
        CREATE TABLE reports (
            id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
            series BLOB NOT NULL CHECK (length(series) = 16),
            source TEXT NOT NULL,
            accession TEXT NOT NULL,
            {_PATIENT},
            patient_ids TEXT NOT NULL CHECK (json_valid(patient_ids)),
            state TEXT NOT NULL CHECK (
                state IN ('preliminary', 'final', 'addendum', 'corrected')
            ),
            title TEXT NOT NULL,
            author TEXT NOT NULL,
            reported TEXT NOT NULL,
            form TEXT NOT NULL CHECK (form IN ('text', 'pdf')),
            content BLOB NOT NULL,
            at_ms INTEGER NOT NULL
        ) STRICT
    """)
    database.execute("CREATE INDEX reports_by_accession ON reports (accession)")
    database.execute("""
        CREATE TABLE messages (
            sender TEXT NOT NULL,
            control TEXT NOT NULL,
            hash BLOB NOT NULL CHECK (length(hash) = 32),
            at_ms INTEGER NOT NULL,
            PRIMARY KEY (sender, control)
        ) STRICT, WITHOUT ROWID
    """)
    database.execute("CREATE INDEX messages_by_time ON messages (at_ms)")
    database.execute("""
        CREATE TABLE notices (
            id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
            peer BLOB NOT NULL CHECK (length(peer) = 32),
            study BLOB NOT NULL CHECK (length(study) = 16),
            kind TEXT NOT NULL,
            made_ms INTEGER NOT NULL,
            attempts INTEGER NOT NULL CHECK (attempts >= 0),
            next_ms INTEGER NOT NULL,
            done_ms INTEGER,
            outcome TEXT NOT NULL
        ) STRICT
    """)
    database.execute("""
        CREATE UNIQUE INDEX notices_open ON notices (peer, study, kind) WHERE done_ms IS NULL
    """)
    database.execute("CREATE INDEX notices_by_study ON notices (study, made_ms)")
    database.execute("CREATE INDEX notices_due ON notices (next_ms) WHERE done_ms IS NULL")

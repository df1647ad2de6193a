"""Step 16: recorded consents, visits, and what came of them."""

from __future__ import annotations

from sqlite_utils import Database

from undisc_node.storage.migrations.steps import CATALOG


@CATALOG()
def m0016_consents_and_visits(database: Database) -> None:
    """Recorded consents, visits, and what came of them."""
    database.execute("""
        CREATE TABLE consent_texts (
            hash BLOB NOT NULL PRIMARY KEY CHECK (length(hash) = 32),
            language TEXT NOT NULL,
            version TEXT NOT NULL,
            text TEXT NOT NULL
        ) STRICT
    """)
    database.execute("""
        CREATE TABLE consents (
            id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 32),
            record BLOB NOT NULL,
            signer TEXT NOT NULL,
            patient_id TEXT NOT NULL,
            text BLOB NOT NULL REFERENCES consent_texts (hash),
            at_ms INTEGER NOT NULL,
            withdrawn_ms INTEGER,
            withdrawn_by TEXT NOT NULL,
            withdrawn_why TEXT NOT NULL
        ) STRICT
    """)
    database.execute("CREATE INDEX consents_by_patient ON consents (patient_id, at_ms)")
    database.execute("CREATE INDEX consents_by_time ON consents (at_ms)")
    for table, columns in (
        ("consents", "id, record, signer, patient_id, text, at_ms"),
        ("consent_texts", "hash, language, version, text"),
    ):
        database.execute(f"""
            CREATE TRIGGER {table}_say_what_they_said BEFORE UPDATE OF {columns} ON {table}
            BEGIN SELECT RAISE(ABORT, 'what was consented to cannot be changed'); END
        """)
        database.execute(f"""
            CREATE TRIGGER {table}_stay_on_record BEFORE DELETE ON {table}
            BEGIN SELECT RAISE(ABORT, 'a decision is never deleted'); END
        """)
    database.execute("""
        CREATE TRIGGER consents_stay_withdrawn
        BEFORE UPDATE OF withdrawn_ms, withdrawn_by, withdrawn_why ON consents
        WHEN OLD.withdrawn_ms IS NOT NULL OR NEW.withdrawn_ms IS NULL
        BEGIN SELECT RAISE(ABORT, 'a withdrawal cannot be undone or moved'); END
    """)
    database.execute("""
        CREATE TABLE visits (
            id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
            consent BLOB NOT NULL UNIQUE REFERENCES consents (id),
            decision TEXT NOT NULL CHECK (decision IN ('yes', 'no')),
            patient_name TEXT NOT NULL,
            patient_id TEXT NOT NULL,
            patient_issuer TEXT NOT NULL,
            birth_date TEXT NOT NULL,
            sex TEXT NOT NULL,
            covers TEXT NOT NULL CHECK (covers IN ('visit', 'orders', 'dates')),
            first TEXT NOT NULL,
            last TEXT NOT NULL,
            opened_ms INTEGER NOT NULL,
            closed_ms INTEGER
        ) STRICT
    """)
    database.execute("CREATE INDEX visits_by_patient ON visits (patient_id, opened_ms)")
    database.execute("CREATE INDEX visits_by_time ON visits (opened_ms)")
    database.execute("""
        CREATE TRIGGER visits_stay_closed BEFORE UPDATE ON visits
        WHEN OLD.closed_ms IS NOT NULL AND NEW.closed_ms IS NOT OLD.closed_ms
        BEGIN SELECT RAISE(ABORT, 'a visit whose consent was withdrawn stays closed'); END
    """)
    database.execute("""
        CREATE TABLE visit_orders (
            visit BLOB NOT NULL REFERENCES visits (id),
            accession TEXT NOT NULL CHECK (length(accession) > 0),
            PRIMARY KEY (visit, accession)
        ) STRICT, WITHOUT ROWID
    """)
    database.execute("CREATE INDEX visit_orders_by_accession ON visit_orders (accession)")
    database.execute("""
        CREATE TABLE visit_studies (
            visit BLOB NOT NULL REFERENCES visits (id),
            study BLOB NOT NULL CHECK (length(study) = 16),
            belongs INTEGER NOT NULL CHECK (belongs IN (0, 1)),
            by TEXT NOT NULL,
            at_ms INTEGER NOT NULL,
            released_ms INTEGER,
            released_by TEXT NOT NULL,
            done_ms INTEGER,
            PRIMARY KEY (visit, study)
        ) STRICT, WITHOUT ROWID
    """)
    database.execute("CREATE INDEX visit_studies_by_study ON visit_studies (study)")
    database.execute("""
        CREATE INDEX visit_studies_unfinished ON visit_studies (at_ms)
        WHERE belongs AND done_ms IS NULL
    """)
    database.execute("""
        CREATE TABLE visit_grants (
            visit BLOB NOT NULL REFERENCES visits (id),
            study BLOB NOT NULL CHECK (length(study) = 16),
            node BLOB NOT NULL CHECK (length(node) = 32),
            grant_id BLOB NOT NULL REFERENCES grants (id),
            PRIMARY KEY (visit, study, node)
        ) STRICT, WITHOUT ROWID
    """)

"""Step 10: archives of the practice, and studies on their way into them."""

from __future__ import annotations

from sqlite_utils import Database

from undisc_node.storage.migrations.steps import CATALOG


@CATALOG()
def m0010_archives_and_deliveries(database: Database) -> None:
    """Where studies are pulled from and pushed to, and which objects an archive has taken."""
    database.execute("""
        CREATE TABLE pacs (
            name TEXT NOT NULL PRIMARY KEY CHECK (length(name) > 0),
            ae_title TEXT NOT NULL,
            host TEXT NOT NULL,
            port INTEGER NOT NULL CHECK (port BETWEEN 0 AND 65535),
            calling_ae TEXT NOT NULL,
            url TEXT NOT NULL,
            credentials TEXT NOT NULL,  -- path of a file, never the secret itself
            retrieve TEXT NOT NULL CHECK (retrieve IN ('move', 'get', 'wado')),
            takes_fetched INTEGER NOT NULL CHECK (takes_fetched IN (0, 1)),
            issuer TEXT NOT NULL,
            added_ms INTEGER NOT NULL,
            CHECK ((url = '') = (length(host) > 0)),
            CHECK ((retrieve = 'wado') = (length(url) > 0))
        ) STRICT
    """)
    # What is erased here must not be remembered as a patient's name in a delivery.
    database.execute("""
        CREATE TABLE deliveries (
            id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
            study BLOB NOT NULL REFERENCES studies (id) ON DELETE CASCADE,
            pacs TEXT NOT NULL,
            state TEXT NOT NULL CHECK (
                state IN ('asking', 'waiting', 'done', 'failed', 'cancelled')
            ),
            patient_name TEXT NOT NULL,
            patient_id TEXT NOT NULL,
            patient_issuer TEXT NOT NULL,
            birth_date TEXT NOT NULL,
            sex TEXT NOT NULL,
            accession TEXT NOT NULL,
            problem TEXT NOT NULL,
            attempts INTEGER NOT NULL CHECK (attempts >= 0),
            next_ms INTEGER NOT NULL,
            created_ms INTEGER NOT NULL,
            ended_ms INTEGER,
            UNIQUE (study, pacs)
        ) STRICT
    """)
    database.execute("""
        CREATE INDEX deliveries_due ON deliveries (next_ms) WHERE state = 'waiting'
    """)
    # Rows for objects and not for studies only: after a crash in the middle of a study, an archive
    # should not get a thousand images again.
    database.execute("""
        CREATE TABLE handed_over (
            delivery BLOB NOT NULL REFERENCES deliveries (id) ON DELETE CASCADE,
            object BLOB NOT NULL CHECK (length(object) = 16),
            committed INTEGER NOT NULL CHECK (committed IN (0, 1)),
            PRIMARY KEY (delivery, object)
        ) STRICT, WITHOUT ROWID
    """)
    database.execute("""
        CREATE INDEX fetches_done ON fetches (ended_ms) WHERE state = 'done'
    """)

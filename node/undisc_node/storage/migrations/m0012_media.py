"""Where imported studies came from: discs, sticks, folders and ZIP files."""

from __future__ import annotations

from sqlite_utils import Database

from undisc_node.storage.migrations.steps import CATALOG


@CATALOG()
def m0012_media(database: Database) -> None:
    """A label can name a patient, so it goes with the last study that came from its medium."""
    database.execute("""
        CREATE TABLE media (
            id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
            kind TEXT NOT NULL CHECK (kind IN ('disc', 'folder', 'zip')),
            label TEXT NOT NULL,
            file_set TEXT NOT NULL,
            creator TEXT NOT NULL,
            actor TEXT NOT NULL,
            at_ms INTEGER NOT NULL
        ) STRICT
    """)
    database.execute("""
        CREATE TABLE media_studies (
            medium BLOB NOT NULL REFERENCES media (id),
            study BLOB NOT NULL REFERENCES studies (id) ON DELETE CASCADE,
            PRIMARY KEY (medium, study)
        ) STRICT, WITHOUT ROWID
    """)
    database.execute("CREATE INDEX media_by_study ON media_studies (study)")
    database.execute("""
        CREATE TRIGGER media_leave_with_their_studies AFTER DELETE ON media_studies
        WHEN NOT EXISTS (SELECT 1 FROM media_studies WHERE medium = OLD.medium)
        BEGIN DELETE FROM media WHERE id = OLD.medium; END
    """)

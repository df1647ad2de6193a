"""Step 15: searching for studies by anything that DICOMweb may ask."""

from __future__ import annotations

from sqlite_utils import Database

from undisc_node.storage.migrations.steps import CATALOG


@CATALOG()
def m0015_searching(database: Database) -> None:
    """Indexes for searches among a million studies, and what their rows do not hold."""
    database.execute("""
        CREATE INDEX studies_by_date ON studies (study_date, study_time, id)
    """)
    database.execute("CREATE INDEX studies_by_accession ON studies (accession)")
    database.execute("""
        CREATE INDEX studies_by_name ON studies (substr(search, 1, instr(search, char(10)) - 1))
    """)
    # Read again from a study's packs at any time, so it is no part of what a backup must keep.
    database.execute("""
        CREATE TABLE study_facts (
            study BLOB NOT NULL PRIMARY KEY REFERENCES studies (id) ON DELETE CASCADE,
            series INTEGER NOT NULL CHECK (series >= 0),
            referring TEXT NOT NULL,
            study_id TEXT NOT NULL,
            described_ms INTEGER NOT NULL,
            referring_search TEXT NOT NULL
        ) STRICT, WITHOUT ROWID
    """)
    database.execute("CREATE INDEX study_facts_by_study_id ON study_facts (study_id)")
    database.execute("CREATE INDEX study_facts_by_referring ON study_facts (referring_search)")
    database.execute("""
        CREATE TABLE study_undescribed (
            study BLOB NOT NULL PRIMARY KEY REFERENCES studies (id) ON DELETE CASCADE
        ) STRICT, WITHOUT ROWID
    """)
    database.execute("""
        CREATE TRIGGER studies_new_are_undescribed AFTER INSERT ON studies
        BEGIN INSERT INTO study_undescribed (study) VALUES (NEW.id); END
    """)
    # Not INSERT OR IGNORE: within a trigger, the policy of the statement outside counts.
    database.execute("""
        CREATE TRIGGER studies_grown_are_undescribed AFTER UPDATE OF arrived_ms ON studies
        WHEN NEW.arrived_ms IS NOT OLD.arrived_ms
            AND NOT EXISTS (SELECT 1 FROM study_undescribed WHERE study = NEW.id)
        BEGIN INSERT INTO study_undescribed (study) VALUES (NEW.id); END
    """)
    database.execute("INSERT INTO study_undescribed (study) SELECT id FROM studies")
    database.execute("""
        CREATE TABLE study_modalities (
            modality TEXT NOT NULL,
            study_date TEXT NOT NULL,
            study_time TEXT NOT NULL,
            study BLOB NOT NULL REFERENCES studies (id) ON DELETE CASCADE,
            PRIMARY KEY (modality, study_date, study_time, study)
        ) STRICT, WITHOUT ROWID
    """)
    database.execute("CREATE INDEX study_modalities_by_study ON study_modalities (study)")
    added = """INSERT INTO study_modalities (modality, study_date, study_time, study)
        SELECT DISTINCT value, {of}study_date, {of}study_time, {of}id
        FROM {source}json_each({of}modalities)
    """
    database.execute(
        "CREATE TRIGGER studies_have_modalities AFTER INSERT ON studies BEGIN "
        + added.format(of="NEW.", source="")
        + "; END"
    )
    database.execute(
        "CREATE TRIGGER studies_change_modalities"  # noqa: S608 - written here
        " AFTER UPDATE OF modalities, study_date, study_time ON studies"
        " WHEN NEW.modalities IS NOT OLD.modalities OR NEW.study_date IS NOT OLD.study_date"
        " OR NEW.study_time IS NOT OLD.study_time"
        " BEGIN DELETE FROM study_modalities WHERE study = NEW.id; "
        + added.format(of="NEW.", source="")
        + "; END"
    )
    database.execute(added.format(of="studies.", source="studies, "))

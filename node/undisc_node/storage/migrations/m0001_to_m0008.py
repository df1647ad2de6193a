"""Steps 1 to 8: studies, permissions, peers, fetches, the log, restored mode."""

from __future__ import annotations

from sqlite_utils import Database

from undisc_node.storage.migrations.steps import CATALOG


@CATALOG()
def m0001_studies_and_packs(database: Database) -> None:
    """Study-level rows only; what is inside a study lives in its packs' sealed headers."""
    database.execute("""
        CREATE TABLE studies (
            id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
            uid TEXT NOT NULL UNIQUE,
            patient_name TEXT NOT NULL,
            patient_id TEXT NOT NULL,
            patient_issuer TEXT NOT NULL,
            birth_date TEXT NOT NULL,
            sex TEXT NOT NULL,
            study_date TEXT NOT NULL,
            study_time TEXT NOT NULL,
            accession TEXT NOT NULL,
            description TEXT NOT NULL,
            modalities TEXT NOT NULL CHECK (json_valid(modalities)),
            sender TEXT NOT NULL,
            instances INTEGER NOT NULL CHECK (instances >= 0),
            size INTEGER NOT NULL CHECK (size >= 0),
            waiting INTEGER NOT NULL CHECK (waiting >= 0),
            state TEXT NOT NULL CHECK (state IN ('active', 'held', 'withdrawn')),
            reason TEXT NOT NULL,
            created_ms INTEGER NOT NULL,
            arrived_ms INTEGER NOT NULL,
            settled_ms INTEGER,
            search TEXT NOT NULL  -- case-folded text that a person may look for
        ) STRICT
    """)
    database.execute("CREATE INDEX studies_by_arrival ON studies (arrived_ms)")
    database.execute("""
        CREATE INDEX studies_unsettled ON studies (arrived_ms) WHERE settled_ms IS NULL
    """)
    # Deferred, so that a change may save a pack before its study.
    database.execute("""
        CREATE TABLE packs (
            id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
            study BLOB NOT NULL REFERENCES studies (id) DEFERRABLE INITIALLY DEFERRED,
            role TEXT NOT NULL CHECK (role IN ('main', 'waiting')),
            length INTEGER NOT NULL CHECK (length > 0),
            index_at INTEGER CHECK (index_at > 0 AND index_at < length)
        ) STRICT
    """)
    database.execute("CREATE INDEX packs_by_study ON packs (study)")


@CATALOG()
def m0002_grants_and_shares(database: Database) -> None:
    """Decisions: written once, revoked once, never deleted."""
    database.execute("""
        CREATE TABLE grants (
            id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 32),
            token BLOB NOT NULL CHECK (length(token) > 0),
            study BLOB NOT NULL CHECK (length(study) = 16),
            audience TEXT NOT NULL,
            command TEXT NOT NULL CHECK (command IN ('/img', '/img/read', '/img/view')),
            basis TEXT NOT NULL CHECK (
                basis IN ('patient', 'proxy', 'treatment', 'emergency', 'operator')
            ),
            staff TEXT NOT NULL,
            purpose TEXT NOT NULL,
            expires INTEGER NOT NULL,
            created_ms INTEGER NOT NULL,
            revoked_ms INTEGER
        ) STRICT
    """)
    database.execute("""
        CREATE TABLE shares (
            id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 32),
            token BLOB NOT NULL CHECK (length(token) > 0),
            grant_id BLOB NOT NULL REFERENCES grants (id),
            study BLOB NOT NULL CHECK (length(study) = 16),
            audience TEXT NOT NULL,
            command TEXT NOT NULL CHECK (command IN ('/img/read', '/img/view')),
            series BLOB NOT NULL CHECK (length(series) % 16 = 0),  -- names one after another
            expires INTEGER NOT NULL,
            created_ms INTEGER NOT NULL,
            revoked_ms INTEGER
        ) STRICT
    """)
    database.execute("CREATE INDEX shares_by_grant ON shares (grant_id)")
    for table in ("grants", "shares"):
        database.execute(f"CREATE INDEX {table}_by_study ON {table} (study)")
        _only_revocation_changes(database, table)


def _only_revocation_changes(database: Database, table: str) -> None:
    columns = [column.name for column in database.table(table).columns]
    fixed = ", ".join(name for name in columns if name != "revoked_ms")
    database.execute(f"""
        CREATE TRIGGER {table}_say_what_they_said BEFORE UPDATE OF {fixed} ON {table}
        BEGIN SELECT RAISE(ABORT, 'what was granted cannot be changed'); END
    """)
    database.execute(f"""
        CREATE TRIGGER {table}_stay_revoked BEFORE UPDATE OF revoked_ms ON {table}
        WHEN OLD.revoked_ms IS NOT NULL OR NEW.revoked_ms IS NULL
        BEGIN SELECT RAISE(ABORT, 'a revocation cannot be undone or moved'); END
    """)
    database.execute(f"""
        CREATE TRIGGER {table}_stay_on_record BEFORE DELETE ON {table}
        BEGIN SELECT RAISE(ABORT, 'a decision is never deleted'); END
    """)


@CATALOG()
def m0003_peers_and_tickets(database: Database) -> None:
    """Other nodes, what they may read for now, and the invocations they used up."""
    # One DID, one peer: otherwise a second identity could be made to answer for the first.
    database.execute("""
        CREATE TABLE peers (
            id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 32),
            did TEXT NOT NULL UNIQUE,
            name TEXT NOT NULL,
            state TEXT NOT NULL CHECK (state IN ('pending', 'trusted', 'suspended', 'revoked')),
            scopes TEXT NOT NULL CHECK (json_valid(scopes)),
            urls TEXT NOT NULL CHECK (json_valid(urls)),
            box BLOB NOT NULL CHECK (length(box) = 32),
            records BLOB NOT NULL,  -- DAG-CBOR list of byte strings
            card BLOB NOT NULL,
            seq INTEGER NOT NULL,
            added_ms INTEGER NOT NULL,
            checkpoint BLOB  -- DAG-CBOR map; the newest head of its log that it has shown us
        ) STRICT
    """)
    database.execute("""
        CREATE TABLE tickets (
            hash BLOB NOT NULL PRIMARY KEY CHECK (length(hash) = 32),
            peer BLOB NOT NULL CHECK (length(peer) = 32),
            study BLOB NOT NULL CHECK (length(study) = 16),
            grant_id BLOB NOT NULL CHECK (length(grant_id) = 32),
            share_id BLOB CHECK (length(share_id) = 32),
            invocation BLOB NOT NULL UNIQUE CHECK (length(invocation) = 32),
            manifest BLOB NOT NULL CHECK (length(manifest) = 32),
            extents BLOB NOT NULL CHECK (length(extents) % 32 = 0),
            expires_ms INTEGER NOT NULL
        ) STRICT
    """)
    database.execute("CREATE INDEX tickets_by_end ON tickets (expires_ms)")
    database.execute("""
        CREATE TABLE used_invocations (
            invocation BLOB NOT NULL PRIMARY KEY CHECK (length(invocation) = 32),
            expires_ms INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID
    """)
    database.execute("CREATE INDEX used_invocations_by_end ON used_invocations (expires_ms)")


@CATALOG()
def m0004_fetches_and_receipts(database: Database) -> None:
    """Studies brought from peers, and the signed statements about what was stored."""
    database.execute("""
        CREATE TABLE fetches (
            id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
            peer BLOB NOT NULL CHECK (length(peer) = 32),
            offer BLOB NOT NULL,
            pack BLOB CHECK (length(pack) = 16),
            study BLOB CHECK (length(study) = 16),
            state TEXT NOT NULL CHECK (state IN ('running', 'paused', 'done', 'failed')),
            problem TEXT NOT NULL,
            capability BLOB NOT NULL CHECK (length(capability) IN (0, 32)),
            objects INTEGER NOT NULL CHECK (objects >= 0),
            size INTEGER NOT NULL CHECK (size >= 0),
            elapsed_ms INTEGER NOT NULL CHECK (elapsed_ms >= 0),
            created_ms INTEGER NOT NULL,
            ended_ms INTEGER,
            receipt_due INTEGER NOT NULL CHECK (receipt_due IN (0, 1))
        ) STRICT
    """)
    database.execute("CREATE INDEX fetches_by_study ON fetches (study)")
    database.execute("""
        CREATE TABLE receipts (
            id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 32),
            token BLOB NOT NULL,
            peer BLOB NOT NULL CHECK (length(peer) = 32),
            study BLOB NOT NULL CHECK (length(study) = 16),
            invocation BLOB NOT NULL CHECK (length(invocation) = 32),
            objects INTEGER NOT NULL CHECK (objects >= 0),
            size INTEGER NOT NULL CHECK (size >= 0),
            at_ms INTEGER NOT NULL
        ) STRICT
    """)
    database.execute("CREATE INDEX receipts_by_study ON receipts (study)")


@CATALOG()
def m0005_log(database: Database) -> None:
    """The append-only log, and the head of its tree (SPEC.md §7)."""
    database.execute("""
        CREATE TABLE log (
            number INTEGER NOT NULL PRIMARY KEY,
            leaf BLOB NOT NULL CHECK (length(leaf) = 32),
            event BLOB NOT NULL,
            salt BLOB NOT NULL,
            CHECK (
                (length(salt) = 32 AND length(event) > 0)
                OR (length(salt) = 0 AND length(event) = 0)
            )
        ) STRICT
    """)
    database.execute("""
        CREATE TABLE log_head (
            one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
            origin BLOB NOT NULL CHECK (length(origin) = 16),
            size INTEGER NOT NULL CHECK (size >= 0),
            nodes BLOB NOT NULL CHECK (length(nodes) % 32 = 0)
        ) STRICT
    """)
    database.execute("""
        CREATE TRIGGER log_has_no_gap BEFORE INSERT ON log
        WHEN NEW.number IS NOT (SELECT coalesce(max(number) + 1, 0) FROM log)
        BEGIN SELECT RAISE(ABORT, 'the log only grows at its end'); END
    """)
    database.execute("""
        CREATE TRIGGER log_keeps_its_leaves BEFORE UPDATE OF number, leaf ON log
        BEGIN SELECT RAISE(ABORT, 'the log cannot be rewritten'); END
    """)
    database.execute("""
        CREATE TRIGGER log_only_forgets BEFORE UPDATE OF event, salt ON log
        WHEN NEW.event IS NOT x'' OR NEW.salt IS NOT x''
        BEGIN SELECT RAISE(ABORT, 'a log entry can only be erased'); END
    """)
    database.execute("""
        CREATE TRIGGER log_is_never_cut BEFORE DELETE ON log
        BEGIN SELECT RAISE(ABORT, 'the log cannot be shortened'); END
    """)
    database.execute("""
        CREATE TRIGGER log_head_only_grows BEFORE UPDATE ON log_head
        WHEN NEW.one IS NOT OLD.one OR NEW.origin IS NOT OLD.origin OR NEW.size <= OLD.size
        BEGIN SELECT RAISE(ABORT, 'the head of the log only moves forward'); END
    """)
    database.execute("""
        CREATE TRIGGER log_head_stays BEFORE DELETE ON log_head
        BEGIN SELECT RAISE(ABORT, 'the head of the log cannot be removed'); END
    """)


@CATALOG()
def m0006_tombstones_and_restored_mode(database: Database) -> None:
    """What must not come back from a backup, and what waits for confirmation after one.

    Packs erased by an earlier version left no tombstone; their keys are gone all the same.
    """
    database.execute("""
        CREATE TABLE tombstones (
            pack BLOB NOT NULL PRIMARY KEY CHECK (length(pack) = 16),
            study BLOB NOT NULL CHECK (length(study) = 16),
            at_ms INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID
    """)
    database.execute("""
        CREATE TRIGGER tombstones_stay BEFORE DELETE ON tombstones
        BEGIN SELECT RAISE(ABORT, 'a tombstone stays'); END
    """)
    database.execute("""
        CREATE TRIGGER packs_stay_erased BEFORE INSERT ON packs
        WHEN EXISTS (SELECT 1 FROM tombstones WHERE pack = NEW.id)
        BEGIN SELECT RAISE(ABORT, 'an erased pack cannot come back'); END
    """)
    database.execute("""
        CREATE TABLE restored (
            since_ms INTEGER NOT NULL PRIMARY KEY,
            taken_ms INTEGER NOT NULL,
            how TEXT NOT NULL CHECK (how IN ('restore', 'rebuild', 'rollback')),
            confirmed_ms INTEGER
        ) STRICT
    """)
    database.execute("""
        CREATE TABLE suspended (
            capability BLOB NOT NULL PRIMARY KEY CHECK (length(capability) = 32)
        ) STRICT, WITHOUT ROWID
    """)
    # A new origin may come without a new line: after a restore the log goes on under another name.
    database.execute("DROP TRIGGER log_head_only_grows")
    database.execute("""
        CREATE TRIGGER log_head_only_grows BEFORE UPDATE ON log_head
        WHEN NEW.one IS NOT OLD.one
            OR (NEW.origin IS OLD.origin AND NEW.size <= OLD.size)
            OR (NEW.origin IS NOT OLD.origin
                AND (NEW.size IS NOT OLD.size OR NEW.nodes IS NOT OLD.nodes))
        BEGIN SELECT RAISE(ABORT, 'the head of the log only moves forward'); END
    """)


@CATALOG()
def m0007_a_million_studies(database: Database) -> None:
    """Look-ups that stay quick however many studies there are, and studies that stay."""
    database.execute("""
        ALTER TABLE studies ADD COLUMN kept INTEGER NOT NULL DEFAULT 0 CHECK (kept IN (0, 1))
    """)
    # Nobody was told that studies leave when these came: they stay until somebody says otherwise.
    database.execute("UPDATE studies SET kept = 1")
    database.execute("CREATE INDEX studies_by_state ON studies (state)")
    database.execute("CREATE INDEX studies_by_patient ON studies (patient_id, arrived_ms)")
    database.execute("CREATE INDEX studies_by_sender ON studies (sender, size)")
    database.execute("CREATE INDEX studies_waiting ON studies (id) WHERE waiting > 0")
    # The index of texts has numbers of its own: VACUUM may give the rows of `studies` new ones.
    database.execute("""
        CREATE TABLE study_texts (
            number INTEGER NOT NULL PRIMARY KEY,
            study BLOB NOT NULL UNIQUE REFERENCES studies (id) ON DELETE CASCADE,
            search TEXT NOT NULL
        ) STRICT
    """)
    database.execute("""
        CREATE VIRTUAL TABLE study_search USING fts5 (
            search, content = 'study_texts', content_rowid = 'number', tokenize = 'trigram'
        )
    """)
    added = "INSERT INTO study_search (rowid, search) VALUES (NEW.number, NEW.search);"
    removed = """INSERT INTO study_search (study_search, rowid, search)
        VALUES ('delete', OLD.number, OLD.search);"""
    for name, when, act in (
        ("added", "AFTER INSERT", added),
        ("removed", "AFTER DELETE", removed),
        ("changed", "AFTER UPDATE OF search", removed + added),
    ):
        database.execute(f"CREATE TRIGGER study_texts_{name} {when} ON study_texts BEGIN {act} END")
    database.execute("""
        CREATE TRIGGER studies_can_be_found AFTER INSERT ON studies
        BEGIN INSERT INTO study_texts (study, search) VALUES (NEW.id, NEW.search); END
    """)
    database.execute("""
        CREATE TRIGGER studies_stay_findable AFTER UPDATE OF search ON studies
        WHEN NEW.search IS NOT OLD.search
        BEGIN UPDATE study_texts SET search = NEW.search WHERE study = NEW.id; END
    """)
    database.execute("INSERT INTO study_texts (study, search) SELECT id, search FROM studies")


@CATALOG()
def m0008_what_peers_showed_and_remember(database: Database) -> None:
    """Identity records that are not a peer's, its earlier logs, and what it remembers of us."""
    database.execute("""
        CREATE TABLE identity_heads (
            peer BLOB NOT NULL CHECK (length(peer) = 32),
            head BLOB NOT NULL CHECK (length(head) = 32),
            at_ms INTEGER NOT NULL,
            PRIMARY KEY (peer, head)
        ) STRICT, WITHOUT ROWID
    """)
    database.execute("""
        CREATE TABLE earlier_logs (
            peer BLOB NOT NULL CHECK (length(peer) = 32),
            origin BLOB NOT NULL CHECK (length(origin) = 16),
            size INTEGER NOT NULL CHECK (size >= 0),
            root BLOB NOT NULL CHECK (length(root) = 32),
            at_ms INTEGER NOT NULL,
            PRIMARY KEY (peer, origin)
        ) STRICT, WITHOUT ROWID
    """)
    database.execute("""
        CREATE TABLE recalled (
            peer BLOB NOT NULL PRIMARY KEY CHECK (length(peer) = 32),
            at_ms INTEGER NOT NULL,
            seen_lines INTEGER NOT NULL CHECK (seen_lines >= 0),
            own_lines INTEGER NOT NULL CHECK (own_lines >= 0),
            stored INTEGER NOT NULL CHECK (stored >= 0),
            fetched INTEGER NOT NULL CHECK (fetched >= 0),
            problem TEXT NOT NULL
        ) STRICT
    """)
    database.execute("CREATE INDEX receipts_by_peer ON receipts (peer, at_ms)")

"""Step 17: links, what protects them, who has passed it, and links that this node was given."""

from __future__ import annotations

from sqlite_utils import Database

from undisc_node.storage.migrations.steps import CATALOG


@CATALOG()
def m0017_links(database: Database) -> None:
    """A link's secret is in no row; of one that this node was given, only sealed."""
    database.execute("""
        CREATE TABLE links (
            did TEXT NOT NULL PRIMARY KEY CHECK (length(did) = 56),
            salt BLOB CHECK (salt IS NULL OR length(salt) = 16),
            hash BLOB CHECK (hash IS NULL OR length(hash) = 32),
            passes INTEGER NOT NULL CHECK (passes >= 0),
            memory INTEGER NOT NULL CHECK (memory >= 0),
            max_uses INTEGER CHECK (max_uses > 0),
            uses INTEGER NOT NULL CHECK (uses >= 0 AND (max_uses IS NULL OR uses <= max_uses)),
            max_attempts INTEGER NOT NULL CHECK (max_attempts > 0),
            attempts INTEGER NOT NULL CHECK (attempts BETWEEN 0 AND max_attempts),
            created_ms INTEGER NOT NULL,
            revoked_ms INTEGER,
            CHECK ((salt IS NULL) = (hash IS NULL))
        ) STRICT, WITHOUT ROWID
    """)
    database.execute("""
        CREATE TRIGGER links_stay_revoked BEFORE UPDATE ON links
        WHEN OLD.revoked_ms IS NOT NULL AND NEW.revoked_ms IS NOT OLD.revoked_ms
        BEGIN SELECT RAISE(ABORT, 'a revocation is final'); END
    """)
    database.execute("""
        CREATE TRIGGER links_stay_protected BEFORE UPDATE ON links
        WHEN (NEW.did, NEW.salt, NEW.hash, NEW.max_uses, NEW.max_attempts)
            IS NOT (OLD.did, OLD.salt, OLD.hash, OLD.max_uses, OLD.max_attempts)
            OR NEW.uses < OLD.uses
        BEGIN SELECT RAISE(ABORT, 'what protects a link stays'); END
    """)
    database.execute("""
        CREATE TRIGGER links_are_not_deleted BEFORE DELETE ON links
        BEGIN SELECT RAISE(ABORT, 'a link is revoked, not deleted'); END
    """)
    database.execute("""
        CREATE TABLE unlocks (
            link TEXT NOT NULL REFERENCES links (did),
            node BLOB NOT NULL CHECK (length(node) = 32),
            until_ms INTEGER NOT NULL,
            PRIMARY KEY (link, node)
        ) STRICT, WITHOUT ROWID
    """)
    database.execute("""
        CREATE TABLE kept_links (
            capability BLOB NOT NULL PRIMARY KEY CHECK (length(capability) = 32),
            sealed BLOB NOT NULL
        ) STRICT, WITHOUT ROWID
    """)
    database.execute("CREATE INDEX shares_by_audience ON shares (audience)")

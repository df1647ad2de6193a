"""Step 22: offers on their way between nodes."""

from __future__ import annotations

from sqlite_utils import Database

from undisc_node.storage.migrations.steps import CATALOG


@CATALOG()
def m0022_offers(database: Database) -> None:
    """The same capability is one offer, however often it is handed over."""
    database.execute("""
        CREATE TABLE incoming_offers (
            id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 32),
            peer BLOB NOT NULL CHECK (length(peer) = 32),
            offer BLOB NOT NULL CHECK (length(offer) > 0),
            study BLOB NOT NULL CHECK (length(study) = 16),
            expires INTEGER NOT NULL,
            state TEXT NOT NULL CHECK (state IN ('shown', 'fetched', 'refused')),
            at_ms INTEGER NOT NULL,
            decided_ms INTEGER CHECK ((decided_ms IS NULL) = (state = 'shown')),
            by TEXT NOT NULL
        ) STRICT
    """)
    database.execute("CREATE INDEX incoming_offers_by_peer ON incoming_offers (peer, state)")
    database.execute("""
        CREATE TABLE outgoing_offers (
            id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 32),
            peer BLOB NOT NULL CHECK (length(peer) = 32),
            study BLOB NOT NULL CHECK (length(study) = 16),
            made_ms INTEGER NOT NULL,
            attempts INTEGER NOT NULL CHECK (attempts >= 0),
            next_ms INTEGER NOT NULL,
            done_ms INTEGER,
            outcome TEXT NOT NULL
        ) STRICT
    """)
    database.execute(
        "CREATE INDEX outgoing_offers_due ON outgoing_offers (next_ms) WHERE done_ms IS NULL"
    )

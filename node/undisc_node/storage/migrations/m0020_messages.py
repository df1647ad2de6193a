"""Step 20: messages to people."""

from __future__ import annotations

from sqlite_utils import Database

from undisc_node.storage.migrations.steps import CATALOG


@CATALOG()
def m0020_messages(database: Database) -> None:
    """A message is one row for each kind, subject and contact, however often it becomes due."""
    database.execute("""
        CREATE TABLE outgoing_messages (
            id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
            kind TEXT NOT NULL,
            subject BLOB NOT NULL,
            visit BLOB REFERENCES visits (id),
            channel TEXT NOT NULL CHECK (channel IN ('email', 'text')),
            address TEXT NOT NULL CHECK (address != ''),
            language TEXT NOT NULL,
            state TEXT NOT NULL CHECK (state IN
                ('waiting', 'sending', 'handing', 'sent', 'unsure', 'failed', 'cancelled')),
            made_ms INTEGER NOT NULL,
            attempts INTEGER NOT NULL CHECK (attempts >= 0),
            next_ms INTEGER NOT NULL,
            ended_ms INTEGER
                CHECK ((ended_ms IS NULL) = (state IN ('waiting', 'sending', 'handing'))),
            problem TEXT NOT NULL,
            reference TEXT NOT NULL,
            round INTEGER NOT NULL CHECK (round >= 0)
        ) STRICT
    """)
    database.execute(
        "CREATE UNIQUE INDEX outgoing_messages_are_due_once"
        " ON outgoing_messages (kind, subject, channel, address)"
    )
    database.execute(
        "CREATE INDEX outgoing_messages_that_go_on ON outgoing_messages (state, next_ms)"
        " WHERE ended_ms IS NULL"
    )
    database.execute("CREATE INDEX outgoing_messages_by_visit ON outgoing_messages (visit)")
    database.execute("CREATE INDEX shares_by_end ON shares (expires) WHERE revoked_ms IS NULL")

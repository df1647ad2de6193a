"""What waits for a person: implements `ports.QueueRecords`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from undisc_node.services.queue_rows import Fact, QueueRow
from undisc_node.storage.session import Session
from undisc_node.storage.statements import Columns

_QUEUE = Columns.of("queue", "id kind study subject facts at_ms done_ms outcome")


class QueueTable:
    """The queue within one session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, row: bytes) -> QueueRow | None:
        """Return a row by its id."""
        found = self._session.row(_QUEUE.select("WHERE id = ?"), (row,))
        return _row(found) if found else None

    def find_open(self, kind: str, subject: str) -> QueueRow | None:
        """Return the row of that kind and subject that waits."""
        found = self._session.row(
            _QUEUE.select("WHERE kind = ? AND subject = ? AND done_ms IS NULL"), (kind, subject)
        )
        return _row(found) if found else None

    def list(
        self,
        *,
        kind: str = "",
        study: bytes | None = None,
        done: bool = False,
        limit: int = 100,
        offset: int = 0,
    ) -> Sequence[QueueRow]:
        """List what waits, oldest first; with `done`, what was decided, newest first."""
        order = (
            "done_ms IS NOT NULL ORDER BY done_ms DESC, rowid DESC"
            if done
            else "done_ms IS NULL ORDER BY at_ms, rowid"
        )
        rows = self._session.rows(
            _QUEUE.select(
                "WHERE (?1 = '' OR kind = ?1) AND (?2 IS NULL OR study = ?2)"
                f" AND {order} LIMIT ?3 OFFSET ?4"
            ),
            (kind, study, limit, offset),
        )
        return [_row(found) for found in rows]

    def starting(self, prefix: str) -> Sequence[QueueRow]:
        """List up to two rows whose id begins with these hex digits."""
        first, last = prefix.ljust(32, "0"), prefix.ljust(32, "f")
        rows = self._session.rows(
            _QUEUE.select("WHERE id BETWEEN ? AND ? ORDER BY id LIMIT 2"),
            (bytes.fromhex(first), bytes.fromhex(last)),
        )
        return [_row(found) for found in rows]

    def count_open(self) -> int:
        """Count what waits."""
        return int(self._session.row("SELECT count(*) FROM queue WHERE done_ms IS NULL")[0])

    def put(self, row: QueueRow) -> None:
        """Insert or replace by id."""
        facts = [[fact.name, fact.here, fact.there] for fact in row.facts]
        self._session.write(
            _QUEUE.put(),
            (
                row.id,
                row.kind,
                row.study,
                row.subject,
                json.dumps(facts, ensure_ascii=False),
                row.at_ms,
                row.done_ms,
                row.outcome,
            ),
        )

    def forget(self, kind: str, before_ms: int) -> int:
        """Remove rows of a kind that were decided before then; return how many."""
        return self._session.write(
            "DELETE FROM queue WHERE kind = ? AND done_ms IS NOT NULL AND done_ms <= ?",
            (kind, before_ms),
        )


def _row(found: Any) -> QueueRow:
    id_, kind, study, subject, facts, at_ms, done_ms, outcome = found
    sides = tuple(Fact(*fact) for fact in json.loads(facts))
    return QueueRow(id_, kind, study, subject, sides, at_ms, done_ms, outcome)

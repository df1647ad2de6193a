"""What other nodes have to be told: implements `ports.NoticeRecords`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from undisc_node.services.notice_rows import NoticeRow
from undisc_node.storage.session import Session
from undisc_node.storage.statements import Columns

_NOTICES = Columns.of(
    "notices",
    "id peer study kind made_ms attempts next_ms done_ms outcome since_ms heard_ms does why passed",
)


class NoticeTable:
    """Notices within one session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, notice: bytes) -> NoticeRow | None:
        """Return a notice by its id."""
        row = self._session.row(_NOTICES.select("WHERE id = ?"), (notice,))
        return _notice(row) if row else None

    def find_open(self, peer: bytes, study: bytes, kind: str) -> NoticeRow | None:
        """Return the notice of that kind that is not delivered yet."""
        row = self._session.row(
            _NOTICES.select("WHERE peer = ? AND study = ? AND kind = ? AND done_ms IS NULL"),
            (peer, study, kind),
        )
        return _notice(row) if row else None

    def due(self, now_ms: int, *, limit: int = 100) -> Sequence[NoticeRow]:
        """List what is to be sent now, the longest due first."""
        rows = self._session.rows(
            _NOTICES.select("WHERE done_ms IS NULL AND next_ms <= ? ORDER BY next_ms LIMIT ?"),
            (now_ms, limit),
        )
        return [_notice(row) for row in rows]

    def waiting(self, peer: bytes | None = None) -> Sequence[NoticeRow]:
        """List what is not delivered yet, to a peer or all, the oldest first."""
        rows = self._session.rows(
            _NOTICES.select(
                "WHERE done_ms IS NULL AND (?1 IS NULL OR peer = ?1) ORDER BY made_ms, rowid"
            ),
            (peer,),
        )
        return [_notice(row) for row in rows]

    def list(
        self, *, study: bytes | None = None, peer: bytes | None = None, limit: int = 200
    ) -> Sequence[NoticeRow]:
        """List newest first, about one study, to one node, or all."""
        rows = self._session.rows(
            _NOTICES.select(
                "WHERE (?1 IS NULL OR study = ?1) AND (?2 IS NULL OR peer = ?2)"
                " ORDER BY made_ms DESC, rowid DESC LIMIT ?3"
            ),
            (study, peer, limit),
        )
        return [_notice(row) for row in rows]

    def put(self, notice: NoticeRow) -> None:
        """Insert or replace by id."""
        self._session.write(
            _NOTICES.put(),
            (
                notice.id,
                notice.peer,
                notice.study,
                notice.kind,
                notice.made_ms,
                notice.attempts,
                notice.next_ms,
                notice.done_ms,
                notice.outcome,
                notice.since_ms,
                notice.heard_ms,
                notice.does,
                notice.why,
                int(notice.passed),
            ),
        )


def _notice(row: Any) -> NoticeRow:
    return NoticeRow(*(*row[:-1], bool(row[-1])))

"""Who wants to hear of uses: implements `ports.UseNoticeRecords`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from undisc_node.services.use_notice_rows import UseNotice
from undisc_node.storage.session import Session
from undisc_node.storage.statements import Columns

_NOTICES: Final = Columns.of("use_notices", "visit wanted by at_ms told_ms until_ms")


class UseNoticeTable:
    """Wishes about uses within one session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, visit: bytes) -> UseNotice | None:
        """Return the wish of a visit, or None."""
        row = self._session.row(_NOTICES.select("WHERE visit = ?"), (visit,))
        return UseNotice(row[0], bool(row[1]), *row[2:]) if row else None

    def put(self, notice: UseNotice) -> None:
        """Insert or replace by visit."""
        self._session.write(
            _NOTICES.put(),
            (
                notice.visit,
                int(notice.wanted),
                notice.by,
                notice.at_ms,
                notice.told_ms,
                notice.until_ms,
            ),
        )

    def due(self, told_ms: int, *, limit: int) -> Sequence[tuple[bytes, int]]:
        """List visits with uses that were not told yet, each with the time of the newest one."""
        rows = self._session.rows(
            """SELECT n.visit, max(a.at_ms) FROM use_notices AS n
            JOIN visits AS v ON v.id = n.visit AND v.closed_ms IS NULL
            JOIN visit_studies AS s ON s.visit = n.visit AND s.belongs
            JOIN accesses AS a ON a.study = s.study AND a.at_ms > n.until_ms
                AND a.kind IN ('viewed', 'copied')
            WHERE n.wanted AND n.told_ms <= ?
            AND a.link NOT IN (SELECT did FROM patient_keys WHERE visit = n.visit)
            AND NOT EXISTS (SELECT 1 FROM browser_sessions AS b WHERE b.hash = a.session AND b.test)
            GROUP BY n.visit ORDER BY max(a.at_ms), n.visit LIMIT ?""",
            (told_ms, limit),
        )
        return [(row[0], row[1]) for row in rows]

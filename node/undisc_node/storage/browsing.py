"""Browser sessions and accesses: implements `ports.BrowsingRecords`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from undisc_node.services.browsing_rows import Access, AccessRow, Kind, SessionRow
from undisc_node.storage.session import Session
from undisc_node.storage.statements import Columns
from undisc_protocol.did import Did

_SESSIONS: Final = Columns.of(
    "browser_sessions", "hash kind link visit use name test created_ms until_ms ended_ms"
)
_ACCESSES: Final = Columns.of("accesses", "at_ms kind link study session who node")


class BrowsingTable:
    """Browser sessions and accesses within one session of the database."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, session: bytes) -> SessionRow | None:
        """Return a session by the hash of its cookie, or None."""
        row = self._session.row(_SESSIONS.select("WHERE hash = ?"), (session,))
        return _row(row) if row else None

    def add(self, row: SessionRow) -> None:
        """Record a new session."""
        self._session.write(
            _SESSIONS.insert(),
            (
                row.hash,
                row.kind,
                row.link,
                row.visit,
                row.use,
                row.name,
                row.test,
                row.created_ms,
                row.until_ms,
                row.ended_ms,
            ),
        )

    def close(self, session: bytes, at_ms: int) -> None:
        """End a session; a second time changes nothing."""
        self._session.write(
            "UPDATE browser_sessions SET ended_ms = ? WHERE hash = ? AND ended_ms IS NULL",
            (at_ms, session),
        )

    def close_of_link(self, link: Did, at_ms: int) -> int:
        """End every session that a key has opened; return how many were alive."""
        return self._session.write(
            "UPDATE browser_sessions SET ended_ms = ?1"
            " WHERE link = ?2 AND ended_ms IS NULL AND until_ms > ?1",
            (at_ms, link),
        )

    def forget(self, until_ms: int) -> None:
        """Remove sessions that were over by then."""
        self._session.write("DELETE FROM browser_sessions WHERE until_ms <= ?", (until_ms,))

    def note(self, access: AccessRow) -> bool:
        """Note an access; the same one of one session again changes nothing."""
        return bool(
            self._session.write(
                _ACCESSES.insert("ON CONFLICT DO NOTHING"),
                (
                    access.at_ms,
                    access.kind,
                    access.link,
                    access.study,
                    access.session,
                    access.who,
                    access.node,
                ),
            )
        )

    def noted(self, session: bytes, kind: Access, study: bytes) -> bool:
        """Tell whether an access of a session was noted."""
        found = self._session.row(
            "SELECT 1 FROM accesses WHERE session = ? AND kind = ? AND ifnull(study, x'') = ?",
            (session, kind, study),
        )
        return found is not None

    def accesses(self, links: Sequence[Did], *, limit: int = 1_000) -> Sequence[AccessRow]:
        """List what was done with these keys, newest first."""
        return self._accesses("link", links, limit)

    def accesses_of(self, studies: Sequence[bytes], *, limit: int = 1_000) -> Sequence[AccessRow]:
        """List what was done with these studies, newest first."""
        return self._accesses("study", studies, limit)

    def _accesses(self, column: str, keys: Sequence[object], limit: int) -> Sequence[AccessRow]:
        marks = ", ".join("?" * len(keys))
        rows = self._session.rows(
            _ACCESSES.select(f"WHERE {column} IN ({marks}) ORDER BY number DESC LIMIT ?"),
            (*keys, limit),
        )
        return [
            AccessRow(at_ms, Access(kind), Did(link), study, session, who, node)
            for at_ms, kind, link, study, session, who, node in rows
        ]


def _row(row: Any) -> SessionRow:
    hash_, kind, link, visit, use, name, test, *times = row
    return SessionRow(hash_, Kind(kind), Did(link), visit, use, name, bool(test), *times)

"""Counts over all tables: implements `ports.FigureRecords`."""

from __future__ import annotations

from typing import Final

from undisc_node.services.model import FetchState, PeerState
from undisc_node.services.ports import Holding, Moment, Totals
from undisc_node.storage.session import Session
from undisc_node.storage.studies import StudyTable

_WAYS: Final = ("dicom", "watch", "import", "fetch")


class FigureTable:
    """Counts within one session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def totals(self, now_ms: int) -> Totals:
        """Count everything."""
        due = self._session.row("SELECT count(*) FROM fetches WHERE receipt_due")
        return Totals(
            studies=dict(StudyTable(self._session).counts()),
            holdings=self._holdings(),
            grants=self._permissions("grants", now_ms),
            shares=self._permissions("shares", now_ms),
            fetches=self._states("fetches", FetchState),
            receipts_due=due[0],
            peers=self._states("peers", PeerState),
        )

    def moment(self, now_ms: int) -> Moment:
        """Look up what an index or a single row tells."""
        row = self._session.row(
            "SELECT (SELECT count(*) FROM tickets WHERE expires_ms > ?),"
            " (SELECT size FROM log_head),"
            " (SELECT count(*) FROM suspended),"
            " EXISTS (SELECT 1 FROM restored WHERE confirmed_ms IS NULL)",
            (now_ms,),
        )
        return Moment(row[0], row[1], row[2], bool(row[3]))

    def _holdings(self) -> dict[str, Holding]:
        rows = self._session.rows(
            "SELECT CASE WHEN sender LIKE 'dicom:%' THEN 'dicom'"
            " WHEN sender LIKE 'watch:%' THEN 'watch'"
            " WHEN sender LIKE 'peer:%' THEN 'fetch' ELSE 'import' END,"
            " count(*), sum(instances), sum(size) FROM studies"
            " WHERE sender NOT LIKE 'stranger:%' GROUP BY 1"
        )
        return {
            **dict.fromkeys(_WAYS, Holding(0, 0, 0)),
            **{row[0]: Holding(*row[1:]) for row in rows},
        }

    def _permissions(self, table: str, now_ms: int) -> dict[str, int]:
        rows = self._session.rows(
            "SELECT CASE WHEN revoked_ms IS NOT NULL THEN 'revoked'"  # noqa: S608 - our own name
            " WHEN expires * 1000 <= ? THEN 'expired' ELSE 'active' END, count(*)"
            f" FROM {table} GROUP BY 1",
            (now_ms,),
        )
        return {"active": 0, "expired": 0, "revoked": 0, **dict(rows)}

    def _states(self, table: str, states: type[FetchState | PeerState]) -> dict[str, int]:
        rows = self._session.rows(f"SELECT state, count(*) FROM {table} GROUP BY 1")  # noqa: S608 - as above
        return {**{state.value: 0 for state in states}, **dict(rows)}

"""Restored mode: implements `ports.RestoredRecords`.

After a return from a copy, every grant and share that the copy holds as valid is suspended, because
its revocation may have come after the copy was made. Fewer rows here always means fewer
permissions: a lost row of `restored` revives nothing that is still in `suspended`.
"""

from __future__ import annotations

from undisc_node.services.model import Restored, RestoredBy
from undisc_node.storage.session import Session


class RestoredTable:
    """Restored mode within one session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def begin(self, restored: Restored) -> int:
        """Suspend every grant and share that is not revoked; return how many are suspended."""
        self._session.write(
            "INSERT INTO restored (since_ms, taken_ms, how, confirmed_ms) VALUES (?, ?, ?, ?)",
            (restored.since_ms, restored.taken_ms, restored.how, restored.confirmed_ms),
        )
        self._session.write(
            "INSERT INTO suspended (capability)"
            " SELECT id FROM grants WHERE revoked_ms IS NULL"
            " UNION SELECT id FROM shares WHERE revoked_ms IS NULL"
            " ON CONFLICT DO NOTHING"
        )
        return int(self._session.row("SELECT count(*) FROM suspended")[0])

    def latest(self) -> Restored | None:
        """Return the newest restore, confirmed or not; None if there was none."""
        row = self._session.row(
            "SELECT since_ms, taken_ms, how, confirmed_ms FROM restored"
            " ORDER BY since_ms DESC LIMIT 1"
        )
        return Restored(row[0], row[1], RestoredBy(row[2]), row[3]) if row else None

    def suspended(self) -> frozenset[bytes]:
        """Return the ids of suspended grants and shares."""
        return frozenset(row[0] for row in self._session.rows("SELECT capability FROM suspended"))

    def is_suspended(self, capability: bytes) -> bool:
        """Tell whether a grant or share is suspended."""
        row = self._session.row("SELECT 1 FROM suspended WHERE capability = ?", (capability,))
        return row is not None

    def confirm(self, at_ms: int) -> None:
        """End restored mode: nothing is suspended any more."""
        self._session.write("DELETE FROM suspended")
        self._session.write(
            "UPDATE restored SET confirmed_ms = ? WHERE confirmed_ms IS NULL", (at_ms,)
        )

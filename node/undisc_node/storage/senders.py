"""Senders, what came of them, and their quarantine: implements `ports.SenderRecords`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from undisc_node.services.sender_model import (
    STRANGER,
    Quarantined,
    Sender,
    SenderCounts,
    SenderState,
)
from undisc_node.storage.session import Session
from undisc_node.storage.statements import Columns

_SENDERS = Columns.of(
    "senders",
    "name address ae_title fingerprint certificate state may_query quota added_ms port",
)
_COUNTS = Columns.of("sender_counts", "name seen_ms objects size refused")
_QUARANTINE = Columns.of("quarantine", "study uid")
_LAST: Final = "\U0010ffff"  # sorts behind every name of a sender


class SenderTable:
    """Senders within one session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, name: str) -> Sender | None:
        """Return a sender by its name."""
        row = self._session.row(_SENDERS.select("WHERE name = ?"), (name,))
        return _sender(row) if row else None

    def list(self) -> Sequence[Sender]:
        """List in alphabetical order."""
        return [_sender(row) for row in self._session.rows(_SENDERS.select("ORDER BY name"))]

    def put(self, sender: Sender) -> None:
        """Insert or replace by name."""
        self._session.write(
            _SENDERS.put(),
            (
                sender.name,
                sender.address,
                sender.ae_title,
                sender.fingerprint,
                sender.certificate,
                sender.state,
                int(sender.may_query),
                sender.quota,
                sender.added_ms,
                sender.port,
            ),
        )

    def forget(self, name: str) -> None:
        """Remove a sender and its counts."""
        self._session.write("DELETE FROM sender_counts WHERE name = ?", (name,))
        self._session.write("DELETE FROM senders WHERE name = ?", (name,))

    def counts(self) -> Sequence[SenderCounts]:
        """List what came of each, in alphabetical order."""
        rows = self._session.rows(_COUNTS.select("ORDER BY name"))
        return [SenderCounts(*row) for row in rows]

    def count(self, more: SenderCounts) -> None:
        """Add to what came of one."""
        self._session.write(
            _COUNTS.insert(
                "ON CONFLICT (name) DO UPDATE SET"
                " seen_ms = coalesce(excluded.seen_ms, seen_ms),"
                " objects = objects + excluded.objects,"
                " size = size + excluded.size,"
                " refused = refused + excluded.refused"
            ),
            (more.name, more.seen_ms, more.objects, more.size, more.refused),
        )

    def quarantined(self, sender: str | None = None) -> Sequence[Quarantined]:
        """List what is in quarantine, oldest first."""
        rows = self._session.rows(
            "SELECT studies.id, sender, coalesce(quarantine.uid, ''), instances, size, created_ms"
            " FROM studies LEFT JOIN quarantine ON quarantine.study = studies.id"
            " WHERE sender BETWEEN ?1 AND ?2 ORDER BY created_ms, studies.rowid",
            (f"{STRANGER}{sender}",) * 2 if sender else (STRANGER, STRANGER + _LAST),
        )
        return [Quarantined(row[0], row[1].removeprefix(STRANGER), *row[2:]) for row in rows]

    def find_quarantined(self, sender: str, uid: str) -> bytes | None:
        """Return the id of the study that keeps what a sender sent under a UID."""
        row = self._session.row(
            "SELECT id FROM quarantine JOIN studies ON studies.id = quarantine.study"
            " WHERE quarantine.uid = ? AND sender = ?",
            (uid, f"{STRANGER}{sender}"),
        )
        return row[0] if row else None

    def put_quarantined(self, study: bytes, uid: str) -> None:
        """Note under which UID a study's objects came."""
        self._session.write(_QUARANTINE.put(), (study, uid))


def _sender(row: Any) -> Sender:
    return Sender(
        name=row[0],
        address=row[1],
        ae_title=row[2],
        fingerprint=row[3],
        certificate=row[4],
        state=SenderState(row[5]),
        may_query=bool(row[6]),
        quota=row[7],
        added_ms=row[8],
        port=row[9],
    )

"""Studies being brought from peers, and receipts: implements `ports.FetchRecords`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from undisc_node.services.model import Fetch, FetchState, Receipt
from undisc_node.storage.session import Session
from undisc_node.storage.statements import Columns

_FETCHES = Columns.of(
    "fetches",
    "id peer offer pack study state problem capability objects size elapsed_ms created_ms ended_ms"
    " receipt_due",
)
_RECEIPTS = Columns.of("receipts", "id token peer study invocation objects size at_ms")


class FetchTable:
    """Fetches and receipts within one session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, fetch: bytes) -> Fetch | None:
        """Return a fetch by its id."""
        row = self._session.row(_FETCHES.select("WHERE id = ?"), (fetch,))
        return _fetch(row) if row else None

    def list(self, *, study: bytes | None = None) -> Sequence[Fetch]:
        """List newest first, of one local study or all."""
        rows = self._session.rows(
            _FETCHES.select("WHERE ?1 IS NULL OR study = ?1 ORDER BY created_ms DESC, rowid DESC"),
            (study,),
        )
        return [_fetch(row) for row in rows]

    def unfinished(self) -> Sequence[Fetch]:
        """List those that run, rest, or have a receipt to deliver, newest first."""
        rows = self._session.rows(
            _FETCHES.select(
                "WHERE state IN ('running', 'paused') OR receipt_due"
                " ORDER BY created_ms DESC, rowid DESC"
            )
        )
        return [_fetch(row) for row in rows]

    def put(self, fetch: Fetch) -> None:
        """Insert or replace by id."""
        self._session.write(
            _FETCHES.put(),
            (
                fetch.id,
                fetch.peer,
                fetch.offer,
                fetch.pack,
                fetch.study,
                fetch.state,
                fetch.problem,
                fetch.capability,
                fetch.objects,
                fetch.size,
                fetch.elapsed_ms,
                fetch.created_ms,
                fetch.ended_ms,
                int(fetch.receipt_due),
            ),
        )

    def add_receipt(self, receipt: Receipt) -> None:
        """File a receipt; filing the same one again changes nothing."""
        self._session.write(
            _RECEIPTS.insert("ON CONFLICT (id) DO NOTHING"),
            (
                receipt.id,
                receipt.token,
                receipt.peer,
                receipt.study,
                receipt.invocation,
                receipt.objects,
                receipt.size,
                receipt.at_ms,
            ),
        )

    def receipts(self, study: bytes) -> Sequence[Receipt]:
        """List the receipts that name a study, oldest first."""
        rows = self._session.rows(
            _RECEIPTS.select("WHERE study = ? ORDER BY at_ms, rowid"), (study,)
        )
        return [Receipt(*row) for row in rows]

    def has_receipt(self, receipt: bytes) -> bool:
        """Tell whether a receipt of this id is filed."""
        return self._session.row("SELECT 1 FROM receipts WHERE id = ?", (receipt,)) is not None

    def receipts_with(self, peer: bytes, *, skip: int, limit: int) -> Sequence[Receipt]:
        """List receipts that a peer gave us or we gave it, newest first."""
        rows = self._session.rows(
            _RECEIPTS.select("WHERE peer = ? ORDER BY at_ms DESC, rowid DESC LIMIT ? OFFSET ?"),
            (peer, limit, skip),
        )
        return [Receipt(*row) for row in rows]


def _fetch(row: Any) -> Fetch:
    return Fetch(
        id=row[0],
        peer=row[1],
        offer=row[2],
        pack=row[3],
        study=row[4],
        state=FetchState(row[5]),
        problem=row[6],
        capability=row[7],
        objects=row[8],
        size=row[9],
        elapsed_ms=row[10],
        created_ms=row[11],
        ended_ms=row[12],
        receipt_due=bool(row[13]),
    )

"""Pairings: implements `ports.PairingRecords`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from undisc_node.services.pairing_rows import PairingRow, PairingState
from undisc_node.storage.session import Session
from undisc_node.storage.statements import Columns
from undisc_protocol.pairing import Role

_ROWS: Final = Columns.of(
    "pairings",
    "id role by_file state handle key urls expects scopes own commitment theirs name node"
    " their_scopes words spoken_ms verdict their_verdict made_ms taken_by_ms ends_ms next_ms"
    " ended_ms problem by",
)
_LISTS: Final = ("urls", "scopes", "their_scopes")  # texts without spaces, kept with spaces between
_OPEN: Final = "state IN ('waiting', 'comparing', 'confirmed')"


class PairingTable:
    """Pairings within one session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, pairing: bytes) -> PairingRow | None:
        """Return a pairing by its id, or None."""
        return self._one("WHERE id = ?", pairing)

    def of_handle(self, handle: bytes) -> PairingRow | None:
        """Return the pairing that is named so between the nodes, or None."""
        return self._one("WHERE handle = ?", handle)

    def _one(self, where: str, value: bytes) -> PairingRow | None:
        row = self._session.row(_ROWS.select(where), (value,))
        return _row(row) if row else None

    def put(self, pairing: PairingRow) -> None:
        """Insert or replace by id."""
        values = {name: getattr(pairing, name) for name in _ROWS.names}
        values |= {name: " ".join(values[name]) for name in _LISTS}
        values |= {"role": pairing.role.value, "state": pairing.state.value}
        self._session.write(_ROWS.put(), tuple(values.values()))

    def list(self, *, limit: int = 200) -> Sequence[PairingRow]:
        """List, newest first."""
        rows = self._session.rows(
            _ROWS.select("ORDER BY made_ms DESC, rowid DESC LIMIT ?"), (limit,)
        )
        return [_row(row) for row in rows]

    def unfinished(self) -> Sequence[PairingRow]:
        """List those that are open, oldest first."""
        rows = self._session.rows(_ROWS.select(f"WHERE {_OPEN} ORDER BY made_ms, rowid"))
        return [_row(row) for row in rows]

    def forget(self, *, keys_before_ms: int, rows_before_ms: int) -> None:
        """Remove the keys and the rows of pairings that ended before these moments."""
        self._session.write("DELETE FROM pairings WHERE ended_ms < ?", (rows_before_ms,))
        self._session.write(
            "UPDATE pairings SET key = NULL WHERE ended_ms < ? AND key IS NOT NULL",
            (keys_before_ms,),
        )


def _row(row: Any) -> PairingRow:
    values = dict(zip(_ROWS.names, row, strict=True))
    values |= {name: tuple(values[name].split()) for name in _LISTS}
    values |= {
        "role": Role(values["role"]),
        "state": PairingState(values["state"]),
        "by_file": bool(values["by_file"]),
    }
    return PairingRow(**values)

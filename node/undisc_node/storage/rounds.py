"""Rounds to peers, alerts, and our own keys: implements `ports.RoundRecords`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from undisc_node.services.round_rows import AlertKind, PeerAlert, PeerRound
from undisc_node.storage.session import Session
from undisc_node.storage.statements import Columns
from undisc_protocol import dagcbor
from undisc_protocol.tree import Checkpoint

_ROUNDS: Final = Columns.of(
    "peer_rounds",
    "peer next_ms attempts heard_ms knows told seen seen_ms kept proved_ms problem",
)
_MAX_HEAD: Final = 256  # bytes; three short fields
_ALERTS: Final = Columns.of("peer_alerts", "peer kind at_ms why")


class RoundTable:
    """Rounds within one session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, peer: bytes) -> PeerRound | None:
        """Return what came of the rounds to a peer, or None before the first."""
        row = self._session.row(_ROUNDS.select("WHERE peer = ?"), (peer,))
        return _round(row) if row else None

    def list(self) -> Sequence[PeerRound]:
        """List all, in the order in which they are due."""
        return [_round(row) for row in self._session.rows(_ROUNDS.select("ORDER BY next_ms, peer"))]

    def put(self, made: PeerRound) -> None:
        """Insert or replace by peer."""
        self._session.write(
            _ROUNDS.put(),
            (
                made.peer,
                made.next_ms,
                made.attempts,
                made.heard_ms,
                made.knows,
                json.dumps(made.told),
                _encoded(made.seen),
                made.seen_ms,
                _encoded(made.kept),
                made.proved_ms,
                made.problem,
            ),
        )

    def hurry(self, now_ms: int) -> None:
        """Let every peer be asked at once: there is something new to tell."""
        self._session.write(
            "UPDATE peer_rounds SET next_ms = ?1, attempts = 0 WHERE next_ms > ?1", (now_ms,)
        )

    def alert(self, alert: PeerAlert) -> bool:
        """Keep an alert, one for each peer and kind; return whether there was none before."""
        known = self._session.row(
            "SELECT 1 FROM peer_alerts WHERE peer = ? AND kind = ?", (alert.peer, alert.kind)
        )
        self._session.write(
            _ALERTS.insert(
                "ON CONFLICT (peer, kind) DO UPDATE SET at_ms = excluded.at_ms, why = excluded.why"
            ),
            (alert.peer, alert.kind, alert.at_ms, alert.why),
        )
        return known is None

    def alerts(self) -> Sequence[PeerAlert]:
        """List the alerts that nobody has settled, newest first."""
        rows = self._session.rows(_ALERTS.select("ORDER BY at_ms DESC, peer, kind"))
        return [PeerAlert(row[0], AlertKind(row[1]), row[2], row[3]) for row in rows]

    def settle(self, peer: bytes, kind: AlertKind | None = None) -> int:
        """Remove the alerts of a peer, or that of one kind; return how many there were."""
        before = self._session.row(
            "SELECT count(*) FROM peer_alerts WHERE peer = ?1 AND kind = ifnull(?2, kind)",
            (peer, kind),
        )
        self._session.write(
            "DELETE FROM peer_alerts WHERE peer = ?1 AND kind = ifnull(?2, kind)", (peer, kind)
        )
        return int(before[0])

    def begin_key(self, number: int, at_ms: int) -> bool:
        """Note that the node works under its identity record of this number; False if known."""
        if self._session.row("SELECT 1 FROM own_keys WHERE number = ?", (number,)):
            return False
        self._session.write("INSERT INTO own_keys (number, at_ms) VALUES (?, ?)", (number, at_ms))
        return True


def _encoded(head: Checkpoint | None) -> bytes | None:
    return None if head is None else dagcbor.encode(head.to_value())


def _decoded(encoded: bytes | None) -> Checkpoint | None:
    if encoded is None:
        return None
    return Checkpoint.from_value(dagcbor.decode(encoded, limit=_MAX_HEAD))


def _round(row: Any) -> PeerRound:
    return PeerRound(
        peer=row[0],
        next_ms=row[1],
        attempts=row[2],
        heard_ms=row[3],
        knows=row[4],
        told=tuple(json.loads(row[5])),
        seen=_decoded(row[6]),
        seen_ms=row[7],
        kept=_decoded(row[8]),
        proved_ms=row[9],
        problem=row[10],
    )

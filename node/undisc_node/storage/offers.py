"""Offers on their way between nodes: implements `ports.OfferRecords`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from undisc_node.services.offer_rows import IncomingOffer, OfferState, OutgoingOffer
from undisc_node.storage.session import Session
from undisc_node.storage.statements import Columns

_IN: Final = Columns.of("incoming_offers", "id peer offer study expires state at_ms decided_ms by")
_OUT: Final = Columns.of(
    "outgoing_offers", "id peer study made_ms attempts next_ms done_ms outcome"
)


class OfferTable:
    """Offers within one session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, offer: bytes) -> IncomingOffer | None:
        """Return an incoming offer by its id."""
        row = self._session.row(_IN.select("WHERE id = ?"), (offer,))
        return _incoming(row) if row else None

    def put(self, offer: IncomingOffer) -> None:
        """Insert or replace an incoming offer by id."""
        self._session.write(
            _IN.put(),
            (
                offer.id,
                offer.peer,
                offer.offer,
                offer.study,
                offer.expires,
                offer.state.value,
                offer.at_ms,
                offer.decided_ms,
                offer.by,
            ),
        )

    def starting(self, prefix: str) -> Sequence[IncomingOffer]:
        """Return up to two incoming offers whose id begins with some hex digits."""
        rows = self._session.rows(
            _IN.select("WHERE lower(hex(id)) GLOB ? ORDER BY id LIMIT 2"), (f"{prefix}*",)
        )
        return [_incoming(row) for row in rows]

    def list(self, *, limit: int = 200) -> Sequence[IncomingOffer]:
        """List incoming offers, newest first."""
        rows = self._session.rows(_IN.select("ORDER BY at_ms DESC, rowid DESC LIMIT ?"), (limit,))
        return [_incoming(row) for row in rows]

    def shown(self, peer: bytes) -> int:
        """Count the offers of a node on which nobody has decided."""
        row = self._session.row(
            "SELECT count(*) FROM incoming_offers WHERE peer = ? AND state = 'shown'", (peer,)
        )
        return int(row[0])

    def put_outgoing(self, offer: OutgoingOffer) -> None:
        """Insert or replace an outgoing offer by id."""
        self._session.write(
            _OUT.put(),
            (
                offer.id,
                offer.peer,
                offer.study,
                offer.made_ms,
                offer.attempts,
                offer.next_ms,
                offer.done_ms,
                offer.outcome,
            ),
        )

    def outgoing(self, *, limit: int = 200) -> Sequence[OutgoingOffer]:
        """List outgoing offers, newest first."""
        rows = self._session.rows(
            _OUT.select("ORDER BY made_ms DESC, rowid DESC LIMIT ?"), (limit,)
        )
        return [OutgoingOffer(*row) for row in rows]

    def waiting(self, peer: bytes | None = None) -> Sequence[OutgoingOffer]:
        """List outgoing offers that are not answered yet, of a peer or all, the oldest first."""
        rows = self._session.rows(
            _OUT.select(
                "WHERE done_ms IS NULL AND (?1 IS NULL OR peer = ?1) ORDER BY made_ms, rowid"
            ),
            (peer,),
        )
        return [OutgoingOffer(*row) for row in rows]

    def due(self, now_ms: int, *, limit: int = 100) -> Sequence[OutgoingOffer]:
        """List outgoing offers that are to be handed over now, the longest due first."""
        rows = self._session.rows(
            _OUT.select("WHERE done_ms IS NULL AND next_ms <= ? ORDER BY next_ms LIMIT ?"),
            (now_ms, limit),
        )
        return [OutgoingOffer(*row) for row in rows]

    def unoffered(self, now: int, *, limit: int = 100) -> Sequence[tuple[bytes, bytes, bytes]]:
        """List grant, node and study of visits' grants that are good and were not offered yet."""
        rows = self._session.rows(
            """SELECT v.grant_id, v.node, v.study FROM visit_grants AS v
            JOIN grants AS g ON g.id = v.grant_id
            WHERE g.revoked_ms IS NULL AND g.expires > ? AND g.command = '/img/read'
            AND NOT EXISTS (SELECT 1 FROM outgoing_offers WHERE id = v.grant_id)
            ORDER BY g.created_ms, g.id LIMIT ?""",
            (now, limit),
        )
        return [(row[0], row[1], row[2]) for row in rows]


def _incoming(row: Any) -> IncomingOffer:
    name, peer, offer, study, expires, state, *rest = row
    return IncomingOffer(name, peer, offer, study, expires, OfferState(state), *rest)

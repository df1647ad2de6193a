"""Tickets and used-up invocations: implements `ports.TicketRecords`.

The end of a ticket is looked up for every slice of a transfer, so that look-up reads nothing else.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import Any, Final

from undisc_node.services.model import Extent, Ticket
from undisc_node.storage.session import Session
from undisc_node.storage.statements import Columns

_TICKETS = Columns.of(
    "tickets", "hash peer study grant_id share_id invocation manifest extents expires_ms"
)
_EXTENT: Final = struct.Struct(">16sQQ")  # pack id, offset, length
_DAY_MS: Final = 86_400_000
_KEEP_INVOCATIONS_MS: Final = _DAY_MS  # after their end: a clock set back by hours revives nothing
_KEEP_TICKETS_MS: Final = 30 * _DAY_MS  # after their end: a late receipt still finds its ticket


class TicketTable:
    """Tickets and used invocations within one session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, ticket_hash: bytes) -> Ticket | None:
        """Return a ticket by the SHA-256 of what the asker holds; the caller looks at its end."""
        row = self._session.row(_TICKETS.select("WHERE hash = ?"), (ticket_hash,))
        return _ticket(row) if row else None

    def ends_ms(self, ticket_hash: bytes) -> int:
        """Return when a ticket ends, ms; 0 for an unknown one."""
        row = self._session.row("SELECT expires_ms FROM tickets WHERE hash = ?", (ticket_hash,))
        return int(row[0]) if row else 0

    def by_invocation(self, invocation: bytes) -> Ticket | None:
        """Return the ticket that an invocation made; also after the ticket has expired."""
        row = self._session.row(_TICKETS.select("WHERE invocation = ?"), (invocation,))
        return _ticket(row) if row else None

    def add(self, ticket: Ticket) -> None:
        """Record a new ticket.

        Raises:
            Conflict: The ticket, or one of the same invocation, is on record already.
        """
        self._session.write(
            _TICKETS.insert(),
            (
                ticket.hash,
                ticket.peer,
                ticket.study,
                ticket.grant,
                ticket.share,
                ticket.invocation,
                ticket.manifest,
                b"".join(
                    _EXTENT.pack(extent.pack, extent.offset, extent.length)
                    for extent in ticket.extents
                ),
                ticket.expires_ms,
            ),
        )

    def drop(
        self,
        *,
        grant: bytes | None = None,
        share: bytes | None = None,
        study: bytes | None = None,
        peer: bytes | None = None,
        at_ms: int,
    ) -> int:
        """End every living ticket that matches all that is given; return how many.

        Args:
            grant: Id of the grant behind the tickets.
            share: Id of the share behind them.
            study: Id of the study they open.
            peer: Node id of who holds them.
            at_ms: When they end, ms.

        Raises:
            RuntimeError: Nothing is given (a mistake in this program).
        """
        if grant is share is study is peer is None:
            raise RuntimeError("name what the tickets to drop belong to")
        return self._session.write(
            """
            UPDATE tickets SET expires_ms = ?1 WHERE expires_ms > ?1
                AND (?2 IS NULL OR grant_id = ?2) AND (?3 IS NULL OR share_id = ?3)
                AND (?4 IS NULL OR study = ?4) AND (?5 IS NULL OR peer = ?5)
            """,
            (at_ms, grant, share, study, peer),
        )

    def drop_all(self, at_ms: int) -> int:
        """End every living ticket; return how many."""
        return self._session.write(
            "UPDATE tickets SET expires_ms = ?1 WHERE expires_ms > ?1", (at_ms,)
        )

    def use_invocation(self, invocation: bytes, expires_ms: int) -> bool:
        """Mark an invocation as used. False if it was used before, in this or an earlier run."""
        return bool(
            self._session.write(
                "INSERT INTO used_invocations (invocation, expires_ms) VALUES (?, ?)"
                " ON CONFLICT DO NOTHING",
                (invocation, expires_ms),
            )
        )

    def forget_expired(self, now_ms: int) -> None:
        """Remove invocations that ended a day ago, and tickets that ended a month ago."""
        self._session.write(
            "DELETE FROM used_invocations WHERE expires_ms <= ?", (now_ms - _KEEP_INVOCATIONS_MS,)
        )
        self._session.write(
            "DELETE FROM tickets WHERE expires_ms <= ?", (now_ms - _KEEP_TICKETS_MS,)
        )


@lru_cache(maxsize=8)
def _extents(packed: bytes) -> tuple[Extent, ...]:
    return tuple(Extent(*fields) for fields in _EXTENT.iter_unpack(packed))


def _ticket(row: Any) -> Ticket:
    return Ticket(
        hash=row[0],
        peer=row[1],
        study=row[2],
        grant=row[3],
        share=row[4],
        invocation=row[5],
        manifest=row[6],
        extents=_extents(row[7]),
        expires_ms=row[8],
    )

"""When peers were seen on and off: implements `ports.HourRecords`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from undisc_node.services.hours import PeerHours
from undisc_node.storage.session import Session
from undisc_node.storage.statements import Columns

_HOURS: Final = Columns.of("peer_hours", "peer seen_ms off_ms on_hours off_hours")


class HourTable:
    """When peers were seen, within one session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, peer: bytes) -> PeerHours | None:
        """Return what was seen of a peer, or None."""
        row = self._session.row(_HOURS.select("WHERE peer = ?"), (peer,))
        return PeerHours(*row) if row else None

    def list(self) -> Sequence[PeerHours]:
        """List what was seen of all peers."""
        return [PeerHours(*row) for row in self._session.rows(_HOURS.select("ORDER BY peer"), ())]

    def put(self, hours: PeerHours) -> None:
        """Insert or replace by peer."""
        self._session.write(
            _HOURS.put(),
            (hours.peer, hours.seen_ms, hours.off_ms, hours.on_hours, hours.off_hours),
        )

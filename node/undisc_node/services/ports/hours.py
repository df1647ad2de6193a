"""Port to when peers were seen on and off."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from undisc_node.services.hours import PeerHours


class HourRecords(Protocol):
    """When peers were seen on and off."""

    def get(self, peer: bytes) -> PeerHours | None:
        """Return what was seen of a peer, or None."""

    def list(self) -> Sequence[PeerHours]:
        """List what was seen of all peers."""

    def put(self, hours: PeerHours) -> None:
        """Insert or replace by peer."""

"""Port to what comes of a node's rounds to its peers, and to the keys it has had itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from undisc_node.services.round_rows import AlertKind, PeerAlert, PeerRound


class RoundRecords(Protocol):
    """Rounds, alerts, and our own keys."""

    def get(self, peer: bytes) -> PeerRound | None:
        """Return what came of the rounds to a peer, or None before the first."""

    def list(self) -> Sequence[PeerRound]:
        """List all, in the order in which they are due."""

    def put(self, made: PeerRound) -> None:
        """Insert or replace by peer."""

    def hurry(self, now_ms: int) -> None:
        """Let every peer be asked at once: there is something new to tell."""

    def alert(self, alert: PeerAlert) -> bool:
        """Keep an alert, one for each peer and kind; return whether there was none before."""

    def alerts(self) -> Sequence[PeerAlert]:
        """List the alerts that nobody has settled, newest first."""

    def settle(self, peer: bytes, kind: AlertKind | None = None) -> int:
        """Remove the alerts of a peer, or that of one kind; return how many there were."""

    def begin_key(self, number: int, at_ms: int) -> bool:
        """Note that the node works under its identity record of this number; False if known."""

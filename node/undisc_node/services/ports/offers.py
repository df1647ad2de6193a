"""Port to offers on their way between nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from undisc_node.services.offer_rows import IncomingOffer, OutgoingOffer


class OfferRecords(Protocol):
    """Offers that were handed to us, and those that we hand over."""

    def get(self, offer: bytes) -> IncomingOffer | None:
        """Return an incoming offer by its id, or None."""

    def put(self, offer: IncomingOffer) -> None:
        """Insert or replace an incoming offer by id."""

    def starting(self, prefix: str) -> Sequence[IncomingOffer]:
        """Return up to two incoming offers whose id begins with some hex digits."""

    def list(self, *, limit: int = 200) -> Sequence[IncomingOffer]:
        """List incoming offers, newest first."""

    def shown(self, peer: bytes) -> int:
        """Count the offers of a node on which nobody has decided."""

    def put_outgoing(self, offer: OutgoingOffer) -> None:
        """Insert or replace an outgoing offer by id."""

    def outgoing(self, *, limit: int = 200) -> Sequence[OutgoingOffer]:
        """List outgoing offers, newest first."""

    def waiting(self, peer: bytes | None = None) -> Sequence[OutgoingOffer]:
        """List outgoing offers that are not answered yet, of a peer or all, the oldest first."""

    def due(self, now_ms: int, *, limit: int = 100) -> Sequence[OutgoingOffer]:
        """List outgoing offers that are to be handed over now, the longest due first."""

    def unoffered(self, now: int, *, limit: int = 100) -> Sequence[tuple[bytes, bytes, bytes]]:
        """List grant, node and study of visits' grants that are good and were not offered yet.

        Args:
            now: Seconds since 1970.
            limit: At most so many.
        """

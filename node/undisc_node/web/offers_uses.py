"""What the listeners need of offers between nodes; see `uses`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from undisc_node.services.model import Fetch
from undisc_node.services.offer_rows import IncomingOffer, OutgoingOffer
from undisc_node.services.ports import Reply


class TakesOffers(Protocol):
    """Takes offers that other nodes hand over."""

    def take(self, body: bytes) -> Reply:
        """Take a sealed offer in; answer with signed bytes."""


class KeepsOffers(Protocol):
    """Lets staff decide about offers."""

    def find(self, prefix: str) -> IncomingOffer:
        """Find by a prefix of the id."""

    def list(self) -> Sequence[IncomingOffer]:
        """List offers that were handed to us."""

    def outgoing(self) -> Sequence[OutgoingOffer]:
        """List offers that we hand over."""

    def accept(self, offer: IncomingOffer, actor: str) -> tuple[IncomingOffer, Fetch]:
        """Fetch what was offered."""

    def refuse(self, offer: IncomingOffer, actor: str) -> IncomingOffer:
        """Do not fetch it."""

"""What the listeners need of offers between nodes; see `uses`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from undisc_node.services.hours import PeerHours
from undisc_node.services.model import Fetch
from undisc_node.services.offer_rows import IncomingOffer, OutgoingOffer
from undisc_node.services.outgoing import Outgoing
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


class KeepsOutgoing(Protocol):
    """What this node still has to tell or ask its peers."""

    def list(self, peer: bytes | None = None) -> Sequence[Outgoing]:
        """List what waits, the oldest first."""

    def hours(self, peer: bytes) -> tuple[PeerHours | None, int | None]:
        """Return what was seen of a peer, and when it is expected if it is off."""

    def find(self, prefix: str) -> Outgoing:
        """Find by a prefix of the id."""

    def retry(self, row: Outgoing, actor: str) -> Outgoing:
        """Try it now."""

    def drop(self, row: Outgoing, actor: str) -> Outgoing:
        """Give it up."""

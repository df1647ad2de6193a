"""Which nodes say on the local network that they are there: suggestions, and nothing more.

Nothing is kept of it, and nothing follows from it. Who is trusted is decided by words that two
people compare; a forged announcement leads to a node that has other words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from undisc_node.services.model import Peer
from undisc_node.services.ports import Catalog, Neighbour, Neighbours


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A node that says it is there.

    Attributes:
        seen: What it says.
        claims: The peer whose id it claims to have, or None.
        own: Whether it claims to be this very node.
    """

    seen: Neighbour
    claims: Peer | None
    own: bool


class Discovering:
    """Looks around on the local network.

    Args:
        catalog: For the names of peers.
        neighbours: Listens.
        own: Node id of this node.
    """

    def __init__(self, *, catalog: Catalog, neighbours: Neighbours, own: bytes) -> None:
        self._catalog = catalog
        self._neighbours = neighbours
        self._own = own

    def look(self, seconds: float) -> Sequence[Suggestion]:
        """List who says to be there, by name; changes nothing.

        Raises:
            Unavailable: This machine can neither ask nor listen.
        """
        seen = self._neighbours.look(seconds)
        with self._catalog.look() as records:
            peers = {peer.id.hex()[:16]: peer for peer in records.peers.list()}
        return [
            Suggestion(one, peers.get(one.prefix), self._own.hex().startswith(one.prefix))
            for one in sorted(seen, key=lambda one: (one.name, one.prefix, one.url))
        ]

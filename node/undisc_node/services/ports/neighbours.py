"""Port to nodes on the local network, which say that they are there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Neighbour:
    """What somebody on the local network says of itself; anybody can say anything.

    Attributes:
        name: A practice's name, cleaned; may be empty.
        prefix: The beginning of a node id, 16 hex digits.
        url: Where it answers; empty if it does not say so in a usable way.
        addresses: Network addresses it gives, as text.
    """

    name: str
    prefix: str
    url: str
    addresses: tuple[str, ...]


class Neighbours(Protocol):
    """Listens to the local network."""

    def look(self, seconds: float) -> Sequence[Neighbour]:
        """Ask who is there, and return who answered within so many seconds.

        Raises:
            Unavailable: This machine can neither ask nor listen.
        """

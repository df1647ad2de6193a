"""Port to pairings that are going on, or ended lately."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from undisc_node.services.pairing_rows import PairingRow


class PairingRecords(Protocol):
    """Pairings, newest first."""

    def get(self, pairing: bytes) -> PairingRow | None:
        """Return a pairing by its id, or None."""

    def of_handle(self, handle: bytes) -> PairingRow | None:
        """Return the pairing that is named so between the nodes, or None."""

    def put(self, pairing: PairingRow) -> None:
        """Insert or replace by id."""

    def list(self, *, limit: int = 200) -> Sequence[PairingRow]:
        """List, newest first."""

    def unfinished(self) -> Sequence[PairingRow]:
        """List those that are open, oldest first."""

    def forget(self, *, keys_before_ms: int, rows_before_ms: int) -> None:
        """Remove the keys and the rows of pairings that ended before these moments."""

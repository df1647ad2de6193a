"""Ports to what a radiology department tells the node, and what waits for its people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from undisc_node.services.queue_rows import QueueRow


class QueueRecords(Protocol):
    """What waits for a person, and what was decided."""

    def get(self, row: bytes) -> QueueRow | None:
        """Return it by id, or None."""

    def find_open(self, kind: str, subject: str) -> QueueRow | None:
        """Return the row of that kind and subject that waits, or None."""

    def list(
        self,
        *,
        kind: str = "",
        study: bytes | None = None,
        done: bool = False,
        limit: int = 100,
        offset: int = 0,
    ) -> Sequence[QueueRow]:
        """List what waits, oldest first; with `done`, what was decided, newest decision first."""

    def starting(self, prefix: str) -> Sequence[QueueRow]:
        """List up to two rows whose id begins with these hex digits."""

    def count_open(self) -> int:
        """Count what waits."""

    def put(self, row: QueueRow) -> None:
        """Insert or replace by id.

        Raises:
            Conflict: Another row of that kind and subject waits already.
        """

"""The append-only log and the head of its tree: implements `ports.LogRecords` (SPEC.md §7).

A line and the tree's new head are written in the caller's change, so that the log, its tree and
what the log records are durable together or not at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from undisc_node.services.errors import Damaged
from undisc_node.services.model import LogRow
from undisc_node.storage.session import Session
from undisc_protocol.log import Frontier, leaf_hash

_HASH: Final = 32  # bytes


class LogTable:
    """The log within one session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def found(self, origin: bytes) -> None:
        """Name a new log; a log that has a name keeps it.

        Args:
            origin: 16 random bytes.
        """
        self._session.write(
            "INSERT INTO log_head (one, origin, size, nodes) VALUES (1, ?, 0, x'')"
            " ON CONFLICT DO NOTHING",
            (origin,),
        )

    def append(self, event: bytes, salt: bytes) -> int:
        """Add an encoded event in the current change; return its number.

        Args:
            event: The encoded event (SPEC.md §7.1).
            salt: 32 fresh random bytes.
        """
        tree = self.frontier()
        leaf = leaf_hash(salt, event)
        grown = tree.append(leaf)
        self._session.write(
            "INSERT INTO log (number, leaf, event, salt) VALUES (?, ?, ?, ?)",
            (tree.size, leaf, event, salt),
        )
        self._session.write(
            "UPDATE log_head SET size = ?, nodes = ?", (grown.size, b"".join(grown.nodes))
        )
        return tree.size

    def frontier(self) -> Frontier:
        """Return origin, size and the tree's frontier.

        Raises:
            Damaged: The head does not fit the log.
        """
        origin, size, nodes = self._session.row("SELECT origin, size, nodes FROM log_head")
        if len(nodes) != _HASH * size.bit_count():
            raise Damaged("the head of the log does not fit its size", code="log_damaged")
        return Frontier(
            origin,
            size,
            tuple(nodes[start : start + _HASH] for start in range(0, len(nodes), _HASH)),
        )

    def restart(self, origin: bytes) -> None:
        """Go on under another origin: what peers saw under the old one may not be here.

        Args:
            origin: 16 random bytes, never used before.
        """
        self._session.write("UPDATE log_head SET origin = ?", (origin,))

    def list(self, *, after: int = -1, limit: int = 1000) -> Sequence[LogRow]:
        """List lines behind a number, oldest first."""
        rows = self._session.rows(
            "SELECT number, leaf, event, salt FROM log WHERE number > ? ORDER BY number LIMIT ?",
            (after, limit),
        )
        return [LogRow(*row) for row in rows]

    def newest(self, limit: int) -> Sequence[LogRow]:
        """Return the newest lines, oldest of them first."""
        rows = self._session.rows(
            "SELECT number, leaf, event, salt FROM log ORDER BY number DESC LIMIT ?", (limit,)
        )
        return [LogRow(*row) for row in reversed(rows)]

"""What other nodes showed, and what they remember: implements `ports.WitnessedRecords`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from undisc_node.services.model import Recalled
from undisc_node.storage.session import Session
from undisc_node.storage.statements import Columns
from undisc_protocol.limits import MAX_RECALLED_LOGS
from undisc_protocol.tree import Checkpoint

_RECALLED = Columns.of("recalled", "peer at_ms seen_lines own_lines stored fetched problem ended")
_MAX_HEADS: Final = 8  # of one peer; whoever shows more of them has been reported often enough


class WitnessedTable:
    """What was seen of other nodes, within one session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add_head(self, peer: bytes, head: bytes, at_ms: int) -> bool:
        """Remember records that are not the peer's; False if known, or if there are too many."""
        known = {
            row[0]
            for row in self._session.rows("SELECT head FROM identity_heads WHERE peer = ?", (peer,))
        }
        if head in known or len(known) >= _MAX_HEADS:
            return False
        self._session.write(
            "INSERT INTO identity_heads (peer, head, at_ms) VALUES (?, ?, ?)", (peer, head, at_ms)
        )
        return True

    def add_log(self, peer: bytes, seen: Checkpoint, at_ms: int) -> None:
        """Keep the last head of a log that a peer does not go on with; the newest few stay."""
        self._session.write(
            "INSERT INTO earlier_logs (peer, origin, size, root, at_ms) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (peer, origin) DO UPDATE"
            " SET size = excluded.size, root = excluded.root, at_ms = excluded.at_ms"
            " WHERE excluded.size > size",
            (peer, seen.origin, seen.size, seen.root, at_ms),
        )
        self._session.write(
            "DELETE FROM earlier_logs WHERE peer = ?1 AND origin NOT IN"
            " (SELECT origin FROM earlier_logs WHERE peer = ?1"
            " ORDER BY at_ms DESC, origin LIMIT ?2)",
            (peer, MAX_RECALLED_LOGS - 1),  # one more is the log of now
        )

    def logs(self, peer: bytes) -> Sequence[Checkpoint]:
        """List the heads of a peer's earlier logs, newest first."""
        rows = self._session.rows(
            "SELECT origin, size, root FROM earlier_logs WHERE peer = ?"
            " ORDER BY at_ms DESC, origin",
            (peer,),
        )
        return [Checkpoint(*row) for row in rows]

    def put_recalled(self, recalled: Recalled) -> None:
        """Keep what a peer remembers of us, in the place of what it said before."""
        self._session.write(
            _RECALLED.put(),
            (
                recalled.peer,
                recalled.at_ms,
                recalled.seen_lines,
                recalled.own_lines,
                recalled.stored,
                recalled.fetched,
                recalled.problem,
                recalled.ended,
            ),
        )

    def recalled(self) -> Sequence[Recalled]:
        """List what each peer that was asked remembers of us, oldest first."""
        rows = self._session.rows(_RECALLED.select("ORDER BY at_ms, rowid"))
        return [Recalled(*row) for row in rows]

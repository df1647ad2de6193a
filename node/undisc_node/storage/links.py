"""Links, unlocks and kept links: implements `ports.LinkRecords`.

Attempts and uses are counted by one UPDATE each, whose WHERE is the limit: however many come at
once, none is counted beyond it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from undisc_node.services.link_rows import KeptPasscode, LinkRow
from undisc_node.storage.session import Session
from undisc_node.storage.statements import Columns
from undisc_protocol.did import Did

_LINKS: Final = Columns.of(
    "links",
    "did salt hash passes memory max_uses uses max_attempts attempts created_ms revoked_ms",
)


class LinkTable:
    """Links within one session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, did: Did) -> LinkRow | None:
        """Return a link by its key."""
        row = self._session.row(_LINKS.select("WHERE did = ?"), (did,))
        return _link(row) if row else None

    def list(self) -> Sequence[LinkRow]:
        """List all links, newest first."""
        rows = self._session.rows(_LINKS.select("ORDER BY created_ms DESC, did"))
        return [_link(row) for row in rows]

    def add(self, link: LinkRow) -> None:
        """Record a new link.

        Raises:
            Conflict: It is on record already.
        """
        kept = link.passcode
        self._session.write(
            _LINKS.insert(),
            (
                link.did,
                kept.salt if kept else None,
                kept.hash if kept else None,
                kept.passes if kept else 0,
                kept.memory if kept else 0,
                link.max_uses,
                link.uses,
                link.max_attempts,
                link.attempts,
                link.created_ms,
                link.revoked_ms,
            ),
        )

    def take_attempt(self, did: Did) -> bool:
        """Count an attempt; False, and nothing is counted, when all are used up."""
        return bool(
            self._session.write(
                "UPDATE links SET attempts = attempts + 1"
                " WHERE did = ? AND attempts < max_attempts",
                (did,),
            )
        )

    def give_back(self, did: Did) -> None:
        """Take the count of an attempt back that turned out to be right."""
        self._session.write(
            "UPDATE links SET attempts = attempts - 1 WHERE did = ? AND attempts > 0", (did,)
        )

    def take_use(self, did: Did) -> bool:
        """Count a use; False, and nothing is counted, when all are used up."""
        return bool(
            self._session.write(
                "UPDATE links SET uses = uses + 1"
                " WHERE did = ? AND (max_uses IS NULL OR uses < max_uses)",
                (did,),
            )
        )

    def reopen(self, did: Did) -> None:
        """Let attempts begin anew."""
        self._session.write("UPDATE links SET attempts = 0 WHERE did = ?", (did,))

    def revoke(self, did: Did, at_ms: int) -> None:
        """Revoke for good; a second time changes nothing, not even the time."""
        self._session.write(
            "UPDATE links SET revoked_ms = ? WHERE did = ? AND revoked_ms IS NULL", (at_ms, did)
        )

    def unlocked_until(self, did: Did, node: bytes) -> int:
        """Return until when a node has unlocked a link, ms; 0 if it never did."""
        row = self._session.row(
            "SELECT until_ms FROM unlocks WHERE link = ? AND node = ?", (did, node)
        )
        return int(row[0]) if row else 0

    def unlock(self, did: Did, node: bytes, until_ms: int) -> None:
        """Keep that a node has passed the protection; replaces an earlier unlock."""
        self._session.write(
            "INSERT INTO unlocks (link, node, until_ms) VALUES (?, ?, ?)"
            " ON CONFLICT (link, node) DO UPDATE SET until_ms = excluded.until_ms",
            (did, node, until_ms),
        )

    def forget_unlocks(self, now_ms: int) -> None:
        """Remove unlocks that are over."""
        self._session.write("DELETE FROM unlocks WHERE until_ms <= ?", (now_ms,))

    def lock(self, node: bytes) -> int:
        """Forget what a node has unlocked; return how many links."""
        return self._session.write("DELETE FROM unlocks WHERE node = ?", (node,))

    def keep(self, capability: bytes, sealed: bytes) -> None:
        """Keep the sealed secret of a link that this node was given; replaces an earlier one."""
        self._session.write(
            "INSERT INTO kept_links (capability, sealed) VALUES (?, ?)"
            " ON CONFLICT (capability) DO UPDATE SET sealed = excluded.sealed",
            (capability, sealed),
        )

    def kept(self, capability: bytes) -> bytes | None:
        """Return the sealed secret that belongs to a capability."""
        row = self._session.row("SELECT sealed FROM kept_links WHERE capability = ?", (capability,))
        return bytes(row[0]) if row else None


def _link(row: Any) -> LinkRow:
    did, salt, kept, passes, memory, *counts = row
    passcode = None if salt is None else KeptPasscode(salt, kept, passes, memory)
    return LinkRow(Did(did), passcode, *counts)

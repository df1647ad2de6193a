"""Port to links: what protects them, who has passed it, and those that this node was given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from undisc_node.services.link_rows import LinkRow
from undisc_protocol.did import Did


class LinkRecords(Protocol):
    """Links of this node, unlocks, and the sealed secrets of links that it was given."""

    def get(self, did: Did) -> LinkRow | None:
        """Return a link by its key."""

    def list(self) -> Sequence[LinkRow]:
        """List all links, newest first."""

    def add(self, link: LinkRow) -> None:
        """Record a new link.

        Raises:
            Conflict: It is on record already.
        """

    def take_attempt(self, did: Did) -> bool:
        """Count an attempt; False, and nothing is counted, when all are used up."""

    def give_back(self, did: Did) -> None:
        """Take the count of an attempt back that turned out to be right."""

    def take_use(self, did: Did) -> bool:
        """Count a use; False, and nothing is counted, when all are used up."""

    def reopen(self, did: Did) -> None:
        """Let attempts begin anew."""

    def revoke(self, did: Did, at_ms: int) -> None:
        """Revoke for good; a second time changes nothing, not even the time."""

    def unlocked_until(self, did: Did, node: bytes) -> int:
        """Return until when a node has unlocked a link, ms; 0 if it never did."""

    def unlock(self, did: Did, node: bytes, until_ms: int) -> None:
        """Keep that a node has passed the protection; replaces an earlier unlock."""

    def forget_unlocks(self, now_ms: int) -> None:
        """Remove unlocks that are over."""

    def lock(self, node: bytes) -> int:
        """Forget what a node has unlocked; return how many links."""

    def keep(self, capability: bytes, sealed: bytes) -> None:
        """Keep the sealed secret of a link that this node was given; replaces an earlier one."""

    def kept(self, capability: bytes) -> bytes | None:
        """Return the sealed secret that belongs to a capability."""

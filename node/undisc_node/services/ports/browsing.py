"""Port to browser sessions, and to what the patient reads about who did what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from undisc_node.services.browsing_rows import Access, AccessRow, SessionRow
from undisc_protocol.did import Did


class BrowsingRecords(Protocol):
    """Browser sessions and accesses."""

    def get(self, session: bytes) -> SessionRow | None:
        """Return a session by the hash of its cookie, or None."""

    def add(self, row: SessionRow) -> None:
        """Record a new session."""

    def close(self, session: bytes, at_ms: int) -> None:
        """End a session; a second time changes nothing."""

    def close_of_link(self, link: Did, at_ms: int) -> int:
        """End every session that a key has opened; return how many were alive."""

    def forget(self, until_ms: int) -> None:
        """Remove sessions that were over by then."""

    def note(self, access: AccessRow) -> bool:
        """Note an access; the same one of one session again changes nothing.

        Returns:
            Whether it is new.
        """

    def noted(self, session: bytes, kind: Access, study: bytes) -> bool:
        """Tell whether an access of a session was noted."""

    def accesses(self, links: Sequence[Did], *, limit: int = 1_000) -> Sequence[AccessRow]:
        """List what was done with these keys, newest first."""

    def accesses_of(self, studies: Sequence[bytes], *, limit: int = 1_000) -> Sequence[AccessRow]:
        """List what was done with these studies, newest first."""

"""Port to who was given what, and to what was said when it ended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from undisc_node.services.ending_rows import CopyAnswer, Ending, Given


class EndingRecords(Protocol):
    """At the holder: to whom studies were given. At a recipient: what ended, and the answers."""

    def note_given(self, given: Given) -> None:
        """Note it for good; a second time changes nothing."""

    def given(self, *, study: bytes | None = None, peer: bytes | None = None) -> Sequence[Given]:
        """List who was given what, of one study, to one node, or all; oldest first."""

    def keep(self, ending: Ending) -> None:
        """Keep a holder's notice; the same one again changes nothing."""

    def kept(
        self, peer: bytes, *, study: bytes | None = None, skip: int = 0, limit: int = 1_000
    ) -> Sequence[Ending]:
        """List a holder's notices, newest first."""

    def answer(self, peer: bytes, study: bytes) -> CopyAnswer | None:
        """Return what was last answered a holder about a study, or None."""

    def put_answer(self, answer: CopyAnswer) -> None:
        """Keep an answer, in the place of the one before it."""

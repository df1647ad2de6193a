"""Ports to what leaves for people and practices: one-time codes, messages, offers."""

from __future__ import annotations

from typing import Protocol

from undisc_node.services.code_rows import CodeRow


class CodeRecords(Protocol):
    """One-time codes, the newest of each context."""

    def get(self, context: bytes) -> CodeRow | None:
        """Return the newest code of a context, or None."""

    def put(self, code: CodeRow) -> None:
        """Insert, or replace the earlier code of the context."""

    def take_try(self, context: bytes, most: int) -> bool:
        """Count a try; False, and nothing is counted, when all are used up."""

    def use(self, context: bytes, salt: bytes) -> bool:
        """Use a code up; False when it was used already, or is not the newest any more."""

    def forget(self, before_ms: int) -> None:
        """Remove codes that are counted since before then."""


class OutgoingRecords(Protocol):
    """The part of the catalog's records that is about what leaves; see `ports.Records`."""

    @property
    def codes(self) -> CodeRecords:
        """One-time codes."""

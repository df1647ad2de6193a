"""The records that pages for people need: part of `ports.Records`."""

from __future__ import annotations

from typing import Protocol

from undisc_node.services.ports.desk import DeskRecords, WishRecords


class PeopleRecords(Protocol):
    """What is kept of staff at the desk, and of patients in front of it."""

    @property
    def desk(self) -> DeskRecords:
        """Who is signed in at the desk, and what patients are being asked."""

    @property
    def wishes(self) -> WishRecords:
        """What patients wished about their visits."""

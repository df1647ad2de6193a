"""The records that pages for people need: part of `ports.Records`."""

from __future__ import annotations

from typing import Protocol

from undisc_node.services.ports.browsing import BrowsingRecords
from undisc_node.services.ports.desk import DeskRecords, WishRecords
from undisc_node.services.ports.patients import PatientRecords


class PeopleRecords(Protocol):
    """What is kept of staff at the desk, and of patients in front of it."""

    @property
    def desk(self) -> DeskRecords:
        """Who is signed in at the desk, and what patients are being asked."""

    @property
    def wishes(self) -> WishRecords:
        """What patients wished about their visits."""

    @property
    def browsing(self) -> BrowsingRecords:
        """Browser sessions and accesses."""

    @property
    def patients(self) -> PatientRecords:
        """Keys and shares of patients."""

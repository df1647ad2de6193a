"""What the admin socket needs of orders, reports, notices and the queue; see `uses`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from undisc_node.services.department_rows import Order, Report
from undisc_node.services.model import Grant, Share
from undisc_node.services.notice_rows import NoticeRow
from undisc_node.services.ordering import Refreshed
from undisc_node.services.queue_rows import QueueRow
from undisc_node.services.queueing import Decision
from undisc_node.services.report_facts import ShownReport


class KeepsOrders(Protocol):
    """Keeps the day list."""

    @property
    def last(self) -> Refreshed:
        """What came of the newest question to the worklist."""

    def refresh(self) -> Refreshed:
        """Ask the worklist now."""

    def list(self, first: str, last: str, text: str, limit: int) -> Sequence[Order]:
        """List orders by time."""


class TellsNodes(Protocol):
    """Knows what other nodes were told."""

    def of_study(self, study: bytes) -> Sequence[NoticeRow]:
        """List the notices about a study, newest first."""

    def about(self, permission: Grant | Share) -> Sequence[NoticeRow]:
        """List who was told that a permission ended, newest first."""


class KeepsReports(Protocol):
    """Knows the reports."""

    def waiting(self, limit: int) -> Sequence[Report]:
        """List reports without a study."""

    def of_study(self, study_id: bytes) -> Sequence[ShownReport]:
        """List the reports of a study, newest first."""


class Queues(Protocol):
    """Keeps what waits for a person."""

    def list(
        self, kind: str = "", *, done: bool = False, limit: int = 100, offset: int = 0
    ) -> Sequence[QueueRow]:
        """List what waits, oldest first, or what was decided, newest first."""

    def find(self, prefix: str) -> QueueRow:
        """Find by a prefix of the id."""

    def decisions(self, row: QueueRow) -> Mapping[str, Decision]:
        """Name what may be done about a row."""

    def resolve(self, row_id: bytes, decision: str, value: str, actor: str) -> QueueRow:
        """Carry out a decision."""

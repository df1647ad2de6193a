"""Ports to what a radiology department tells the node, and what waits for its people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from undisc_node.services.department_rows import Message, Order, Report
from undisc_node.services.model import Study
from undisc_node.services.notice_rows import NoticeRow
from undisc_node.services.ports.packs import Source
from undisc_node.services.queue_rows import QueueRow
from undisc_node.services.report_facts import ReportFacts


class QueueRecords(Protocol):
    """What waits for a person, and what was decided."""

    def get(self, row: bytes) -> QueueRow | None:
        """Return it by id, or None."""

    def find_open(self, kind: str, subject: str) -> QueueRow | None:
        """Return the row of that kind and subject that waits, or None."""

    def list(
        self,
        *,
        kind: str = "",
        study: bytes | None = None,
        done: bool = False,
        limit: int = 100,
        offset: int = 0,
    ) -> Sequence[QueueRow]:
        """List what waits, oldest first; with `done`, what was decided, newest decision first."""

    def starting(self, prefix: str) -> Sequence[QueueRow]:
        """List up to two rows whose id begins with these hex digits."""

    def count_open(self) -> int:
        """Count what waits."""

    def put(self, row: QueueRow) -> None:
        """Insert or replace by id.

        Raises:
            Conflict: Another row of that kind and subject waits already.
        """

    def forget(self, kind: str, before_ms: int) -> int:
        """Remove rows of a kind that were decided before then; return how many."""


class OrderRecords(Protocol):
    """The day list."""

    def get(self, order: bytes) -> Order | None:
        """Return it by id, or None."""

    def list(
        self, *, first: str = "", last: str = "", text: str = "", limit: int = 200
    ) -> Sequence[Order]:
        """List by scheduled time.

        Args:
            first: Earliest day, `YYYYMMDD`; empty for any.
            last: Latest day, the same day included.
            text: Part of a patient's name or id, an accession number or a description.
            limit: At most so many.
        """

    def of_patient(self, patient_id: str) -> Sequence[Order]:
        """List the orders of a patient id."""

    def put(self, order: Order) -> None:
        """Insert or replace by id."""

    def forget(self, before_ms: int) -> int:
        """Remove orders that were last told before then; return how many."""


class ReportRecords(Protocol):
    """Reports that have not found their study, and messages that were taken in."""

    def get(self, report: bytes) -> Report | None:
        """Return it by id, or None."""

    def list(self, *, limit: int = 100) -> Sequence[Report]:
        """List oldest first."""

    def awaiting(self) -> Sequence[bytes]:
        """List ids of reports whose accession number some study has by now."""

    def put(self, report: Report) -> None:
        """Insert or replace by id."""

    def remove(self, report: bytes) -> None:
        """Remove it; doing it again changes nothing."""

    def message(self, sender: str, control: str) -> Message | None:
        """Return the message that was taken in under a control id, or None."""

    def add_message(self, message: Message) -> None:
        """Remember a message; the same one again changes nothing."""

    def forget_messages(self, before_ms: int) -> int:
        """Forget messages that were taken in before then; return how many."""


class NoticeRecords(Protocol):
    """What other nodes have to be told about studies they have."""

    def get(self, notice: bytes) -> NoticeRow | None:
        """Return it by id, or None."""

    def find_open(self, peer: bytes, study: bytes, kind: str) -> NoticeRow | None:
        """Return the notice of that kind that is not delivered yet, or None."""

    def due(self, now_ms: int, *, limit: int = 100) -> Sequence[NoticeRow]:
        """List what is to be sent now, the longest due first."""

    def waiting(self, peer: bytes | None = None) -> Sequence[NoticeRow]:
        """List what is not delivered yet, to a peer or all, the oldest first."""

    def list(
        self, *, study: bytes | None = None, peer: bytes | None = None, limit: int = 200
    ) -> Sequence[NoticeRow]:
        """List newest first, about one study, to one node, or all."""

    def put(self, notice: NoticeRow) -> None:
        """Insert or replace by id."""


class ReportObjects(Protocol):
    """Writes reports as DICOM objects of their study, and reads what any report says of itself."""

    def uid(self, report: Report, study: Study) -> str:
        """Return the SOP Instance UID that a report has in a study."""

    def read(self, source: Source) -> ReportFacts:
        """Read what a report says about itself.

        Raises:
            Invalid: It cannot be read.
        """

    def compose(self, report: Report, study: Study) -> Source:
        """Return a Part 10 file (PS3.10); the same report and study give the same bytes."""


class Worklist(Protocol):
    """Asks the department's worklist what is scheduled."""

    def scheduled(self, first: str, last: str) -> Sequence[Order]:
        """Ask for the steps of these days, `YYYYMMDD`, both included.

        Raises:
            Unavailable: It does not answer, or refuses.
        """

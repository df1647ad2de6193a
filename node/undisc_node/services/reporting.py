"""Reports find their study, wait for it, or wait for a person.

A report belongs to a study with its accession number that was taken here (never to one that a peer
brought: other practices number their orders alike), and, where it names a patient, to that patient.
It is stored as an object of the study's pack, so that grants, fetches and exports carry it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from undisc_node.services import auditing
from undisc_node.services.auditing import Journal
from undisc_node.services.contents import Contents, StoredSource
from undisc_node.services.deciding import PEER_SENDER
from undisc_node.services.department_rows import Message, Report
from undisc_node.services.errors import Conflict, Damaged, Invalid
from undisc_node.services.model import Study
from undisc_node.services.ports import Catalog, Packs, Records, ReportObjects, Source
from undisc_node.services.queue_rows import Fact, QueueRow, facts_of
from undisc_node.services.queueing import Close, Decision, Queueing
from undisc_node.services.receiving import StoreOutcome
from undisc_node.services.report_facts import REPORT_CLASSES, ReportFacts, ShownReport, ordered

UNMATCHED: Final = "unmatched-report"
"""Kind of rows of the queue."""


class Stores(Protocol):
    """Stores instances."""

    def store(self, source: Source, sender: str) -> StoreOutcome:
        """Store one instance; durable on return."""


@dataclass(frozen=True, slots=True)
class Match:
    """Where a report belongs.

    Attributes:
        studies: The studies it belongs to.
        near: A study of its accession number that is somebody else's, for a person to look at.
    """

    studies: tuple[Study, ...]
    near: Study | None = None


def match(records: Records, report: Report) -> Match:
    """Return the studies a report belongs to."""
    found = [
        study
        for study in records.studies.of_accession(report.accession)
        if not study.sender.startswith(PEER_SENDER)
    ]
    if not report.patient_ids:
        one = len(found) == 1
        return Match(tuple(found) if one else (), None if one else next(iter(found), None))
    fitting = tuple(study for study in found if _same(report, study))
    return Match(fitting, None if fitting else next(iter(found), None))


def _same(report: Report, study: Study) -> bool:
    """Tell whether a report can be about the patient of a study: number, issuer, birth date."""
    who, said = study.patient, report.patient
    if not who.id or who.id not in report.patient_ids:
        return False
    issuers = (who.issuer, said.issuer if who.id == said.id else "")
    pairs = [issuers, (who.birth_date, said.birth_date)]
    return all(not one or not two or one == two for one, two in pairs)


class Reporting:
    """Attaches reports, lets them wait, and shows them.

    Args:
        catalog: Rows.
        packs: Bytes.
        contents: What is inside studies.
        receiving: Stores them.
        objects: Writes and reads them as DICOM objects.
        queueing: The queue.
        journal: The log.
        find_study: Finds a study by what a person types.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        packs: Packs,
        contents: Contents,
        receiving: Stores,
        objects: ReportObjects,
        queueing: Queueing,
        journal: Journal,
        find_study: Callable[[str], Study],
    ) -> None:
        self._catalog = catalog
        self._packs = packs
        self._contents = contents
        self._receiving = receiving
        self._objects = objects
        self._queueing = queueing
        self._journal = journal
        self._find_study = find_study
        queueing.register(UNMATCHED, self)

    def take(self, reports: Sequence[Report], message: Message | None = None) -> Sequence[bool]:
        """Attach reports or let them wait; durable on return.

        Args:
            reports: What came.
            message: The message that brought them, which is remembered with them.

        Returns:
            Which of them found a study.

        Raises:
            ServiceError: They could not be stored; nothing of it counts as taken in.
        """
        found = []
        for report in reports:
            with self._catalog.look() as records:
                studies = match(records, report).studies
            for study in studies:
                self._attach(report, study)
            found.append(bool(studies))
        with self._catalog.change() as records:
            for report, is_attached in zip(reports, found, strict=True):
                if is_attached:
                    self._settled(records, report, "its study is here")
                else:
                    self._wait(records, report)
            if message is not None:
                records.reports.add_message(message)
        return found

    def _wait(self, records: Records, report: Report) -> None:
        is_new = records.reports.get(report.id) is None
        records.reports.put(report)
        near = match(records, report).near
        self._queueing.put(
            records,
            UNMATCHED,
            report.id.hex(),
            study=near.id if near else None,
            facts=_facts(report, near),
        )
        if is_new:
            self._note(records, "report.waiting", report, near)

    def _settled(self, records: Records, report: Report, outcome: str) -> None:
        if records.reports.get(report.id) is not None:
            records.reports.remove(report.id)
            self._queueing.settle(records, UNMATCHED, report.id.hex(), outcome)

    def _attach(self, report: Report, study: Study) -> None:
        """Store a report as an object of a study; one that is there already changes nothing."""
        with self._catalog.look() as records:
            contents = self._contents.of(records, study.id)
        uid = self._objects.uid(report, study)
        if uid in contents.current:
            return
        outcome = self._receiving.store(self._objects.compose(report, study), report.source)
        with self._catalog.change() as records:
            self._note(records, "report.attached", report, study, outcome.status)

    def attach_waiting(self) -> int:
        """Attach what has waited for images that are here now; return how many reports."""
        with self._catalog.look() as records:
            waiting = records.reports.awaiting()
        attached = 0
        for report_id in waiting:
            with self._catalog.look() as records:
                report = records.reports.get(report_id)
                studies = match(records, report).studies if report else ()
            if report is None or not studies:
                continue
            for study in studies:
                self._attach(report, study)
            with self._catalog.change() as records:
                self._settled(records, report, "its images arrived")
            attached += 1
        return attached

    # --- A person decides -------------------------------------------------------------------------

    def decisions(self, row: QueueRow) -> Mapping[str, Decision]:
        """Name what may be done about a report without a study."""
        del row
        return {
            "attach": Decision("attach the report to the study you name", "STUDY"),
            "discard": Decision("throw the report away"),
        }

    def resolve(self, row: QueueRow, decision: str, value: str, actor: str, close: Close) -> None:
        """Attach a report to a study, or throw it away."""
        report_id = bytes.fromhex(row.subject)
        with self._catalog.look() as records:
            report = records.reports.get(report_id)
        if report is None:
            raise Conflict("the report is not waiting any more", code="decided")
        study = self._find_study(value) if decision == "attach" else None
        if study is not None:
            self._attach(report, study)
        with self._catalog.change() as records:
            records.reports.remove(report_id)
            close(records, f"attached to {study.id.hex()[:8]}" if study else "thrown away")
            if study is None:
                self._note(records, "report.discarded", report, None, who=actor)

    # --- Showing ----------------------------------------------------------------------------------

    def waiting(self, limit: int) -> Sequence[Report]:
        """List reports without a study, oldest first."""
        with self._catalog.look() as records:
            return records.reports.list(limit=limit)

    def of_study(self, study_id: bytes) -> Sequence[ShownReport]:
        """List the reports of a study, newest first; replaced ones are marked and come last."""
        with self._catalog.look() as records:
            contents = self._contents.of(records, study_id)
        shown = []
        for located in contents.current.values():
            header = located.stored.header
            if header.sop_class not in REPORT_CLASSES:
                continue
            shown.append(
                ShownReport(
                    object=header.id,
                    sop_uid=header.sop_uid,
                    sop_class=header.sop_class,
                    series_uid=header.series_uid,
                    sender=header.sender,
                    at_ms=header.at_ms,
                    facts=self._read(StoredSource(self._packs, located)),
                )
            )
        return ordered(shown)

    def _read(self, source: Source) -> ReportFacts | None:
        try:
            return self._objects.read(source)
        except (Invalid, Damaged):
            return None  # shown as one that cannot be read

    def _note(
        self,
        records: Records,
        kind: str,
        report: Report,
        study: Study | None,
        status: str = "",
        who: str = "",
    ) -> None:
        detail = {"report": report.id.hex(), "state": report.state.value, "form": report.form}
        self._journal.note(
            records,
            kind,
            who=auditing.user(who) if who else auditing.sender(report.source),
            what=auditing.about_study(study) if study else (),
            detail=detail | ({"status": status} if status else {}),
        )


def _facts(report: Report, near: Study | None) -> tuple[Fact, ...]:
    """Return what a person needs to decide; with a near study, both sides."""
    who = report.patient
    there = {
        "accession": report.accession,
        "patient id": who.id,
        "name": who.name,
        "birth date": who.birth_date,
        "sex": who.sex,
        "title": report.title,
        "state": report.state.value,
        "author": report.author,
        "reported": report.reported,
        "source": report.source,
    }
    if near is None:
        return facts_of({name: value for name, value in there.items() if value})
    here = {
        "accession": near.accession,
        "patient id": near.patient.id,
        "name": near.patient.name,
        "birth date": near.patient.birth_date,
        "sex": near.patient.sex,
        "title": near.description,
    }
    return facts_of(here, there)

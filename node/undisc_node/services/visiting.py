"""Visits find their studies, or let them wait for a person.

A study joins in the very change in which it settles, or in which the consent is recorded. What does
not agree in everything waits in the queue: `attach` or `leave`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from undisc_node.services import auditing
from undisc_node.services.auditing import Journal
from undisc_node.services.consent_rows import Consent, Decision, Visit, VisitGrant, VisitStudy
from undisc_node.services.errors import Conflict
from undisc_node.services.finding import by_prefix
from undisc_node.services.model import Grant, Study
from undisc_node.services.ports import Catalog, Clock, Records
from undisc_node.services.queue_rows import Fact, QueueRow, facts_of
from undisc_node.services.queueing import MAX_OPEN, Close, Queueing
from undisc_node.services.queueing import Decision as Choice
from undisc_node.services.visit_matching import AFTER_MS, accessions_of, fits, is_near, is_ours

VISIT_MATCH: Final = "visit-match"
"""Kind of rows of the queue."""
_MOST: Final = 1_000  # studies of one patient id that are looked at for a visit
_ID_DIGITS: Final = 32  # hex digits of a visit's id


@dataclass(frozen=True, slots=True)
class VisitDetail:
    """A visit and what came of it.

    Attributes:
        visit: The row.
        consent: What opened it.
        studies: What was said about studies, each with the study; None for one that left.
        grants: The grants it led to, each with its practice.
        accessions: Its accession numbers, those of the day list among them.
    """

    visit: Visit
    consent: Consent
    studies: Sequence[tuple[VisitStudy, Study | None]]
    grants: Sequence[tuple[VisitGrant, Grant]]
    accessions: Sequence[str]


class Visiting:
    """Joins studies to visits, and shows both.

    Args:
        catalog: Rows.
        queueing: The queue.
        journal: The log.
        clock: Time.
    """

    def __init__(
        self, *, catalog: Catalog, queueing: Queueing, journal: Journal, clock: Clock
    ) -> None:
        self._catalog = catalog
        self._queueing = queueing
        self._journal = journal
        self._clock = clock
        queueing.register(VISIT_MATCH, self)

    # --- Within somebody's change -----------------------------------------------------------------

    def settled(self, records: Records, study: Study) -> None:
        """Look for the visits of a study that has just settled."""
        if is_ours(study):
            for visit in records.visits.open_for(study.patient.id, study.accession):
                self._consider(records, visit, study)

    def opened(self, records: Records, visit: Visit) -> None:
        """Look for studies of a visit that are here already."""
        found = {
            study.id: study
            for accession in sorted(self._accessions(records, visit))
            for study in records.studies.of_accession(accession)
        }
        for study in records.studies.list(patient=visit.patient.id, limit=_MOST):
            found.setdefault(study.id, study)
        for study in found.values():
            if is_ours(study) and study.settled_ms is not None:
                self._consider(records, visit, study)

    def closed(self, records: Records, visit: Visit) -> None:
        """Let nothing wait any more for a visit whose consent was withdrawn."""
        for row in records.queue.list(kind=VISIT_MATCH, limit=MAX_OPEN):
            if row.subject.startswith(visit.id.hex()):
                self._queueing.settle(
                    records, VISIT_MATCH, row.subject, "the consent was withdrawn"
                )

    def fits(self, records: Records, visit: Visit, study: Study) -> bool:
        """Tell whether everything of a study agrees with a visit now."""
        return fits(visit, study, self._accessions(records, visit))

    def let_wait(self, records: Records, visit: Visit, study: Study) -> None:
        """Let a study wait for a person who says whether it belongs to a visit, unless it does."""
        if records.queue.find_open(VISIT_MATCH, _subject(visit, study)) is not None:
            return
        self._queueing.put(
            records,
            VISIT_MATCH,
            _subject(visit, study),
            study=study.id,
            facts=_facts(visit, study, sorted(self._accessions(records, visit))),
        )

    def _accessions(self, records: Records, visit: Visit) -> frozenset[str]:
        return accessions_of(visit, records.orders.of_patient(visit.patient.id))

    def _consider(self, records: Records, visit: Visit, study: Study) -> None:
        if any(row.study == study.id for row in records.visits.studies(visit.id)):
            return
        accessions = self._accessions(records, visit)
        is_certain = fits(visit, study, accessions)
        if not is_certain and not is_near(visit, study, accessions):
            return
        if not self._is_open(records, visit):
            return
        if is_certain:
            self._queueing.settle(
                records, VISIT_MATCH, _subject(visit, study), "everything agrees now"
            )
            self._join(records, visit, study, "")
        else:
            self.let_wait(records, visit, study)

    def _is_open(self, records: Records, visit: Visit) -> bool:
        if visit.closed_ms is not None:
            return False
        if visit.decision is Decision.NO:
            return True
        consent = records.consents.get(visit.consent)
        return consent is not None and consent.holds(self._clock.now_ms())

    def _join(self, records: Records, visit: Visit, study: Study, actor: str) -> None:
        now_ms = self._clock.now_ms()
        done_ms = now_ms if visit.decision is Decision.NO else None
        records.visits.put_study(
            VisitStudy(visit.id, study.id, belongs=True, by=actor, at_ms=now_ms, done_ms=done_ms)
        )
        self._note(records, "visit.joined", visit, study, actor)

    def _note(self, records: Records, kind: str, visit: Visit, study: Study, actor: str) -> None:
        self._journal.note(
            records,
            kind,
            who=auditing.user(actor or "undisc-node"),
            what=[
                *auditing.about_study(study),
                auditing.about_security("consent", visit.consent),
            ],
            detail={"visit": visit.id.hex(), "decision": visit.decision.value},
        )

    # --- By itself --------------------------------------------------------------------------------

    def look_again(self) -> int:
        """Look for studies of visits that have none, as the day list may know more; count them."""
        since_ms = self._clock.now_ms() - AFTER_MS
        with self._catalog.look() as records:
            empty = [
                visit
                for visit in records.visits.empty_since(since_ms)
                if records.studies.list(patient=visit.patient.id, limit=1)
            ]
        for visit in empty:
            with self._catalog.change() as records:
                self.opened(records, visit)
        return len(empty)

    # --- A person decides -------------------------------------------------------------------------

    def decisions(self, row: QueueRow) -> Mapping[str, Choice]:
        """Name what may be done about a study that may belong to a visit."""
        del row
        return {
            "attach": Choice("the study belongs to the visit, and is treated as its patient said"),
            "leave": Choice("the study does not belong to the visit"),
        }

    def resolve(self, row: QueueRow, decision: str, value: str, actor: str, close: Close) -> None:
        """Attach a study to a visit, or leave it out."""
        del value
        visit_id, study_id = (bytes.fromhex(part) for part in row.subject.split("/"))
        with self._catalog.change() as records:
            visit, study = records.visits.get(visit_id), records.studies.get(study_id)
            if study is None or visit is None:
                close(records, "the study is not here any more")
                return
            if decision == "leave":
                now_ms = self._clock.now_ms()
                records.visits.put_study(
                    VisitStudy(visit_id, study_id, belongs=False, by=actor, at_ms=now_ms)
                )
                self._note(records, "visit.left", visit, study, actor)
                close(records, f"left out of visit {visit_id.hex()[:8]}")
                return
            if not self._is_open(records, visit):
                raise Conflict(
                    "the consent of this visit has ended or was withdrawn",
                    code="consent_ended",
                    hint="leave the study out, or record a new consent",
                )
            self._join(records, visit, study, actor)
            close(records, f"attached to visit {visit_id.hex()[:8]}")

    # --- Showing ----------------------------------------------------------------------------------

    def list(self, patient: str, limit: int) -> Sequence[VisitDetail]:
        """List visits, newest first."""
        with self._catalog.look() as records:
            found = records.visits.list(patient=patient, limit=limit)
            return [self._detail(records, visit) for visit in found]

    def find(self, prefix: str) -> Visit:
        """Return a visit by a unique beginning of its id.

        Raises:
            NotFound: None.
            Conflict: Several.
        """
        wanted = prefix.strip().lower()
        usable = 0 < len(wanted) <= _ID_DIGITS and set(wanted) <= set("0123456789abcdef")
        with self._catalog.look() as records:
            return by_prefix(wanted, records.visits.starting(wanted) if usable else [], "visit")

    def detail(self, visit_id: bytes) -> VisitDetail:
        """Return a visit and what came of it."""
        with self._catalog.look() as records:
            visit = records.visits.get(visit_id)
            assert visit is not None  # noqa: S101 - visits are never removed
            return self._detail(records, visit)

    def of_consent(self, consent: bytes) -> Visit | None:
        """Return the visit that a consent opened."""
        with self._catalog.look() as records:
            return records.visits.of_consent(consent)

    def _detail(self, records: Records, visit: Visit) -> VisitDetail:
        consent = records.consents.get(visit.consent)
        assert consent is not None  # noqa: S101 - the tables hold it
        rows = [(row, records.studies.get(row.study)) for row in records.visits.studies(visit.id)]
        grants = [
            (made, grant)
            for made in records.visits.grants(visit.id)
            if (grant := records.grants.get(made.grant)) is not None
        ]
        return VisitDetail(visit, consent, rows, grants, sorted(self._accessions(records, visit)))


def _subject(visit: Visit, study: Study) -> str:
    return f"{visit.id.hex()}/{study.id.hex()}"


def _facts(visit: Visit, study: Study, accessions: Sequence[str]) -> tuple[Fact, ...]:
    here = {
        "accession": ", ".join(accessions),
        "patient id": visit.patient.id,
        "issuer": visit.patient.issuer,
        "birth date": visit.patient.birth_date,
        "name": visit.patient.name,
        "decision": visit.decision.value,
        "visit": visit.id.hex(),
    }
    there = {
        "accession": study.accession,
        "patient id": study.patient.id,
        "issuer": study.patient.issuer,
        "birth date": study.patient.birth_date,
        "name": study.patient.name,
        "study date": study.study_date,
        "description": study.description,
    }
    return facts_of(here, there)

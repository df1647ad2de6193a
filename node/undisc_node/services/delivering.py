"""Into our PACS: fetched studies find their patient, and are handed over under the local identity.

A delivery is a row: whose study it is here, and which of its objects the archive has acknowledged.
So it survives restarts, does not send twice what is there, and goes on when the study grows. What
is not certain waits in the queue for a person. `delivery_run` makes one attempt.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from threading import Event, Lock
from typing import Final

from undisc_node.services import auditing
from undisc_node.services.archive_model import Delivery, DeliveryState, Pacs
from undisc_node.services.archiving import Archiving
from undisc_node.services.delivery_run import KIND, DeliveryRun, DeliveryWorld
from undisc_node.services.errors import Conflict, Invalid, NotFound
from undisc_node.services.finding import by_prefix
from undisc_node.services.matching import Match
from undisc_node.services.model import NOBODY, Patient, Study
from undisc_node.services.ports import Records
from undisc_node.services.queue_rows import QueueRow
from undisc_node.services.queueing import Close, Decision

AT_ONCE: Final = 2  # deliveries that run at once: an archive has work of its own
_NEW_AT_ONCE: Final = 20  # fetched studies taken up in one round
MAX_ID: Final = 64  # characters of a patient id (PS3.5 §6.2, LO)
MAX_ACCESSION: Final = 16  # characters of an accession number (PS3.5 §6.2, SH)
_CANDIDATES: Final = 50  # patients of an archive who are looked at

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DeliveryStatus:
    """How a delivery stands.

    Attributes:
        delivery: Its row.
        objects: Current objects of its study.
        handed_over: Of these, the ones that the archive has acknowledged.
        committed: Of these, the ones it has taken responsibility for.
        running: Whether it is being sent just now.
    """

    delivery: Delivery
    objects: int
    handed_over: int
    committed: int
    running: bool


class Delivering:
    """Matches studies to local patients and hands them over.

    Args:
        world: What a delivery needs.
        archiving: Knows the archives by name.
        stop: Set to end every run.
    """

    def __init__(
        self, *, world: DeliveryWorld, archiving: Archiving, stop: Event | None = None
    ) -> None:
        self._world = world
        self._archiving = archiving
        self._stop = stop or Event()
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="delivery")
        self._lock = Lock()
        self._running: dict[bytes, tuple[DeliveryRun, Future[None]]] = {}

    # --- What people do -------------------------------------------------------------------------

    def look(self, study_id: bytes, pacs: str, number: str) -> tuple[Pacs, Match]:
        """Compare a study with the practice's patients; nothing is sent.

        Args:
            study_id: The study.
            pacs: Name of the archive; may be empty when there is only one.
            number: The local patient id as typed; empty to look by name and birth date.

        Raises:
            NotFound: No such study or archive.
            Invalid: The number cannot be one.
            Unavailable: The archive does not answer.
        """
        known = self._archiving.find(pacs)
        _check_text("a patient id", number, MAX_ID)
        return known, self._world.match(self._study(study_id), known, number)

    def push(
        self,
        study_id: bytes,
        pacs: str,
        number: str,
        accession: str,
        *,
        accept: bool,
        actor: str,
    ) -> Delivery:
        """Hand a study over under a local patient's identity, in the background.

        Args:
            study_id: The study.
            pacs: Name of the archive; may be empty when there is only one.
            number: The local patient id as typed; empty to look by name and birth date.
            accession: Accession number here, or empty.
            accept: Whether a person has seen and accepted what differs.
            actor: Who asked for it.

        Raises:
            Conflict: `patient_mismatch` or `no_match`: a person has to look.
            NotFound: No such study or archive.
            Unavailable: The archive does not answer.
        """
        _check_text("an accession number", accession, MAX_ACCESSION)
        known, found = self.look(study_id, pacs, number)
        if found.local is None:
            raise Conflict(
                f"{len(found.candidates)} patients of the PACS could be meant, none for certain",
                code="no_match",
                hint="give the local number: --patient ID",
            )
        if found.differs and not accept:
            raise Conflict(
                f"the study and the local patient differ: {', '.join(found.differs)}",
                code="patient_mismatch",
                hint="compare both sides; if it is the same person, repeat it with --accept",
            )
        return self._open(study_id, known, found.local, accession, actor)

    def cancel(self, delivery_id: bytes, actor: str) -> Delivery:
        """End a delivery; what the archive has stays there.

        Raises:
            NotFound: No such delivery.
            Conflict: It has ended.
        """
        with self._world.catalog.change() as records:
            delivery = records.deliveries.get(delivery_id)
            if delivery is None:
                raise NotFound("no such delivery")
            if not delivery.state.goes_on:
                raise Conflict(f"the delivery is {delivery.state}", code="delivery_ended")
            cancelled = self._cancelled(records, delivery, actor)
            self._world.queueing.settle(records, KIND, delivery.id.hex(), "cancelled")
        return cancelled

    def _cancelled(self, records: Records, delivery: Delivery, actor: str) -> Delivery:
        cancelled = replace(
            delivery, state=DeliveryState.CANCELLED, ended_ms=self._world.clock.now_ms()
        )
        records.deliveries.put(cancelled)
        self._world.note(records, "delivery.cancelled", cancelled, auditing.user(actor))
        return cancelled

    def find(self, prefix: str) -> DeliveryStatus:
        """Return a delivery by a unique beginning of its id."""
        with self._world.catalog.look() as records:
            rows = records.deliveries.list()
        return self.status(by_prefix(prefix, rows, "delivery"))

    def list(self, study: bytes | None = None) -> Sequence[DeliveryStatus]:
        """List deliveries, newest first."""
        with self._world.catalog.look() as records:
            rows = records.deliveries.list(study=study, limit=200)
        return [self.status(row) for row in rows]

    def status(self, delivery: Delivery) -> DeliveryStatus:
        """Return how a delivery stands."""
        with self._world.catalog.look() as records:
            study = records.studies.get(delivery.study)
            there = records.deliveries.handed_over(delivery.id)
        with self._lock:
            known = self._running.get(delivery.id)
        return DeliveryStatus(
            delivery=delivery,
            objects=study.instances if study else 0,
            handed_over=len(there.objects),
            committed=len(there.committed),
            running=known is not None and not known[1].done(),
        )

    # --- The queue ------------------------------------------------------------------------------

    def decisions(self, row: QueueRow) -> Mapping[str, Decision]:
        """Name what may be done about a study whose patient is not certain."""
        del row
        return {
            "patient": Decision("it is the local patient with the number you name", "ID"),
            "leave": Decision("do not put it into the PACS"),
        }

    def resolve(self, row: QueueRow, decision: str, value: str, actor: str, close: Close) -> None:
        """Carry out what a person decided."""
        with self._world.catalog.look() as records:
            delivery = records.deliveries.get(bytes.fromhex(row.subject))
        if delivery is None:
            raise NotFound("the study or its archive is gone", code="delivery_gone")
        if decision == "leave":
            with self._world.catalog.change() as records:
                self._cancelled(records, delivery, actor)
                close(records, "not put into the PACS")
            return
        _, found = self.look(delivery.study, delivery.pacs, value)
        if found.local is None:
            raise NotFound("the PACS does not know that patient", code="no_match")
        with self._world.catalog.change() as records:
            self._reopen(records, delivery, found.local, delivery.accession, actor)
            close(records, "handed over as the patient who was named")

    # --- What the node does by itself -----------------------------------------------------------

    def take_up(self) -> None:
        """Begin deliveries of what was fetched, and go on with those that are due."""
        for pacs in self._archiving.list():
            if pacs.takes_fetched:
                self._take_fetched(pacs)
        with self._world.catalog.look() as records:
            due = records.deliveries.due(self._world.clock.now_ms())
        for delivery in due:
            self._submit(delivery)

    def take_grown(self) -> None:
        """Go on with deliveries whose studies have grown since they were done."""
        with self._world.catalog.look() as records:
            grown = records.deliveries.grown(limit=_NEW_AT_ONCE)
        for delivery in grown:
            with self._world.catalog.change() as records:
                waiting = replace(
                    delivery, state=DeliveryState.WAITING, next_ms=self._world.clock.now_ms()
                )
                records.deliveries.put(waiting)

    def _take_fetched(self, pacs: Pacs) -> None:
        with self._world.catalog.look() as records:
            new = records.deliveries.fetched_for(pacs.name, pacs.added_ms, limit=_NEW_AT_ONCE)
        for study in new:
            self._open(study, pacs, NOBODY, "", "undisc-node")

    def _open(
        self, study: bytes, pacs: Pacs, patient: Patient, accession: str, actor: str
    ) -> Delivery:
        now_ms = self._world.clock.now_ms()
        with self._world.catalog.change() as records:
            known = records.deliveries.of(study, pacs.name)
            if known is not None:
                self._world.queueing.settle(records, KIND, known.id.hex(), "handed over by command")
                return self._reopen(records, known, patient, accession, actor)
            delivery = Delivery(
                id=self._world.entropy.random(16),
                study=study,
                pacs=pacs.name,
                state=DeliveryState.WAITING,
                patient=patient,
                accession=accession,
                problem="",
                attempts=0,
                next_ms=now_ms,
                created_ms=now_ms,
                ended_ms=None,
            )
            records.deliveries.put(delivery)
            self._world.note(records, "delivery.asked", delivery, auditing.user(actor))
        return delivery

    def _reopen(
        self, records: Records, known: Delivery, patient: Patient, accession: str, actor: str
    ) -> Delivery:
        """Let a delivery go on, from its start when it is for another patient now."""
        now_ms = self._world.clock.now_ms()
        changed = (patient, accession) != (known.patient, known.accession)
        if changed:
            there = records.deliveries.handed_over(known.id).objects
            records.deliveries.take_back(known.id, there)
        delivery = replace(
            known,
            state=DeliveryState.WAITING,
            patient=patient,
            accession=accession,
            problem="",
            attempts=0,
            next_ms=now_ms,
            created_ms=now_ms if changed else known.created_ms,
            ended_ms=None,
        )
        records.deliveries.put(delivery)
        self._world.note(records, "delivery.asked", delivery, auditing.user(actor))
        return delivery

    def _submit(self, delivery: Delivery) -> None:
        with self._lock:
            known = self._running.get(delivery.id)
            if self._stop.is_set() or (known is not None and not known[1].done()):
                return
            self._running = {
                key: value for key, value in self._running.items() if not value[1].done()
            }
            run = DeliveryRun(self._world, delivery, self._stop)
            self._running[delivery.id] = (run, self._pool.submit(run.drive))

    def stop(self) -> None:
        """End every run at its next object; they go on after the next start."""
        self._stop.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _study(self, study_id: bytes) -> Study:
        with self._world.catalog.look() as records:
            study = records.studies.get(study_id)
        if study is None:
            raise NotFound("no such study")
        return study


def _check_text(what: str, value: str, most: int) -> None:
    if len(value) > most or set("*?\\") & set(value) or value != value.strip():
        raise Invalid(
            f"{what} has at most {most} characters, without *, ? and backslash", code="bad_key"
        )

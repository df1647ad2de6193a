"""One attempt of a delivery: match the patient, hand over what is not there yet, ask to commit.

Every acknowledgement is a row within a moment, so whoever comes after a crash goes on from there.
What is sent again by then is the same object with the same bytes: an archive takes it for what it
is.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, replace
from threading import Event
from typing import Final

from undisc_node.services import auditing
from undisc_node.services.archive_model import (
    Coercion,
    Delivery,
    DeliveryState,
    HandedOver,
    Pacs,
)
from undisc_node.services.auditing import Journal
from undisc_node.services.contents import Contents, Located, StoredSource
from undisc_node.services.errors import ServiceError
from undisc_node.services.identities import identities
from undisc_node.services.matching import Match, match, match_number
from undisc_node.services.model import NOBODY, Patient, Study, StudyState
from undisc_node.services.ports import (
    Archive,
    Archives,
    Catalog,
    Clock,
    Coercer,
    Entropy,
    InstanceReader,
    Outgoing,
    Packs,
    Records,
    Source,
    StoreAnswer,
)
from undisc_node.services.queue_rows import Fact
from undisc_node.services.queueing import Queueing
from undisc_protocol.log import Actor

KIND: Final = "patient-mismatch"
"""The kind of queue row in which a delivery asks whose study it is."""

PAUSES_MS: Final = (10_000, 30_000, 120_000, 600_000, 3_600_000)
"""Before the second and each further attempt; the last one stays."""

_AT_ONCE: Final = 16  # acknowledgements written in one change; so many are sent again after a crash
_MAX_UNCOMMITTED: Final = 3  # rounds in which an archive may say that it lost what it had stored
_CANDIDATES: Final = 200  # patients of one birth date whom an archive may name
_SHOWN: Final = 5  # of each side, in the queue

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryWorld:
    """What a delivery needs.

    Attributes:
        catalog: Rows.
        packs: Bytes.
        contents: What is inside studies.
        reader: Reads identities.
        coercer: Gives objects the local identity.
        archives: Opens archives.
        queueing: Where a person is asked.
        journal: The log.
        clock: Time.
        entropy: Ids.
        name: This node, as the system that modifies.
    """

    catalog: Catalog
    packs: Packs
    contents: Contents
    reader: InstanceReader
    coercer: Coercer
    archives: Archives
    queueing: Queueing
    journal: Journal
    clock: Clock
    entropy: Entropy
    name: str

    def match(self, study: Study, pacs: Pacs, number: str) -> Match:
        """Find out whose study it is at an archive.

        Raises:
            Unavailable: The archive does not answer.
            Refused: It does not answer such questions.
        """
        with self.catalog.look() as records:
            contents = self.contents.of(records, study.id)
        outside = identities(self.packs, self.reader, contents) or (study.patient,)
        archive = self.archives.open(pacs)
        typed = Patient(id=number, issuer=pacs.issuer)
        like = typed if number else Patient(outside[0].name, birth_date=outside[0].birth_date)
        known: dict[str, Patient] = {}
        if like != NOBODY:
            found = (*archive.patients(like, limit=_CANDIDATES), *self._listed(like))
            for one in _of_issuer(found, pacs):
                known.setdefault(one.id, one)
        patients = tuple(known.values())
        return match_number(outside, typed, patients) if number else match(outside, patients)

    def _listed(self, like: Patient) -> list[Patient]:
        """Return patients of the day list: somebody who comes for the first time is only there."""
        family = like.name.partition("^")[0].partition("=")[0].strip()
        with self.catalog.look() as records:
            if like.id:
                orders = records.orders.of_patient(like.id)
            else:
                orders = records.orders.list(text=family) if family else ()
        return [
            one.patient
            for one in orders
            if one.patient.id and like.birth_date in ("", one.patient.birth_date)
        ]

    def note(self, records: Records, kind: str, delivery: Delivery, who: Actor) -> None:
        """Write an event about a delivery."""
        study = records.studies.get(delivery.study)
        self.journal.note(
            records,
            kind,
            who=who,
            what=auditing.about_study(study) if study else (),
            detail={"pacs": delivery.pacs, "state": delivery.state},
        )


def _of_issuer(known: Iterable[Patient], pacs: Pacs) -> list[Patient]:
    """Drop patients of another issuer than the archive's own, and name it where it is not said."""
    return [
        replace(one, issuer=one.issuer or pacs.issuer)
        for one in known
        if not pacs.issuer or one.issuer in ("", pacs.issuer)
    ]


class DeliveryRun:
    """Makes one attempt; every outcome is in the row.

    Args:
        world: What it needs.
        delivery: The row.
        stop: Set when the node shuts down.
    """

    def __init__(self, world: DeliveryWorld, delivery: Delivery, stop: Event) -> None:
        self._world = world
        self._delivery = delivery
        self._stop = stop
        self._refused: list[int] = []
        self._passing: list[int] = []

    def seen(self, done: int, total: int) -> None:
        """Take note of progress; the rows tell it already."""

    def wants_to_stop(self) -> bool:
        """Tell whether the study or the delivery was stopped, or the node is."""
        if self._stop.is_set():
            return True
        with self._world.catalog.look() as records:
            study = records.studies.get(self._delivery.study)
            row = records.deliveries.get(self._delivery.id)
        return (
            study is None
            or study.state is not StudyState.ACTIVE
            or row is None
            or row.state is not DeliveryState.WAITING
        )

    def drive(self) -> None:
        """Make the attempt."""
        try:
            self._attempt()
        except ServiceError as problem:
            self._later(f"{problem.reason}: {problem}")
        except Exception:  # noqa: BLE001 - logged with its traceback, and told
            _log.exception("a delivery stopped on a mistake of this node")
            self._later("internal: this node made a mistake; its log says where")

    def _attempt(self) -> None:
        with self._world.catalog.look() as records:
            study = records.studies.get(self._delivery.study)
            pacs = records.pacs.get(self._delivery.pacs)
            row = records.deliveries.get(self._delivery.id)
        if study is None or pacs is None or row is None or row.state is not DeliveryState.WAITING:
            return
        self._delivery = row
        if study.state is not StudyState.ACTIVE:
            self._later(f"not_active: the study is {study.state}")
            return
        if row.patient == NOBODY and not self._matched(study, pacs):
            return
        archive = self._world.archives.open(pacs)
        self._hand_over(study, archive)
        if self.wants_to_stop():
            return
        if self._refused:
            self._fail(study)
        elif self._passing:
            status = self._passing[0]
            self._later(f"busy: the PACS has no room for images now (status 0x{status:04X})")
        elif self._committed(study, archive):
            self._done()

    # --- Steps ----------------------------------------------------------------------------------

    def _matched(self, study: Study, pacs: Pacs) -> bool:
        """Find the patient; otherwise ask a person."""
        found = self._world.match(study, pacs, "")
        with self._world.catalog.change() as records:
            row = records.deliveries.get(self._delivery.id)
            if row is None or row.state is not DeliveryState.WAITING or row.patient != NOBODY:
                return False  # a person was quicker
            if found.local is not None and found.certain:
                self._delivery = replace(row, patient=found.local)
                records.deliveries.put(self._delivery)
                self._world.note(records, "delivery.matched", row, auditing.user("undisc-node"))
                return True
            self._delivery = replace(
                row,
                state=DeliveryState.ASKING,
                problem="no_match: it is not certain whose study this is here",
            )
            records.deliveries.put(self._delivery)
            self._world.queueing.put(
                records,
                KIND,
                row.id.hex(),
                study=study.id,
                facts=_facts(found, pacs),
            )
        return False

    def _hand_over(self, study: Study, archive: Archive) -> None:
        there = self._there().objects
        objects = [one for one in self._objects(study) if one.key not in there]
        taken: list[bytes] = []
        try:
            for answer in archive.store(objects, self):
                self._judge(answer, taken)
                if len(taken) >= _AT_ONCE:
                    self._acknowledge(taken)
        finally:
            self._acknowledge(taken)

    def _judge(self, answer: StoreAnswer, taken: list[bytes]) -> None:
        if answer.taken:
            taken.append(answer.key)
        elif answer.passing:
            self._passing.append(answer.status)
        else:
            self._refused.append(answer.status)

    def _acknowledge(self, taken: list[bytes]) -> None:
        if taken:
            with self._world.catalog.change() as records:
                if records.deliveries.get(self._delivery.id) is not None:
                    records.deliveries.hand_over(self._delivery.id, taken)
            taken.clear()

    def _committed(self, study: Study, archive: Archive) -> bool:
        """Ask for storage commitment; False when the archive says that something is not there."""
        there = self._there()
        objects = [one for one in self._objects(study) if one.key not in there.committed]
        if any(one.key not in there.objects for one in objects):
            self._later("grown: more images have arrived", at_once=True)
            return False
        good = archive.commit(objects) if objects else frozenset[bytes]()
        if good is None:
            return True  # not offered: stored is all that can be said
        lost = [one.key for one in objects if one.key not in good]
        with self._world.catalog.change() as records:
            records.deliveries.commit(self._delivery.id, good)
            records.deliveries.take_back(self._delivery.id, lost)
        if not lost:
            return True
        if self._delivery.attempts >= _MAX_UNCOMMITTED:
            self._end(
                DeliveryState.FAILED,
                f"not_committed: the PACS does not keep {len(lost)} images that it had stored",
            )
        else:
            self._later(f"not_committed: the PACS lost {len(lost)} images")
        return False

    def _objects(self, study: Study) -> list[Outgoing]:
        with self._world.catalog.look() as records:
            contents = self._world.contents.of(records, study.id)
            coercion = self._coercion(records, study)
        return [
            Outgoing(
                key=one.stored.header.id,
                sop_class=one.stored.header.sop_class,
                sop_uid=one.stored.header.sop_uid,
                syntax=one.stored.header.syntax,
                open=_Opened(self._world, one, coercion),
            )
            for one in contents.current.values()
        ]

    def _coercion(self, records: Records, study: Study) -> Coercion:
        fetches = records.fetches.list(study=study.id)
        peer = records.peers.get(fetches[0].peer) if fetches else None
        return Coercion(
            patient=self._delivery.patient,
            accession=self._delivery.accession,
            source=peer.name if peer else study.sender,
            system=self._world.name,
            at_ms=self._delivery.created_ms,  # the same bytes at every attempt
        )

    def _there(self) -> HandedOver:
        with self._world.catalog.look() as records:
            return records.deliveries.handed_over(self._delivery.id)

    # --- Endings --------------------------------------------------------------------------------

    def _done(self) -> None:
        self._end(DeliveryState.DONE, "")

    def _fail(self, study: Study) -> None:
        status = self._refused[0]
        self._end(
            DeliveryState.FAILED,
            f"images_refused: the PACS refused {len(self._refused)} of {study.instances} images "
            f"(status 0x{status:04X})",
        )

    def _end(self, state: DeliveryState, problem: str) -> None:
        with self._world.catalog.change() as records:
            row = records.deliveries.get(self._delivery.id)
            if row is None or row.state is not DeliveryState.WAITING:
                return
            ended = replace(
                row,
                state=state,
                problem=problem,
                attempts=0,
                ended_ms=self._world.clock.now_ms(),
            )
            records.deliveries.put(ended)
            kind = "delivery.done" if state is DeliveryState.DONE else "delivery.failed"
            self._world.note(records, kind, ended, auditing.user("undisc-node"))

    def _later(self, problem: str, *, at_once: bool = False) -> None:
        """Let it wait for its next attempt."""
        if self._stop.is_set():
            return
        try:
            with self._world.catalog.change() as records:
                row = records.deliveries.get(self._delivery.id)
                if row is None or row.state is not DeliveryState.WAITING:
                    return
                pause = 0 if at_once else PAUSES_MS[min(row.attempts, len(PAUSES_MS) - 1)]
                records.deliveries.put(
                    replace(
                        row,
                        problem="" if at_once else problem,
                        attempts=row.attempts + (not at_once),
                        next_ms=self._world.clock.now_ms() + pause,
                    )
                )
        except ServiceError as failure:
            _log.warning("a delivery could not be put off: %s", failure.reason)


class _Opened:
    """Makes an object ready when its turn has come."""

    def __init__(self, world: DeliveryWorld, located: Located, coercion: Coercion) -> None:
        self._world = world
        self._located = located
        self._coercion = coercion

    def __call__(self) -> Source:
        """Return its bytes, coerced."""
        return self._world.coercer.coerce(
            StoredSource(self._world.packs, self._located), self._coercion
        )


def _facts(found: Match, pacs: Pacs) -> list[Fact]:
    """Return both sides, for a person to compare."""
    return [
        Fact("pacs", pacs.name),
        *(Fact("in the study", _told(one)) for one in found.outside[:_SHOWN]),
        *(Fact("known here", _told(one)) for one in found.candidates[:_SHOWN]),
    ]


def _told(one: Patient) -> str:
    sex = f", {one.sex}" if one.sex else ""
    return f"{one.name or '?'}, born {one.birth_date or '?'}{sex}, id {one.id or '?'}"

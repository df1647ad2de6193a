"""Fetched studies go into the archive under the local identity, whatever breaks in between."""

from __future__ import annotations

import json

import pytest

from support.memory_archive import MemoryArchives
from support.memory_reader import JANE, JOHN, STUDY_UID, MemoryReader, instance
from support.practice import until
from support.samples import BytesSource
from undisc_node.services.archive_model import DeliveryState
from undisc_node.services.archiving import Archiving, PacsWish
from undisc_node.services.delivering import Delivering
from undisc_node.services.delivery_run import KIND, PAUSES_MS, DeliveryWorld
from undisc_node.services.department_rows import Order, OrderState
from undisc_node.services.errors import Conflict, NotFound, Unavailable
from undisc_node.services.model import Patient
from undisc_node.services.queueing import Queueing

LOCAL = Patient("DOE^JANE", "L-1", "", "19700102", "F")


class MemoryCoercer:
    """Puts the local identity into an instance that `instance` wrote."""

    def coerce(self, source, coercion):
        with source.open() as stream:
            line, _, rest = stream.read().partition(b"\n")
        said = json.loads(line)
        said["patient"]["id"] = coercion.patient.id
        said["coerced"] = [coercion.source, coercion.system, coercion.at_ms]
        return BytesSource(json.dumps(said).encode() + b"\n" + rest)


class Scene:
    """A practice that fetches, its archive, and what brings them together."""

    def __init__(self, holder, practice) -> None:
        self.holder, self.practice = holder, practice
        self.archives = MemoryArchives()
        self.archive = self.archives.at("main")
        self.archive.known = [LOCAL]
        shared = {
            "catalog": practice.catalog,
            "journal": practice.journal,
            "clock": practice.clock,
        }
        self.queueing = Queueing(**shared, entropy=practice.entropy)
        self.archiving = Archiving(**shared, archives=self.archives, ae_title="UNDISC")
        self.world = DeliveryWorld(
            **shared,
            packs=practice.packs,
            contents=practice.contents,
            reader=MemoryReader(),
            coercer=MemoryCoercer(),
            archives=self.archives,
            queueing=self.queueing,
            entropy=practice.entropy,
            name="Practice B",
        )
        self.start()
        self.archiving.add(
            PacsWish(name="main", dimse="A@10.0.0.1:104", takes_fetched=True), "admin"
        )

    def start(self) -> None:
        self.delivering = Delivering(world=self.world, archiving=self.archiving)
        self.queueing.register(KIND, self.delivering)

    def fetch(self, *instances) -> bytes:
        for one in instances:
            self.holder.store(one)
        study = self.holder.study().id
        fetched = self.practice.bring(self.holder.grant(study, self.practice).offer)
        return fetched.study

    def round(self) -> None:
        """Take up what is due, and wait for it."""
        self.practice.clock.advance(0.001)
        self.delivering.take_up()
        self.delivering.take_grown()
        until(lambda: not any(one.running for one in self.delivering.list()))

    def only(self):
        (found,) = self.delivering.list()
        return found

    @property
    def row(self):
        return self.only().delivery


@pytest.fixture
def scene(pair):
    made = Scene(*pair)
    yield made
    made.delivering.stop()


def test_a_fetched_study_is_matched_and_handed_over(scene):
    scene.fetch(instance(1), instance(2))

    scene.round()

    assert scene.row.state is DeliveryState.DONE
    assert scene.row.patient == LOCAL
    said = [json.loads(one.partition(b"\n")[0]) for one in scene.archive.received.values()]
    assert {one["patient"]["id"] for one in said} == {"L-1"}
    assert {tuple(one["coerced"][:2]) for one in said} == {("Practice holder", "Practice B")}
    assert scene.practice.bytes_of() == scene.holder.bytes_of()
    assert scene.practice.kinds()[-1] == "delivery.done"


def test_studies_of_before_the_archive_was_added_stay_where_they_are(scene):
    scene.archiving.remove("main", "admin")
    scene.fetch(instance(1))
    scene.practice.clock.advance(60)
    scene.archiving.add(PacsWish(name="main", dimse="A@10.0.0.1:104", takes_fetched=True), "admin")

    scene.round()

    assert scene.delivering.list() == []


def test_a_break_in_the_middle_goes_on_with_what_is_missing(scene):
    scene.fetch(*(instance(number) for number in range(1, 6)))
    scene.archive.breaks_after = 3

    scene.round()
    assert (scene.row.state, scene.only().handed_over) == (DeliveryState.WAITING, 3)
    assert scene.row.problem.startswith("unavailable: ")
    scene.round()
    assert scene.archive.stored == 3  # its time has not come
    scene.practice.clock.advance(PAUSES_MS[0] / 1000)
    scene.round()

    assert (scene.row.state, scene.archive.stored) == (DeliveryState.DONE, 5)


def test_what_a_killed_node_had_not_noted_is_sent_again_with_the_same_bytes(scene):
    scene.fetch(instance(1))
    scene.round()
    before = dict(scene.archive.received)
    with scene.practice.catalog.change() as records:
        there = records.deliveries.handed_over(scene.row.id).objects
        records.deliveries.take_back(scene.row.id, there)
    scene.practice.clock.advance(1_000)
    scene.delivering.push(scene.row.study, "main", "L-1", "", accept=False, actor="admin")

    scene.round()

    assert scene.archive.stored == 2
    assert scene.archive.received == before


def test_an_archive_that_is_away_is_tried_less_and_less_often(scene):
    scene.fetch(instance(1))
    scene.archive.problem = Unavailable("it is away")
    pauses = []
    for _ in range(len(PAUSES_MS) + 1):
        scene.round()
        pauses.append(scene.row.next_ms - scene.practice.clock.now_ms())
        scene.practice.clock.advance(pauses[-1] / 1000)

    assert pauses == [*PAUSES_MS, PAUSES_MS[-1]]
    scene.archive.problem = None
    scene.round()
    assert scene.row.state is DeliveryState.DONE


def test_images_that_are_refused_end_it_and_the_others_are_there(scene):
    scene.fetch(instance(1), instance(2))
    scene.archive.answers = {f"{STUDY_UID}.1.1": 0xA900}

    scene.round()

    assert scene.row.state is DeliveryState.FAILED
    assert scene.row.problem == ("images_refused: the PACS refused 1 of 2 images (status 0xA900)")
    assert scene.archive.stored == 1


def test_an_archive_without_room_is_asked_again(scene):
    scene.fetch(instance(1))
    scene.archive.answers = {f"{STUDY_UID}.1.1": 0xA700}

    scene.round()

    assert scene.row.state is DeliveryState.WAITING
    assert scene.row.problem.startswith("busy: ")


def test_nobody_certain_becomes_a_question_that_a_person_answers(scene):
    scene.archive.known = [JOHN, LOCAL, Patient("Doe^Jane", "L-2", "", "19700102", "F")]
    scene.fetch(instance(1))

    scene.round()
    (asked,) = scene.queueing.list()
    shown = [one.here for one in asked.facts]
    assert scene.row.state is DeliveryState.ASKING
    assert scene.archive.stored == 0
    assert f"{JANE.name}, born {JANE.birth_date}, F, id {JANE.id}" in shown
    assert any("L-2" in one for one in shown)
    scene.queueing.resolve(asked.id, "patient", "L-2", "admin")
    scene.round()

    assert scene.row.state is DeliveryState.DONE
    assert scene.row.patient.id == "L-2"
    assert scene.queueing.list() == []


def test_somebody_who_is_only_on_the_day_list_is_found_there(scene):
    """A first visit: the RIS knows the patient, the archive has no image yet."""
    scene.archive.known = []
    new = Patient("Doe^Jane", "L-77", "", "19700102", "F")
    order = Order(
        id=bytes(32),
        accession="A-7",
        patient=new,
        scheduled="20261124101500",
        modality="CT",
        description="CT head",
        requested_by="",
        referring="",
        study_uid="",
        source="worklist",
        state=OrderState.SCHEDULED,
        seen_ms=scene.practice.clock.now_ms(),
    )
    with scene.practice.catalog.change() as records:
        records.orders.put(order)
    study = scene.fetch(instance(1))

    _, by_number = scene.delivering.look(study, "", "L-77")
    scene.round()

    assert by_number.certain
    assert (scene.row.state, scene.row.patient) == (DeliveryState.DONE, new)


def test_a_person_may_leave_it_out_of_the_archive(scene):
    scene.archive.known = []
    scene.fetch(instance(1))
    scene.round()
    (asked,) = scene.queueing.list()

    scene.queueing.resolve(asked.id, "leave", "", "admin")
    scene.round()

    assert scene.row.state is DeliveryState.CANCELLED
    assert scene.archive.stored == 0


def test_a_difference_has_to_be_accepted_by_command(scene):
    scene.archive.known = [Patient("Doe^Jane", "L-3", "", "19990909", "F")]
    study = scene.fetch(instance(1))

    with pytest.raises(Conflict) as refused:
        scene.delivering.push(study, "main", "L-3", "", accept=False, actor="admin")
    assert refused.value.reason == "patient_mismatch"
    scene.delivering.push(study, "main", "L-3", "A-1", accept=True, actor="admin")
    scene.round()

    assert scene.row.state is DeliveryState.DONE
    assert scene.row.accession == "A-1"


def test_another_patient_afterwards_sends_everything_anew(scene):
    study = scene.fetch(instance(1))
    scene.round()
    other = Patient("Doe^Jane", "L-8", "", "19700102", "F")
    scene.archive.known = [other]

    scene.delivering.push(study, "main", "L-8", "", accept=False, actor="admin")
    scene.round()

    said = [json.loads(one.partition(b"\n")[0]) for one in scene.archive.received.values()]
    assert [one["patient"]["id"] for one in said] == ["L-8"]


def test_what_the_archive_confirms_is_on_record_and_what_it_lost_is_sent_again(scene):
    scene.archive.commits = True
    scene.archive.forgets = {f"{STUDY_UID}.1.2"}
    scene.fetch(instance(1), instance(2))

    scene.round()
    assert (scene.row.state, scene.only().committed) == (DeliveryState.WAITING, 1)
    scene.archive.forgets = set()
    scene.practice.clock.advance(PAUSES_MS[0] / 1000)
    scene.round()

    assert (scene.row.state, scene.only().committed) == (DeliveryState.DONE, 2)
    assert scene.archive.stored == 3


def test_a_study_that_grows_is_completed(scene):
    scene.fetch(instance(1))
    scene.round()
    scene.practice.clock.advance(60)
    scene.fetch(instance(2))

    scene.round()
    scene.round()

    assert scene.row.state is DeliveryState.DONE
    assert scene.archive.stored == 2


def test_a_held_study_is_not_sent(scene):
    study = scene.fetch(instance(1))
    scene.practice.studies.hold(study, "wrong patient", "admin")

    scene.round()

    assert scene.row.problem == "not_active: the study is held"
    assert scene.archive.stored == 0


def test_a_cancelled_delivery_stays_cancelled(scene):
    scene.archive.problem = Unavailable("it is away")
    scene.fetch(instance(1))
    scene.round()
    scene.delivering.cancel(scene.row.id, "admin")
    scene.archive.problem = None
    scene.practice.clock.advance(10_000)

    scene.round()

    assert (scene.row.state, scene.archive.stored) == (DeliveryState.CANCELLED, 0)
    with pytest.raises(Conflict):
        scene.delivering.cancel(scene.row.id, "admin")
    with pytest.raises(NotFound):
        scene.delivering.cancel(bytes(16), "admin")

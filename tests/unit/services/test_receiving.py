"""Instances come in: what is told "stored" is there, and nothing else is."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from support.fate import Fate
from support.memory_reader import JANE, JOHN, STUDY_UID, instance
from support.practice import until
from support.samples import BytesSource
from undisc_node.services import receiving
from undisc_node.services.deciding import HOLD_IDENTITY
from undisc_node.services.errors import Conflict, DiskFull, Invalid, Unavailable
from undisc_node.services.model import PackRole, Patient, StudyState


def packs_of(practice, role=PackRole.MAIN):
    study = practice.study()
    with practice.catalog.look() as records:
        return records.studies.packs(study.id, role)


def pack_files(practice):
    return set(practice._lasting[1]._files)


def store_together(practice, arrivals):
    """Store arrivals as one batch: nothing is committed before all of them queue up."""
    commits = practice.receiving._commits
    with ThreadPoolExecutor(len(arrivals)) as pool:
        with commits._turn:
            futures = [pool.submit(practice.store, *arrival) for arrival in arrivals]
            until(lambda: len(commits._queue) == len(arrivals))
        return futures


# --- One after the other --------------------------------------------------------------------------


def test_a_first_instance_begins_a_study(alone, clock):
    """Row, pack and log line are there, and the bytes come back identical."""
    source = instance(modality="MR", study_date="20261124", accession="A-7")
    outcome = alone.store(source)
    study = alone.study()
    assert (outcome.status, outcome.study, outcome.reason) == ("stored", study.id, "")
    assert outcome.sop_uid == f"{STUDY_UID}.1.1"
    assert (study.patient, study.modalities, study.accession) == (JANE, ("MR",), "A-7")
    assert (study.instances, study.size, study.waiting) == (1, source.size, 0)
    assert (study.state, study.settled_ms) == (StudyState.ACTIVE, None)
    assert (study.created_ms, study.arrived_ms) == (clock.now_ms(), clock.now_ms())
    assert alone.bytes_of() == {outcome.sop_uid: source.content}
    assert alone.kinds() == ["study.begun"]


def test_a_study_grows(alone, clock):
    """Counts, sizes, modalities and the time of the latest arrival follow."""
    sources = [instance(1), instance(2, size=0), instance(3, series=2, modality="SR")]
    for source in sources:
        clock.advance(1)
        alone.store(source)
    study = alone.study()
    assert (study.instances, study.size) == (3, sum(source.size for source in sources))
    assert study.modalities == ("CT", "SR")
    assert study.arrived_ms == study.created_ms + 2_000
    assert list(alone.bytes_of().values()) == [source.content for source in sources]
    assert len(packs_of(alone)) == 1


def test_two_studies_are_kept_apart(alone):
    one, two = (alone.store(instance(study_uid=uid)) for uid in ("1.2.1", "1.2.2"))
    assert one.study != two.study
    assert alone.study("1.2.1").instances == alone.study("1.2.2").instances == 1


def test_duplicates_write_nothing(alone, clock):
    """A modality sends everything again: no byte, no row, no log line, and it stays settled."""
    alone.store(instance(1))
    alone.settling.settle(alone.study().id, "admin")
    before, kinds = (alone.study(), packs_of(alone)), alone.kinds()
    clock.advance(60)
    fate = Fate()
    alone.meet(fate)
    assert alone.store(instance(1)).status == "duplicate"
    assert fate.steps == []
    assert ((alone.study(), packs_of(alone)), alone.kinds()) == (before, kinds)


def test_a_correction_supersedes(alone):
    """The new bytes are current, the old ones stay readable, and the size follows."""
    old, new = instance(1, size=100), instance(1, version="corrected", size=250)
    alone.store(old)
    outcome = alone.store(new)
    detail = alone.studies.detail(outcome.study)
    assert outcome.status == "superseded"
    assert alone.bytes_of() == {outcome.sop_uid: new.content}
    assert (alone.study().instances, alone.study().size) == (1, new.size)
    (replaced,) = detail.superseded
    assert detail.current[0].header.replaces == replaced.header.id
    assert b"".join(alone.studies.read(outcome.study, replaced.header.id)[1]) == old.content
    assert alone.kinds() == ["study.begun", "instance.superseded"]


def test_a_conflict_waits_and_the_study_goes_on(alone):
    """Another sender's version changes nothing of what is served."""
    alone.store(instance(1))
    outcome = alone.store(instance(1, version="other"), "dicom:CT2")
    study = alone.study()
    assert (outcome.status, outcome.reason) == (
        "waiting",
        "another sender holds a different version",
    )
    assert (study.instances, study.waiting, study.state) == (1, 1, StudyState.ACTIVE)
    assert alone.bytes_of() == {outcome.sop_uid: instance(1).content}
    assert len(packs_of(alone, PackRole.WAITING)) == 1
    assert alone.kinds() == ["study.begun", "instance.waiting"]


def test_another_patient_holds_the_whole_study(alone):
    """A mix-up at the modality: nothing leaves until a person decides, and the log says so."""
    alone.store(instance(1))
    outcome = alone.store(instance(2, patient=JOHN))
    study = alone.study()
    assert (outcome.status, outcome.reason) == ("waiting", HOLD_IDENTITY)
    assert (study.state, study.reason, study.waiting) == (StudyState.HELD, HOLD_IDENTITY, 1)
    assert (study.patient, study.instances) == (JANE, 1)
    assert alone.kinds() == ["study.begun", "instance.waiting", "study.held"]


@pytest.mark.parametrize("stop", ["hold", "withdraw"])
def test_another_patient_does_not_change_what_a_person_has_stopped(alone, stop):
    """The administrator's own reason stays, so that resolving does not open the study."""
    study = alone.store(instance(1)).study
    getattr(alone.studies, stop)(study, "wrong side marked", "admin")
    before = alone.study()
    alone.store(instance(2, patient=JOHN))
    assert (alone.study().state, alone.study().reason) == (before.state, "wrong side marked")


def test_a_stopped_study_still_takes_images_in(alone):
    """A hold stops what leaves, not what arrives."""
    study = alone.store(instance(1)).study
    alone.studies.hold(study, "wrong side marked", "admin")
    assert alone.store(instance(2)).status == "stored"
    assert (alone.study().instances, alone.study().state) == (2, StudyState.HELD)


def test_a_missing_identifier_is_filled_in_by_a_later_instance(alone):
    """Otherwise two patients of one name could both join a study that began without one."""
    bare, one, two = (Patient("Doe^Jane", identifier) for identifier in ("", "P-1", "P-2"))
    assert alone.store(instance(1, patient=bare)).status == "stored"
    assert alone.store(instance(2, patient=one)).status == "stored"
    assert alone.study().patient == one
    assert alone.store(instance(3, patient=two)).reason == HOLD_IDENTITY


def test_what_cannot_be_read_is_refused_and_leaves_nothing(alone):
    with pytest.raises(Invalid):
        alone.store(BytesSource(b"not an instance"))
    assert not alone.has_study()
    assert pack_files(alone) == set()


# --- Room -----------------------------------------------------------------------------------------


def test_the_last_of_the_disk_is_kept_for_revocations(found):
    """Ingest stops while there is still room for the log."""
    practice = found("small", reserve=1_000_000)
    source = instance(1)
    practice.packs.room = 1_000_000 + source.size - 1
    with pytest.raises(Unavailable) as refused:
        practice.store(source)
    assert refused.value.reason == "disk_reserve"
    practice.packs.room += 1
    assert practice.store(source).status == "stored"


def test_a_full_disk_stores_nothing_and_leaves_nothing_behind(alone):
    """A modality that tries again and again does not collect empty packs on a full disk."""
    alone.packs.room = instance(0).size + 60  # enough to try, not enough for the headers
    for number in range(3):
        with pytest.raises(DiskFull):
            alone.store(instance(number))
    assert not alone.has_study()
    assert pack_files(alone) == set()
    alone.packs.room = 10_000
    assert alone.store(instance(1)).status == "stored"


def test_a_full_study_takes_nothing_new_but_knows_its_own(alone, monkeypatch):
    """The bound counts what is there in whatever state; repetitions are still acknowledged."""
    monkeypatch.setattr(receiving.limits, "MAX_OBJECTS", 3)
    alone.store(instance(1))
    alone.store(instance(1, version="corrected"))
    alone.store(instance(1, version="other"), "dicom:CT2")
    with pytest.raises(Conflict) as refused:
        alone.store(instance(2))
    assert refused.value.reason == "study_full"
    assert alone.store(instance(1, version="corrected")).status == "duplicate"
    assert alone.study().instances == 1


# --- Several at once ------------------------------------------------------------------------------


def test_many_senders_at_once_share_a_commit(alone):
    """Twenty threads: every instance is there, in one append and one change."""
    alone.meet(fate := Fate())
    futures = store_together(alone, [(instance(number),) for number in range(20)])
    assert [future.result().status for future in futures] == ["stored"] * 20
    assert fate.steps.count("before append") == fate.steps.count("after commit") == 1
    assert alone.bytes_of() == {
        f"{STUDY_UID}.1.{number}": instance(number).content for number in range(20)
    }
    assert alone.study().size == sum(instance(number).size for number in range(20))


def test_one_bad_arrival_does_not_spoil_its_batch(alone):
    """The bytes of one file change after they were read; the others of the batch are stored."""

    class Changing(BytesSource):
        def open(self):
            content, opened = self.content, getattr(Changing, "opened", 0)
            Changing.opened = opened + 1  # first for the facts, then for the hash, then to store
            return BytesSource(content if opened < 2 else content[:-1] + b"!").open()

    bad = Changing(instance(3).content)
    futures = store_together(alone, [(instance(1),), (instance(2),), (bad,), (instance(4),)])
    with pytest.raises(Conflict):
        futures[2].result()
    assert [futures[number].result().status for number in (0, 1, 3)] == ["stored"] * 3
    assert alone.study().instances == 3


def test_a_mistake_in_one_study_does_not_spoil_another(alone):
    """Two studies in one batch, and our own code fails for one: the other is stored."""
    alone.meet(fate := Fate())
    fate.errors["before append"] = [RuntimeError("a mistake")]
    futures = store_together(alone, [(instance(study_uid=uid),) for uid in ("1.2.1", "1.2.2")])
    failed = [future.exception() is not None for future in futures]
    assert sorted(failed) == [False, True]
    stored = ("1.2.1", "1.2.2")[failed.index(False)]
    assert alone.study(stored).instances == 1


def test_the_same_instance_twice_in_a_batch_is_stored_once(alone):
    """A sender with two associations sends a file on both."""
    futures = store_together(alone, [(instance(1),)] * 3 + [(instance(2),)])
    statuses = sorted(future.result().status for future in futures)
    assert statuses == ["duplicate", "duplicate", "stored", "stored"]
    assert alone.study().instances == 2
    assert alone.studies.detail(alone.study().id).superseded == []


def test_two_versions_in_a_batch_come_one_after_the_other(alone):
    """Original and correction arrive together: one is current, the other superseded."""
    versions = [instance(1), instance(1, version="corrected")]
    futures = store_together(alone, [(version,) for version in versions])
    assert sorted(future.result().status for future in futures) == ["stored", "superseded"]
    detail = alone.studies.detail(alone.study().id)
    assert (len(detail.current), len(detail.superseded)) == (1, 1)
    assert alone.study().size == detail.current[0].header.size


def test_two_patients_in_one_batch_are_told_apart(alone):
    """The first of a batch without an identifier does not let two others in."""
    patients = [Patient("Doe^Jane", identifier) for identifier in ("", "P-1", "P-2")]
    futures = store_together(
        alone, [(instance(number, patient=patient),) for number, patient in enumerate(patients)]
    )
    statuses = sorted(future.result().status for future in futures)
    assert statuses == ["stored", "stored", "waiting"]
    assert alone.study().state is StudyState.HELD


# --- Failures in between --------------------------------------------------------------------------


def test_a_failed_change_leaves_nothing_visible_and_its_bytes_are_overwritten(alone):
    """The disk takes the bytes but not the row: the sender hears it, and may send again."""
    alone.store(instance(1))
    before = (alone.study(), packs_of(alone), alone.kinds())
    alone.meet(fate := Fate())
    fate.errors["before commit"] = [Unavailable("the database is gone")]
    with pytest.raises(Unavailable):
        alone.store(instance(2))
    assert (alone.study(), packs_of(alone), alone.kinds()) == before
    assert list(alone.bytes_of()) == [f"{STUDY_UID}.1.1"]
    alone.store(instance(3))
    (pack,) = packs_of(alone)
    assert len(alone.packs.objects(pack)) == 2
    assert alone.bytes_of() == {
        f"{STUDY_UID}.1.{number}": instance(number).content for number in (1, 3)
    }


def test_a_first_instance_whose_change_fails_leaves_no_pack(alone):
    alone.meet(fate := Fate())
    fate.errors["before commit"] = [Unavailable("the database is gone")]
    with pytest.raises(Unavailable):
        alone.store(instance(1))
    assert not alone.has_study()
    assert pack_files(alone) == set()


def test_a_pack_whose_change_came_through_after_all_is_kept(alone):
    """The answer to a commit is lost, not the commit: erasing the pack would lose a study."""
    alone.meet(fate := Fate())
    fate.errors["after commit"] = [Unavailable("no answer")]
    with pytest.raises(Unavailable):
        alone.store(instance(1))
    assert alone.bytes_of() == {f"{STUDY_UID}.1.1": instance(1).content}
    assert alone.store(instance(1)).status == "duplicate"


def test_a_batch_that_fails_whole_is_tried_one_by_one(alone):
    """The disk is full for all of them together, but not for each: as many as fit are stored."""
    alone.store(instance(0))
    alone.packs.room -= alone.packs.free_bytes() - 2 * instance(0).size - 200
    futures = store_together(alone, [(instance(number),) for number in (1, 2, 3)])
    problems = [future.exception() for future in futures]
    assert sorted(type(problem).__name__ for problem in problems) == [
        "DiskFull",
        "NoneType",
        "NoneType",
    ]
    assert alone.study().instances == 3


def test_a_crash_at_any_step_keeps_what_was_acknowledged(alone):
    """Die at each step of three arrivals in turn; what was answered "stored" is there, whole."""
    for dies_at in range(1, 100):
        fate = Fate(dies_at=dies_at)
        uid = f"1.2.{dies_at}"
        alone.meet(fate)
        acknowledged = []
        try:
            for number in range(3):
                alone.store(instance(number, study_uid=uid))
                acknowledged.append(number)
        except BaseException:  # noqa: BLE001 - the crash
            assert fate.is_dead
        alone.restart()
        kept = alone.bytes_of(uid) if alone.has_study(uid) else {}
        assert {f"{uid}.1.{number}" for number in acknowledged} <= set(kept)
        assert all(
            content == instance(int(sop[-1]), study_uid=uid).content
            for sop, content in kept.items()
        )
        with alone.catalog.look() as records:
            assert pack_files(alone) == {pack.id for pack in records.studies.all_packs()}
        if not fate.is_dead:
            break
    assert acknowledged == [0, 1, 2]

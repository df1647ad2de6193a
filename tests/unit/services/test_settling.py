"""Studies settle when they are quiet, and what waits is decided about by a person."""

import pytest

from support.fate import Fate
from support.memory_reader import JANE, JOHN, STUDY_UID, instance
from undisc_node.services.deciding import HOLD_IDENTITY
from undisc_node.services.errors import Conflict, DiskFull, NotFound, Unavailable
from undisc_node.services.model import PackRole, StudyState

SOP = f"{STUDY_UID}.1.1"


def last_event(practice):
    return practice.events()[-1]


# --- Settling -------------------------------------------------------------------------------------


def test_a_study_settles_after_a_quiet_time(alone, clock):
    """Index and log line are written once; the sender is who it is said to come from."""
    alone.store(instance(1))
    clock.advance(59)
    assert alone.settling.settle_quiet(60_000) == 0
    clock.advance(1)
    assert alone.settling.settle_quiet(60_000) == 1
    assert alone.study().settled_ms == clock.now_ms()
    event = last_event(alone)
    assert (event.type, event.who[0].user) == ("study.settled", "dicom:CT1")
    assert event.detail == {"instances": 1, "bytes": instance(1).size}
    assert alone.settling.settle_quiet(60_000) == 0
    assert alone.kinds().count("study.settled") == 1


def test_an_arrival_starts_the_quiet_time_anew(alone, clock):
    alone.store(instance(1))
    clock.advance(59)
    alone.store(instance(2))
    clock.advance(59)
    assert alone.settling.settle_quiet(60_000) == 0


def test_a_repetition_does_not_keep_a_study_open(alone, clock):
    """A modality that repeats itself for ever would otherwise keep its study unsettled."""
    alone.store(instance(1))
    clock.advance(59)
    alone.store(instance(1))
    clock.advance(1)
    assert alone.settling.settle_quiet(60_000) == 1


def test_a_person_settles_a_study_at_once(alone):
    """The one who asked for it is named; a second time changes nothing."""
    alone.store(instance(1))
    study = alone.settling.settle(alone.study().id, "alice")
    assert study.settled_ms is not None
    assert last_event(alone).who[0].user == "alice"
    assert alone.settling.settle(study.id, "bob") == study
    assert alone.kinds().count("study.settled") == 1


def test_a_settled_study_grows_again_and_settles_again(alone, clock):
    """The second series comes an hour later: everything is readable behind the index."""
    alone.store(instance(1))
    alone.settling.settle(alone.study().id, "")
    clock.advance(3600)
    alone.store(instance(2))
    assert alone.study().settled_ms is None
    clock.advance(60)
    assert alone.settling.settle_quiet(60_000) == 1
    alone.restart()
    assert alone.bytes_of() == {
        f"{STUDY_UID}.1.{number}": instance(number).content for number in (1, 2)
    }


def test_a_failed_settlement_is_tried_again(alone, clock):
    """The index is written but not the row: what comes next overwrites it."""
    alone.store(instance(1))
    alone.meet(fate := Fate())
    fate.errors["before commit"] = [Unavailable("the database is gone")]
    clock.advance(60)
    with pytest.raises(Unavailable):
        alone.settling.settle_quiet(60_000)
    assert alone.study().settled_ms is None
    alone.store(instance(2))
    clock.advance(60)
    assert alone.settling.settle_quiet(60_000) == 1
    assert len(alone.bytes_of()) == 2


def test_one_study_that_cannot_settle_does_not_keep_the_others_open(alone, clock):
    """A damaged study raises at every tick; all others settle."""
    for uid in ("1.2.1", "1.2.2", "1.2.3"):
        alone.store(instance(study_uid=uid))
        clock.advance(1)
    alone.meet(fate := Fate())
    fate.errors["before seal_index"] = [Unavailable("the pack is gone")]
    with pytest.raises(Unavailable):
        alone.settling.settle_quiet(0)
    settled = [alone.study(uid).settled_ms is not None for uid in ("1.2.1", "1.2.2", "1.2.3")]
    assert settled == [False, True, True]


def test_nobody_settles_what_is_not_there(alone):
    with pytest.raises(NotFound):
        alone.settling.settle(bytes(16), "alice")


# --- What waits -----------------------------------------------------------------------------------


def conflicting(practice):
    practice.store(instance(1))
    practice.store(instance(1, version="other", size=50, modality="SR"), "dicom:CT2")
    return practice.study().id


def test_an_accepted_conflict_becomes_current(alone):
    """The other sender's version is served from now on; the old one is superseded."""
    study = conflicting(alone)
    new = instance(1, version="other", size=50, modality="SR")
    resolved = alone.settling.resolve(study, accept=True, actor="alice")
    assert alone.bytes_of() == {SOP: new.content}
    assert (resolved.instances, resolved.size, resolved.waiting) == (1, new.size, 0)
    assert resolved.modalities == ("CT", "SR")
    detail = alone.studies.detail(study)
    assert (len(detail.superseded), len(detail.waiting)) == (1, 0)
    assert detail.current[0].header.sender == "dicom:CT2"
    assert (last_event(alone).type, last_event(alone).detail) == (
        "waiting.accepted",
        {"objects": 1},
    )


@pytest.mark.parametrize("accept", [True, False])
def test_only_an_accepted_arrival_makes_a_settled_study_grow(alone, accept):
    """Its index does not list what was accepted, so it settles once more."""
    study = conflicting(alone)
    alone.settling.settle(study, "alice")
    resolved = alone.settling.resolve(study, accept, "alice")
    assert (resolved.settled_ms is None) == accept


def test_a_rejected_conflict_is_gone(alone):
    """Its pack and key are destroyed, and the study is as before."""
    study = conflicting(alone)
    with alone.catalog.look() as records:
        (waiting,) = records.studies.packs(study, PackRole.WAITING)
    resolved = alone.settling.resolve(study, accept=False, actor="alice")
    assert alone.bytes_of() == {SOP: instance(1).content}
    assert (resolved.instances, resolved.waiting) == (1, 0)
    assert waiting.id not in alone.packs._files
    assert (last_event(alone).type, last_event(alone).detail) == (
        "waiting.rejected",
        {"objects": 1},
    )


@pytest.mark.parametrize(("accept", "instances"), [(True, 2), (False, 1)])
def test_a_decision_about_another_patient_ends_the_hold(alone, accept, instances):
    """It was the node that held the study, so the decision releases it."""
    alone.store(instance(1))
    alone.store(instance(2, patient=JOHN))
    resolved = alone.settling.resolve(alone.study().id, accept, "alice")
    assert (resolved.state, resolved.reason) == (StudyState.ACTIVE, "")
    assert (resolved.instances, resolved.patient) == (instances, JANE)


def test_an_accepted_identity_is_not_asked_about_again(alone):
    """The modality repeats the very bytes that were accepted."""
    alone.store(instance(1))
    alone.store(instance(2, patient=JOHN))
    alone.settling.resolve(alone.study().id, accept=True, actor="alice")
    assert alone.store(instance(2, patient=JOHN)).status == "duplicate"
    assert alone.study().state is StudyState.ACTIVE
    assert alone.store(instance(3, patient=JOHN)).reason == HOLD_IDENTITY


@pytest.mark.parametrize("stop", ["hold", "withdraw"])
def test_a_decision_does_not_release_what_a_person_has_stopped(alone, stop):
    alone.store(instance(1))
    alone.store(instance(2, patient=JOHN))
    study = alone.study().id
    getattr(alone.studies, stop)(study, "wrong side marked", "bob")
    state = alone.study().state
    resolved = alone.settling.resolve(study, accept=True, actor="alice")
    assert (resolved.state, resolved.reason) == (state, "wrong side marked")


def test_nothing_to_decide(alone):
    alone.store(instance(1))
    with pytest.raises(Conflict) as refused:
        alone.settling.resolve(alone.study().id, accept=True, actor="alice")
    assert refused.value.reason == "nothing_waiting"
    with pytest.raises(NotFound):
        alone.settling.resolve(bytes(16), accept=True, actor="alice")


def test_no_room_to_accept_leaves_everything_waiting(alone):
    """An accepted object is written anew; when it does not fit, nothing has been decided."""
    study = conflicting(alone)
    alone.packs.room -= alone.packs.free_bytes() - 10
    with pytest.raises(DiskFull):
        alone.settling.resolve(study, accept=True, actor="alice")
    assert alone.study().waiting == 1
    assert alone.bytes_of() == {SOP: instance(1).content}
    assert len(alone.studies.detail(study).waiting) == 1


@pytest.mark.parametrize("accept", [True, False])
def test_a_crash_at_any_step_of_a_decision_decides_all_or_nothing(alone, accept):
    """Rows and packs agree after every crash, and leftovers are swept."""
    conflicting(alone)
    decided = instance(1, version="other", size=50, modality="SR") if accept else instance(1)
    for dies_at in range(1, 20):
        fate = Fate(dies_at=dies_at)
        alone.meet(fate)
        try:
            alone.settling.resolve(alone.study().id, accept, "alice")
        except BaseException:  # noqa: BLE001 - the crash
            assert fate.is_dead
        alone.restart()
        waits = alone.study().waiting == 1
        assert alone.bytes_of() == {SOP: (instance(1) if waits else decided).content}
        assert len(alone.studies.detail(alone.study().id).waiting) == alone.study().waiting
        with alone.catalog.look() as records:
            assert set(alone.packs._files) == {pack.id for pack in records.studies.all_packs()}
        if not waits:
            break
    assert dies_at > 1
    assert alone.study().waiting == 0

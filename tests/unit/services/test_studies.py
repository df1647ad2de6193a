"""What an administrator does with studies: find, read, hold, release, withdraw, delete."""

import pytest

from support import samples
from support.fate import Crash, Fate
from support.memory_reader import JOHN, STUDY_UID, instance
from undisc_node.services.errors import Conflict, Invalid, NotFound
from undisc_node.services.model import StudyState
from undisc_protocol.errors import BadTicket


@pytest.fixture
def kept(alone):
    """A practice with a study of two instances."""
    for number in (1, 2):
        alone.store(instance(number))
    return alone


def last_event(practice):
    return practice.events()[-1]


# --- Finding and reading --------------------------------------------------------------------------


def test_a_study_is_found_by_the_beginning_of_its_id_or_by_its_uid(kept):
    """As people type it: in capitals, with space around it."""
    study = kept.study()
    digits = study.id.hex()
    for name in (digits, digits[:4], digits[:9].upper(), f" {digits[:6]} ", STUDY_UID):
        assert kept.studies.find(name) == study


@pytest.mark.parametrize("name", ["", "abc", "zzzz", "1.2.3", "ffff" * 9, "%", "____", "abcd%"])
def test_what_is_no_name_of_a_study_finds_nothing(kept, name):
    """Too short, too long, no digits, no such study, characters of other languages."""
    with pytest.raises(NotFound):
        kept.studies.find(name)


def test_an_ambiguous_beginning_is_refused(alone):
    """Two studies begin alike: acting on the wrong one would be worse than asking again."""
    with alone.catalog.change() as records:
        for uid, digits in (("1.2.1", "00"), ("1.2.2", "11")):
            records.studies.put(samples.study(id=bytes.fromhex("abcd" + digits * 14), uid=uid))
    with pytest.raises(Conflict) as refused:
        alone.studies.find("abcd")
    assert refused.value.reason == "ambiguous"
    assert alone.studies.find("abcd11").uid == "1.2.2"


def test_studies_are_listed_by_text_and_state(alone):
    for uid in ("1.2.1", "1.2.2"):
        alone.store(instance(study_uid=uid))
    alone.store(instance(study_uid="1.2.3", patient=JOHN))
    held = alone.studies.find("1.2.1")
    alone.studies.hold(held.id, "wrong side marked", "alice")

    def uids(text="", state=None, limit=10, offset=0):
        return {study.uid for study in alone.studies.list(text, "", state, limit, offset)}

    assert uids() == {"1.2.1", "1.2.2", "1.2.3"}
    assert uids("doe") == {"1.2.1", "1.2.2"}
    assert uids("P-200") == {"1.2.3"}
    assert uids(state=StudyState.HELD) == {"1.2.1"}
    assert len(uids(limit=2)) == 2
    assert len(uids(offset=2)) == 1


def test_an_instance_is_read_whatever_its_state(kept):
    """Current, superseded and waiting: nothing that was taken in is out of reach."""
    kept.store(instance(1, version="corrected"))
    kept.store(instance(2, version="other"), "dicom:CT2")
    study = kept.study().id
    detail = kept.studies.detail(study)
    found = {
        state: [b"".join(kept.studies.read(study, one.header.id)[1]) for one in instances]
        for state, instances in (
            ("current", detail.current),
            ("superseded", detail.superseded),
            ("waiting", detail.waiting),
        )
    }
    assert found == {
        "current": [instance(2).content, instance(1, version="corrected").content],
        "superseded": [instance(1).content],
        "waiting": [instance(2, version="other").content],
    }
    size, _ = kept.studies.read(study, detail.waiting[0].header.id)
    assert size == instance(2, version="other").size


def test_a_series_has_one_name_for_capabilities(kept):
    kept.store(instance(3, series=2))
    names = kept.studies.detail(kept.study().id).series_names
    assert set(names) == {f"{STUDY_UID}.1", f"{STUDY_UID}.2"}
    assert len(set(names.values())) == 2
    assert all(len(name) == 16 for name in names.values())


def test_what_is_not_there_is_not_found(kept):
    study = kept.study().id
    for ask in (
        lambda: kept.studies.detail(bytes(16)),
        lambda: kept.studies.read(bytes(16), bytes(16)),
        lambda: kept.studies.read(study, bytes(16)),
        lambda: kept.studies.hold(bytes(16), "why", "alice"),
        lambda: kept.studies.release(bytes(16), "alice"),
        lambda: kept.studies.delete(bytes(16), "alice"),
    ):
        with pytest.raises(NotFound):
            ask()


# --- Stopping -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stop", "state"), [("hold", StudyState.HELD), ("withdraw", StudyState.WITHDRAWN)]
)
def test_a_stop_is_logged_with_its_reason(kept, stop, state):
    study = getattr(kept.studies, stop)(kept.study().id, "  wrong side marked ", "alice")
    assert (study.state, study.reason) == (state, "wrong side marked")
    event = last_event(kept)
    assert (event.type, event.why) == (f"study.{state}", "wrong side marked")
    assert (event.who[0].user, event.detail) == ("alice", {"transfers_stopped": 0})


@pytest.mark.parametrize("stop", ["hold", "withdraw"])
@pytest.mark.parametrize("reason", ["", "   ", "x" * 501])
def test_a_stop_needs_a_reason_that_fits_the_log(kept, stop, reason):
    with pytest.raises(Invalid):
        getattr(kept.studies, stop)(kept.study().id, reason, "alice")
    assert kept.study().state is StudyState.ACTIVE


def test_a_hold_ends_with_a_release(kept):
    kept.studies.hold(kept.study().id, "wrong side marked", "alice")
    released = kept.studies.release(kept.study().id, "bob")
    assert (released.state, released.reason) == (StudyState.ACTIVE, "")
    assert (last_event(kept).type, last_event(kept).who[0].user) == ("study.released", "bob")


def test_only_a_held_study_is_released(kept):
    with pytest.raises(Conflict) as refused:
        kept.studies.release(kept.study().id, "alice")
    assert refused.value.reason == "not_held"


@pytest.mark.parametrize("again", ["hold", "withdraw", "release"])
def test_a_withdrawal_is_final(kept, again):
    """Withdrawn is withdrawn: no later act makes it less, and its reason stays."""
    kept.studies.withdraw(kept.study().id, "wrong patient", "alice")
    reason = () if again == "release" else ("another reason",)
    with pytest.raises(Conflict):
        getattr(kept.studies, again)(kept.study().id, *reason, "bob")
    assert (kept.study().state, kept.study().reason) == (StudyState.WITHDRAWN, "wrong patient")


def test_a_study_with_another_patients_images_is_not_simply_released(kept):
    """First somebody decides about what waits."""
    kept.store(instance(3, patient=JOHN))
    with pytest.raises(Conflict) as refused:
        kept.studies.release(kept.study().id, "alice")
    assert refused.value.reason == "waiting"


def ticket_for(holder, asker):
    """Let the asker fetch until it has a ticket, and return that ticket."""
    tickets = []

    class Watching:
        def __init__(self, inner):
            self.inner = inner

        def __getattr__(self, name):
            return getattr(self.inner, name)

        def stream(self, urls, ticket, start, stop):
            tickets.append(ticket)
            return self.inner.stream(urls, ticket, start, stop)

    asker.network = Watching(asker.network)
    asker.start()
    asker.bring(holder.grant(holder.study().id, asker).offer)
    return tickets[-1]


@pytest.mark.parametrize("stop", ["hold", "withdraw", "delete"])
def test_a_stop_ends_the_tickets_of_this_study_only(pair, stop):
    """Another study's transfer goes on."""
    holder, asker = pair
    holder.store(instance(1))
    ticket = ticket_for(holder, asker)
    other = holder.store(instance(study_uid="1.2.9")).study
    arguments = (other, "alice") if stop == "delete" else (other, "wrong side marked", "alice")
    getattr(holder.studies, stop)(*arguments)
    holder.open(ticket, 0, 1).close()
    study = holder.study().id
    arguments = (study, "alice") if stop == "delete" else (study, "wrong side marked", "alice")
    getattr(holder.studies, stop)(*arguments)
    with pytest.raises(BadTicket):
        holder.open(ticket, 0, 1)
    if stop != "delete":
        assert last_event(holder).detail == {"transfers_stopped": 1}


def test_another_patients_images_end_running_transfers(pair):
    """The study is held by the node itself: a transfer under way is no exception."""
    holder, asker = pair
    holder.store(instance(1))
    ticket = ticket_for(holder, asker)
    holder.store(instance(2, patient=JOHN))
    with pytest.raises(BadTicket):
        holder.open(ticket, 0, 1)
    held = last_event(holder)
    assert (held.type, held.detail) == ("study.held", {"transfers_stopped": 1})


def test_a_correction_ends_running_transfers(pair):
    """What was superseded leaves the node no more, also not on an older ticket."""
    holder, asker = pair
    holder.store(instance(1))
    ticket = ticket_for(holder, asker)
    holder.store(instance(2))
    holder.open(ticket, 0, 1).close()  # growing ends nothing
    holder.store(instance(1, version="corrected"))
    with pytest.raises(BadTicket):
        holder.open(ticket, 0, 1)


def test_an_accepted_conflict_ends_running_transfers(pair):
    holder, asker = pair
    holder.store(instance(1))
    ticket = ticket_for(holder, asker)
    holder.store(instance(1, version="other"), "dicom:CT2")
    holder.open(ticket, 0, 1).close()
    holder.settling.resolve(holder.study().id, accept=True, actor="alice")
    with pytest.raises(BadTicket):
        holder.open(ticket, 0, 1)


# --- Deleting -------------------------------------------------------------------------------------


def test_a_deleted_study_is_gone_with_its_keys(kept):
    """Rows, packs and keys, also of what was waiting; the log line stays."""
    kept.store(instance(1, version="other"), "dicom:CT2")
    study = kept.study()
    kept.studies.delete(study.id, "alice")
    assert not kept.has_study()
    assert kept.packs._files == {}
    event = last_event(kept)
    assert (event.type, event.who[0].user) == ("study.deleted", "alice")
    assert study.id.hex() in {subject.id for subject in event.what}


def test_a_deleted_study_can_come_again_as_a_new_one(kept):
    """Its id is new, so that no older capability opens it."""
    old = kept.study().id
    kept.studies.delete(old, "alice")
    assert kept.store(instance(1)).status == "stored"
    assert kept.study().id != old
    assert kept.study().instances == 1


def test_a_crash_while_deleting_leaves_only_orphans_that_a_sweep_erases(kept):
    """Die at every step: the study is whole, or nothing of it is there after the next start."""
    kept.store(instance(1, version="other"), "dicom:CT2")
    for dies_at in range(1, 20):
        fate = Fate(dies_at=dies_at)
        kept.meet(fate)
        try:
            kept.studies.delete(kept.study().id, "alice")
        except Crash:
            assert fate.is_dead
        kept.restart()
        if not kept.has_study():
            break
        assert len(kept.bytes_of()) == 2
    assert fate.steps[-1] == "after commit"
    assert kept.packs._files == {}

"""What strangers send is durable, and nobody sees it until somebody says who they are."""

from __future__ import annotations

from dataclasses import replace

import pytest

from support.memory_reader import JANE, JOHN, STUDY_UID, instance
from support.sending import Sending
from undisc_node.services.errors import DiskFull, NotFound, Refused, Unavailable
from undisc_node.services.model import NOBODY, StudyState
from undisc_node.services.quarantine import MAX_STRANGERS, QuarantineBounds
from undisc_node.services.sender_model import SenderState
from undisc_node.services.senders import SenderWish

STRANGER = "MR@10.9.9.9"
DAY = 86_400


@pytest.fixture
def sending(alone):
    return Sending(alone)


def the_one_kept(practice):
    with practice.catalog.look() as records:
        (row,) = records.senders.quarantined()
        return records.studies.get(row.study)


def test_what_a_stranger_sends_is_kept_and_no_study_that_anybody_sees(alone, sending):
    """Also nothing in its row says whose it is, so nothing of this node is joined with it."""
    outcome = sending.sent(1, accession="A-7", study_date="20261124", description="knee")
    assert outcome.status == "stored"
    assert sending.kept() == [(STRANGER, 1)]
    assert alone.studies.list("", "", None, 10, 0) == []
    for name in (STUDY_UID, outcome.study.hex()):
        with pytest.raises(NotFound):
            alone.studies.find(name)
    row = the_one_kept(alone)
    assert row.state is StudyState.HELD
    assert (row.patient, row.accession, row.study_date, row.description) == (NOBODY, "", "", "")
    assert row.uid != STUDY_UID
    assert alone.settling.settle_quiet(0) == 0
    assert alone.kinds() == ["sender.appeared", "quarantine.begun"]
    (status,) = sending.senders.list()
    assert (status.sender.name, status.sender.state) == (STRANGER, "pending")
    ((_, facts),) = sending.senders.look(status)
    assert (facts.patient, facts.accession) == (JANE, "A-7")


def test_objects_of_one_study_lie_together_also_after_a_restart(alone, sending):
    sending.sent(1)
    sending.sent(2)
    alone.restart()
    Sending(alone).sent(3)
    assert Sending(alone).kept() == [(STRANGER, 3)]


def test_a_stranger_touches_no_study_of_this_node(alone, sending):
    """It knows a study's UID, and sends another patient and another version under it."""
    alone.store(instance(1))
    before = alone.study()
    sending.sent(1, version="forged")
    sending.sent(2, patient=JOHN)
    assert alone.study() == before
    alone.store(instance(2))
    assert (alone.study().instances, alone.study().state) == (2, StudyState.ACTIVE)


def test_whoever_is_trusted_has_its_objects_let_in_as_if_they_were_sent_now(alone, sending):
    sources = [instance(number) for number in (1, 2)]
    sending.sent(1)
    sending.sent(2)
    status, done = sending.senders.trust(STRANGER, SenderWish(name="mr", port=104), "anna")
    assert (status.sender.name, status.sender.address, status.sender.ae_title) == (
        "mr",
        "10.9.9.9",
        "MR",
    )
    assert (done.studies, done.objects, done.problem) == (1, 2, None)
    study = alone.study()
    assert (study.state, study.patient, study.sender) == (StudyState.ACTIVE, JANE, "dicom:mr")
    assert list(alone.bytes_of().values()) == [source.content for source in sources]
    assert sending.kept() == []
    assert sending.caller().sender == "dicom:mr"
    assert alone.kinds()[-3:] == ["sender.trusted", "study.begun", "quarantine.released"]
    alone.store(instance(1, version="corrected"), "dicom:mr")
    assert alone.study().waiting == 0  # the same sender as before corrects it


def test_a_patient_that_was_mixed_up_in_quarantine_is_found_when_it_is_let_in(alone, sending):
    """In quarantine nothing is compared; afterwards everything is, as always."""
    sending.sent(1)
    sending.sent(2, patient=JOHN)
    sending.senders.trust(STRANGER, SenderWish(), "anna")
    study = alone.study()
    assert (study.instances, study.waiting, study.state) == (1, 1, StudyState.HELD)


def test_a_version_that_conflicts_waits_for_a_decision_when_it_is_let_in(alone, sending):
    alone.store(instance(1))
    sending.sent(1, version="other")
    sending.senders.trust(STRANGER, SenderWish(), "anna")
    assert (alone.study().instances, alone.study().waiting) == (1, 1)


def test_a_correction_in_quarantine_stays_a_correction(alone, sending, clock):
    sending.sent(1)
    clock.advance(1)
    sending.sent(1, version="corrected")
    sending.senders.trust(STRANGER, SenderWish(), "anna")
    assert list(alone.bytes_of().values()) == [instance(1, version="corrected").content]


def test_whoever_is_removed_has_its_objects_erased_and_is_refused(alone, sending):
    caller = sending.caller()
    sending.sent(1)
    status, done = sending.senders.remove(STRANGER, "anna")
    assert (status.sender.state, done.objects, sending.kept()) == ("removed", 1, [])
    assert sending.known.identify("10.9.9.9", "MR") is None
    with pytest.raises(Refused) as refused:
        sending.sent(2, caller=caller)  # its association is still open
    assert refused.value.reason == "sender_removed"
    assert [one.sender.name for one in sending.senders.list()] == []
    assert [one.sender.name for one in sending.senders.list(removed=True)] == [STRANGER]
    assert "quarantine.erased" in alone.kinds()
    sending.senders.trust(STRANGER, SenderWish(), "anna")
    assert sending.known.identify("10.9.9.9", "MR").sender == f"dicom:{STRANGER}"


def test_an_object_that_comes_in_the_moment_of_trust_is_asked_for_again(sending):
    """Neither lost nor stored as a stranger's: it was not acknowledged."""
    caller = sending.caller()
    sending.sent(1)
    sending.senders.trust(STRANGER, SenderWish(), "anna")
    with pytest.raises(Unavailable):
        sending.sent(2, caller=caller)


def test_the_quarantine_has_bounds(alone):
    alone.quarantine_bounds = QuarantineBounds(size=1_500)
    alone.restart()
    sending = Sending(alone)
    sending.sent(1)
    with pytest.raises(DiskFull) as full:
        sending.sent(2, size=2_000)
    assert full.value.reason == "quarantine_full"
    assert sending.kept() == [(STRANGER, 1)]
    alone.store(instance(2, size=2_000))  # whoever is known is not kept out by strangers


def test_the_number_of_strangers_has_a_bound(sending):
    for number in range(MAX_STRANGERS):
        sending.sent(1, caller=sending.caller(f"10.9.8.{number}"))
    with pytest.raises(Refused) as refused:
        sending.sent(1)
    assert refused.value.reason == "too_many_strangers"
    sending.sent(2, caller=sending.caller("10.9.8.0"))


def test_what_nobody_decides_about_is_erased(alone, sending, clock):
    sending.sent(1)
    clock.advance(20 * DAY)
    sending.sent(1, study_uid="1.2.9")
    clock.advance(11 * DAY)
    sending.letting_in.tidy()
    assert sending.kept() == [(STRANGER, 1)]
    assert alone.kinds()[-1] == "quarantine.erased"


def test_a_crash_while_objects_are_let_in_is_made_good(alone, sending):
    """The row says trusted, and nothing or half of it was moved."""
    sending.sent(1)
    sending.sent(2)
    with alone.catalog.change() as records:
        row = records.senders.get(STRANGER)
        records.senders.forget(STRANGER)
        records.senders.put(replace(row, name="mr", state=SenderState.TRUSTED))
    alone.store(instance(1), "dicom:mr")
    alone.restart()
    again = Sending(alone)
    again.letting_in.tidy()
    assert again.kept() == []
    assert (alone.study().instances, alone.study().waiting) == (2, 0)


def test_strangers_are_found_again_when_their_rows_are_lost(alone, sending):
    """After a rebuild from packs, only the name beside the objects is left."""
    sending.sent(1)
    with alone.catalog.change() as records:
        records.senders.forget(STRANGER)
    alone.restart()
    again = Sending(alone)
    again.letting_in.tidy()
    (status,) = again.senders.list()
    assert (status.sender.address, status.sender.ae_title) == ("10.9.9.9", "MR")
    again.senders.trust(STRANGER, SenderWish(), "anna")
    assert alone.study().instances == 1


def test_a_full_disk_leaves_the_rest_in_quarantine(alone, sending):
    sending.sent(1)
    alone.room._reserve = 2**62
    status, done = sending.senders.trust(STRANGER, SenderWish(), "anna")
    assert done.problem.reason == "disk_reserve"
    assert len(status.quarantined) == 1
    alone.room._reserve = 0
    assert sending.senders.trust(STRANGER, SenderWish(), "anna")[1].objects == 1

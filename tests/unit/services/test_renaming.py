"""Patient updates and merges stop what they contradict, until a person has decided."""

from __future__ import annotations

from dataclasses import replace

import pytest

from support import hl7_messages as hl7
from support import samples
from support.memory_reader import JANE, JOHN, instance
from undisc_node.services.errors import Conflict
from undisc_node.services.model import StudyState
from undisc_node.services.renaming import HOLD_CHANGE


def send(practice, raw):
    answer = practice.hl7.answer(raw, "10.0.0.5").decode()
    return answer.split("\r")[1].split("|")[1]


def test_an_update_that_says_the_same_changes_nothing(alone):
    alone.store(instance(1))
    assert send(alone, hl7.update(name="DOE^Jane")) == "AA"
    assert alone.study().state is StudyState.ACTIVE
    assert alone.queueing.list() == []


def test_an_update_stops_the_study_and_shows_both_sides(alone):
    alone.store(instance(1))
    assert send(alone, hl7.update(name="Smith^Jane", born="19700103")) == "AA"
    study = alone.study()
    assert (study.state, study.reason, study.patient) == (StudyState.HELD, HOLD_CHANGE, JANE)
    (row,) = alone.queueing.list()
    assert (row.kind, row.study) == ("patient-update", study.id)
    sides = {fact.name: (fact.here, fact.there) for fact in row.facts}
    assert sides["name"] == ("Doe^Jane", "Smith^Jane")
    assert sides["birth date"] == ("19700102", "19700103")


def test_an_applied_update_changes_the_catalog_and_no_byte(alone):
    alone.store(instance(1))
    before = alone.bytes_of()
    send(alone, hl7.update(name="Smith^Jane"))
    (row,) = alone.queueing.list()
    alone.queueing.resolve(row.id, "apply", "", "alice")
    study = alone.study()
    assert study.patient == replace(JANE, name="Smith^Jane")
    assert (study.state, study.reason) == (StudyState.ACTIVE, "")
    assert alone.bytes_of() == before
    changed = next(one for one in alone.events() if one.type == "study.identity_changed")
    assert changed.who[0].user == "alice"


def test_a_kept_identity_ends_the_hold(alone):
    alone.store(instance(1))
    send(alone, hl7.update(name="Smith^Jane"))
    (row,) = alone.queueing.list()
    alone.queueing.resolve(row.id, "keep", "", "alice")
    assert (alone.study().patient, alone.study().state) == (JANE, StudyState.ACTIVE)


def test_a_merge_moves_every_study_of_the_number_that_is_gone(alone):
    """A study of another patient, and one of the same number at another place, are not touched."""
    alone.store(instance(1))
    alone.store(instance(2, study_uid="1.2.2"))
    alone.store(instance(3, study_uid="1.2.3", patient=JOHN))
    alone.store(instance(4, study_uid="1.2.4", patient=replace(JANE, issuer="elsewhere")))
    assert send(alone, hl7.merge()) == "AA"
    rows = alone.queueing.list(kind="patient-merge")
    assert {row.study for row in rows} == {alone.study().id, alone.study("1.2.2").id}
    for row in rows:
        alone.queueing.resolve(row.id, "apply", "", "alice")
    assert [alone.study(uid).patient.id for uid in (alone.study().uid, "1.2.2", "1.2.3")] == [
        "P-900",
        "P-900",
        "P-200",
    ]
    assert alone.study("1.2.4").state is StudyState.ACTIVE


def test_a_merge_changes_orders_at_once(alone):
    """Nothing of them was shared, and the modality must ask with the right number."""
    send(alone, hl7.order("1"))
    send(alone, hl7.merge(control="2"))
    with alone.catalog.look() as records:
        assert records.orders.of_patient("P-100") == []
        assert len(records.orders.of_patient("P-900")) == 1


def test_a_running_transfer_ends_with_the_change(alone):
    """After sharing: what may be somebody else's is served to nobody."""
    alone.store(instance(1))
    ticket = samples.ticket(study=alone.study().id, expires_ms=alone.clock.now_ms() + 60_000)
    with alone.catalog.change() as records:
        records.tickets.add(ticket)
    assert send(alone, hl7.update(name="Smith^Jane")) == "AA"
    with alone.catalog.look() as records:
        assert records.tickets.ends_ms(ticket.hash) <= alone.clock.now_ms()


def test_a_study_held_by_hand_stays_held(alone):
    alone.store(instance(1))
    alone.studies.hold(alone.study().id, "wrong side marked", "bob")
    send(alone, hl7.update(name="Smith^Jane"))
    (row,) = alone.queueing.list()
    alone.queueing.resolve(row.id, "apply", "", "alice")
    assert (alone.study().state, alone.study().reason) == (StudyState.HELD, "wrong side marked")


def test_the_hold_cannot_be_ended_past_the_queue(alone):
    alone.store(instance(1))
    send(alone, hl7.update(name="Smith^Jane"))
    with pytest.raises(Conflict):
        alone.studies.release(alone.study().id, "bob")


def test_two_changes_that_wait_both_have_to_be_decided(alone):
    alone.store(instance(1))
    send(alone, hl7.update("1", name="Smith^Jane"))
    send(alone, hl7.merge(control="2"))
    update, merge = alone.queueing.list()
    alone.queueing.resolve(merge.id, "keep", "", "alice")
    assert alone.study().state is StudyState.HELD
    alone.queueing.resolve(update.id, "keep", "", "alice")
    assert alone.study().state is StudyState.ACTIVE


def test_a_decision_about_what_is_no_longer_so_is_refused(alone):
    """Another decision changed the identity first: what was shown is not true any more."""
    alone.store(instance(1))
    send(alone, hl7.update("1", name="Smith^Jane"))
    send(alone, hl7.merge(control="2"))
    update, merge = alone.queueing.list()
    alone.queueing.resolve(merge.id, "apply", "", "alice")
    with pytest.raises(Conflict):
        alone.queueing.resolve(update.id, "apply", "", "alice")
    alone.queueing.resolve(update.id, "keep", "", "alice")
    assert alone.study().patient.id == "P-900"
    assert alone.study().state is StudyState.ACTIVE


def test_a_study_that_left_meanwhile_closes_its_row(alone):
    alone.store(instance(1))
    send(alone, hl7.update(name="Smith^Jane"))
    (row,) = alone.queueing.list()
    alone.studies.delete(alone.study().id, "bob")
    assert alone.queueing.resolve(row.id, "apply", "", "alice").outcome == "the study is gone"

"""Which studies belong to a visit: everything agrees, or a person looks; names never count."""

from __future__ import annotations

from dataclasses import replace

import pytest

from support.memory_reader import JANE, JOHN, instance
from support.practice import DAY
from undisc_node.services.consent_rows import Covers, Decision
from undisc_node.services.department_rows import Message, Order, OrderState, name_of
from undisc_node.services.errors import Conflict
from unit.services.test_consenting import record


def image(practice, accession="A-7", patient=JANE, *, uid="1.2.7", settle=True, **more):
    study = practice.store(
        instance(1, study_uid=uid, accession=accession, patient=patient, **more.pop("facts", {})),
        **more,
    ).study
    if settle:
        practice.settling.settle(study, "")
    return study


def joined(practice, visit):
    return [row.study for row, _ in practice.visiting.detail(visit.id).studies if row.belongs]


def waiting(practice):
    return [row.study for row in practice.queueing.list("visit-match")]


def test_a_study_joins_when_it_settles(alone):
    _, visit = record(alone)
    study = image(alone, settle=False)
    assert joined(alone, visit) == []
    alone.settling.settle(study, "")
    assert joined(alone, visit) == [study]
    assert waiting(alone) == []
    assert alone.kinds()[-1] == "visit.joined"


def test_a_study_that_is_here_already_joins_when_the_consent_is_recorded(alone):
    study = image(alone)
    _, visit = record(alone)
    assert joined(alone, visit) == [study]


@pytest.mark.parametrize(
    ("accession", "patient"),
    [
        ("A-8", JANE),
        ("", JANE),
        ("A-7", replace(JANE, id="P-101")),
        ("A-7", replace(JANE, issuer="")),
        ("A-7", replace(JANE, birth_date="")),
        ("A-7", replace(JANE, birth_date="19700103")),
        ("A-7", JOHN),
    ],
)
def test_what_does_not_agree_in_everything_waits_for_a_person(alone, accession, patient):
    _, visit = record(alone)
    study = image(alone, accession, patient)
    assert joined(alone, visit) == []
    assert waiting(alone) == [study]


@pytest.mark.parametrize(
    ("accession", "patient"),
    [("A-8", JOHN), ("A-8", replace(JANE, id="P-999")), ("", replace(JANE, id=""))],
)
def test_a_name_alone_is_nothing(alone, accession, patient):
    _, visit = record(alone)
    image(alone, accession, patient)
    assert (joined(alone, visit), waiting(alone)) == ([], [])


def test_another_visit_of_the_patient_weeks_later_is_not_this_one(alone, clock):
    _, visit = record(alone)
    clock.advance(31 * DAY)
    image(alone, "A-99")
    assert (joined(alone, visit), waiting(alone)) == ([], [])


def test_studies_of_other_practices_never_join(alone):
    """They number orders and patients alike."""
    _, visit = record(alone)
    image(alone, sender="peer:" + "ab" * 32)
    assert (joined(alone, visit), waiting(alone)) == ([], [])


def test_a_person_attaches_or_leaves_it_out(alone):
    _, visit = record(alone)
    one, other = image(alone, "A-8"), image(alone, "A-9", uid="1.2.9")
    rows = {row.study: row for row in alone.queueing.list("visit-match")}
    alone.queueing.resolve(rows[one].id, "attach", "", "anna")
    alone.queueing.resolve(rows[other].id, "leave", "", "anna")
    assert joined(alone, visit) == [one]
    # What was decided stays decided when the study grows and settles again.
    alone.store(instance(2, study_uid="1.2.9", accession="A-9"))
    alone.settling.settle(other, "")
    assert (joined(alone, visit), waiting(alone)) == ([one], [])
    assert alone.kinds().count("visit.left") == 1


def test_nothing_is_attached_to_what_was_withdrawn(alone):
    """The row goes away with the consent; one who had it open gets a clear answer."""
    consent, _ = record(alone)
    image(alone, "A-8")
    (row,) = alone.queueing.list("visit-match")
    alone.consenting.withdraw(consent.id, "", "anna")
    assert waiting(alone) == []
    with pytest.raises(Conflict):
        alone.queueing.resolve(row.id, "attach", "", "anna")


def test_a_visit_without_an_accession_number_learns_it_from_the_day_list(alone, clock):
    """Only from an order of the same number, issuer and birth date, on the visit's day."""
    day = alone.ordering.day(0)
    clerk = replace(JANE, issuer="hospital")
    _, visit = record(alone, orders=(), patient=clerk)
    study = image(alone)
    assert (joined(alone, visit), waiting(alone)) == ([], [study])
    order = Order(
        name_of("A-7"), "A-7", clerk, day + "1000", "CT", "", "", "", "", "hl7:RIS",
        OrderState.SCHEDULED, clock.now_ms(),
    )  # fmt: skip
    alone.ordering.take([order], Message("RIS", "1", bytes(32), clock.now_ms()))
    assert alone.visiting.look_again() == 1
    assert (joined(alone, visit), waiting(alone)) == ([study], [])


def test_a_range_of_days_takes_what_was_made_within_it(alone):
    _, visit = record(alone, covers=Covers.DATES, orders=(), first="20261101", last="20261130")
    inside = image(alone, "A-1", facts={"study_date": "20261115"})
    image(alone, "A-2", uid="1.2.9", facts={"study_date": "20261201"})
    assert (joined(alone, visit), waiting(alone)) == ([], [inside])


def test_a_consent_for_orders_covers_no_other_study_of_the_patient(alone):
    _, visit = record(alone, covers=Covers.ORDERS)
    image(alone, "A-8", uid="1.2.9")
    assert waiting(alone) == []
    assert joined(alone, visit) == []


def test_a_consent_that_has_ended_takes_nothing_more(alone, clock):
    _, visit = record(alone, ends=clock.now_ms() // 1000 + DAY)
    clock.advance(2 * DAY)
    image(alone)
    assert (joined(alone, visit), waiting(alone)) == ([], [])


def test_a_no_has_its_studies_too(alone):
    """So that they can leave; and what does not agree waits here as well."""
    _, visit = record(alone, decision=Decision.NO)
    study = image(alone)
    assert joined(alone, visit) == [study]
    assert alone.releasing.release_due() == 0

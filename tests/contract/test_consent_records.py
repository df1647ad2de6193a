"""Consents, visits and what came of them, in memory and in SQLite."""

from __future__ import annotations

from dataclasses import replace

import pytest

from support import samples
from support.consents import JANE, TEXT, consent, visit
from undisc_node.services.consent_rows import (
    Covers,
    Decision,
    Scope,
    VisitGrant,
    VisitStudy,
)
from undisc_node.services.errors import Conflict, NotFound
from undisc_node.services.model import Patient


def add(records, one, name="1", **changes):
    """Record a consent and open its visit."""
    records.consents.add_text(TEXT)
    records.consents.add(one)
    made = visit(one, name, **changes)
    records.visits.put(made)
    return made


def row(of, study, **changes):
    sample = VisitStudy(of.id, study, belongs=True, by="", at_ms=1_000)
    return replace(sample, **changes)


def test_a_consent_is_kept_as_it_was_signed(catalog):
    one = consent()
    with catalog.change() as records:
        add(records, one)
        records.consents.add_text(TEXT)
    with catalog.look() as records:
        assert records.consents.get(one.id) == one
        assert records.consents.get(bytes(32)) is None
        assert records.consents.text(TEXT.hash) == TEXT
        assert records.consents.text(bytes(32)) is None
        assert records.consents.starting(one.id.hex()[:6]) == [one]


def test_a_consent_is_recorded_once_and_with_its_text(catalog):
    one = consent()
    with pytest.raises(Conflict), catalog.change() as records:
        records.consents.add(one)
    with catalog.change() as records:
        add(records, one)
    with pytest.raises(Conflict), catalog.change() as records:
        records.consents.add(one)


def test_a_withdrawal_stays_as_it_was_taken_down(catalog):
    one = consent()
    with catalog.change() as records:
        add(records, one)
        records.consents.withdraw(one.id, 1_500, "anna", "moved away")
        records.consents.withdraw(one.id, 1_600, "bob", "")
    with catalog.look() as records:
        kept = records.consents.get(one.id)
    assert (kept.withdrawn_ms, kept.withdrawn_by, kept.withdrawn_why) == (
        1_500, "anna", "moved away",
    )  # fmt: skip
    assert kept.id == one.id
    with pytest.raises(NotFound), catalog.change() as records:
        records.consents.withdraw(bytes(32), 1, "anna", "")


def test_consents_and_visits_are_listed_newest_first(catalog):
    other = Patient("Doe^John", "P-200", "", "19800101", "M")
    made = [consent("1"), consent("2", at_ms=1_100), consent("3", at_ms=1_200, patient=other)]
    with catalog.change() as records:
        visits = [add(records, one, str(number)) for number, one in enumerate(made)]
    with catalog.look() as records:
        assert records.consents.list() == made[::-1]
        assert records.consents.list(patient="P-100", limit=1) == [made[1]]
        assert records.visits.list() == visits[::-1]
        assert records.visits.list(patient="P-200") == [visits[2]]
        assert records.visits.of_consent(made[0].id) == visits[0]
        assert records.visits.of_consent(bytes(32)) is None
        assert records.visits.starting(visits[1].id.hex()[:8]) == [visits[1]]


def test_open_visits_are_found_by_patient_and_by_accession(catalog):
    nameless = Patient("", "", "", "", "")
    with catalog.change() as records:
        first = add(records, consent("1"), "1")
        second = add(
            records, consent("2"), "2",
            scope=Scope(Covers.ORDERS, ("A-2", "A-3"), "", ""), opened_ms=1_100,
        )  # fmt: skip
        add(records, consent("3"), "3", closed_ms=1_200)
        add(records, consent("4"), "4", patient=nameless, opened_ms=1_300)
    with catalog.look() as records:
        assert records.visits.open_for("P-100", "") == [first, second]
        assert records.visits.open_for("", "A-3") == [second]
        assert records.visits.open_for("", "") == []
        assert records.visits.get(second.id).scope.orders == ("A-2", "A-3")


def test_accession_numbers_join_a_visit_and_a_closed_one_stays_closed(catalog):
    with catalog.change() as records:
        made = add(records, consent())
        scope = replace(made.scope, orders=("A-0",))
        records.visits.put(replace(made, scope=scope, closed_ms=1_500))
    with catalog.look() as records:
        kept = records.visits.get(made.id)
    assert (kept.scope.orders, kept.closed_ms) == (("A-0", "A-1"), 1_500)
    with pytest.raises(Conflict), catalog.change() as records:
        records.visits.put(replace(kept, closed_ms=None))


def test_what_was_said_about_studies_and_visits(catalog):
    study = samples.study("1")
    other = samples.name("gone", 16)
    with catalog.change() as records:
        records.studies.put(study)
        made = add(records, consent())
        empty = add(records, consent("2"), "2", opened_ms=1_100)
        records.visits.put_study(row(made, study.id))
        records.visits.put_study(row(made, other, belongs=False, by="anna", at_ms=1_001))
    with catalog.look() as records:
        assert [one.study for one in records.visits.studies(made.id)] == [study.id, other]
        assert records.visits.of_study(other)[0].by == "anna"
        assert records.visits.unfinished() == [row(made, study.id)]
        assert records.visits.empty_since(1_000) == [empty]
        assert records.visits.empty_since(1_101) == []
    done = row(made, study.id, released_ms=1_200, released_by="anna", done_ms=1_300)
    with catalog.change() as records:
        records.visits.put_study(done)
    with catalog.look() as records:
        assert records.visits.unfinished() == []
        assert records.visits.of_study(study.id) == [done]


def test_a_study_is_refused_by_a_no_that_no_yes_stands_against(catalog):
    study, gone = samples.study("1"), samples.name("gone", 16)
    with catalog.change() as records:
        records.studies.put(study)
        no = add(records, consent("no", decision=Decision.NO, ends=None), "no")
        records.visits.put_study(row(no, study.id))
        records.visits.put_study(row(no, gone))
    with catalog.look() as records:
        assert records.visits.refused(limit=10) == [study.id]
    with catalog.change() as records:
        yes = add(records, consent("yes"), "yes")
        records.visits.put_study(row(yes, study.id))
    with catalog.look() as records:
        assert records.visits.refused(limit=10) == []
    with catalog.change() as records:
        records.visits.put(replace(yes, closed_ms=1_500))
    with catalog.look() as records:
        assert records.visits.refused(limit=10) == [study.id]


def test_a_grant_is_made_once_for_each_study_and_practice(catalog):
    study, grant = samples.study("1"), samples.grant("1")
    with catalog.change() as records:
        records.studies.put(study)
        records.grants.add(grant)
        made = add(records, consent())
        made_grant = VisitGrant(made.id, study.id, samples.name("hospital", 32), grant.id)
        records.visits.add_grant(made_grant)
    with catalog.look() as records:
        assert records.visits.grants(made.id) == [made_grant]
    with pytest.raises(Conflict), catalog.change() as records:
        records.visits.add_grant(made_grant)


def test_the_patient_is_kept_as_named(catalog):
    with catalog.change() as records:
        made = add(records, consent())
    with catalog.look() as records:
        assert records.visits.get(made.id).patient == JANE

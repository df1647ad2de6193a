"""What follows from a yes without anybody clicking, once, and also after a crash."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest

from support.fate import Crash, Fate
from support.memory_reader import JANE, JOHN, instance
from support.practice import DAY
from undisc_node.services.consent_rows import Decider, Decision
from undisc_node.services.errors import Conflict
from undisc_node.services.model import Basis, FetchState, Patient, PeerState, Restored, RestoredBy
from undisc_node.services.releasing import When
from undisc_node.services.retention import Retention
from undisc_protocol.capability.delegation import COMMAND_READ
from unit.services.test_consenting import record

MINUTE = 60


def named(holder, asker, **changes):
    return record(holder, recipients=((holder.peer(asker), COMMAND_READ),), **changes)


@pytest.fixture
def visited(pair):
    """A holder whose patient named the asker, with a settled study."""
    holder, asker = pair
    consent, visit = named(holder, asker)
    holder.store(instance(1, accession="A-7"))
    holder.settling.settle(holder.study().id, "")
    return holder, asker, consent, visit


def rule(practice, when):
    practice.release_when = when
    practice.start()


def grants(practice):
    return practice.granting.list(None)


def test_a_named_practice_gets_its_grant_half_an_hour_after_settlement(visited, clock):
    holder, asker, consent, visit = visited
    assert holder.releasing.release_due() == 0
    clock.advance(30 * MINUTE - 1)
    assert holder.releasing.release_due() == 0
    clock.advance(1)
    assert holder.releasing.release_due() == 1
    (grant,) = grants(holder)
    assert (grant.audience, grant.command) == (asker.own.key.did, COMMAND_READ)
    assert (grant.basis, grant.staff) == (Basis.PATIENT, "Anna")
    assert grant.expires == consent.statement.ends
    assert holder.kinds()[-2:] == ["visit.released", "grant.created"]
    assert holder.releasing.release_due() == 0, "once"
    (ready,) = holder.releasing.offers(visit.id)
    assert asker.bring(ready.offer).state is FetchState.DONE


def test_the_half_hour_begins_again_when_more_arrives(visited, clock):
    holder, *_ = visited
    clock.advance(29 * MINUTE)
    holder.store(instance(2, accession="A-7"))
    clock.advance(5 * MINUTE)
    assert holder.releasing.release_due() == 0
    holder.settling.settle(holder.study().id, "")
    clock.advance(30 * MINUTE)
    assert holder.releasing.release_due() == 1


def test_a_report_that_comes_later_is_in_the_same_grant(visited, clock):
    holder, asker, _, visit = visited
    clock.advance(DAY)
    holder.releasing.release_due()
    holder.store(instance(2, accession="A-7", sop_class="1.2.840.10008.5.1.4.1.1.88.11"))
    holder.settling.settle(holder.study().id, "")
    assert holder.releasing.release_due() == 0
    (ready,) = holder.releasing.offers(visit.id)
    assert asker.bring(ready.offer).objects == 2


def test_release_when_the_report_is_final(visited, clock):
    holder, *_ = visited
    rule(holder, When.REPORT)
    clock.advance(DAY)
    assert holder.releasing.release_due() == 0
    holder.reported.add(holder.study().id)
    assert holder.releasing.release_due() == 0, "looked at once as long as nothing arrives"
    holder.store(instance(2, accession="A-7"))
    holder.settling.settle(holder.study().id, "")
    assert holder.releasing.release_due() == 1


def test_release_by_click(visited, clock):
    holder, _, _, visit = visited
    rule(holder, When.CLICK)
    clock.advance(DAY)
    assert holder.releasing.release_due() == 0
    assert holder.releasing.release(visit.id, "anna") == 1
    assert len(grants(holder)) == 1
    assert holder.releasing.release(visit.id, "anna") == 0
    ((row, _),) = holder.visiting.detail(visit.id).studies
    assert row.released_by == "anna"


def test_there_must_be_something_to_release_and_a_consent(pair):
    holder, asker = pair
    consent, visit = named(holder, asker)
    with pytest.raises(Conflict, match="no study"):
        holder.releasing.release(visit.id, "anna")
    holder.consenting.withdraw(consent.id, "", "anna")
    with pytest.raises(Conflict, match="withdrawn"):
        holder.releasing.release(visit.id, "anna")
    _, no = record(holder, decision=Decision.NO)
    with pytest.raises(Conflict):
        holder.releasing.release(no.id, "anna")


def test_a_practice_that_is_not_trusted_gets_its_grant_when_it_is(found, clock):
    holder, asker = found("holder"), found("asker")
    holder.add(asker, trust=False)
    named(holder, asker)
    holder.store(instance(1, accession="A-7"))
    holder.settling.settle(holder.study().id, "")
    clock.advance(DAY)
    assert holder.releasing.release_due() == 0
    assert holder.kinds().count("visit.released") == 1
    holder.peering.set_state(asker.own.id, PeerState.TRUSTED, "anna")
    assert holder.releasing.release_due() == 1


def test_a_study_that_is_held_waits(visited, clock):
    holder, *_ = visited
    holder.studies.hold(holder.study().id, "look at it", "anna")
    clock.advance(DAY)
    assert holder.releasing.release_due() == 0
    holder.studies.release(holder.study().id, "anna")
    assert holder.releasing.release_due() == 1


def test_a_study_that_became_somebody_elses_is_not_released(visited, clock):
    """Corrected between joining and release: a person looks."""
    holder, *_ = visited
    with holder.catalog.change() as records:
        records.studies.put(replace(holder.study(), patient=JOHN))
    clock.advance(DAY)
    assert holder.releasing.release_due() == 0
    (row,) = holder.queueing.list("visit-match")
    assert row.study == holder.study().id
    assert holder.releasing.release_due() == 0
    holder.queueing.resolve(row.id, "leave", "", "anna")
    assert holder.releasing.release_due() == 0
    assert grants(holder) == []


def test_a_proxy_is_named_as_the_ground_of_the_grant(pair, clock):
    holder, asker = pair
    child = Patient("Doe^Kid", "P-300", "hospital", "20150228", "F")
    named(
        holder, asker, patient=child,
        decider=Decider.PARENT, decider_name="Max", authority="passport",
    )  # fmt: skip
    holder.store(instance(1, accession="A-7", patient=child))
    holder.settling.settle(holder.study().id, "")
    clock.advance(DAY)
    assert holder.releasing.release_due() == 1
    assert grants(holder)[0].basis is Basis.PROXY


def test_a_revoked_automatic_grant_is_not_made_again(visited, clock):
    holder, *_ = visited
    clock.advance(DAY)
    holder.releasing.release_due()
    holder.revoking.grant(grants(holder)[0].id, "anna")
    holder.restart()
    assert holder.releasing.release_due() == 0
    assert len(grants(holder)) == 1


def test_a_crash_anywhere_leads_to_one_grant(visited, clock):
    holder, *_ = visited
    clock.advance(DAY)
    for step in range(1, 20):
        fate = Fate(dies_at=step)
        holder.meet(fate)
        with suppress(Crash):
            holder.releasing.release_due()
        holder.restart()
        if not fate.is_dead:
            break
    holder.releasing.release_due()
    assert len(grants(holder)) == 1


def test_nothing_is_granted_while_a_restore_is_not_confirmed(visited, clock):
    """A withdrawal may be missing in the copy that came back."""
    holder, *_ = visited
    clock.advance(DAY)
    with holder.catalog.change() as records:
        records.restored.begin(Restored(clock.now_ms(), 0, RestoredBy.RESTORE, None))
    assert holder.releasing.release_due() == 0
    with holder.catalog.change() as records:
        records.restored.confirm(clock.now_ms())
    assert holder.releasing.release_due() == 1


def test_an_ended_consent_releases_nothing(pair, clock):
    holder, asker = pair
    named(holder, asker, ends=clock.now_ms() // 1000 + 10 * MINUTE)
    holder.store(instance(1, accession="A-7"))
    holder.settling.settle(holder.study().id, "")
    clock.advance(DAY)
    assert holder.releasing.release_due() == 0
    assert grants(holder) == []


# --- Leaving --------------------------------------------------------------------------------------


def retention(practice, *, days=30):
    return Retention(
        catalog=practice.catalog,
        studies=practice.studies,
        clock=practice.clock,
        days=days,
        backed_up_ms=lambda: None,
        refused_hours=24,
    )


def refuse(practice):
    practice.store(instance(1, accession="A-7", patient=JANE))
    practice.settling.settle(practice.study().id, "")
    return record(practice, decision=Decision.NO)


def test_after_a_no_the_study_leaves(alone, clock):
    refuse(alone)
    service = retention(alone)
    (leaving,) = service.leaving(1, 10)
    assert leaving.at_ms == clock.now_ms() + DAY * 1000
    clock.advance(DAY - 1)
    assert service.erase_due() == 0
    clock.advance(1)
    assert service.erase_due() == 1
    assert not alone.has_study()
    assert alone.events()[-1].why == "the patient said no"
    assert service.erase_due() == 0


def test_after_a_no_a_study_stays_while_somebody_else_may_have_it(pair, clock):
    """A permission on other grounds, a hold, or the administrator's word."""
    holder, asker = pair
    refuse(holder)
    grant = holder.grant(holder.study().id, asker, expires=clock.now_ms() // 1000 + 3 * DAY).grant
    clock.advance(2 * DAY)
    assert retention(holder).erase_due() == 0
    holder.revoking.grant(grant.id, "anna")
    holder.studies.keep(holder.study().id, wanted=True, actor="anna")
    clock.advance(2 * DAY)
    assert retention(holder).erase_due() == 0
    holder.studies.keep(holder.study().id, wanted=False, actor="anna")
    assert retention(holder, days=0).erase_due() == 0, "a node that keeps everything keeps it"
    assert retention(holder).erase_due() == 1


def test_a_later_yes_or_a_withdrawn_no_lets_the_study_stay(alone, clock):
    no, _ = refuse(alone)
    yes, _ = record(alone)
    clock.advance(2 * DAY)
    assert retention(alone).erase_due() == 0
    alone.consenting.withdraw(yes.id, "", "anna")
    alone.consenting.withdraw(no.id, "", "anna")
    assert retention(alone).erase_due() == 0
    clock.advance(30 * DAY)
    assert retention(alone).erase_due() == 1, "then as any study without a permission"

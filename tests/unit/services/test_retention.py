"""Studies leave when nobody has had a permission for a while, and never too early."""

from __future__ import annotations

import pytest

from support.memory_reader import JOHN, instance
from support.practice import DAY, Practice
from undisc_node.services.model import Restored, RestoredBy, StudyState
from undisc_node.services.retention import Retention

DAYS = 30


def retention(practice: Practice, *, days: int = DAYS, backed_up_ms: int | None = None):
    return Retention(
        catalog=practice.catalog,
        studies=practice.studies,
        clock=practice.clock,
        days=days,
        backed_up_ms=lambda: backed_up_ms,
    )


@pytest.fixture
def settled(alone):
    """A practice with one settled study."""
    alone.store(instance(1))
    alone.settling.settle(alone.study().id, "alice")
    return alone


def test_a_study_without_a_permission_leaves_after_its_days(settled):
    service = retention(settled)
    settled.clock.advance(DAYS * DAY - 1)
    assert service.erase_due() == 0
    settled.clock.advance(2)
    assert service.erase_due() == 1
    assert not settled.has_study()
    assert settled.packs.ids() == frozenset()
    event = settled.events()[-1]
    assert (event.type, event.why) == ("study.deleted", "no permission for 30 days")
    assert event.who[0].user == "undisc-node"


def test_days_begin_when_the_last_permission_ends(served, clock):
    """Revoked or expired; and while one can be used, never."""
    holder, asker = served
    holder.settling.settle(holder.study().id, "alice")
    service = retention(holder)
    grant = holder.grant(holder.study().id, asker, expires=clock.now_ms() // 1000 + 40 * DAY).grant
    clock.advance(39 * DAY)
    assert service.erase_due() == 0
    holder.revoking.grant(grant.id, "alice")
    clock.advance(DAYS * DAY - 1)
    assert service.erase_due() == 0
    clock.advance(2)
    assert service.erase_due() == 1


def hold(practice):
    practice.studies.hold(practice.study().id, "look at it", "alice")


def keep(practice):
    practice.studies.keep(practice.study().id, wanted=True, actor="alice")


def grow(practice):
    practice.store(instance(2))


def wait_for_a_decision(practice):
    practice.store(instance(3, patient=JOHN))


@pytest.mark.parametrize("act", [hold, keep, grow, wait_for_a_decision])
def test_what_waits_for_a_person_or_still_grows_stays(settled, act):
    act(settled)
    settled.clock.advance(400 * DAY)
    assert retention(settled).erase_due() == 0
    assert settled.has_study()


def test_a_withdrawn_study_leaves_too(settled):
    settled.studies.withdraw(settled.study().id, "wrong patient", "alice")
    settled.clock.advance(DAYS * DAY + 1)
    assert retention(settled).erase_due() == 1


def test_a_fetched_study_stays_until_its_receipt_is_taken(pair):
    """Otherwise the holder would never learn who has a copy."""
    holder, asker = pair
    holder.store(instance(1))
    offer = holder.grant(holder.study().id, asker).offer
    done = asker.bring(offer)
    asker.settling.settle(done.study, "alice")
    with asker.catalog.change() as records:
        row = records.fetches.get(done.id)
        fields = {name: getattr(row, name) for name in type(row).__slots__}
        records.fetches.put(type(row)(**fields | {"receipt_due": True}))
    asker.clock.advance(DAYS * DAY + 1)
    assert retention(asker).erase_due() == 0
    with asker.catalog.change() as records:
        records.fetches.put(type(row)(**fields | {"receipt_due": False}))
    assert retention(asker).erase_due() == 1


def test_where_backups_are_made_the_log_must_be_in_one_first(settled):
    arrived = settled.study().settled_ms
    settled.clock.advance(DAYS * DAY + 1)
    assert retention(settled, backed_up_ms=0).erase_due() == 0
    assert retention(settled, backed_up_ms=arrived - 1).erase_due() == 0
    assert retention(settled, backed_up_ms=arrived).erase_due() == 1


def test_nothing_leaves_soon_after_a_restore(settled):
    """The older catalog may have forgotten grants: the days begin again."""
    settled.clock.advance(DAYS * DAY + 1)
    since = settled.clock.now_ms()
    with settled.catalog.change() as records:
        records.restored.begin(Restored(since, 0, RestoredBy.RESTORE, since))
    assert retention(settled).erase_due() == 0
    (leaving,) = retention(settled).leaving(within_days=31, limit=5)
    assert leaving.at_ms == since + DAYS * DAY * 1000
    settled.clock.advance(DAYS * DAY + 1)
    assert retention(settled).erase_due() == 1


def test_with_zero_days_nothing_ever_leaves(settled):
    settled.clock.advance(4_000 * DAY)
    assert retention(settled, days=0).erase_due() == 0
    assert retention(settled, days=0).leaving(3_650, 5) == ()


def test_what_leaves_soon_can_be_seen_before(settled):
    service = retention(settled)
    settled.clock.advance(25 * DAY)
    assert service.leaving(within_days=4, limit=5) == []
    (leaving,) = service.leaving(within_days=6, limit=5)
    assert leaving.study.id == settled.study().id
    assert leaving.at_ms == settled.study().settled_ms + DAYS * DAY * 1000


def test_a_grant_made_at_the_last_moment_lets_the_study_stay(served, clock):
    """The list of what is due was made before the grant."""
    holder, asker = served
    study = holder.study()
    holder.settling.settle(study.id, "alice")
    clock.advance(DAYS * DAY + 1)
    service = retention(holder)
    original = holder.studies.delete_if

    def grant_first(*arguments):
        holder.grant(study.id, asker)
        return original(*arguments)

    holder.studies.delete_if = grant_first
    assert service.erase_due() == 0
    assert holder.study().state is StudyState.ACTIVE

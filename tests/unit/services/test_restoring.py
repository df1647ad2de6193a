"""Restored mode: a node that came back from a copy serves nothing until somebody has decided."""

from __future__ import annotations

import pytest

from support.asking import direct, shared
from support.memory_reader import instance
from support.practice import Practice
from undisc_node.services.errors import Conflict, NotFound
from undisc_node.services.model import FetchState, RestoredBy, Tombstone
from undisc_node.services.restoring import Restoring, enter_restored_mode
from undisc_node.services.sweeping import sweep
from undisc_protocol.errors import BadTicket, Revoked, ShareTooEarly, Suspended


def restoring(practice: Practice) -> Restoring:
    return Restoring(catalog=practice.catalog, journal=practice.journal, clock=practice.clock)


def come_back(practice: Practice, copy, tombstones=()) -> None:
    """Put an older copy of the catalog in place, five seconds later."""
    practice.catalog._tables = copy
    practice.clock.advance(5)
    enter_restored_mode(
        practice.catalog,
        journal=practice.journal,
        clock=practice.clock,
        entropy=practice.entropy,
        how=RestoredBy.RESTORE,
        taken_ms=practice.clock.now_ms() - 5_000,
        tombstones=tombstones,
    )


def copy_of(practice: Practice):
    return practice.catalog._tables.copy()


@pytest.mark.parametrize("kind", [direct, shared])
def test_what_was_revoked_after_the_copy_stays_refused(served, kind):
    """The copy holds it as valid; only a person can say that it is."""
    holder, _ = served
    asked, grant, *_ = kind(served)
    copy = copy_of(holder)
    holder.revoking.grant(getattr(grant, "grant", grant).id, "alice")
    with pytest.raises(Revoked):
        asked.send()
    come_back(holder, copy)
    for _ in range(2):
        with pytest.raises(Suspended):
            asked.send()
    restoring(holder).confirm(frozenset(), "alice")
    with pytest.raises(Revoked):
        asked.send()


@pytest.mark.parametrize("kind", [direct, shared])
def test_what_is_kept_works_again(served, kind):
    holder, _ = served
    asked, *_ = kind(served)
    come_back(holder, copy_of(holder))
    with pytest.raises(Suspended):
        asked.send()
    done = restoring(holder).confirm(None, "alice")
    assert done.revoked == 0
    again, *_ = kind(served)
    assert again.send().manifest.objects
    event = next(one for one in reversed(holder.events()) if one.type == "node.confirmed")
    assert (event.who[0].user, event.detail) == ("alice", {"kept": done.kept, "revoked": 0})


def test_the_asker_sees_what_its_fetch_waits_for(served):
    """A fetch at a holder that came back: the reason and the next try, then the study."""
    holder, asker = served
    offer = holder.grant(holder.study().id, asker).offer
    come_back(holder, copy_of(holder))
    seen, wait = [], asker.stopping.wait

    def look(seconds):
        (fetch,) = asker.fetching.list()
        seen.append((asker.fetching.progress(fetch.id), asker.clock.now_ms() + seconds * 1000))
        if len(seen) == 2:
            restoring(holder).confirm(None, "alice")
        return wait(seconds)

    asker.stopping.wait = look
    fetch = asker.bring(offer)
    assert fetch.state is FetchState.DONE
    for progress, next_try in seen:
        assert progress.problem.startswith("suspended: ")
        assert progress.next_try_ms == next_try
    assert asker.fetching.progress(fetch.id).next_try_ms is None


def test_a_share_that_the_copy_does_not_know_is_never_taken_back(served):
    """It may have been revoked after the copy; a share made after the return is taken."""
    holder, asker = served
    asked, link, _ = shared(served, register=False)
    come_back(holder, copy_of(holder))
    restoring(holder).confirm(None, "alice")
    with pytest.raises(ShareTooEarly):
        asked.send()
    holder.clock.advance(1)
    newer = holder.share_token(link, asker)
    assert type(asked)(holder, asker, [link.grant.token, newer], asked.study).send()


def test_a_grant_made_after_the_return_works_at_once(served):
    holder, _ = served
    come_back(holder, copy_of(holder))
    asked, *_ = direct(served)
    assert asked.send().manifest.objects


def test_a_ticket_of_before_opens_nothing(served):
    holder, _ = served
    asked, *_ = direct(served)
    granted = asked.send()
    come_back(holder, copy_of(holder))
    with pytest.raises(BadTicket):
        holder.open(granted.ticket, 0, None)


def test_the_log_goes_on_under_another_origin(served):
    """Peers that saw more of the old log than the copy has do not take it for a forgery."""
    holder, _ = served
    with holder.catalog.look() as records:
        before = records.log.frontier()
    come_back(holder, copy_of(holder))
    with holder.catalog.look() as records:
        after = records.log.frontier()
    assert after.origin != before.origin
    event = holder.events()[-1]
    assert event.type == "node.restored"
    assert event.detail["old_size"] == before.size
    assert event.detail["old_origin"] == before.origin.hex()
    holder.auditing.verify()


def test_what_was_erased_after_the_copy_stays_erased(served):
    """Its tombstone was kept elsewhere; a file that came back is erased by the next sweep."""
    holder, _ = served
    study = holder.study()
    with holder.catalog.look() as records:
        packs = records.studies.all_packs()
    come_back(holder, copy_of(holder), [Tombstone(one.id, study.id, 7) for one in packs])
    assert not holder.has_study()
    assert sweep(holder.catalog, holder.packs) == len(packs)
    assert holder.packs.ids() == frozenset()


def test_packs_that_the_copy_does_not_know_are_not_swept(served):
    """Also not those that were never noted as finished: somebody may want them back."""
    holder, _ = served
    copy = copy_of(holder)
    holder.store(instance(1, study_uid="1.2.9"))
    known = holder.packs.ids()
    come_back(holder, copy)
    assert sweep(holder.catalog, holder.packs) == 0
    assert holder.packs.ids() == known


def test_an_unfinished_fetch_of_before_asks_again(pair):
    """What it had staged is not part of a copy."""
    holder, asker = pair
    holder.store(instance(1))
    offer = holder.grant(holder.study().id, asker).offer
    done = asker.bring(offer)
    with asker.catalog.change() as records:
        study = records.studies.get(done.study)
        records.studies.remove(study.id, 5)
        records.fetches.put(
            type(done)(
                **{name: getattr(done, name) for name in type(done).__slots__}
                | {"state": FetchState.PAUSED, "pack": bytes(16), "study": None}
            )
        )
    come_back(asker, copy_of(asker))
    assert asker.fetch(done.id).pack is None
    assert asker.resume(done).state is FetchState.DONE


def test_a_share_is_not_kept_without_its_grant(served):
    holder, _ = served
    shared(served)
    come_back(holder, copy_of(holder))
    service = restoring(holder)
    share = next(one.row.id for one in service.suspended() if one.kind == "share")
    with pytest.raises(Conflict, match="stands on a grant"):
        service.confirm(frozenset({share}), "alice")
    with pytest.raises(NotFound):
        service.confirm(frozenset({bytes(32)}), "alice")
    assert service.latest().confirmed_ms is None
    assert service.ids()


def test_nothing_can_be_confirmed_twice(served):
    holder, _ = served
    with pytest.raises(Conflict, match="not in restored mode"):
        restoring(holder).confirm(None, "alice")
    come_back(holder, copy_of(holder))
    restoring(holder).confirm(None, "alice")
    with pytest.raises(Conflict, match="not in restored mode"):
        restoring(holder).confirm(None, "alice")


def test_what_has_ended_meanwhile_does_not_wait(served):
    holder, _ = served
    direct(served)
    come_back(holder, copy_of(holder))
    assert len(restoring(holder).suspended()) == 1
    holder.clock.advance(400 * 86_400)
    assert restoring(holder).suspended() == ()

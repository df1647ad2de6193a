"""Room: the disk's reserve, and how much one sender or peer may hold."""

from __future__ import annotations

import pytest

from support.memory_reader import instance
from support.practice import befriend
from undisc_node.services.errors import DiskFull, Unavailable
from undisc_node.services.model import FetchState
from undisc_node.services.room import Quotas


def test_a_sender_at_its_quota_is_refused_and_others_are_not(found):
    """An import by the administrator has no quota."""
    practice = found("small", quotas=Quotas(sender=2_000))
    practice.store(instance(1, size=400), "dicom:CT1")
    practice.store(instance(2, size=400), "dicom:CT1")
    with pytest.raises(DiskFull) as refused:
        practice.store(instance(3, size=400), "dicom:CT1")
    assert refused.value.reason == "quota"
    practice.store(instance(3, study_uid="1.2.9", size=400), "dicom:MR1")
    practice.store(instance(4, study_uid="1.2.10", size=4_000), "import")
    assert practice.study().instances == 2


def test_room_that_was_freed_is_found_again(found):
    """Counts are taken anew after ten seconds."""
    practice = found("small", quotas=Quotas(sender=2_000))
    practice.store(instance(1, size=400), "dicom:CT1")
    practice.store(instance(1, study_uid="1.2.9", size=400), "dicom:CT1")
    practice.studies.delete(practice.study().id, "alice")
    practice.clock.advance(11)
    practice.store(instance(2, study_uid="1.2.9", size=400), "dicom:CT1")


def test_a_fetch_over_the_peers_quota_pauses(found):
    holder, asker = found("holder"), found("asker", quotas=Quotas(peer=1_000))
    befriend(holder, asker)
    for number in (1, 2, 3):
        holder.store(instance(number, size=400))
    fetch = asker.bring(holder.grant(holder.study().id, asker).offer)
    assert (fetch.state, fetch.problem.split(":")[0]) == (FetchState.PAUSED, "quota")
    assert not asker.has_study()


def test_the_reserve_is_kept(found):
    practice = found("small", reserve=1_000_000)
    practice.packs.room = 1_000_100
    assert practice.room.above_reserve()
    with pytest.raises(Unavailable) as refused:
        practice.room.take("import", 101)
    assert refused.value.reason == "disk_reserve"

"""Tombstones, and restored mode."""

from __future__ import annotations

import pytest

from support import samples
from undisc_node.services.errors import Conflict
from undisc_node.services.model import PackRole, Restored, RestoredBy, Tombstone

BACK = Restored(since_ms=9_000, taken_ms=5_000, how=RestoredBy.RESTORE, confirmed_ms=None)


def test_a_removed_pack_leaves_a_tombstone_and_cannot_come_back(catalog):
    """Removed alone, or with its study."""
    study = samples.study()
    main, waiting = samples.pack(study), samples.pack(study, "w", role=PackRole.WAITING)
    with catalog.change() as records:
        records.studies.put(study)
        records.studies.put_pack(main)
        records.studies.put_pack(waiting)
        records.studies.remove_pack(waiting.id, 5)
        records.studies.remove_pack(waiting.id, 6)
    with catalog.change() as records:
        assert records.studies.tombstones() == {waiting.id: Tombstone(waiting.id, study.id, 5)}
        records.studies.remove(study.id, 7)
    with catalog.look() as records:
        assert records.studies.tombstones()[main.id] == Tombstone(main.id, study.id, 7)
        assert not records.studies.has_pack(main.id)
    with catalog.change() as records:
        records.studies.put(study)
        with pytest.raises(Conflict):
            records.studies.put_pack(main)


def test_buried_packs_lose_their_rows_and_empty_studies_go(catalog):
    """A tombstone that was kept elsewhere takes what an older copy brought back."""
    emptied, smaller = samples.study(), samples.study("other")
    packs = [samples.pack(emptied), samples.pack(smaller, "one"), samples.pack(smaller, "two")]
    unknown = Tombstone(samples.name("unknown", 16), samples.name("gone", 16), 3)
    with catalog.change() as records:
        for study in (emptied, smaller):
            records.studies.put(study)
        for pack in packs:
            records.studies.put_pack(pack)
        stones = [Tombstone(pack.id, pack.study, 4) for pack in packs[:2]]
        records.studies.bury([*stones, unknown])
        records.studies.bury([*stones, unknown])
    with catalog.look() as records:
        assert records.studies.get(emptied.id) is None
        assert records.studies.get(smaller.id) == smaller
        assert records.studies.all_packs() == [packs[2]]
        assert records.studies.tombstones() == {one.pack: one for one in [unknown, *stones]}


def test_a_restore_suspends_what_was_not_revoked(catalog):
    """Grants and shares alike; what is granted later is not touched."""
    grants = [samples.grant(name) for name in ("kept", "revoked")]
    shares = [samples.share(name, grant=grants[0].id) for name in ("share", "revoked share")]
    with catalog.change() as records:
        assert records.restored.latest() is None
        for grant in grants:
            records.grants.add(grant)
        for share in shares:
            records.shares.add(share)
        records.grants.revoke(grants[1].id, 100)
        records.shares.revoke(shares[1].id, 100)
        assert records.restored.begin(BACK) == 2
        records.grants.add(samples.grant("later"))
    with catalog.change() as records:
        assert records.restored.latest() == BACK
        assert records.restored.suspended() == {grants[0].id, shares[0].id}
        assert records.restored.is_suspended(grants[0].id)
        assert not records.restored.is_suspended(samples.grant("later").id)
        records.restored.confirm(10_000)
    with catalog.look() as records:
        assert records.restored.suspended() == frozenset()
        confirmed = records.restored.latest()
        assert confirmed is not None
        assert confirmed.confirmed_ms == 10_000


def test_every_ticket_can_be_ended(catalog):
    """Those that ended before keep their end."""
    ended, alive = samples.ticket("ended", expires_ms=50), samples.ticket("alive", expires_ms=500)
    with catalog.change() as records:
        for ticket in (ended, alive):
            records.tickets.add(ticket)
        assert records.tickets.drop_all(100) == 1
        assert records.tickets.ends_ms(ended.hash) == 50
        assert records.tickets.ends_ms(alive.hash) == 100


def test_the_log_goes_on_under_another_origin(catalog):
    """The lines stay, and so does the tree."""
    with catalog.change() as records:
        records.log.append(b"one", bytes(32))
        before = records.log.frontier()
        records.log.restart(samples.name("origin", 16))
    with catalog.change() as records:
        after = records.log.frontier()
        assert (after.size, after.root()) == (before.size, before.root())
        assert after.origin == samples.name("origin", 16) != before.origin
        assert records.log.append(b"two", bytes(32)) == 1


def test_a_theft_suspends_as_a_restore_does(catalog):
    """Nothing came back from a copy, but whatever rests on stolen keys waits."""
    study = samples.study()
    grant = samples.grant(study=study.id)
    stolen = Restored(since_ms=7_000, taken_ms=7_000, how=RestoredBy.THEFT, confirmed_ms=None)
    with catalog.change() as records:
        records.studies.put(study)
        records.grants.add(grant)
        assert records.restored.begin(stolen) == 1
        assert records.restored.latest() == stolen
        assert records.restored.is_suspended(grant.id)
        records.restored.confirm(8_000)
        assert not records.restored.is_suspended(grant.id)

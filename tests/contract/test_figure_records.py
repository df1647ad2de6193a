"""Counts over all tables, and the write that proves that a write would work."""

from __future__ import annotations

from dataclasses import replace

from support import samples
from undisc_node.services.model import (
    FetchState,
    PeerState,
    Restored,
    RestoredBy,
    StudyState,
)
from undisc_node.services.ports import Holding, Moment


def test_an_empty_catalog_counts_every_word_as_nothing(catalog):
    """A graph that begins at nothing shows the first of a kind; one that begins late does not."""
    with catalog.look() as records:
        totals = records.figures.totals(0)
        assert records.figures.moment(0) == Moment(0, 0, 0, restored=False)
    nothing = Holding(0, 0, 0)
    ways = ("dicom", "watch", "import", "fetch")
    assert totals.holdings == dict.fromkeys(ways, nothing)
    assert totals.grants == totals.shares == {"active": 0, "expired": 0, "revoked": 0}
    assert totals.fetches == dict.fromkeys(FetchState, 0)
    assert totals.peers == dict.fromkeys(PeerState, 0)
    assert totals.studies == {**dict.fromkeys(StudyState, 0), "unsettled": 0, "waiting": 0}
    assert totals.receipts_due == 0


def test_rows_are_counted_under_their_way_and_state(catalog):
    """Two from scanners, one from a disc, one from another node, one from a folder."""
    senders = ("dicom:ct1", "dicom:dicom", "import", "peer:" + "ab" * 32, "watch:sono")
    with catalog.change() as records:
        for number, sender in enumerate(senders, 1):
            study = replace(
                samples.study(f"s{number}"), sender=sender, instances=number, size=10 * number
            )
            records.studies.put(study)
        grants = [samples.grant(name) for name in ("active", "over", "gone")]
        for grant in grants:
            records.grants.add(
                replace(grant, expires=5) if grant is grants[1] else replace(grant, expires=6)
            )
        records.grants.revoke(grants[2].id, 4_000)
        records.peers.put(replace(samples.peer(), state=PeerState.TRUSTED))
        records.fetches.put(replace(samples.fetch(), state=FetchState.RUNNING, receipt_due=False))
    with catalog.look() as records:
        totals = records.figures.totals(5_000)
    assert totals.holdings == {
        "dicom": Holding(2, 3, 30),
        "import": Holding(1, 3, 30),
        "fetch": Holding(1, 4, 40),
        "watch": Holding(1, 5, 50),
    }
    assert totals.grants == {"active": 1, "expired": 1, "revoked": 1}
    assert totals.peers[PeerState.TRUSTED] == 1
    assert totals.fetches[FetchState.RUNNING] == 1
    assert totals.receipts_due == 0


def test_the_moment_knows_of_tickets_and_of_a_restore(catalog):
    with catalog.change() as records:
        for name, end in (("one", 5_000), ("two", 5_001)):
            records.tickets.add(replace(samples.ticket(name), expires_ms=end))
        records.grants.add(samples.grant())
        back = Restored(since_ms=9_000, taken_ms=5_000, how=RestoredBy.RESTORE, confirmed_ms=None)
        records.restored.begin(back)
        records.log.append(b"event", bytes(32))
    with catalog.look() as records:
        assert records.figures.moment(5_000) == Moment(1, 1, 1, restored=True)
    with catalog.change() as records:
        records.restored.confirm(10_000)
    with catalog.look() as records:
        assert records.figures.moment(5_000) == Moment(1, 1, 0, restored=False)


def test_a_probe_changes_nothing(catalog):
    with catalog.change() as records:
        records.studies.put(samples.study())
    for _ in range(3):
        catalog.probe()
    with catalog.look() as records:
        assert records.studies.get(samples.study().id) == samples.study()

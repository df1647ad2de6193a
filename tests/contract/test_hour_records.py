"""When peers were seen on and off, in memory and in SQLite."""

from __future__ import annotations

from dataclasses import replace

from support import samples
from undisc_node.services.hours import PeerHours
from undisc_node.services.notice_rows import NoticeRow
from undisc_node.services.offer_rows import OutgoingOffer

PEER, OTHER = samples.name("peer", 32), samples.name("other", 32)


def test_what_was_seen_of_a_peer_comes_back(catalog):
    seen = PeerHours(PEER).after(5, is_on=True, counts=True)
    off = replace(seen, peer=OTHER).after(9, is_on=False, counts=True)
    with catalog.change() as records:
        assert records.hours.get(PEER) is None
        records.hours.put(PeerHours(PEER, off_ms=1))
        records.hours.put(seen)
        records.hours.put(off)
    with catalog.look() as records:
        assert records.hours.get(PEER) == seen
        assert sorted(records.hours.list(), key=lambda one: one.peer) == sorted(
            [seen, off], key=lambda one: one.peer
        )


def test_what_waits_for_a_peer_is_listed_until_it_is_done(catalog):
    offer = OutgoingOffer(samples.name("grant", 32), PEER, samples.name("study", 16), 2, 0, 2)
    notice = NoticeRow(samples.name("notice", 16), PEER, offer.study, "grown", 1, 0, 1, None, "")
    with catalog.change() as records:
        records.offers.put_outgoing(offer)
        records.offers.put_outgoing(replace(offer, id=samples.name("done", 32), done_ms=3))
        records.notices.put(notice)
        assert records.offers.waiting() == records.offers.waiting(PEER) == [offer]
        assert records.offers.waiting(OTHER) == []
        assert records.notices.waiting(PEER) == [notice]
        records.notices.put(replace(notice, done_ms=3))
        assert records.notices.waiting() == []

"""What waits for a practice that is off at night is tried again when it opens."""

from __future__ import annotations

import pytest

from support import samples
from undisc_node.services.either_way import EitherWay
from undisc_node.services.errands import Errands
from undisc_node.services.hours import PeerHours, hour_of
from undisc_node.services.offer_rows import OutgoingOffer
from undisc_node.services.outgoing import OutgoingQueue
from undisc_node.services.peer_watch import PeerWatch
from undisc_protocol.errors import Unreachable

HOUR = 3_600_000


def test_hours_are_counted_from_monday():
    assert hour_of(0) == 72  # a Thursday
    assert hour_of(4 * 24 * HOUR) == 0  # the first Monday
    assert hour_of(4 * 24 * HOUR - 1) == 167


def week(on):
    """Return what is known after a week in which a peer was on in some hours."""
    known, begin = PeerHours(b"p" * 32), 4 * 24 * HOUR
    for hour in range(168):
        known = known.after(begin + hour * HOUR, is_on=on(hour), counts=True)
    return known


def test_a_practice_that_is_off_at_night_is_expected_in_the_morning():
    known = week(lambda hour: hour < 120 and 7 <= hour % 24 < 19)
    friday_evening = 11 * 24 * HOUR + (4 * 24 + 20) * HOUR + 17
    expected = known.expected_ms(friday_evening)
    assert hour_of(expected) == 7
    assert expected % HOUR == 0
    assert known.expected_ms(expected + 5) == expected + 5


def test_nothing_is_expected_of_one_that_was_never_seen():
    known = week(lambda hour: False)
    assert known.expected_ms(0) is None
    assert (known.seen_ms, known.off_ms) == (None, 4 * 24 * HOUR)


class Fetching:
    def __init__(self):
        self.came = []

    def come(self, peer):
        self.came.append(peer)
        return 0


@pytest.fixture
def asked(pair, clock):
    """A practice with an offer for another, and what it does about it."""
    holder, asker = pair
    watch = PeerWatch(catalog=holder.catalog, clock=clock)
    network = EitherWay(
        holder.network, errands=Errands(clock=clock, entropy=holder.entropy), watch=watch
    )
    fetching = Fetching()
    queue = OutgoingQueue(
        catalog=holder.catalog,
        journal=holder.journal,
        clock=clock,
        fetching=fetching,
        hurry=lambda peer: None,
    )
    watch.returned = queue.returned
    later = clock.now_ms() + 5 * 24 * HOUR
    row = OutgoingOffer(samples.name("grant", 32), asker.own.id, bytes(16), 0, 9, later)
    with holder.catalog.change() as records:
        records.offers.put_outgoing(row)
    return holder, asker, network, queue, watch


def due(holder, clock):
    with holder.catalog.look() as records:
        return bool(records.offers.due(clock.now_ms()))


def say(network, peer):
    network.ask(peer.urls, "/undisc/v1/recall", b"", limit=10_000)


def test_a_peer_that_answers_again_hears_what_waited_at_once(asked, clock):
    holder, asker, network, _queue, watch = asked
    peer = holder.peer(asker)
    holder.network.faults.unreachable.add(asker.url)
    with pytest.raises(Unreachable):
        say(network, peer)
    assert watch.of(peer.id).off_ms == clock.now_ms()
    assert not due(holder, clock)
    holder.network.faults.unreachable.clear()
    say(network, peer)
    assert watch.of(peer.id).off_ms is None
    assert due(holder, clock)


def test_an_hour_is_counted_once_however_much_is_said(asked):
    holder, asker, network, _, watch = asked
    for _ in range(5):
        say(network, holder.peer(asker))
    assert sum(watch.of(asker.own.id).on_hours) == 1


def test_what_waits_is_tried_in_the_hour_in_which_the_peer_is_usually_on(asked, clock):
    holder, asker, network, queue, _watch = asked
    say(network, holder.peer(asker))  # it was on in this hour
    clock.advance(12 * 3600)
    holder.network.faults.unreachable.add(asker.url)
    with pytest.raises(Unreachable):
        say(network, holder.peer(asker))
    assert queue.round() == 0
    clock.advance(156 * 3600)  # a week after it was on
    assert queue.round() == 1
    assert due(holder, clock)
    assert queue.round() == 0  # once an hour is enough


def test_a_peer_that_is_usually_off_is_tried_four_times_a_day(asked, clock):
    holder, asker, network, queue, _ = asked
    holder.network.faults.unreachable.add(asker.url)
    with pytest.raises(Unreachable):
        say(network, holder.peer(asker))
    tried = 0
    for _ in range(24 * 60):
        clock.advance(60)
        tried += queue.round()
    assert 3 <= tried <= 4

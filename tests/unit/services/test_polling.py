"""A practice to which nobody can connect goes to its peers, and everything crosses all the same."""

from __future__ import annotations

from dataclasses import replace
from threading import Thread

import pytest

from support.clock import SeededEntropy
from support.memory_network import NOTICE, OFFERS, RECALL, RECEIPT
from support.memory_reader import instance
from support.practice import until
from undisc_node.services.either_way import EitherWay
from undisc_node.services.errands import Away, Errands
from undisc_node.services.errors import Conflict, NotFound
from undisc_node.services.identity import Cards
from undisc_node.services.model import COMES, FetchState, PeerState
from undisc_node.services.offer_pushing import OfferPushing
from undisc_node.services.offer_rows import OutgoingOffer
from undisc_node.services.offer_taking import OfferTaking
from undisc_node.services.offering import Offering
from undisc_node.services.outgoing import OutgoingKind, OutgoingQueue
from undisc_node.services.poll_answering import PollAnswering
from undisc_node.services.polling import Polling
from undisc_protocol.errors import Replayed, UnknownRecipient, Unreachable

FETCH = "/undisc/v1/fetch"


class Bringer:
    """Carries answers to the practice that waits for them; a test can lose some of them."""

    def __init__(self, errands):
        self.errands = errands
        self.brought = []
        self.lost = 0
        self.before_piece = lambda number: None

    def bring(self, urls, handle, status, pieces, *, length):
        if self.lost:
            self.lost -= 1
            raise Unreachable("the answer got lost")
        answering = self.errands.answer(handle, status, length)
        try:
            for number, piece in enumerate(pieces):
                self.before_piece(number)
                answering.put(piece)
        finally:
            answering.close()
        self.brought.append((status, length))


class Sides:
    """A practice with a door, and one behind NAT that knows it."""

    def __init__(self, holder, asker, clock):
        self.clock = clock
        self.village, self.city = holder, asker  # the village has the images
        self.errands = Errands(clock=clock, entropy=SeededEntropy("errands"))
        self.city.network = EitherWay(self.city.network, errands=self.errands)
        self.city._lasting = self.city.catalog, self.city.packs, self.city.network
        self.city.start()
        self.queue = OutgoingQueue(
            catalog=self.city.catalog,
            journal=self.city.journal,
            clock=clock,
            fetching=self.city.fetching,
            hurry=lambda peer: None,
        )
        self.answering = PollAnswering(
            catalog=self.city.catalog,
            journal=self.city.journal,
            refusals=self.city.refusals,
            clock=clock,
            entropy=SeededEntropy("answers"),
            own=self.city.own,
            cards=Cards(own=self.city.own, catalog=self.city.catalog, clock=clock),
            errands=self.errands,
            waking=self.queue.woken,
        )
        network = self.village.network
        del network.nodes[self.village.url]
        self.asked = []
        network.nodes[self.city.url] = self
        self.village.own = replace(self.village.own, urls=())
        self.village.start()
        self.bringer = Bringer(self.errands)
        self.polling = Polling(
            catalog=self.village.catalog,
            network=network,
            bringer=self.bringer,
            journal=self.village.journal,
            clock=clock,
            entropy=SeededEntropy("polls"),
            own=self.village.own,
            cards=Cards(own=self.village.own, catalog=self.village.catalog, clock=clock),
            doors={
                FETCH: self.village.answer,
                RECEIPT: self.village.take,
                NOTICE: self.village.hear,
                RECALL: self.village.remember,
                OFFERS: self._handed,
            },
            streams=self.village.streams,
            every_ms=60_000,
        )
        with self.city.catalog.change() as records:
            records.peers.put(replace(self.city.peer(self.village), urls=()))

    def _handed(self, body):
        taking = OfferTaking(
            catalog=self.village.catalog,
            fetching=self.village.fetching,
            journal=self.village.journal,
            refusals=self.village.refusals,
            clock=self.clock,
            own=self.village.own,
            policy="show",
        )
        return taking.take(body)

    def __getattr__(self, name):
        return getattr(self.city, name)

    def answer(self, body):
        """What the city's door does with bodies of every path that has no own door here."""
        self.asked.append(body)
        return self.answering.answer(body)

    def visit(self):
        """Have the village go to the city, to whatever end."""
        self.clock.advance(120)
        assert self.polling.round() == 1
        self.polling.standing()[self.city.own.id].visit.result(30)
        return self.polling.standing()[self.city.own.id]

    def offer(self):
        for number in (1, 2, 3):
            self.village.store(instance(number))
        return self.village.grant(self.village.study().id, self.city).offer


@pytest.fixture
def sides(pair, clock):
    made = Sides(*pair, clock)
    yield made
    clock.advance(3600)  # whoever still waits for the village gives up
    made.polling.stop()
    made.city.fetching.stop()


def test_a_fetch_waits_for_its_holder_and_goes_on_when_it_comes(sides):
    fetch = sides.city.bring(sides.offer())
    assert (fetch.state, fetch.waits_for_holder) == (FetchState.PAUSED, True)
    [row] = sides.queue.list()
    assert (row.kind, row.peer, row.next_ms) == (OutgoingKind.FETCH, sides.village.own.id, None)
    assert sides.visit().problem == ""
    until(lambda: sides.city.fetch(fetch.id).state is FetchState.DONE)
    until(lambda: not sides.city.fetch(fetch.id).receipt_due)
    assert sides.city.bytes_of() == sides.village.bytes_of()
    assert "fetch.answered" in sides.village.kinds()
    assert sides.queue.list() == []


def test_an_answer_that_got_lost_is_brought_again_and_used_up_once(sides, monkeypatch):
    monkeypatch.setattr("undisc_node.services.errands._TOLD_AGAIN_MS", 0)
    fetch = sides.city.bring(sides.offer())
    sides.bringer.lost = 1
    sides.visit()
    until(lambda: sides.city.fetch(fetch.id).state is FetchState.DONE)
    assert sides.village.kinds().count("fetch.answered") == 1


def test_a_revocation_bites_before_the_next_slice(sides, monkeypatch):
    monkeypatch.setattr("undisc_protocol.limits.SLICE", 64)
    offer = sides.offer()
    fetch = sides.city.bring(offer)

    def revoke(number):
        with sides.village.catalog.look() as records:
            [grant] = records.grants.list(study=sides.village.study().id)
        if grant.revoked_ms is None and sides.bringer.brought:
            sides.village.revoking.grant(grant.id, "admin")

    sides.bringer.before_piece = revoke
    sides.visit()
    until(lambda: sides.city.fetch(fetch.id).state is FetchState.FAILED)
    assert sides.city.fetch(fetch.id).problem.startswith("revoked")
    assert not sides.city.has_study()


def test_a_peer_without_an_address_has_a_way_and_shows_none(sides):
    peer = sides.city.peer(sides.village)
    assert peer.urls == (COMES + peer.id.hex(),)
    assert peer.addresses == ()
    with pytest.raises(Away):
        sides.city.network.ask(peer.urls, FETCH, b"", limit=10)
    with pytest.raises(Away):
        sides.city.network.introduce(peer.urls[0])


def test_who_is_no_trusted_peer_hears_nothing(sides):
    with sides.city.catalog.change() as records:
        records.peers.put(replace(sides.city.peer(sides.village), state=PeerState.SUSPENDED))
    assert sides.visit().problem.startswith(UnknownRecipient.code)
    assert not sides.errands.here(sides.village.own.id)


def test_a_poll_that_is_repeated_is_refused(sides):
    sides.visit()
    assert sides.answering.answer(sides.asked[-1]).status == Replayed.status


def test_a_peer_that_does_not_answer_is_asked_less_and_less_often(sides):
    sides.village.network.faults.unreachable.add(sides.city.url)
    pauses = []
    for _ in range(6):
        standing = sides.visit()
        pauses.append(standing.next_ms - sides.clock.now_ms())
        sides.clock.advance(1_200)
    assert standing.problem.startswith("unreachable")
    assert pauses == sorted(pauses) or max(pauses) > 700_000
    assert max(pauses) <= 900_000 * 1.2


def test_the_city_learns_a_newer_card_from_a_poll(sides):
    sides.polling._own = replace(sides.polling._own, name="New Name")
    sides.polling._cards._own = sides.polling._own
    sides.clock.advance(5)
    sides.visit()
    assert sides.city.peer(sides.village).name == "New Name"


def test_a_path_without_a_door_is_answered_as_a_door_would(sides):
    """What a newer peer asks that this node does not know yet: 404, and nothing else is done."""
    peer, replies = sides.city.peer(sides.village), []
    sides.errands.come(peer.id)

    def ask():
        sides.clock.advance(120)
        sides.errands.come(peer.id)
        replies.append(sides.city.network.ask(peer.urls, "/undisc/v1/newer", b"?", limit=10))

    asking = Thread(target=ask, daemon=True)
    asking.start()
    until(lambda: sides.errands._open)
    assert sides.polling.round() == 1
    asking.join(20)
    assert (replies[0].status, replies[0].body) == (404, b"")


def test_what_waits_for_a_peer_is_hurried_when_it_comes(sides):
    fetch = sides.city.bring(sides.offer())
    with pytest.raises(Conflict, match="costs nothing"):
        sides.queue.drop(sides.queue.find(fetch.id.hex()[:8]), "anna")
    with pytest.raises(NotFound):
        sides.queue.find("ffff")


def test_after_a_month_of_sleep_an_offer_is_still_there(sides):
    """Nobody gives up on a peer that comes by itself; it is told when it wakes."""
    city, clock, month = sides.city, sides.clock, 31 * 86_400
    for number in (1, 2):
        city.store(instance(number))
    end = clock.now_ms() // 1000 + 2 * month
    given = city.grant(city.study().id, sides.village, expires=end).grant
    row = OutgoingOffer(given.id, sides.village.own.id, given.study, clock.now_ms(), 0, 0)
    with city.catalog.change() as records:
        records.offers.put_outgoing(row)
    cards = Cards(own=city.own, catalog=city.catalog, clock=clock)
    pushing = OfferPushing(
        catalog=city.catalog,
        network=city.network,
        journal=city.journal,
        clock=clock,
        entropy=SeededEntropy("pushing"),
        own=city.own,
        offering=Offering(own=city.own, cards=cards, clock=clock),
    )
    for _ in range(31 * 4):
        clock.advance(6 * 3600)
        assert pushing.push_due() == 0
    [waits] = sides.queue.list()
    assert waits.problem.startswith("away: ")
    duty = Thread(target=lambda: until(lambda: pushing.push_due() == 1), daemon=True)
    duty.start()
    sides.visit()
    duty.join(20)
    assert sides.queue.list() == []
    with sides.village.catalog.look() as records:
        [taken] = records.offers.list()
    assert taken.id == given.id

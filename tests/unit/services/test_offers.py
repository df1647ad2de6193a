"""What a consent grants to a practice is offered to its node, which does as it was set."""

from __future__ import annotations

import pytest

from support.clock import SeededEntropy
from support.consents import TEXT, consent, visit
from support.memory_network import OFFERS
from support.memory_reader import instance
from undisc_node.services.consent_rows import VisitGrant
from undisc_node.services.errors import Conflict
from undisc_node.services.identity import Cards
from undisc_node.services.model import PeerState
from undisc_node.services.offer_pushing import OfferPushing
from undisc_node.services.offer_rows import OfferState, OutgoingOffer
from undisc_node.services.offer_taking import MOST_SHOWN, OfferTaking
from undisc_node.services.offering import Offering

WEEK = 7 * 86_400


class Sides:
    """A holder with a study granted to an asker through a visit."""

    def __init__(self, holder, asker, clock):
        self.holder, self.asker, self.clock = holder, asker, clock
        holder.store(instance(1))
        holder.settling.settle(holder.study().id, "")
        self.pushing = OfferPushing(
            catalog=holder.catalog,
            network=holder.network,
            journal=holder.journal,
            clock=clock,
            entropy=SeededEntropy("offers"),
            own=holder.own,
            offering=Offering(
                own=holder.own,
                cards=Cards(own=holder.own, catalog=holder.catalog, clock=clock),
                clock=clock,
            ),
        )
        self.grant = self.granted()
        self.takes("show")

    def granted(self, name="1"):
        end = self.clock.now_ms() // 1000 + WEEK
        given = self.holder.grant(self.holder.study().id, self.asker, expires=end).grant
        one = consent(name)
        made = visit(one, name)
        with self.holder.catalog.change() as records:
            records.consents.add_text(TEXT)
            records.consents.add(one)
            records.visits.put(made)
            records.visits.add_grant(VisitGrant(made.id, given.study, self.asker.own.id, given.id))
        return given

    def takes(self, policy):
        self.taking = OfferTaking(
            catalog=self.asker.catalog,
            fetching=self.asker.fetching,
            journal=self.asker.journal,
            refusals=self.asker.refusals,
            clock=self.clock,
            own=self.asker.own,
            policy=policy,
        )
        self.asker.handed = self.taking.take

    def outcomes(self):
        with self.holder.catalog.look() as records:
            return [one.outcome for one in records.offers.outgoing()]


@pytest.fixture
def sides(pair, clock):
    holder, asker = pair
    return Sides(holder, asker, clock)


def test_an_offer_is_shown_and_fetched_when_somebody_accepts_it(sides):
    assert sides.pushing.push_due() == 1
    assert sides.outcomes() == ["a person there decides"]
    (offer,) = sides.taking.list()
    assert (offer.id, offer.state) == (sides.grant.id, OfferState.SHOWN)
    assert sides.taking.find(offer.id.hex()[:6]) == offer
    accepted, fetch = sides.taking.accept(offer, "anna")
    sides.asker.ended(fetch.id)
    assert (accepted.state, accepted.by) == (OfferState.FETCHED, "anna")
    assert sides.asker.bytes_of() == sides.holder.bytes_of()
    with pytest.raises(Conflict, match="accepted already"):
        sides.taking.accept(accepted, "anna")
    assert sides.pushing.push_due() == 0


def test_a_practice_may_fetch_by_itself(sides):
    sides.takes("fetch")
    sides.pushing.push_due()
    assert sides.outcomes() == ["fetches it"]
    for fetch in sides.asker.fetching.list():
        sides.asker.ended(fetch.id)
    assert sides.asker.bytes_of() == sides.holder.bytes_of()


def test_a_practice_may_want_no_offers(sides):
    sides.takes("refuse")
    sides.pushing.push_due()
    assert sides.outcomes() == ["wants no offers"]
    assert sides.taking.list() == []


def test_somebody_may_refuse_and_think_better_of_it(sides):
    sides.pushing.push_due()
    refused = sides.taking.refuse(sides.taking.list()[0], "anna")
    assert refused.state is OfferState.REFUSED
    accepted, fetch = sides.taking.accept(refused, "ben")
    sides.asker.ended(fetch.id)
    assert accepted.state is OfferState.FETCHED


def test_an_answer_that_is_lost_leads_to_one_offer(sides, clock):
    sides.holder.network.faults.silent.add(OFFERS)
    assert sides.pushing.push_due() == 0
    sides.holder.network.faults.silent.clear()
    clock.advance(60)
    assert sides.pushing.push_due() == 1
    assert sides.outcomes() == ["had it already"]
    assert len(sides.taking.list()) == 1


def test_a_node_that_is_away_is_asked_again_and_given_up_after_two_weeks(sides, clock):
    address = sides.holder.network.nodes.pop(sides.asker.url)
    for _ in range(6):
        assert sides.pushing.push_due() == 0
        clock.advance(6 * 3_600)
    assert sides.outcomes()[0].startswith("unreachable: ")
    sides.holder.network.nodes[sides.asker.url] = address
    assert sides.pushing.push_due() == 1


def test_a_permission_that_ended_meanwhile_is_not_offered(sides):
    sides.holder.network.nodes.pop(sides.asker.url)
    sides.pushing.push_due()
    sides.holder.revoking.grant(sides.grant.id, "anna")
    sides.clock.advance(60)
    assert sides.pushing.push_due() == 1
    assert sides.outcomes() == ["not offered: the permission has ended"]


def test_only_trusted_peers_that_may_offer_are_heard(sides):
    """A stranger, a suspended peer and one without the scope get one and the same answer."""
    with sides.asker.catalog.change() as records:
        (peer,) = records.peers.list()
        records.peers.put(type(peer)(**{**_fields(peer), "state": PeerState.SUSPENDED}))
    sides.pushing.push_due()
    assert sides.outcomes() == ["refused: unknown_recipient"]
    with sides.asker.catalog.change() as records:
        records.peers.put(type(peer)(**{**_fields(peer), "scopes": ("fetch",)}))
    sides.granted("2")
    sides.pushing.push_due()
    assert sides.outcomes()[0] == "refused: unknown_recipient"
    assert sides.taking.list() == []


def _fields(value):
    return {name: getattr(value, name) for name in value.__dataclass_fields__}


def test_one_practice_cannot_fill_the_list_of_another(sides):
    sides.pushing.push_due()
    (offer,) = sides.taking.list()
    with sides.asker.catalog.change() as records:
        for number in range(MOST_SHOWN):
            fields = {**_fields(offer), "id": number.to_bytes(32, "big")}
            records.offers.put(type(offer)(**fields))
    sides.granted("2")
    assert sides.pushing.push_due() == 0
    assert sides.outcomes()[0].startswith("busy")


def test_what_a_patient_shares_with_a_practice_is_offered_with_the_share(sides, clock):
    """Both tokens travel; a share that was taken back before is not offered any more."""
    holder, asker = sides.holder, sides.asker
    sides.pushing.push_due()
    now_ms, link = clock.now_ms(), holder.grant(holder.study().id, None)
    first = holder.share(link, asker).share
    second = holder.share(link, asker, nonce=b"another one.").share
    holder.revoking.share(second.id, "admin")
    with holder.catalog.change() as records:
        for share in (first, second):
            made = OutgoingOffer(share.id, asker.own.id, share.study, now_ms, 0, now_ms)
            records.offers.put_outgoing(made)
    assert sides.pushing.push_due() == 2
    (offer,) = [one for one in sides.taking.list() if one.id == first.id]
    _, fetch = sides.taking.accept(offer, "anna")
    assert asker.ended(fetch.id).capability == first.id
    assert "not offered: the permission has ended" in sides.outcomes()

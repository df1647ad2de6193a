"""Offers on their way between nodes, in memory and in SQLite."""

from __future__ import annotations

from dataclasses import replace

from support import samples
from support.consents import TEXT, consent, visit
from undisc_node.services.consent_rows import VisitGrant
from undisc_node.services.offer_rows import IncomingOffer, OfferState, OutgoingOffer

OFFER = IncomingOffer(
    id=samples.name("offer", 32),
    peer=samples.name("peer", 32),
    offer=b"an offer",
    study=samples.name("study", 16),
    expires=9_000,
    state=OfferState.SHOWN,
    at_ms=1_000,
)


def test_an_offer_comes_back_and_counts_until_it_is_decided(catalog):
    with catalog.change() as records:
        assert records.offers.get(OFFER.id) is None
        records.offers.put(OFFER)
        newer = replace(OFFER, id=samples.name("newer", 32), at_ms=2_000)
        records.offers.put(newer)
        assert records.offers.list() == [newer, OFFER]
        assert records.offers.starting(OFFER.id.hex()[:8]) == [OFFER]
        assert records.offers.shown(OFFER.peer) == 2
        refused = replace(newer, state=OfferState.REFUSED, decided_ms=3_000, by="anna")
        records.offers.put(refused)
        assert records.offers.get(newer.id) == refused
        assert records.offers.shown(OFFER.peer) == 1
        assert records.offers.shown(bytes(32)) == 0


def test_what_is_handed_over_is_due_until_it_is_done(catalog):
    out = OutgoingOffer(samples.name("grant", 32), OFFER.peer, OFFER.study, 1_000, 0, 1_000)
    with catalog.change() as records:
        records.offers.put_outgoing(out)
        assert records.offers.due(999) == []
        assert records.offers.due(1_000) == [out]
        done = replace(out, attempts=1, done_ms=2_000, outcome="fetches it")
        records.offers.put_outgoing(done)
        assert records.offers.due(9_000) == []
        assert records.offers.outgoing() == [done]


def test_grants_of_visits_are_offered_once_while_they_are_good(catalog):
    one = consent()
    made = visit(one)
    study = samples.study()
    good, view, ended = (
        samples.grant(name, study=study.id, expires=100, **more)
        for name, more in (
            ("good", {"command": "/img/read"}),
            ("view", {"command": "/img/view"}),
            ("ended", {"command": "/img/read"}),
        )
    )
    with catalog.change() as records:
        records.studies.put(study)
        records.consents.add_text(TEXT)
        records.consents.add(one)
        records.visits.put(made)
        for number, grant in enumerate((good, view, ended)):
            records.grants.add(grant)
            records.visits.add_grant(VisitGrant(made.id, study.id, bytes([number]) * 32, grant.id))
        records.grants.revoke(ended.id, 5)
        wanted = [(good.id, bytes(32), study.id)]
        assert records.offers.unoffered(99) == wanted
        assert records.offers.unoffered(100) == []
        records.offers.put_outgoing(OutgoingOffer(good.id, bytes(32), study.id, 1, 0, 1))
        assert records.offers.unoffered(99) == []

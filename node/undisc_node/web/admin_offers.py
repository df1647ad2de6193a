"""Offers between nodes on the admin socket: list, show, accept, refuse."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from undisc_node.services.offer_rows import IncomingOffer, OutgoingOffer
from undisc_node.web.admin_answers import answer, changes, names_in, reads
from undisc_node.web.admin_uses import AdminUses
from undisc_node.web.fields import read_fields
from undisc_node.web.rendering import (
    Json,
    Names,
    fetch_json,
    moment,
    moment_ms,
    moment_or_none,
)


def offer_json(offer: IncomingOffer, names: Names) -> Json:
    """Render an offer that was handed to us."""
    return {
        "id": offer.id.hex(),
        "peer": offer.peer.hex(),
        "peer_name": names.of_node(offer.peer),
        "study": offer.study.hex(),
        "expires": moment(offer.expires),
        "state": offer.state,
        "arrived": moment_ms(offer.at_ms),
        "decided": moment_or_none(offer.decided_ms),
        "by": offer.by,
    }


def outgoing_json(offer: OutgoingOffer, names: Names) -> Json:
    """Render an offer that we hand over."""
    return {
        "grant": offer.id.hex(),
        "peer": offer.peer.hex(),
        "peer_name": names.of_node(offer.peer),
        "study": offer.study.hex(),
        "made": moment_ms(offer.made_ms),
        "attempts": offer.attempts,
        "done": moment_or_none(offer.done_ms),
        "outcome": offer.outcome,
    }


async def list_offers(request: web.Request) -> web.StreamResponse:
    """GET /admin/v1/offers: those that were handed to us, and those that we hand over."""

    def work(uses: AdminUses, _actor: str) -> Json:
        names = names_in(uses)
        return {
            "offers": [offer_json(one, names) for one in uses.offers.list()],
            "outgoing": [outgoing_json(one, names) for one in uses.offers.outgoing()],
        }

    return await answer(request, work)


async def show_offer(request: web.Request) -> web.StreamResponse:
    """GET /admin/v1/offers/{offer}: one that was handed to us."""
    name = request.match_info["offer"]
    return await answer(
        request, lambda uses, _: {"offer": offer_json(uses.offers.find(name), names_in(uses))}
    )


async def accept(request: web.Request) -> web.StreamResponse:
    """POST /admin/v1/offers/{offer}/accept: fetch what it names."""
    name = request.match_info["offer"]
    (await read_fields(request)).done()

    def work(uses: AdminUses, actor: str) -> Json:
        offer, fetch = uses.offers.accept(uses.offers.find(name), actor)
        names = names_in(uses)
        return {
            "offer": offer_json(offer, names),
            "fetch": fetch_json(fetch, uses.fetching.progress(fetch.id), names),
        }

    return await answer(request, work)


async def refuse(request: web.Request) -> web.StreamResponse:
    """POST /admin/v1/offers/{offer}/refuse: do not fetch it."""
    name = request.match_info["offer"]
    (await read_fields(request)).done()

    def work(uses: AdminUses, actor: str) -> Json:
        offer = uses.offers.refuse(uses.offers.find(name), actor)
        return {"offer": offer_json(offer, names_in(uses))}

    return await answer(request, work)


ROUTES: Final = (
    reads("/admin/v1/offers", list_offers),
    reads("/admin/v1/offers/{offer}", show_offer),
    changes("/admin/v1/offers/{offer}/accept", accept),
    changes("/admin/v1/offers/{offer}/refuse", refuse),
)

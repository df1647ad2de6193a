"""Offers between nodes at the desk: what other practices offer, and what became of ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from aiohttp import web

from undisc_node.services.errors import ServiceError
from undisc_node.services.offer_rows import IncomingOffer, OfferState, OutgoingOffer
from undisc_node.web.desk.sessions import desk_page, form_of, run, see, who
from undisc_node.web.desk.uses import DeskUses
from undisc_node.web.pages.texts import problem_text
from undisc_protocol.errors import ProtocolError

_MOST: Final = 100  # offers of each kind on the page


def waiting(desk: DeskUses) -> int:
    """Count offers on which nobody has decided, and that can still be fetched."""
    now = desk.now_ms() // 1000
    return sum(one.state is OfferState.SHOWN and one.expires > now for one in desk.offers.list())


async def offers(request: web.Request) -> web.StreamResponse:
    """GET /desk/offers: what others offer, those that wait first, and what we offer."""
    return await _offers(request)


async def _offers(request: web.Request, problem: str = "", status: int = 200) -> web.Response:
    def work(
        desk: DeskUses,
    ) -> tuple[Sequence[IncomingOffer], Sequence[OutgoingOffer], Mapping[bytes, str], int]:
        names = {one.id: one.name for one in desk.peers()}
        found = sorted(desk.offers.list(), key=lambda one: one.state is not OfferState.SHOWN)
        return found[:_MOST], desk.offers.outgoing()[:_MOST], names, desk.now_ms()

    found, ours, names, now_ms = await run(request, work)
    return desk_page(
        request,
        "desk/offers.html",
        status=status,
        here="offers",
        found=found,
        ours=ours,
        names=names,
        now_ms=now_ms,
        problem=problem,
    )


async def accept(request: web.Request) -> web.StreamResponse:
    """POST /desk/offers/{offer}/accept: fetches what is offered."""
    await form_of(request)
    name, by = request.match_info["offer"], who(request).name
    try:
        await run(request, lambda desk: desk.offers.accept(desk.offers.find(name), by))
    except ServiceError as problem:
        return await _offers(request, problem_text(request, problem), problem.status)
    except ProtocolError as problem:
        return await _offers(request, str(problem), 409)
    return see("/desk/fetches")


async def refuse(request: web.Request) -> web.StreamResponse:
    """POST /desk/offers/{offer}/refuse: does not fetch it."""
    await form_of(request)
    name, by = request.match_info["offer"], who(request).name
    try:
        await run(request, lambda desk: desk.offers.refuse(desk.offers.find(name), by))
    except ServiceError as problem:
        return await _offers(request, problem_text(request, problem), problem.status)
    return see("/desk/offers")

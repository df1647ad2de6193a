"""What other nodes ask of this one, on the public listener (SPEC.md §6.9).

Messages are bytes here; use cases read, verify and answer them. A refusal that a use case signs
comes back as its bytes; what is refused before that has the error shape and is only a hint to the
asker.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from typing import Final

from aiohttp import hdrs, web

from undisc_node.services.ports import Reply
from undisc_node.web import errands, keys
from undisc_node.web.limits import body_of
from undisc_node.web.routing import NO_BODY, Authority, Route
from undisc_protocol import limits
from undisc_protocol.errors import BadTicket, OutsideExtent

_BYTES: Final = "application/octet-stream"
_SCHEME: Final = "Undisc "
_RANGE: Final = re.compile(r"bytes=([0-9]{1,15})-([0-9]{1,15})?", re.ASCII)


def _bytes(body: bytes, status: int = 200) -> web.Response:
    return web.Response(
        status=status, body=body, content_type=_BYTES, headers={"Cache-Control": "no-store"}
    )


async def _answered(request: web.Request, answer: Callable[[bytes], Reply]) -> web.Response:
    """Let a use case answer the whole body."""
    body = await body_of(request).whole()
    reply = await request.app[keys.WORKERS].run(lambda: answer(body))
    return _bytes(reply.body, reply.status)


async def node(request: web.Request) -> web.StreamResponse:
    """GET /undisc/v1/node: identity records and status card."""
    peering = request.app[keys.PUBLIC].peering
    return _bytes(await request.app[keys.WORKERS].run(peering.document))


async def fetch(request: web.Request) -> web.StreamResponse:
    """POST /undisc/v1/fetch: a sealed request, a signed answer."""
    return await _answered(request, request.app[keys.PUBLIC].serving.answer)


async def receipt(request: web.Request) -> web.StreamResponse:
    """POST /undisc/v1/receipt: a sealed receipt, a signed answer."""
    return await _answered(request, request.app[keys.PUBLIC].receipts.take)


async def recall(request: web.Request) -> web.StreamResponse:
    """POST /undisc/v1/recall: a sealed request to recall, a signed answer."""
    return await _answered(request, request.app[keys.PUBLIC].recalling.answer)


async def greeting(request: web.Request) -> web.StreamResponse:
    """POST /undisc/v1/greeting: a peer's sealed greeting, a signed answer."""
    return await _answered(request, request.app[keys.PUBLIC].rounds.answer)


async def notice(request: web.Request) -> web.StreamResponse:
    """POST /undisc/v1/notice: a sealed notice about a study, a signed answer."""
    return await _answered(request, request.app[keys.PUBLIC].heeding.take)


async def offers(request: web.Request) -> web.StreamResponse:
    """POST /undisc/v1/offers: a sealed offer for this node, a signed answer."""
    return await _answered(request, request.app[keys.PUBLIC].offers.take)


async def unlock(request: web.Request) -> web.StreamResponse:
    """POST /undisc/v1/unlock: a sealed request to unlock a link, a signed answer."""
    return await _answered(request, request.app[keys.PUBLIC].unlocking.answer)


async def poll(request: web.Request) -> web.StreamResponse:
    """POST /undisc/v1/poll: a node that comes by itself, and what waits for it."""
    return await _answered(request, request.app[keys.PUBLIC].polls.answer)


async def errand(request: web.Request) -> web.StreamResponse:
    """POST /undisc/v1/errand: what a node that comes by itself says to an errand."""
    return await errands.take(request, _ticket(request))


async def pairing(request: web.Request) -> web.StreamResponse:
    """POST /undisc/v1/pairing: a sealed message of a pairing, a sealed answer."""
    return await _answered(request, request.app[keys.PUBLIC].pairings.answer)


async def packs(request: web.Request) -> web.StreamResponse:
    """GET /undisc/v1/packs: one range of the bytes that a ticket opens."""
    streams = request.app[keys.PUBLIC].streams
    ticket = _ticket(request)
    start, stop = _range(request)
    stream = await request.app[keys.WORKERS].run(lambda: streams.open(ticket, start, stop))
    return await request.app[keys.STREAMING].send(request, stream)


def _ticket(request: web.Request) -> bytes:
    """Read the ticket from the one header that holds it; its text has exactly one form."""
    given = request.headers.getall(hdrs.AUTHORIZATION, [])
    if len(given) != 1 or not given[0].startswith(_SCHEME):
        raise BadTicket("the request shows no ticket")
    text = given[0].removeprefix(_SCHEME)
    try:
        ticket = base64.b64decode(text + "=", altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as problem:
        raise BadTicket("the ticket is not one") from problem
    if len(ticket) != limits.TICKET or base64.urlsafe_b64encode(ticket).decode() != text + "=":
        raise BadTicket("the ticket is not one")
    return ticket


def _range(request: web.Request) -> tuple[int, int | None]:
    """Read the one range of the request as `[start, stop)`."""
    given = request.headers.getall(hdrs.RANGE, [])
    found = _RANGE.fullmatch(given[0]) if len(given) == 1 else None
    if found is None:
        raise OutsideExtent("the request must name one range: bytes=first-last")
    start, last = int(found[1]), None if found[2] is None else int(found[2])
    if last is not None and last < start:
        raise OutsideExtent("the range ends before it begins")
    return start, None if last is None else last + 1


ROUTES: Final = (
    Route(
        method="GET",
        path="/undisc/v1/node",
        authority=Authority.ANYONE,
        body_limit=NO_BODY,
        handler=node,
    ),
    Route(
        method="POST",
        path="/undisc/v1/fetch",
        authority=Authority.SIGNED,
        body_limit=limits.MAX_REQUEST,
        handler=fetch,
    ),
    Route(
        method="POST",
        path="/undisc/v1/receipt",
        authority=Authority.SIGNED,
        body_limit=limits.MAX_RECEIPT,
        handler=receipt,
    ),
    Route(
        method="POST",
        path="/undisc/v1/recall",
        authority=Authority.SIGNED,
        body_limit=limits.MAX_RECALL,
        handler=recall,
    ),
    Route(
        method="POST",
        path="/undisc/v1/greeting",
        authority=Authority.SIGNED,
        body_limit=limits.MAX_GREETING,
        handler=greeting,
    ),
    Route(
        method="POST",
        path="/undisc/v1/notice",
        authority=Authority.SIGNED,
        body_limit=limits.MAX_NOTICE,
        handler=notice,
    ),
    Route(
        method="POST",
        path="/undisc/v1/offers",
        authority=Authority.SIGNED,
        body_limit=limits.MAX_HANDING,
        handler=offers,
    ),
    Route(
        method="POST",
        path="/undisc/v1/unlock",
        authority=Authority.SIGNED,
        body_limit=limits.MAX_UNLOCK,
        handler=unlock,
    ),
    Route(
        method="POST",
        path="/undisc/v1/poll",
        authority=Authority.SIGNED,
        body_limit=limits.MAX_POLL,
        handler=poll,
    ),
    Route(
        method="POST",
        path="/undisc/v1/errand",
        authority=Authority.TICKET,
        body_limit=errands.BODY_LIMIT,
        handler=errand,
        seconds=errands.BODY_SECONDS,
    ),
    Route(
        method="POST",
        path="/undisc/v1/pairing",
        authority=Authority.SIGNED,
        body_limit=limits.MAX_PAIRING,
        handler=pairing,
    ),
    Route(
        method="GET",
        path="/undisc/v1/packs",
        authority=Authority.TICKET,
        body_limit=NO_BODY,
        handler=packs,
    ),
)

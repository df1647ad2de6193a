"""Fetches on the admin socket: start, watch, resume."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

from aiohttp import web

from undisc_node.services.model import Fetch
from undisc_node.web import keys
from undisc_node.web.admin_answers import answer, changes, names_in, reads
from undisc_node.web.admin_uses import AdminUses
from undisc_node.web.fields import query_number, read_fields
from undisc_node.web.rendering import Json, Names, fetch_json

_WAIT_MOST: Final = 10_000  # ms that an answer may be held back
_LOOK: Final = 0.01  # seconds between two looks at a run meanwhile


def _rendered(uses: AdminUses, fetch: Fetch, names: Names) -> Json:
    return fetch_json(fetch, uses.fetching.progress(fetch.id), names)


async def start_fetch(request: web.Request) -> web.StreamResponse:
    """POST /admin/v1/fetches: bring what an offer offers."""
    fields = await read_fields(request)
    offer = fields.data("offer")
    fields.done()

    def work(uses: AdminUses, actor: str) -> Json:
        return {"fetch": _rendered(uses, uses.fetching.start(offer, actor), names_in(uses))}

    return await answer(request, work)


async def list_fetches(request: web.Request) -> web.StreamResponse:
    """GET /admin/v1/fetches: all of them."""

    def work(uses: AdminUses, _actor: str) -> Json:
        names = names_in(uses)
        return {"fetches": [_rendered(uses, fetch, names) for fetch in uses.fetching.list()]}

    return await answer(request, work)


async def show_fetch(request: web.Request) -> web.StreamResponse:
    """GET /admin/v1/fetches/{fetch}: how far it has come; `wait` ms for its end at most."""
    prefix = request.match_info["fetch"]
    wait_ms = query_number(request, "wait", default=0, most=_WAIT_MOST)
    if wait_ms > 0:
        uses = request.app[keys.ADMIN]
        found = await request.app[keys.WORKERS].run(lambda: uses.fetching.find(prefix).id)
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_ms / 1000):
                # Looking costs nothing, and a look leaves nothing behind at what it waits for.
                while uses.fetching.running(found):  # noqa: ASYNC110 - see above
                    await asyncio.sleep(_LOOK)
    return await answer(
        request,
        lambda uses, _: {"fetch": _rendered(uses, uses.fetching.find(prefix), names_in(uses))},
    )


async def resume_fetch(request: web.Request) -> web.StreamResponse:
    """POST /admin/v1/fetches/{fetch}/resume: try again now."""
    prefix = request.match_info["fetch"]
    (await read_fields(request)).done()

    def work(uses: AdminUses, actor: str) -> Json:
        fetch = uses.fetching.resume(uses.fetching.find(prefix).id, actor)
        return {"fetch": _rendered(uses, fetch, names_in(uses))}

    return await answer(request, work)


ROUTES: Final = (
    changes("/admin/v1/fetches", start_fetch),
    reads("/admin/v1/fetches", list_fetches),
    reads("/admin/v1/fetches/{fetch}", show_fetch),
    changes("/admin/v1/fetches/{fetch}/resume", resume_fetch),
)

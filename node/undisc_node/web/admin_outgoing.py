"""The outgoing queue on the admin socket: what waits for peers, `retry` and `drop`."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from undisc_node.services.outgoing import Outgoing
from undisc_node.web.admin_answers import answer, changes, names_in, reads
from undisc_node.web.admin_uses import AdminUses
from undisc_node.web.fields import read_fields
from undisc_node.web.rendering import Json, Names, moment_ms, moment_or_none, problem_json


def waiting_json(row: Outgoing, names: Names) -> Json:
    """Render what waits for a peer."""
    return {
        "id": row.id.hex(),
        "kind": row.kind,
        "about": row.about,
        "peer": row.peer.hex(),
        "peer_name": names.of_node(row.peer),
        "study": row.study.hex() if row.study else None,
        "since": moment_ms(row.made_ms),
        "attempts": row.attempts,
        "next_try": moment_or_none(row.next_ms),
        "problem": problem_json(row.problem),
    }


async def list_outgoing(request: web.Request) -> web.StreamResponse:
    """GET /admin/v1/outgoing: what waits for peers, oldest first; `peer=` for one of them."""
    name = request.query.get("peer", "")

    def work(uses: AdminUses, _actor: str) -> Json:
        peer = uses.peering.find(name).id if name else None
        names = names_in(uses)
        return {"outgoing": [waiting_json(one, names) for one in uses.outgoing.list(peer)]}

    return await answer(request, work)


async def retry(request: web.Request) -> web.StreamResponse:
    """POST /admin/v1/outgoing/{row}/retry: try it now."""
    name = request.match_info["row"]
    (await read_fields(request)).done()

    def work(uses: AdminUses, actor: str) -> Json:
        row = uses.outgoing.retry(uses.outgoing.find(name), actor)
        return {"row": waiting_json(row, names_in(uses))}

    return await answer(request, work)


async def drop(request: web.Request) -> web.StreamResponse:
    """POST /admin/v1/outgoing/{row}/drop: give an offer or notice up."""
    name = request.match_info["row"]
    (await read_fields(request)).done()

    def work(uses: AdminUses, actor: str) -> Json:
        row = uses.outgoing.drop(uses.outgoing.find(name), actor)
        return {"row": waiting_json(row, names_in(uses))}

    return await answer(request, work)


ROUTES: Final = (
    reads("/admin/v1/outgoing", list_outgoing),
    changes("/admin/v1/outgoing/{row}/retry", retry),
    changes("/admin/v1/outgoing/{row}/drop", drop),
)

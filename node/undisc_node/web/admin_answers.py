"""What every answer on the admin socket has in common."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from aiohttp import web

from undisc_node.web import keys
from undisc_node.web.actors import actor_of
from undisc_node.web.rendering import Json, Names
from undisc_node.web.routing import NO_BODY, SMALL_BODY, Authority, Handler, Route
from undisc_node.web.uses import AdminUses

admin_route = partial(Route, authority=Authority.ADMIN_SOCKET)
"""A route of the admin socket."""


def reads(path: str, handler: Handler) -> Route:
    """Make a route that only looks."""
    return admin_route(method="GET", path=path, body_limit=NO_BODY, handler=handler)


def changes(path: str, handler: Handler) -> Route:
    """Make a route that takes a small JSON object and changes something."""
    return admin_route(method="POST", path=path, body_limit=SMALL_BODY, handler=handler)


async def answer(request: web.Request, work: Callable[[AdminUses, str], Json]) -> web.Response:
    """Run use cases in a worker thread and answer with the JSON they lead to.

    Args:
        request: The request.
        work: Gets the use cases and the actor's name; runs in a thread.
    """
    uses, actor = request.app[keys.ADMIN], actor_of(request)
    result = await request.app[keys.WORKERS].run(lambda: work(uses, actor))
    return web.json_response(result, headers={"Cache-Control": "no-store"})


def names_in(uses: AdminUses) -> Names:
    """Return the names of all peers."""
    return Names(uses.peering.list())

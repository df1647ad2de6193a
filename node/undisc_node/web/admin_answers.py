"""What every answer on the admin socket has in common."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from functools import partial

from aiohttp import web

from undisc_node.web import keys
from undisc_node.web.actors import actor_of
from undisc_node.web.admin_uses import AdminUses
from undisc_node.web.rendering import Json, Names
from undisc_node.web.routing import NO_BODY, SMALL_BODY, Authority, Handler, Route

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


async def send_chunks(
    request: web.Request,
    size: int,
    chunks: Iterator[bytes],
    content_type: str,
    headers: Mapping[str, str] | None = None,
) -> web.StreamResponse:
    """Answer with bytes of a known length, each chunk made in a worker thread.

    Args:
        request: The request.
        size: Their number.
        chunks: The bytes; raises when what is stored is damaged.
        content_type: What they are.
        headers: Further headers.
    """
    workers = request.app[keys.WORKERS]
    try:
        # Before the head goes out, so that a damaged object is an error and not a broken answer.
        chunk = await workers.run(lambda: next(chunks, b""))
        response = web.StreamResponse(headers={"Cache-Control": "no-store", **(headers or {})})
        response.content_type = content_type
        response.content_length = size
        await response.prepare(request)
        try:
            while chunk:
                await response.write(chunk)
                chunk = await workers.run(lambda: next(chunks, b""))
        except Exception:
            if request.transport is not None:
                request.transport.abort()  # never a short file that looks whole
            raise
    finally:
        if isinstance(chunks, Generator):
            await workers.run(chunks.close)
    return response

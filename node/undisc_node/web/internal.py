"""The internal listener: whether the node lives and is ready, for whoever watches it on the LAN.

The desk, DICOMweb for staff and metrics will live here; patients and other nodes never come here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from aiohttp import web

from undisc_node.services.errors import Unavailable
from undisc_node.web import keys
from undisc_node.web.routing import NO_BODY, Authority, Handler, Route

Ready = Callable[[], str]
"""Says what is missing, in a sentence; empty when the node can do its work. Runs in a thread."""

_TEXT: Final = (
    "This is the internal listener of an undisc node, for this practice's own network.\n"
    "GET /livez says whether the process lives, GET /readyz whether it can do its work.\n"
    "Administrators use the undisc command; other nodes use the public listener.\n"
)


async def about(_request: web.Request) -> web.StreamResponse:
    """GET /: what this listener is for."""
    return web.Response(text=_TEXT)


async def lives(_request: web.Request) -> web.StreamResponse:
    """GET /livez: the event loop turns."""
    return web.json_response({"alive": True})


async def is_ready(request: web.Request) -> web.StreamResponse:
    """GET /readyz: disk and database are there."""
    missing = await request.app[keys.WORKERS].run(request.app[keys.READY])
    if missing:
        raise Unavailable(missing, code="not_ready", hint="undisc-node doctor says more")
    return web.json_response({"ready": True})


def _lan(path: str, handler: Handler) -> Route:
    return Route(
        method="GET", path=path, authority=Authority.LAN, body_limit=NO_BODY, handler=handler
    )


ROUTES: Final = (_lan("/", about), _lan("/livez", lives), _lan("/readyz", is_ready))

"""Each request gets an id of ours, for its log lines and for its caller in `X-Request-Id`.

An id that a caller sends is not taken: it could be anything, and log lines are no place for it.
"""

from __future__ import annotations

import logging
import time
from contextvars import ContextVar
from typing import Final

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from undisc_node.services.ports import Entropy
from undisc_node.web import keys

HEADER: Final = "X-Request-Id"
_ID: Final = 8  # bytes; no two of a node's requests meet
_METHODS: Final = hdrs.METH_ALL

_current: ContextVar[str] = ContextVar("request", default="")
_log = logging.getLogger(__name__.replace("request_ids", "requests"))


def current() -> str:
    """Return the id of the request that this task or thread works for, or nothing."""
    return _current.get()


def named_requests(listener: str, entropy: Entropy) -> Middleware:
    """Make the outermost middleware of a listener: it gives each request its id and its log line.

    Args:
        listener: Name of the listener, for log lines.
        entropy: Makes the ids.
    """

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        request[keys.REQUEST_ID] = identity = entropy.random(_ID).hex()
        token = _current.set(identity)
        began = time.perf_counter()
        status, size = 0, 0
        try:
            response = await handler(request)
            status, size = response.status, response.content_length or 0
        finally:
            if _log.isEnabledFor(logging.INFO):
                _write(listener, request, status, size, time.perf_counter() - began)
            _current.reset(token)
        return response

    return middleware


async def tell_id(request: web.Request, response: web.StreamResponse) -> None:
    """Put the id into an answer's head; a signal, so that streams have it too."""
    if identity := request.get(keys.REQUEST_ID):
        response.headers[HEADER] = identity


def _write(listener: str, request: web.Request, status: int, size: int, seconds: float) -> None:
    """Write the line of a request: the pattern of its route, never its path, query or caller.

    Paths and queries can name studies and patients.
    """
    resource = request.match_info.route.resource
    route = resource.canonical if resource else "(none)"
    method = request.method if request.method in _METHODS else "(other)"
    fields = {
        "listener": listener,
        "method": method,
        "route": route,
        "status": status,
        "bytes": size,
        "ms": round(seconds * 1000, 1),
    }
    _log.info("request", extra={"fields": fields})

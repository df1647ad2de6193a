"""Routes: none can be registered without stating its authority and how large a body it takes.

Each listener names the authorities that it can check. A route with another one is a mistake of the
programmer and stops the node at its start, not a hole.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from aiohttp import hdrs, web

from undisc_node.web import errors
from undisc_node.web.keys import ROUTES

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Authority(Enum):
    """Why a caller may use a route."""

    ANYONE = "everybody may ask"
    SIGNED = "the message proves itself by its signature"
    TICKET = "the caller holds a ticket"
    ADMIN_SOCKET = "the system let the caller open the admin socket"
    STAFF = "name and password of one of the practice's own people"
    BROWSER = "the caller passed the protection of a link in a browser"
    LAN = "the caller reaches the internal listener"
    STAFF_SESSION = "one of the practice's own people is signed in"
    ASKED = "the device was handed over for one decision"


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One thing a listener does.

    Attributes:
        method: HTTP method.
        path: Path, with aiohttp's `{names}`.
        authority: Why a caller may use it.
        body_limit: Largest request body in bytes; 0 for none at all.
        handler: What does it.
        seconds: Longest time in which the body may arrive.
        page: Whether people come here with a browser: only under a host name of ours, so that no
            other site can make its own name lead here (DNS rebinding).
    """

    method: str
    path: str
    authority: Authority
    body_limit: int
    handler: Handler
    seconds: float = 60.0
    page: bool = False


NO_BODY: Final = 0
SMALL_BODY: Final = 65_536  # bytes; the largest JSON is an offer of limits.MAX_OFFER in base64


def register(
    app: web.Application, routes: Iterable[Route], *, accepts: frozenset[Authority]
) -> None:
    """Give a listener's application its routes; once.

    Args:
        app: The listener's application.
        routes: What to add.
        accepts: Authorities that this listener can check.

    Raises:
        ValueError: A route needs an authority that the listener cannot check.
    """
    known: dict[web.AbstractRoute, Route] = {}
    for route in routes:
        if route.authority not in accepts:
            raise ValueError(
                f"{route.method} {route.path} needs {route.authority.name}, "
                "which this listener cannot check"
            )
        added = app.router.add_route(
            route.method, route.path, route.handler, expect_handler=_expect
        )
        known[added] = route
    app[ROUTES] = known


async def _expect(request: web.Request) -> web.StreamResponse | None:
    """Invite the body when the head is acceptable, before any of it is sent."""
    if request.version < (1, 1) or request.headers.get(hdrs.EXPECT, "").lower() != "100-continue":
        return errors.answer(417, "bad_request", "the expectation cannot be met", "")
    if (request.content_length or 0) > limit_of(request):
        return errors.answer_of(errors.TooLarge("the request's body is too large"))
    await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    request.writer.output_size = 0  # an interim answer is not yet the answer
    return None


def route_of(request: web.Request) -> Route | None:
    """Return the route that a request was matched to, or None when there is no such route."""
    return request.app[ROUTES].get(request.match_info.route)


def limit_of(request: web.Request) -> int:
    """Return the largest body that the request may have, in bytes."""
    route = route_of(request)
    return route.body_limit if route else NO_BODY

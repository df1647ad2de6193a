"""What a caller may cost: size and pace of a body, requests at once; and which host it names.

aiohttp bounds neither a streamed body nor the time in which one arrives, so handlers read bodies
only through `body_of`, which counts bytes and seconds while reading. These bounds protect this
process; those of the protocol are in `undisc_protocol.limits`.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Final

from aiohttp import StreamReader, hdrs, web
from aiohttp.typedefs import Handler, Middleware

from undisc_node.web import keys
from undisc_node.web.errors import Encoded, OldVersion, TooLarge, TooSlow, WrongHost
from undisc_node.web.routing import NO_BODY, route_of
from undisc_protocol.errors import Busy


@dataclass(frozen=True, slots=True)
class Pace:
    """How slow the other side may be.

    Attributes:
        grace: Seconds before the rate counts.
        rate: Bytes per second that must arrive, or be taken, after that.
    """

    grace: float = 10.0
    rate: int = 10_000

    def seconds(self, count: int) -> float:
        """Return the time in which `count` bytes must have passed."""
        return self.grace + count / self.rate


PACE: Final = Pace()
MAX_REQUESTS: Final = 128  # at once on one listener
MAX_REQUESTS_OF_ADDRESS: Final = 32  # at once from one IPv4 address or IPv6 /64
_SITE: Final = 64  # bits of an IPv6 address that one customer has to himself


class Body:
    """A request's body that is bounded while it is read.

    Args:
        content: What arrives.
        limit: Largest size in bytes.
        seconds: Longest time for the whole.
        pace: Slowest pace.
    """

    def __init__(self, content: StreamReader, *, limit: int, seconds: float, pace: Pace) -> None:
        self._content = content
        self._limit = limit
        self._seconds = seconds
        self._pace = pace

    async def blocks(self) -> AsyncIterator[bytes]:
        """Yield the body as it arrives.

        Raises:
            TooLarge: More bytes than the limit.
            TooSlow: Slower than the pace, or longer than the whole may take.
        """
        now = asyncio.get_running_loop().time
        started, count = now(), 0
        while True:
            deadline = started + min(self._seconds, self._pace.seconds(count))
            try:
                async with asyncio.timeout_at(deadline):
                    block = await self._content.readany()
            except TimeoutError as problem:
                raise TooSlow("the request's body arrives too slowly") from problem
            if not block:
                return
            count += len(block)
            if count > self._limit:
                raise TooLarge(f"the request's body has more than {self._limit} bytes")
            yield block

    async def whole(self) -> bytes:
        """Read the whole body; raises as `blocks`."""
        return b"".join([block async for block in self.blocks()])


def body_of(request: web.Request) -> Body:
    """Return the request's body: the only way in which handlers read it."""
    return request[keys.BODY]


def bounded_bodies(pace: Pace = PACE) -> Middleware:
    """Make the middleware that refuses what is too large by its head, and bounds the rest."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.version < (1, 1):
            raise OldVersion(
                "HTTP before 1.1 is not spoken here",
                hint="a proxy in front of the node must use HTTP/1.1",
            )
        route = route_of(request)
        if route is None:
            return await handler(request)
        if request.headers.get(hdrs.CONTENT_ENCODING, "identity").lower() != "identity":
            raise Encoded("a compressed body is not accepted")
        if route.body_limit == NO_BODY and request.body_exists:
            raise TooLarge("this address takes no body")
        if (request.content_length or 0) > route.body_limit:
            raise TooLarge(f"the request's body has more than {route.body_limit} bytes")
        request[keys.BODY] = Body(
            request.content, limit=route.body_limit, seconds=route.seconds, pace=pace
        )
        return await handler(request)

    return middleware


def caller_of(request: web.Request) -> str:
    """Return what counts as one caller: an IPv4 address or an IPv6 /64; empty on a Unix socket."""
    if not request.remote:
        return ""
    address = ipaddress.ip_address(request.remote.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is None:
        return str(ipaddress.ip_network((address, _SITE), strict=False))
    return str(address)


def bounded_concurrency(
    *, at_once: int = MAX_REQUESTS, of_address: int = MAX_REQUESTS_OF_ADDRESS
) -> Middleware:
    """Make the middleware that answers `Busy` above a number of requests at once."""
    running: Counter[str] = Counter()

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        who = caller_of(request)
        if running.total() >= at_once or (who and running[who] >= of_address):
            raise Busy("the node is at its limit of requests at once")
        running[who] += 1
        try:
            return await handler(request)
        finally:
            running[who] -= 1
            if not running[who]:
                del running[who]

    return middleware


def _own_address(request: web.Request) -> str | None:
    """Return the numeric address that the caller reached; no name can be made to look like it."""
    own = request.get_extra_info("sockname")
    return str(own[0]).partition("%")[0] if isinstance(own, tuple) else None


def known_hosts(names: Iterable[str], *, only_pages: bool = False) -> Middleware:
    """Make the middleware that answers only requests which name one of our own hosts.

    A web page somewhere can make its name point to this node's address (DNS rebinding); a browser
    then reaches the internal listener, but with that page's name as the host.

    Args:
        names: Host names without port. The address that was reached is always allowed.
        only_pages: Ask this of pages for people only; other nodes call by any name.
    """
    allowed = frozenset(name.lower() for name in names)

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        named = request.headers.get(hdrs.HOST, "").lower()
        host = named[1:].partition("]")[0] if named[:1] == "[" else named.partition(":")[0]
        route = route_of(request)
        if only_pages and not (route is not None and route.page):
            return await handler(request)
        if host not in allowed and host != _own_address(request):
            raise WrongHost(
                "this listener is not known by the host name in the request",
                hint="use its address, or add the name to the setting "
                + ("public.urls" if only_pages else "internal.names"),
            )
        return await handler(request)

    return middleware

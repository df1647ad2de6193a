"""Opens the node's doors and closes them: public, internal, and the admin socket.

Each listener is an application of its own with its own routes and middleware; nothing that belongs
to one can be reached through another. The DICOM port is not here.
"""

from __future__ import annotations

import asyncio
import errno
import ssl
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Middleware

from undisc_node.services.errors import Unavailable
from undisc_node.services.ports import Entropy
from undisc_node.web import admin_api, internal, keys
from undisc_node.web import public as door
from undisc_node.web.admin_socket import admin_socket
from undisc_node.web.admin_uses import AdminUses
from undisc_node.web.connections import IDLE_SECONDS, MAX_CONNECTIONS, Connection
from undisc_node.web.dicomweb.uses import Mounted
from undisc_node.web.errors import errors_in_one_shape
from undisc_node.web.limits import (
    MAX_REQUESTS,
    MAX_REQUESTS_OF_ADDRESS,
    PACE,
    Pace,
    bounded_bodies,
    bounded_concurrency,
    known_hosts,
)
from undisc_node.web.pages.problems import problem_page
from undisc_node.web.pages.protecting import protect_answer
from undisc_node.web.pages.rendering import NOBODY, Practice, add_pages
from undisc_node.web.public_uses import PublicUses
from undisc_node.web.request_ids import named_requests, tell_id
from undisc_node.web.routing import Authority, Route, register
from undisc_node.web.spool import Spool
from undisc_node.web.streaming import Streaming
from undisc_node.web.workers import Workers

_STOP_SECONDS: Final = 5.0  # what runs may finish in this time; a transfer resumes anyway
_HANDSHAKE_SECONDS: Final = 10.0

Factory = Callable[[], asyncio.Protocol]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What callers may cost on each listener.

    Attributes:
        pace: Slowest body, and slowest receiver of a stream.
        requests: Requests at once.
        requests_of_address: Requests at once from one IPv4 address or IPv6 /64. A proxy in front
            counts as one address: raise it there.
        connections: Connections at once.
        idle: Seconds without a complete request head.
    """

    pace: Pace = PACE
    requests: int = MAX_REQUESTS
    requests_of_address: int = MAX_REQUESTS_OF_ADDRESS
    connections: int = MAX_CONNECTIONS
    idle: float = IDLE_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """Where to listen.

    Attributes:
        public: Host and port for other nodes; port 0 takes a free one.
        internal: Host and port for the practice's own network.
        admin: Path of the admin socket.
        staging: Folder for uploads on their way in.
        hosts: Further names under which the internal listener is known.
        public_hosts: Names under which people reach pages of the public listener.
        practice: In whose name pages speak.
        tls: Certificate of the public listener, or None behind a proxy that has one.
        bounds: What callers may cost.
    """

    public: tuple[str, int]
    internal: tuple[str, int]
    admin: Path
    staging: Path
    hosts: frozenset[str] = frozenset()
    public_hosts: frozenset[str] = frozenset()
    practice: Practice = NOBODY
    tls: ssl.SSLContext | None = None
    bounds: Bounds = Bounds()


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """Where the node listens now: numeric addresses and real ports."""

    public: tuple[str, int]
    internal: tuple[str, int]
    admin: Path


def public_app(
    uses: PublicUses,
    *,
    hosts: Iterable[str],
    practice: Practice,
    spool: Spool,
    workers: Workers,
    bounds: Bounds,
    entropy: Entropy,
) -> web.Application:
    """Make the application of the public listener."""
    names = {"localhost", *hosts}
    app = _application("public", bounds, entropy, known_hosts(names, only_pages=True))
    _with_pages(app, practice)
    app[keys.PUBLIC] = uses
    app[keys.VIEWER] = uses.viewer
    app[keys.DICOMWEB] = Mounted(uses=uses.viewer.dicomweb, spool=spool)
    app[keys.ASKED] = uses.asked
    app[keys.WORKERS] = workers
    app[keys.STREAMING] = Streaming(workers=workers, pace=bounds.pace)
    return _with_routes(app, door.ROUTES, *door.ACCEPTS)


def internal_app(
    uses: internal.InternalUses,
    *,
    hosts: Iterable[str],
    practice: Practice,
    spool: Spool,
    workers: Workers,
    bounds: Bounds,
    entropy: Entropy,
) -> web.Application:
    """Make the application of the internal listener."""
    app = _application("internal", bounds, entropy, known_hosts({"localhost", *hosts}))
    _with_pages(app, practice)
    app[keys.INTERNAL] = uses
    app[keys.ASKED] = uses.asked
    app[keys.DICOMWEB] = Mounted(uses=uses.dicomweb, spool=spool)
    app[keys.WORKERS] = workers
    return _with_routes(app, internal.ROUTES, *internal.ACCEPTS)


def admin_app(
    uses: AdminUses, *, spool: Spool, workers: Workers, bounds: Bounds, entropy: Entropy
) -> web.Application:
    """Make the application of the admin socket."""
    app = _application("admin", bounds, entropy)
    app[keys.ADMIN] = uses
    app[keys.SPOOL] = spool
    app[keys.WORKERS] = workers
    return _with_routes(app, admin_api.ROUTES, Authority.ADMIN_SOCKET)


def _application(
    listener: str, bounds: Bounds, entropy: Entropy, *more: Middleware
) -> web.Application:
    app = web.Application(
        middlewares=[
            named_requests(listener, entropy),
            errors_in_one_shape,
            *more,
            bounded_concurrency(at_once=bounds.requests, of_address=bounds.requests_of_address),
            bounded_bodies(bounds.pace),
        ]
    )
    app.on_response_prepare.append(tell_id)
    return app


def _with_pages(app: web.Application, practice: Practice) -> None:
    add_pages(app, practice)
    app[keys.PROBLEM_PAGE] = problem_page
    app.on_response_prepare.append(protect_answer)


def _with_routes(
    app: web.Application, routes: Iterable[Route], *accepts: Authority
) -> web.Application:
    register(app, routes, accepts=frozenset(accepts))
    return app


@asynccontextmanager
async def listening(
    doors: Doors,
    *,
    public: PublicUses,
    admin: AdminUses,
    inside: internal.InternalUses,
    entropy: Entropy,
) -> AsyncIterator[Opened]:
    """Open all doors while the block runs; close them in the opposite order.

    The admin socket comes first: when another node runs on this home, nothing else is touched.

    Args:
        doors: Where to listen.
        public: Use cases for other nodes.
        admin: Use cases for the administrator.
        inside: What the internal listener calls.
        entropy: Source of random file names and request ids.

    Raises:
        Unavailable: A port is in use or not allowed, or another node runs on this home.
    """
    loop, bounds = asyncio.get_running_loop(), doors.bounds
    async with AsyncExitStack() as stack:
        bound = stack.enter_context(admin_socket(doors.admin))
        workers = Workers()
        stack.callback(workers.stop)
        spool = Spool(folder=doors.staging, entropy=entropy, workers=workers)
        spool.sweep()

        app = admin_app(admin, spool=spool, workers=workers, bounds=bounds, entropy=entropy)
        factory = await stack.enter_async_context(_connections(app, bounds))
        stack.push_async_callback(_close, await loop.create_unix_server(factory, sock=bound))

        app = internal_app(
            inside,
            hosts={doors.internal[0], *doors.hosts},
            practice=doors.practice,
            spool=spool,
            workers=workers,
            bounds=bounds,
            entropy=entropy,
        )
        factory = await stack.enter_async_context(_connections(app, bounds))
        inner = await _listen(factory, "internal", doors.internal, None)
        stack.push_async_callback(_close, inner)

        app = public_app(
            public,
            hosts=doors.public_hosts,
            practice=doors.practice,
            spool=spool,
            workers=workers,
            bounds=bounds,
            entropy=entropy,
        )
        factory = await stack.enter_async_context(_connections(app, bounds))
        outer = await _listen(factory, "public", doors.public, doors.tls)
        stack.push_async_callback(_close, outer)

        yield Opened(public=_address(outer), internal=_address(inner), admin=doors.admin)


@asynccontextmanager
async def _connections(app: web.Application, bounds: Bounds) -> AsyncIterator[Factory]:
    """Start an application and make its connections; at the end, let it finish for a while."""
    runner = web.AppRunner(app, shutdown_timeout=_STOP_SECONDS)
    await runner.setup()
    server, loop = runner.server, asyncio.get_running_loop()
    if server is None:
        raise RuntimeError("an application has no server after its start")
    try:
        yield lambda: Connection(server, loop=loop, most=bounds.connections, idle=bounds.idle)
    finally:
        await runner.cleanup()


async def _close(server: asyncio.Server) -> None:
    """Stop accepting; connections are closed by their application's end."""
    server.close()


async def _listen(
    factory: Factory, name: str, address: tuple[str, int], tls: ssl.SSLContext | None
) -> asyncio.Server:
    host, port = address
    loop = asyncio.get_running_loop()
    try:
        return await loop.create_server(
            factory,
            host,
            port,
            ssl=tls,
            ssl_handshake_timeout=None if tls is None else _HANDSHAKE_SECONDS,
        )
    except (OSError, OverflowError) as problem:
        number = getattr(problem, "errno", None)
        where = f"the {name} listener's port {port}"
        if number == errno.EADDRINUSE:
            raise Unavailable(
                f"{where} is in use by another program",
                code="port_in_use",
                hint=f"stop that program, or set another {name} port",
            ) from problem
        if number in {errno.EACCES, errno.EPERM}:
            raise Unavailable(
                f"{where} is not allowed to this user",
                code="port_not_allowed",
                hint="ports below 1024 need a privilege; set a port from 1024 on",
            ) from problem
        raise Unavailable(
            f"the {name} listener cannot use the address {host} port {port}",
            code="bad_address",
            hint=f"set the {name} host to an address of this machine",
        ) from problem


def _address(server: asyncio.Server) -> tuple[str, int]:
    host, port = server.sockets[0].getsockname()[:2]
    return str(host), int(port)

"""Connections of all listeners: how many, how long they may idle, and no answer in another shape.

aiohttp answers what it cannot parse by itself, before any application sees it, and logs it with the
bytes that were sent. Here such an answer has our error shape, and the bytes stay out of the log.
"""

from __future__ import annotations

import asyncio
from typing import Final

from aiohttp import web

from undisc_node.services.errors import Invalid
from undisc_node.web import errors

MAX_CONNECTIONS: Final = 512  # on one listener; a process may have 1,024 open files
IDLE_SECONDS: Final = 30.0  # without a complete request head, the first or the next
LINGER_SECONDS: Final = 5.0  # reading on after a refusal, so that the caller sees the answer
_BUFFER: Final = 262_144  # bytes read ahead of a handler


class Connection(web.RequestHandler):
    """One connection of one listener.

    Args:
        server: aiohttp's server of the listener's application.
        loop: The event loop.
        most: Connections at once; one more is closed without a word.
        idle: Seconds without a complete request head.
    """

    __slots__ = ("_most", "_server")

    def __init__(
        self, server: web.Server, *, loop: asyncio.AbstractEventLoop, most: int, idle: float
    ) -> None:
        super().__init__(
            server,
            loop=loop,
            keepalive_timeout=idle,
            lingering_time=LINGER_SECONDS,
            auto_decompress=False,
            read_bufsize=_BUFFER,
            access_log=None,  # type: ignore[arg-type]  # paths and queries can name patients
        )
        self._server = server
        self._most = most

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Accept the connection, or close it when there are too many."""
        super().connection_made(transport)
        if len(self._server.connections) > self._most:
            self.force_close()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - aiohttp's message repeats what was sent
    ) -> web.StreamResponse:
        """Answer what went wrong outside of the application."""
        if isinstance(exc, ConnectionError):
            raise exc  # the caller hung up, which is no news
        if request.writer.output_size > 0:
            raise ConnectionError("the head of another answer is already out")
        if status < 500 or not isinstance(exc, Exception):  # noqa: PLR2004 - server errors
            response = errors.answer_of(Invalid("the request is not HTTP as it should be"))
        else:
            response = errors.answer_of(exc)
        response.force_close()
        return response

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send an answer; one that aiohttp raised past our middleware gets our shape first."""
        if isinstance(resp, web.HTTPException):
            resp = errors.answer_of(resp)
        return await super().finish_response(request, resp, start_time)

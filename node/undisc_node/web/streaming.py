"""Granted bytes on their way out: `sendfile` in batches, with a look at revocations before each.

The head promises the whole range; when the capability ends in between, the connection is aborted,
so that the receiver sees a break and never a short answer that looks whole. A receiver that takes
less than the minimum rate is cut off. Over TLS asyncio's `sendfile` falls back to small reads in
threads and is six times slower than writing 1 MiB blocks, so blocks are written there.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import struct
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Final, NamedTuple

from aiohttp import web

from undisc_node.web.limits import PACE, Pace
from undisc_node.web.outlet import Cut, Outlet
from undisc_node.web.public_uses import Slice, Stream
from undisc_node.web.workers import Workers
from undisc_protocol.errors import BadTicket

_log = logging.getLogger(__name__)
_BLOCK: Final = 1_048_576  # bytes of one write over TLS
_BATCHES: Final = 4  # sent in one turn of a thread at most, so that streams take turns
_LOOK: Final = 0.001  # seconds between two looks at a head that the receiver does not take yet
_PARTIAL: Final = 206
_RESET: Final = struct.pack("ii", 1, 0)  # struct linger: no waiting, so that closing resets


class Streaming:
    """Answers requests for granted bytes.

    Args:
        workers: Threads in which slices are looked up and blocks are read.
        pace: Slowest pace of a receiver.
    """

    def __init__(self, *, workers: Workers, pace: Pace = PACE) -> None:
        self._workers = workers
        self._pace = pace

    async def send(self, request: web.Request, stream: Stream) -> web.StreamResponse:
        """Send an opened stream as the answer, then close it.

        Once the head is sent, nothing can be told to the receiver any more: whatever goes wrong
        afterwards aborts the connection.
        """
        response = web.StreamResponse(status=_PARTIAL)
        response.content_type = "application/octet-stream"
        response.content_length = stream.stop - stream.start
        response.headers["Content-Range"] = f"bytes {stream.start}-{stream.stop - 1}/{stream.total}"
        response.headers["Cache-Control"] = "no-store"
        transport = request.transport
        outlet: Outlet | None = None
        try:
            await response.prepare(request)
            outlet = await open_outlet(transport, self._pace)
            await self._send_batches(response, stream, outlet)
        except (BadTicket, TimeoutError, ConnectionError):
            _abort(transport)
        except Exception as problem:  # noqa: BLE001 - the head is out, so the answer can only break
            _log.error("a stream broke off with %s", type(problem).__qualname__)
            _abort(transport)
        finally:
            await self._workers.step(partial(_close, stream, outlet))
        return response

    async def _send_batches(
        self, response: web.StreamResponse, stream: Stream, outlet: Outlet | None
    ) -> None:
        batches = stream.batches()
        while (begun := await self._workers.step(partial(_begin, batches, outlet))).batch:
            size = sum(piece.length for piece in begun.batch)
            async with asyncio.timeout(self._pace.seconds(size)):
                if outlet is None:
                    for piece in begun.batch:
                        await self._write_blocks(response, piece)
                elif not begun.sent:
                    await outlet.writable()
                    while not await self._workers.step(outlet.push):
                        await outlet.writable()

    async def _write_blocks(self, response: web.StreamResponse, piece: Slice) -> None:
        descriptor = piece.file.fileno()
        offset, stop = piece.offset, piece.offset + piece.length
        while offset < stop:
            block = await self._workers.step(
                partial(os.pread, descriptor, min(_BLOCK, stop - offset), offset)
            )
            if not block:
                raise Cut
            await response.write(block)
            offset += len(block)


class _Begun(NamedTuple):
    """A batch, empty at the end, and whether the receiver has taken all of it already."""

    batch: Sequence[Slice]
    sent: bool


def _begin(batches: Iterator[Sequence[Slice]], outlet: Outlet | None) -> _Begun:
    """Take the next batch and send at once what the receiver takes without a long wait.

    One hand-over to a thread for both, and for several batches when the receiver is quick: waking
    a thread costs as much as sending a small image.
    """
    batch: Sequence[Slice] = ()
    for _ in range(_BATCHES):
        batch = next(batches, ())  # looks for revocations first
        if outlet is None or not batch:
            return _Begun(batch, sent=False)
        outlet.put(batch)
        if not outlet.push():
            return _Begun(batch, sent=False)
    return _Begun(batch, sent=True)


async def open_outlet(transport: asyncio.Transport | None, pace: Pace) -> Outlet | None:
    """Open the direct way to the receiver, once nothing is left that must go before; not for TLS.

    Raises:
        ConnectionResetError: The receiver hung up.
        TimeoutError: It does not take even the head.
    """
    if transport is None or transport.is_closing():
        raise ConnectionResetError("the receiver hung up")
    if transport.get_extra_info("sslcontext") is not None:
        return None
    async with asyncio.timeout(pace.seconds(0)):
        # Hardly ever: the system takes a head at once. asyncio tells nobody of an empty buffer.
        while transport.get_write_buffer_size():  # noqa: ASYNC110 - see above
            await asyncio.sleep(_LOOK)
    return Outlet(transport.get_extra_info("socket").fileno())


def _close(stream: Stream, outlet: Outlet | None) -> None:
    """Close the socket's copy first: its thread reads the stream's files."""
    if outlet is not None:
        outlet.close()
    stream.close()


def _abort(transport: asyncio.Transport | None) -> None:
    """Break the connection, and drop what the system still holds of it for the receiver."""
    if transport is None:
        return
    connected = transport.get_extra_info("socket")
    with contextlib.suppress(OSError):  # it may be closed already
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    transport.abort()

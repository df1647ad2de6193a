"""Granted bytes on their way out: `sendfile` in slices, with a look at revocations before each.

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
from collections.abc import Iterator
from functools import partial
from typing import Final

from aiohttp import web

from undisc_node.web.limits import PACE, Pace
from undisc_node.web.uses import Slice, Stream
from undisc_node.web.workers import Workers
from undisc_protocol import limits
from undisc_protocol.errors import BadTicket

_log = logging.getLogger(__name__)
_BLOCK: Final = 1_048_576  # bytes of one write where sendfile cannot be used
_PARTIAL: Final = 206
_RESET: Final = struct.pack("ii", 1, 0)  # struct linger: no waiting, so that closing resets


class _Cut(Exception):
    """The pack file ends before the slice does."""


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
        try:
            await response.prepare(request)
            await self._send_slices(request, response, stream)
        except (BadTicket, TimeoutError, ConnectionError):
            _abort(transport)
        except Exception:  # noqa: BLE001 - the head is out, so the answer can only break
            _log.exception("a stream broke off on a mistake of this node")
            _abort(transport)
        finally:
            await self._workers.step(stream.close)
        return response

    async def _send_slices(
        self, request: web.Request, response: web.StreamResponse, stream: Stream
    ) -> None:
        slices = stream.slices()
        while batch := await self._workers.step(partial(_gather, slices)):
            for piece in batch:
                async with asyncio.timeout(self._pace.seconds(piece.length)):
                    await self._send_slice(request, response, piece)

    async def _send_slice(
        self, request: web.Request, response: web.StreamResponse, piece: Slice
    ) -> None:
        transport = request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the receiver hung up")
        if transport.get_extra_info("sslcontext") is None:
            loop = asyncio.get_running_loop()
            try:
                sent = await loop.sendfile(
                    transport, piece.file, piece.offset, piece.length, fallback=False
                )
            except asyncio.SendfileNotAvailableError:
                pass  # nothing was sent of this slice: its file system cannot do it
            else:
                if sent != piece.length:
                    raise _Cut
                return
        await self._write_blocks(response, piece)

    async def _write_blocks(self, response: web.StreamResponse, piece: Slice) -> None:
        descriptor = piece.file.fileno()
        offset, stop = piece.offset, piece.offset + piece.length
        while offset < stop:
            block = await self._workers.step(
                partial(os.pread, descriptor, min(_BLOCK, stop - offset), offset)
            )
            if not block:
                raise _Cut
            await response.write(block)
            offset += len(block)


def _gather(slices: Iterator[Slice]) -> list[Slice]:
    """Take slices up to about `limits.SLICE` bytes, empty at the end.

    One wake-up of a thread for each small object would cost more than sending it. What was looked
    at is sent at once, so a revocation still bites within that many bytes.
    """
    batch: list[Slice] = []
    gathered = 0
    for piece in slices:
        batch.append(piece)
        gathered += piece.length
        if gathered + piece.length > limits.SLICE:
            break
    return batch


def _abort(transport: asyncio.Transport | None) -> None:
    """Break the connection, and drop what the system still holds of it for the receiver."""
    if transport is None:
        return
    connected = transport.get_extra_info("socket")
    with contextlib.suppress(OSError):  # it may be closed already
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    transport.abort()

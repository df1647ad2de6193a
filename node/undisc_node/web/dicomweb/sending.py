"""Answers that are read while they leave: parts of instances, and long lists of JSON.

What cannot be read any more once the head is out breaks the connection: never a short answer that
looks whole.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import Final

from aiohttp import hdrs, web

from undisc_node.services.dicomweb.retrieving import Part
from undisc_node.web import keys
from undisc_node.web.dicomweb.accept import MULTIPART
from undisc_node.web.dicomweb.places import base_of
from undisc_node.web.limits import PACE
from undisc_node.web.outlet import Outlet
from undisc_node.web.streaming import open_outlet
from undisc_node.web.workers import Workers

_BATCH: Final = 2**20  # bytes read in one step of a thread, to be sent by the event loop
_TURN: Final = 16 * 2**20  # bytes that a thread reads and sends before others get it
_SMALL: Final = 65_536  # bytes; below, copying costs less than another write
_SLICE: Final = 2**20  # bytes between two looks at whether the caller may go on
_FAST: Final = 1  # zlib's level: JSON shrinks to a tenth already
_GZIP: Final = 31  # zlib's window bits for a gzip frame
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    # What was stored is a stranger's: opened as a page, it can load and run nothing.
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'self'",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_JSON: Final = "application/dicom+json"


async def send_parts(request: web.Request, parts: Sequence[Part], media: str) -> web.StreamResponse:
    """Answer with several parts.

    Args:
        request: What is answered.
        parts: At least one.
        media: Media type of the parts, as the head names it.
    """
    boundary = request.app[keys.DICOMWEB].uses.entropy.random(16).hex()
    base = base_of(request)
    heads = [_head(part, boundary, base) for part in parts]
    tail = f"\r\n--{boundary}--\r\n".encode()
    size = sum(map(len, heads)) + sum(part.length for part in parts) + len(tail)

    def pieces() -> Iterator[bytes]:
        for head, part in zip(heads, parts, strict=True):
            yield head
            yield from part.chunks
        yield tail

    kind = f'{MULTIPART}; type="{media}"; boundary={boundary}'
    return await _send(request, pieces(), {hdrs.CONTENT_TYPE: kind}, size)


async def send_part(
    request: web.Request, part: Part, headers: Mapping[str, str] | None = None
) -> web.StreamResponse:
    """Answer with one part as the whole body; the headers are added to the usual ones."""
    named = {**(headers or {}), hdrs.CONTENT_TYPE: _type(part)}
    return await _send(request, part.chunks, named, part.length)


async def send_list(request: web.Request, texts: Iterator[bytes]) -> web.StreamResponse:
    """Answer with a JSON list whose members are made while it leaves, compressed if that is taken.

    Args:
        request: What is answered.
        texts: The members, each as JSON.
    """

    def pieces() -> Iterator[bytes]:
        before = b"["
        for text in texts:
            yield before + text
            before = b","
        yield b"]" if before == b"," else b"[]"

    headers: dict[str, str] = {
        hdrs.CONTENT_TYPE: _JSON,
        hdrs.VARY: hdrs.ACCEPT_ENCODING,
    }
    if "gzip" not in request.headers.get(hdrs.ACCEPT_ENCODING, ""):
        return await _send(request, pieces(), headers, None)
    headers[hdrs.CONTENT_ENCODING] = "gzip"
    return await _send(request, _zipped(pieces()), headers, None)


def _zipped(pieces: Iterator[bytes]) -> Iterator[bytes]:
    squeezed = zlib.compressobj(_FAST, zlib.DEFLATED, _GZIP)
    for piece in pieces:
        if out := squeezed.compress(piece):
            yield out
    yield squeezed.flush()


async def _send(
    request: web.Request, pieces: Iterator[bytes], headers: dict[str, str], size: int | None
) -> web.StreamResponse:
    workers, transport = request.app[keys.WORKERS], request.transport
    still = request.get(keys.STILL)
    pieces = pieces if still is None else _while(pieces, still)
    batch = await workers.run(lambda: _batch(pieces))  # a fault so far is still an error answer
    response = web.StreamResponse(headers={**_HEADERS, **headers})
    response.content_length = size
    outlet: Outlet | None = None
    try:
        await response.prepare(request)
        if size is not None:  # otherwise every piece needs a head of its own (RFC 9112 §7.1)
            outlet = await open_outlet(transport, PACE)
        if outlet is None:
            await _write_blocks(response, batch, pieces, workers)
        else:
            await _push(outlet, batch, pieces, workers)
        await response.write_eof()
    except BaseException:
        if transport is not None:
            transport.abort()
        raise
    finally:
        await workers.step(lambda: _close(pieces, outlet))
    return response


async def _write_blocks(
    response: web.StreamResponse, batch: list[bytes], pieces: Iterator[bytes], workers: Workers
) -> None:
    """Send through the event loop: TLS, and answers whose length is not known."""
    while batch:
        async with asyncio.timeout(PACE.seconds(sum(map(len, batch)))):
            for piece in batch:
                await response.write(piece)
        batch = await workers.step(lambda: _batch(pieces))


async def _push(
    outlet: Outlet, batch: list[bytes], pieces: Iterator[bytes], workers: Workers
) -> None:
    """Let a thread read and send in turns; waking one costs as much as sending a small image."""
    outlet.put_bytes(batch)
    ended = False
    while not ended:
        async with asyncio.timeout(PACE.seconds(_TURN)):
            while not await workers.step(outlet.push):
                await outlet.writable()
            ended = await workers.step(lambda: _turn(outlet, pieces))
    async with asyncio.timeout(PACE.seconds(_TURN)):
        while not await workers.step(outlet.push):
            await outlet.writable()


def _turn(outlet: Outlet, pieces: Iterator[bytes]) -> bool:
    """Read and send until it is enough, or the receiver slow; tell whether all was read."""
    sent = waiting = 0
    for piece in pieces:
        outlet.put_bytes((piece,))
        sent += len(piece)
        waiting += len(piece)
        if waiting < _SMALL:
            continue
        waiting = 0
        if not outlet.push() or sent >= _TURN:
            return False
    return True


def _while(pieces: Iterator[bytes], still: Callable[[], None]) -> Iterator[bytes]:
    """Ask before every slice whether the caller may have it."""
    left = 0
    for piece in pieces:
        if left <= 0:
            still()
            left = _SLICE
        left -= len(piece)
        yield piece


def _close(pieces: Iterator[bytes], outlet: Outlet | None) -> None:
    if outlet is not None:
        outlet.close()
    if isinstance(pieces, Generator):
        pieces.close()


def _batch(pieces: Iterator[bytes]) -> list[bytes]:
    """Read until there is enough for one step; small pieces are put together."""
    gathered: list[bytes] = []
    small = bytearray()
    size = 0
    for piece in pieces:
        size += len(piece)
        if len(piece) < _SMALL:
            small += piece
        else:
            if small:
                gathered.append(bytes(small))
                small = bytearray()
            gathered.append(piece)
        if size >= _BATCH:
            break
    if small:
        gathered.append(bytes(small))
    return gathered


def _type(part: Part) -> str:
    return f"{part.media_type}; transfer-syntax={part.syntax}" if part.syntax else part.media_type


def _head(part: Part, boundary: str, base: str) -> bytes:
    lines = [
        f"\r\n--{boundary}",
        f"Content-Type: {_type(part)}",
        f"Content-Length: {part.length}",
    ]
    if part.location:
        lines.append(f"Content-Location: {base}{part.location}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")

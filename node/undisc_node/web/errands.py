"""The door for answers to errands: what a peer brings that nobody can connect to (SPEC.md §6.15).

Nothing is read of a body that nobody waits for, and never more than is waited for. When whoever
verifies and writes is slower than the line, the line waits.
"""

from __future__ import annotations

import asyncio
import re
from functools import partial
from typing import Final

from aiohttp import web

from undisc_node.web import keys
from undisc_node.web.limits import body_of
from undisc_protocol.errors import BadTicket

_STATUS: Final = re.compile(r"[1-5][0-9]{2}", re.ASCII)
_HEADER: Final = "Undisc-Status"
_ROOM_SECONDS: Final = 60.0  # for whoever takes the bytes to take some; a disk is never so slow
_TAKEN: Final = 204

BODY_LIMIT: Final = 8 * 2**30  # bytes; the largest object and a segment of 64 MiB fit
BODY_SECONDS: Final = 86_400.0  # the pace decides, as for bytes that leave


async def take(request: web.Request, handle: bytes) -> web.StreamResponse:
    """Take the answer to an errand.

    Raises:
        BadTicket: Nobody waits for it.
    """
    errands = request.app[keys.PUBLIC].errands
    given = request.headers.getall(_HEADER, [])
    if len(given) != 1 or not _STATUS.fullmatch(given[0]):
        raise BadTicket("the answer to an errand says no status")
    loop = asyncio.get_running_loop()
    answering = errands.answer(handle, int(given[0]), request.content_length)
    try:
        async for block in body_of(request).blocks():
            if answering.put(block):
                continue
            room = asyncio.Event()
            answering.when_room(partial(_tell, loop, room))
            async with asyncio.timeout(_ROOM_SECONDS):
                await room.wait()
    finally:
        answering.close()
    return web.Response(status=_TAKEN, headers={"Cache-Control": "no-store"})


def _tell(loop: asyncio.AbstractEventLoop, room: asyncio.Event) -> None:
    """Wake the handler, from the thread that took bytes."""
    loop.call_soon_threadsafe(room.set)

"""STOW-RS: instances come in, each part written to disk while it arrives (PS3.18 §10.5)."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping
from typing import Final

from aiohttp import hdrs, web

from undisc_node.services.dicomweb.scope import Allowed
from undisc_node.services.dicomweb.storing import NOT_UNDERSTOOD, Outcome, response
from undisc_node.services.errors import Invalid
from undisc_node.web import keys
from undisc_node.web.dicomweb.accept import first, ranges_of
from undisc_node.web.dicomweb.multipart import MultipartReader
from undisc_node.web.dicomweb.places import base_of
from undisc_node.web.dicomweb.search import JSON
from undisc_node.web.errors import Encoded
from undisc_node.web.limits import body_of
from undisc_protocol import limits

MAX_REQUEST: Final = 64 * 2**30  # bytes of one request; a study has rarely more than ten
SECONDS: Final = 6 * 3_600.0  # of one request; a slow line through a night
_AT_ONCE: Final = 8  # instances stored at a time: they share a write to disk
_DICOM: Final = "application/dicom"
_PARAMETER: Final = re.compile(r';\s*([A-Za-z-]+)\s*=\s*("[^"]*"|[^;]*)')


async def store(request: web.Request, allowed: Allowed) -> web.StreamResponse:
    """POST …/studies: store instances; of one study where the path names it."""
    study = request.match_info.get("study", "")
    mounted = request.app[keys.DICOMWEB]
    storing = mounted.uses.storing
    storing.check(allowed)
    first(ranges_of(request), (JSON, "application/json"))
    reader = MultipartReader(
        body_of(request).blocks(), _boundary(request), part_limit=limits.MAX_OBJECT
    )
    outcomes: list[Outcome | None] = []
    turn = asyncio.Semaphore(_AT_ONCE)

    async def take(number: int, content: AsyncIterator[bytes], arrived: asyncio.Event) -> None:
        try:
            async with mounted.spool.take_blocks(content) as source:
                arrived.set()
                outcomes[number] = await request.app[keys.WORKERS].run(
                    lambda: storing.store(allowed, source, study)
                )
        finally:
            arrived.set()
            turn.release()

    try:
        async with asyncio.TaskGroup() as tasks:
            while (head := await reader.next_part()) is not None:
                outcomes.append(Outcome(None, NOT_UNDERSTOOD))
                if not _is_dicom(head):
                    continue
                await turn.acquire()
                arrived = asyncio.Event()
                task = tasks.create_task(take(len(outcomes) - 1, reader.content(), arrived))
                await arrived.wait()
                if task.done() and task.exception() is not None:
                    break  # the group raises it
    except BaseExceptionGroup as several:
        raise several.exceptions[0] from None
    if not outcomes:
        raise Invalid("the request has no parts", code="bad_multipart")
    status, answer = response([one for one in outcomes if one is not None], base_of(request))
    body = json.dumps(answer, separators=(",", ":")).encode()
    return web.Response(
        status=status, body=body, content_type=JSON, headers={"Cache-Control": "no-store"}
    )


def _boundary(request: web.Request) -> str:
    """Return the boundary between the parts.

    Raises:
        Encoded: The body is not what is taken here.
    """
    said = request.headers.get(hdrs.CONTENT_TYPE, "")
    given = {name.lower(): value.strip().strip('"') for name, value in _PARAMETER.findall(said)}
    media = said.partition(";")[0].strip().lower()
    if media != "multipart/related" or given.get("type", _DICOM).lower() != _DICOM:
        raise Encoded(
            "instances are taken as parts of type application/dicom only",
            hint='send multipart/related; type="application/dicom"; boundary=...',
        )
    return str(given.get("boundary", ""))


def _is_dicom(head: Mapping[str, str]) -> bool:
    said = head.get("content-type", _DICOM).partition(";")[0].strip().lower()
    return said in {_DICOM, "application/octet-stream"}

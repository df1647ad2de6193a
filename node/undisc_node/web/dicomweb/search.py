"""QIDO-RS: searches for studies, series and instances (PS3.18 §10.6)."""

from __future__ import annotations

import json
from collections.abc import Callable

from aiohttp import web

from undisc_node.services.dicomweb.asking import Question, read_question
from undisc_node.services.dicomweb.attributes import Level
from undisc_node.services.dicomweb.scope import Allowed
from undisc_node.services.dicomweb.searching import Found, Searching
from undisc_node.web import keys
from undisc_node.web.dicomweb.accept import first, ranges_of
from undisc_node.web.dicomweb.places import base_of

JSON = "application/dicom+json"

Ask = Callable[[Searching, Question, str], Found]


async def studies(request: web.Request, allowed: Allowed) -> web.StreamResponse:
    """GET …/studies: search for studies."""
    return await _answer(
        request,
        Level.STUDY,
        lambda searching, question, base: searching.studies(allowed, question, base),
    )


async def series(request: web.Request, allowed: Allowed) -> web.StreamResponse:
    """GET …/studies/{study}/series: search for series, of one study or of all."""
    study = request.match_info.get("study", "")
    return await _answer(
        request,
        Level.SERIES,
        lambda searching, question, base: searching.series(allowed, question, base, study),
    )


async def instances(request: web.Request, allowed: Allowed) -> web.StreamResponse:
    """GET …/instances: search for instances, of one series, one study or of all."""
    study, one = request.match_info.get("study", ""), request.match_info.get("series", "")
    return await _answer(
        request,
        Level.INSTANCE,
        lambda searching, question, base: searching.instances(allowed, question, base, study, one),
    )


async def _answer(request: web.Request, level: Level, ask: Ask) -> web.StreamResponse:
    _, media = first(ranges_of(request), (JSON, "application/json"))
    uses = request.app[keys.DICOMWEB].uses
    base = base_of(request)
    question = read_question(request.query.items(), level, uses.tag_of)

    def work() -> tuple[bytes, Found]:
        found = ask(uses.searching, question, base)
        text = json.dumps(found.results, ensure_ascii=False, separators=(",", ":"))
        return text.encode("utf-8", "replace"), found

    body, found = await request.app[keys.WORKERS].run(work)
    response = web.Response(body=body, content_type=media, headers={"Cache-Control": "no-store"})
    for warning in found.warnings:
        response.headers.add("Warning", f'299 {request.host} "{warning}"')
    if len(body) > 4_096:  # noqa: PLR2004 - bytes; where compressing gains a packet
        response.enable_compression()
    return response

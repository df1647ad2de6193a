"""What waits for a person: look, decide, and it is carried out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from aiohttp import web

from undisc_node.services.errors import ServiceError
from undisc_node.services.queue_rows import QueueRow
from undisc_node.services.queueing import Decision
from undisc_node.web.desk.sessions import desk_page, form_of, run, see, who
from undisc_node.web.desk.uses import DeskUses
from undisc_node.web.pages.texts import problem_text

_MOST: Final = 100  # rows of the page
_VALUE: Final = 128  # characters of what a decision needs to know


async def rows(request: web.Request) -> web.StreamResponse:
    """GET /desk/queue: what waits, oldest first; `done=1` for what was decided."""
    is_done = request.query.get("done") == "1"
    found = await run(request, lambda desk: list(desk.queueing.list(done=is_done, limit=_MOST)))
    return desk_page(request, "desk/queue.html", here="queue", found=found, is_done=is_done)


async def show(request: web.Request) -> web.StreamResponse:
    """GET /desk/queue/{row}: one of them, and what may be done about it."""
    return await _show(request)


async def _show(request: web.Request, problem: str = "", status: int = 200) -> web.Response:
    name = request.match_info["row"]

    def work(desk: DeskUses) -> tuple[QueueRow, Mapping[str, Decision]]:
        row = desk.queueing.find(name)
        return row, desk.queueing.decisions(row)

    row, decisions = await run(request, work)
    return desk_page(
        request,
        "desk/row.html",
        status=status,
        here="queue",
        row=row,
        decisions=decisions,
        problem=problem,
    )


async def resolve(request: web.Request) -> web.StreamResponse:
    """POST /desk/queue/{row}: carries out a decision."""
    form = await form_of(request)
    name, by = request.match_info["row"], who(request).name
    decision = form.text("decision", most=64)
    value = form.text(f"value-{decision}", most=_VALUE)
    try:
        await run(
            request,
            lambda desk: desk.queueing.resolve(desk.queueing.find(name).id, decision, value, by),
        )
    except ServiceError as problem:
        return await _show(request, problem_text(request, problem), problem.status)
    return see("/desk/queue")

"""The queue on the admin socket: what waits for a person, and the decisions."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from undisc_node.services.queue_rows import QueueRow
from undisc_node.web.admin_answers import answer, changes, reads
from undisc_node.web.admin_uses import AdminUses
from undisc_node.web.fields import query_number, read_fields
from undisc_node.web.rendering import Json, moment_ms, moment_or_none

_MOST: Final = 1000  # rows of one answer


def queue_json(row: QueueRow) -> Json:
    """Render a row of the queue."""
    return {
        "id": row.id.hex(),
        "kind": row.kind,
        "study": row.study.hex() if row.study else None,
        "facts": [
            {"name": fact.name, "here": fact.here, "there": fact.there} for fact in row.facts
        ],
        "since": moment_ms(row.at_ms),
        "done": moment_or_none(row.done_ms),
        "outcome": row.outcome,
    }


async def list_rows(request: web.Request) -> web.StreamResponse:
    """GET /admin/v1/queue: what waits, oldest first; `done=1` for what was decided."""
    kind, done = request.query.get("kind", ""), request.query.get("done", "") == "1"
    limit = query_number(request, "limit", default=100, most=_MOST)
    offset = query_number(request, "offset", default=0, most=2**53)

    def work(uses: AdminUses, _actor: str) -> Json:
        rows = uses.queueing.list(kind, done=done, limit=max(limit, 0), offset=max(offset, 0))
        return {"queue": [queue_json(row) for row in rows]}

    return await answer(request, work)


async def show(request: web.Request) -> web.StreamResponse:
    """GET /admin/v1/queue/{row}: one of them, and what may be done about it."""
    name = request.match_info["row"]

    def work(uses: AdminUses, _actor: str) -> Json:
        row = uses.queueing.find(name)
        decisions = uses.queueing.decisions(row)
        return {
            "row": queue_json(row),
            "decisions": [
                {"decision": word, "text": one.text, "value": one.value or None}
                for word, one in decisions.items()
            ],
        }

    return await answer(request, work)


async def resolve(request: web.Request) -> web.StreamResponse:
    """POST /admin/v1/queue/{row}/resolve: carry out a decision."""
    name = request.match_info["row"]
    fields = await read_fields(request)
    decision, value = fields.text("decision"), fields.text("value", optional=True)
    fields.done()

    def work(uses: AdminUses, actor: str) -> Json:
        row = uses.queueing.find(name)
        return {"row": queue_json(uses.queueing.resolve(row.id, decision, value, actor))}

    return await answer(request, work)


ROUTES: Final = (
    reads("/admin/v1/queue", list_rows),
    reads("/admin/v1/queue/{row}", show),
    changes("/admin/v1/queue/{row}/resolve", resolve),
)

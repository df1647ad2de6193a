"""Studies on their way into archives, on the admin socket: compare, push, watch, cancel."""

from __future__ import annotations

from dataclasses import asdict
from typing import Final

from aiohttp import web

from undisc_node.services.archive_model import DeliveryState
from undisc_node.services.delivering import DeliveryStatus
from undisc_node.web.admin_answers import answer, changes, reads
from undisc_node.web.admin_uses import AdminUses
from undisc_node.web.fields import read_fields
from undisc_node.web.rendering import Json, moment_ms, moment_or_none, problem_json

_STUDY: Final = "/admin/v1/studies/{study}/deliveries"
_DELIVERY: Final = "/admin/v1/deliveries/{delivery}"


def delivery_json(status: DeliveryStatus) -> Json:
    """Render a delivery and how it stands."""
    row = status.delivery
    waits = row.state is DeliveryState.WAITING and not status.running
    return {
        "id": row.id.hex(),
        "study": row.study.hex(),
        "pacs": row.pacs,
        "state": "sending" if status.running else row.state,
        "patient": asdict(row.patient),
        "accession": row.accession,
        "objects": status.objects,
        "handed_over": status.handed_over,
        "committed": status.committed,
        "problem": problem_json(row.problem),
        "attempts": row.attempts,
        "next": moment_ms(row.next_ms) if waits else None,
        "created": moment_ms(row.created_ms),
        "ended": moment_or_none(row.ended_ms),
    }


async def look_at_patient(request: web.Request) -> web.StreamResponse:
    """POST /admin/v1/studies/{study}/deliveries/look: whose study it is here; nothing is sent."""
    name = request.match_info["study"]
    fields = await read_fields(request)
    pacs, number = fields.text("pacs", optional=True), fields.text("patient", optional=True)
    fields.done()

    def work(uses: AdminUses, _actor: str) -> Json:
        study = uses.studies.find(name)
        known, found = uses.delivering.look(study.id, pacs, number)
        return {
            "pacs": known.name,
            "outside": [asdict(one) for one in found.outside],
            "local": asdict(found.local) if found.local else None,
            "candidates": [asdict(one) for one in found.candidates],
            "differs": list(found.differs),
        }

    return await answer(request, work)


async def push_study(request: web.Request) -> web.StreamResponse:
    """POST /admin/v1/studies/{study}/deliveries: hand it over under a local identity."""
    name = request.match_info["study"]
    fields = await read_fields(request)
    pacs, number = fields.text("pacs", optional=True), fields.text("patient", optional=True)
    accession = fields.text("accession", optional=True)
    accept = fields.flag("accept", default=False)
    fields.done()

    def work(uses: AdminUses, actor: str) -> Json:
        study = uses.studies.find(name)
        delivery = uses.delivering.push(
            study.id, pacs, number, accession, accept=accept, actor=actor
        )
        return {"delivery": delivery_json(uses.delivering.status(delivery))}

    return await answer(request, work)


async def list_of_study(request: web.Request) -> web.StreamResponse:
    """GET /admin/v1/studies/{study}/deliveries: where it goes, and how far it has come."""
    name = request.match_info["study"]

    def work(uses: AdminUses, _actor: str) -> Json:
        found = uses.delivering.list(uses.studies.find(name).id)
        return {"deliveries": [delivery_json(one) for one in found]}

    return await answer(request, work)


async def list_deliveries(request: web.Request) -> web.StreamResponse:
    """GET /admin/v1/deliveries: the newest of all."""
    return await answer(
        request,
        lambda uses, _: {"deliveries": [delivery_json(one) for one in uses.delivering.list()]},
    )


async def show_delivery(request: web.Request) -> web.StreamResponse:
    """GET /admin/v1/deliveries/{delivery}: how far it has come."""
    prefix = request.match_info["delivery"]
    return await answer(
        request, lambda uses, _: {"delivery": delivery_json(uses.delivering.find(prefix))}
    )


async def cancel_delivery(request: web.Request) -> web.StreamResponse:
    """POST /admin/v1/deliveries/{delivery}/cancel: end it; what the archive has stays there."""
    prefix = request.match_info["delivery"]
    (await read_fields(request)).done()

    def work(uses: AdminUses, actor: str) -> Json:
        known = uses.delivering.find(prefix).delivery
        ended = uses.delivering.cancel(known.id, actor)
        return {"delivery": delivery_json(uses.delivering.status(ended))}

    return await answer(request, work)


ROUTES: Final = (
    changes(_STUDY + "/look", look_at_patient),
    changes(_STUDY, push_study),
    reads(_STUDY, list_of_study),
    reads("/admin/v1/deliveries", list_deliveries),
    reads(_DELIVERY, show_delivery),
    changes(_DELIVERY + "/cancel", cancel_delivery),
)

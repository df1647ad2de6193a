"""Patients' links on the admin socket: show or replace a visit's link, set its PIN, reopen it."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from undisc_node.services.patient_links import Access, Handout
from undisc_node.web.admin_answers import answer, changes, reads
from undisc_node.web.admin_uses import AdminUses
from undisc_node.web.fields import read_fields
from undisc_node.web.rendering import Json, moment, moment_or_none


def access_json(found: Access) -> Json:
    """Render how a patient gets in; nothing that opens anything is in it."""
    return {
        "pin": found.pin is not None,
        "attempts": found.pin.attempts if found.pin else 0,
        "max_attempts": found.pin.max_attempts if found.pin else 0,
        "locked": found.pin is not None and found.pin.used_up,
        "link": found.link is not None,
        "claimed": moment_or_none(found.claimed_ms),
        "keys": [
            {
                "id": key.id.hex(),
                "kind": key.kind,
                "software": key.software,
                "created": moment_or_none(key.created_ms),
                "retired": moment_or_none(key.retired_ms),
                "ended": moment_or_none(key.ended_ms),
            }
            for key in found.keys
        ],
    }


def _handed(uses: AdminUses, made: Handout, pin: str) -> Json:
    return {
        "visit": made.visit.hex(),
        "link": made.link,
        "code": made.code,
        "pin": pin,
        "expires": moment(made.expires) if made.expires else None,
        "language": made.language,
        "access": access_json(uses.patient_links.access(made.visit)),
    }


async def show_access(request: web.Request) -> web.StreamResponse:
    """GET /admin/v1/visits/{visit}/access: whether there is a link, and how its PIN stands."""
    name = request.match_info["visit"]

    def work(uses: AdminUses, _actor: str) -> Json:
        visit = uses.visiting.find(name)
        return {"access": access_json(uses.patient_links.access(visit.id))}

    return await answer(request, work)


async def hand_out(request: web.Request) -> web.StreamResponse:
    """POST /admin/v1/visits/{visit}/link: the link, and a drawn PIN if there was none."""
    name = request.match_info["visit"]
    fields = await read_fields(request)
    new = fields.flag("new", default=False)
    fields.done()

    def work(uses: AdminUses, actor: str) -> Json:
        links, visit = uses.patient_links, uses.visiting.find(name)
        made = links.reissue(visit.id, actor) if new else links.handout(visit.id)
        pin = "" if links.access(visit.id).pin else links.draw_pin(visit.id, actor)
        return _handed(uses, made, pin)

    return await answer(request, work)


async def set_pin(request: web.Request) -> web.StreamResponse:
    """POST /admin/v1/visits/{visit}/pin: set it; a drawn one is answered, and kept nowhere."""
    name = request.match_info["visit"]
    fields = await read_fields(request)
    given = fields.text("pin", optional=True)
    fields.done()

    def work(uses: AdminUses, actor: str) -> Json:
        links, visit = uses.patient_links, uses.visiting.find(name)
        if given:
            links.set_pin(visit.id, given, actor)
            return {"pin": "", "access": access_json(links.access(visit.id))}
        drawn = links.draw_pin(visit.id, actor)
        return {"pin": drawn, "access": access_json(links.access(visit.id))}

    return await answer(request, work)


async def reopen(request: web.Request) -> web.StreamResponse:
    """POST /admin/v1/visits/{visit}/reopen: allow new attempts at its PIN."""
    name = request.match_info["visit"]
    (await read_fields(request)).done()

    def work(uses: AdminUses, actor: str) -> Json:
        visit = uses.visiting.find(name)
        uses.patient_links.reopen(visit.id, actor)
        return {"access": access_json(uses.patient_links.access(visit.id))}

    return await answer(request, work)


ROUTES: Final = (
    reads("/admin/v1/visits/{visit}/access", show_access),
    changes("/admin/v1/visits/{visit}/link", hand_out),
    changes("/admin/v1/visits/{visit}/pin", set_pin),
    changes("/admin/v1/visits/{visit}/reopen", reopen),
)

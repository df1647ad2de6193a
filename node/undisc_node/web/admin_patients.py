"""Patients' links on the admin socket: show or replace a visit's link, set its PIN, reopen it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from aiohttp import web

from undisc_node.services.browsing_rows import AccessRow
from undisc_node.services.patient_links import Handout, PatientAccess
from undisc_node.web.admin_answers import answer, changes, reads
from undisc_node.web.admin_uses import AdminUses
from undisc_node.web.fields import read_fields, read_hex
from undisc_node.web.patients.rendering import shown_json
from undisc_node.web.rendering import Json, moment, moment_ms, moment_or_none
from undisc_protocol.did import Did


def access_json(found: PatientAccess) -> Json:
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


def _access_json(row: AccessRow, labels: Mapping[Did, str]) -> Json:
    return {
        "at": moment_ms(row.at_ms),
        "what": row.kind,
        "with": labels.get(row.link, ""),
        "study": row.study.hex() if row.study else None,
        "who": row.who,
        "peer": row.node.hex() if row.node else None,
    }


async def list_shares(request: web.Request) -> web.StreamResponse:
    """GET /admin/v1/visits/{visit}/shares: what the patient shared, and who came with it."""
    name = request.match_info["visit"]

    def work(uses: AdminUses, _actor: str) -> Json:
        visit, sharing = uses.visiting.find(name), uses.patient_sharing
        shares = sharing.shares_of(visit.id)
        labels = {one.shared.audience: one.shared.label for one in shares}
        return {
            "shares": [shown_json(one) for one in shares],
            "accesses": [_access_json(row, labels) for row in sharing.accesses_of(visit.id)],
        }

    return await answer(request, work)


async def revoke_shares(request: web.Request) -> web.StreamResponse:
    """POST /admin/v1/visits/{visit}/revoke: end one share or all, because the patient says so."""
    name = request.match_info["visit"]
    fields = await read_fields(request)
    one = fields.text("share", optional=True)
    share = read_hex("share", one, 16) if one else None
    fields.done()

    def work(uses: AdminUses, actor: str) -> Json:
        visit, sharing = uses.visiting.find(name), uses.patient_sharing
        if share is None:
            return {"ended": sharing.revoke_all_of(visit.id, actor)}
        sharing.revoke_of(visit.id, share, actor)
        return {"ended": 1}

    return await answer(request, work)


async def tell_of_uses(request: web.Request) -> web.StreamResponse:
    """POST /admin/v1/visits/{visit}/notices: tell the patient of each use, or not any more."""
    name = request.match_info["visit"]
    fields = await read_fields(request)
    wanted = fields.flag("wanted")
    fields.done()

    def work(uses: AdminUses, actor: str) -> Json:
        visit = uses.visiting.find(name).id
        uses.use_notices.want(visit, actor, wanted=wanted)
        wish = uses.use_notices.wish(visit)
        return {"notices": {"wanted": wish.wanted, "possible": wish.possible}}

    return await answer(request, work)


ROUTES: Final = (
    reads("/admin/v1/visits/{visit}/access", show_access),
    changes("/admin/v1/visits/{visit}/link", hand_out),
    changes("/admin/v1/visits/{visit}/pin", set_pin),
    changes("/admin/v1/visits/{visit}/reopen", reopen),
    reads("/admin/v1/visits/{visit}/shares", list_shares),
    changes("/admin/v1/visits/{visit}/revoke", revoke_shares),
    changes("/admin/v1/visits/{visit}/notices", tell_of_uses),
)

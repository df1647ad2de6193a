"""Accounts of the practice's own people on the admin socket."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from undisc_node.services.staff_rows import Role, StaffMember
from undisc_node.web.admin_answers import answer, changes, reads
from undisc_node.web.admin_uses import AdminUses
from undisc_node.web.fields import read_fields
from undisc_node.web.rendering import Json, moment_ms, moment_or_none


def staff_json(member: StaffMember) -> Json:
    """Render an account; nothing of its password."""
    return {
        "name": member.name,
        "role": str(member.role),
        "created": moment_ms(member.created_ms),
        "changed": moment_ms(member.changed_ms),
        "disabled": moment_or_none(member.disabled_ms),
    }


async def list_staff(request: web.Request) -> web.StreamResponse:
    """GET /admin/v1/staff: all accounts."""
    return await answer(
        request, lambda uses, _: {"staff": [staff_json(one) for one in uses.staff.list()]}
    )


async def add(request: web.Request) -> web.StreamResponse:
    """POST /admin/v1/staff: make an account."""
    fields = await read_fields(request)
    name, role = fields.text("name"), fields.choice("role", Role)
    password = fields.text("password")
    fields.done()

    def work(uses: AdminUses, actor: str) -> Json:
        return {"member": staff_json(uses.staff.add(name, role, password, actor))}

    return await answer(request, work)


async def disable(request: web.Request) -> web.StreamResponse:
    """POST /admin/v1/staff/{name}/disable: let somebody sign in no more."""
    (await read_fields(request)).done()
    name = request.match_info["name"]
    return await answer(
        request, lambda uses, actor: {"member": staff_json(uses.staff.disable(name, actor))}
    )


async def reset(request: web.Request) -> web.StreamResponse:
    """POST /admin/v1/staff/{name}/reset: give somebody a new password."""
    fields = await read_fields(request)
    password = fields.text("password")
    fields.done()
    name = request.match_info["name"]
    return await answer(
        request, lambda uses, actor: {"member": staff_json(uses.staff.reset(name, password, actor))}
    )


ROUTES: Final = (
    reads("/admin/v1/staff", list_staff),
    changes("/admin/v1/staff", add),
    changes("/admin/v1/staff/{name}/disable", disable),
    changes("/admin/v1/staff/{name}/reset", reset),
)

"""Accounts of the practice's own people, for its administrators."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from undisc_node.services.errors import ServiceError
from undisc_node.services.staff_rows import Role
from undisc_node.web.desk.sessions import desk_page, form_of, run, see, who
from undisc_node.web.pages.texts import problem_text

_PLACE: Final = "/desk/people"
_MOST: Final = 256  # characters of a name or password


async def people(request: web.Request) -> web.StreamResponse:
    """GET /desk/people: all accounts."""
    return await _people(request)


async def _people(request: web.Request, problem: str = "", status: int = 200) -> web.Response:
    found = await run(request, lambda desk: list(desk.staff.list()))
    return desk_page(
        request, "desk/people.html", status=status, here="people", found=found, problem=problem
    )


async def add(request: web.Request) -> web.StreamResponse:
    """POST /desk/people: makes an account."""
    form, by = await form_of(request), who(request).name
    name, role = form.text("name", most=_MOST), form.choice("role", Role) or Role.DESK
    password = form.secret("password", most=_MOST)
    try:
        await run(request, lambda desk: desk.staff.add(name, role, password, by))
    except ServiceError as problem:
        return await _people(request, problem_text(request, problem), problem.status)
    return see(_PLACE)


async def disable(request: web.Request) -> web.StreamResponse:
    """POST /desk/people/{name}/disable: lets somebody sign in no more, from now on."""
    await form_of(request)
    name, by = request.match_info["name"], who(request).name
    try:
        await run(request, lambda desk: desk.staff.disable(name, by))
    except ServiceError as problem:
        return await _people(request, problem_text(request, problem), problem.status)
    return see(_PLACE)


async def reset(request: web.Request) -> web.StreamResponse:
    """POST /desk/people/{name}/reset: gives somebody a new password and a new authenticator."""
    form, by = await form_of(request), who(request).name
    name, password = request.match_info["name"], form.secret("password", most=_MOST)
    try:
        await run(request, lambda desk: desk.staff.reset(name, password, by))
    except ServiceError as problem:
        return await _people(request, problem_text(request, problem), problem.status)
    return see(_PLACE)

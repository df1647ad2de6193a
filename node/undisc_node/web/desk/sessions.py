"""Who is at the desk: the cookie, the session behind it, and pages that need one."""

from __future__ import annotations

import base64
import functools
from collections.abc import Callable
from typing import Any, Final, TypeVar

from aiohttp import hdrs, web

from undisc_node.services.desk_rows import Stage
from undisc_node.services.errors import Refused
from undisc_node.services.signing_in import SECRET
from undisc_node.services.staff_rows import Role, StaffMember
from undisc_node.web import keys
from undisc_node.web.desk.uses import DeskUses
from undisc_node.web.pages.forms import Form, read_form, token_of
from undisc_node.web.pages.protecting import cookie_of, set_cookie
from undisc_node.web.pages.rendering import page
from undisc_node.web.routing import Handler

COOKIE: Final = "desk"
SIGN_IN: Final = "/desk/sign-in"
_Result = TypeVar("_Result")


def desk_of(request: web.Request) -> DeskUses:
    """Return what the desk calls."""
    return request.app[keys.INTERNAL].desk


async def run(request: web.Request, work: Callable[[DeskUses], _Result]) -> _Result:
    """Run use cases in a worker thread."""
    desk = desk_of(request)
    return await request.app[keys.WORKERS].run(lambda: work(desk))


def see(place: str) -> web.Response:
    """Lead the browser on after a form: it can load that page again without sending anything."""
    return web.Response(status=303, headers={hdrs.LOCATION: place, "Cache-Control": "no-store"})


def secret_of(request: web.Request) -> str:
    """Return the text of the browser's cookie, or nothing."""
    return cookie_of(request, COOKIE)


def fresh_secret(request: web.Request) -> str:
    """Return the text of a cookie that is nobody's: forms are bound to it before a sign-in."""
    fresh = desk_of(request).random(SECRET)
    return base64.urlsafe_b64encode(fresh).decode().rstrip("=")


def with_secret(request: web.Request, response: web.Response, secret: str) -> web.Response:
    """Give the browser a cookie."""
    set_cookie(request, response, COOKIE, secret)
    return response


def staff_page(handler: Handler, role: Role = Role.DESK) -> Handler:
    """Make a handler that only somebody who is signed in reaches; others are led to the sign-in.

    Args:
        handler: Finds who it is with `who`.
        role: `admin` lets only administrators in.
    """

    @functools.wraps(handler)
    async def guarded(request: web.Request) -> web.StreamResponse:
        secret = secret_of(request)

        def work(desk: DeskUses) -> StaffMember | None:
            session = desk.signing_in.session_of(secret)
            if session is None or session.stage is not Stage.IN:
                return None
            return desk.signing_in.member(session)

        member = await run(request, work)
        if member is None:
            return see(SIGN_IN)
        if role is Role.ADMIN and member.role is not Role.ADMIN:
            raise Refused("this is for administrators", hint="ask one of them")
        request[keys.STAFF] = member
        return await handler(request)

    return guarded


def admin_page(handler: Handler) -> Handler:
    """Make a handler that only an administrator reaches."""
    return staff_page(handler, Role.ADMIN)


def who(request: web.Request) -> StaffMember:
    """Return who is signed in, within a handler of `staff_page`."""
    return request[keys.STAFF]


async def form_of(request: web.Request) -> Form:
    """Read a form of the desk."""
    return await read_form(request, secret_of(request))


def desk_page(
    request: web.Request, template: str, *, status: int = 200, **values: Any
) -> web.Response:
    """Answer with a page of the desk."""
    known = {"member": who(request), "token": token_of(secret_of(request))}
    return page(request, template, status=status, **{**known, **values})

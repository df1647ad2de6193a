"""Every key under which an application or a request keeps something; the object is the identity."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from aiohttp import web

from undisc_node.services.staff_rows import StaffMember
from undisc_node.web.admin_uses import AdminUses
from undisc_node.web.public_uses import PublicUses

if TYPE_CHECKING:  # these modules use the keys
    from undisc_node.web.asked.uses import AskedUses
    from undisc_node.web.dicomweb.uses import Mounted
    from undisc_node.web.errors import Told
    from undisc_node.web.internal import InternalUses
    from undisc_node.web.limits import Body
    from undisc_node.web.pages.rendering import Pages
    from undisc_node.web.routing import Route
    from undisc_node.web.spool import Spool
    from undisc_node.web.streaming import Streaming
    from undisc_node.web.viewer.uses import ViewerUses
    from undisc_node.web.workers import Workers

ROUTES: web.AppKey[Mapping[web.AbstractRoute, Route]] = web.AppKey("routes")
PUBLIC: web.AppKey[PublicUses] = web.AppKey("public", PublicUses)
ADMIN: web.AppKey[AdminUses] = web.AppKey("admin", AdminUses)
WORKERS: web.AppKey[Workers] = web.AppKey("workers")
STREAMING: web.AppKey[Streaming] = web.AppKey("streaming")
SPOOL: web.AppKey[Spool] = web.AppKey("spool")
PAGES: web.AppKey[Pages] = web.AppKey("pages")
PROBLEM_PAGE: web.AppKey[Callable[[web.Request, Told], web.Response]] = web.AppKey("problem_page")

DICOMWEB: web.AppKey[Mounted] = web.AppKey("dicomweb")
VIEWER: web.AppKey[ViewerUses] = web.AppKey("viewer")
ASKED: web.AppKey[AskedUses] = web.AppKey("asked")
INTERNAL: web.AppKey[InternalUses] = web.AppKey("internal")

BODY: web.RequestKey[Body] = web.RequestKey("body")
STILL: web.RequestKey[Callable[[], None]] = web.RequestKey("still")
"""Raises once the caller may not have the rest of a long answer; asked in a thread."""

STAFF: web.RequestKey[StaffMember] = web.RequestKey("staff", StaffMember)
REQUEST_ID: web.RequestKey[str] = web.RequestKey("request_id", str)

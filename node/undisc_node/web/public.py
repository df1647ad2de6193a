"""The public listener: what other nodes ask, and the pages that patients and doctors open.

Pages are routes with `page=True`: they are served under host names of ours only. Nothing of the
desk is here.
"""

from __future__ import annotations

from typing import Final

from aiohttp import web

from undisc_node.web import peer_api
from undisc_node.web.asked.pages import asked_routes
from undisc_node.web.pages.assets import asset_routes
from undisc_node.web.pages.rendering import page
from undisc_node.web.patients import api as patients
from undisc_node.web.routing import NO_BODY, Authority, Route
from undisc_node.web.viewer import routes as viewer


async def about(request: web.Request) -> web.StreamResponse:
    """GET /: whose node this is, for somebody who typed its address."""
    return page(request, "about.html")


PAGES: Final = (
    Route(
        method="GET",
        path="/",
        authority=Authority.ANYONE,
        body_limit=NO_BODY,
        handler=about,
        page=True,
    ),
    *asset_routes(Authority.ANYONE),
    *patients.ROUTES,
    *viewer.ROUTES,
    *asked_routes(Authority.ANYONE),
)
"""What people open with a browser."""

ROUTES: Final = (*peer_api.ROUTES, *PAGES)

ACCEPTS: Final = frozenset(
    {
        Authority.ANYONE,
        Authority.SIGNED,
        Authority.TICKET,
        Authority.BROWSER,
        Authority.ASKED,
    }
)
"""Authorities that this listener can check."""

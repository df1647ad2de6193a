"""Links on the admin socket: make with a share, list, reopen, revoke; and fetch with one."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from undisc_node.services.link_rows import DEFAULT_ATTEMPTS, LinkRow
from undisc_node.services.linking import Protection
from undisc_node.web.admin_answers import answer, changes, names_in, reads
from undisc_node.web.admin_uses import AdminUses
from undisc_node.web.fields import read_fields
from undisc_node.web.rendering import Json, fetch_json, moment_ms, moment_or_none, share_json


def link_json(link: LinkRow, shares: int) -> Json:
    """Render a link; its secret is nowhere here."""
    if link.revoked_ms is not None:
        state = "revoked"
    elif link.attempts_used_up:
        state = "locked"
    else:
        state = "used up" if link.uses_used_up else "active"
    return {
        "id": link.id.hex(),
        "audience": link.did,
        "passcode": link.passcode is not None,
        "uses": link.uses,
        "max_uses": link.max_uses,
        "attempts": link.attempts,
        "max_attempts": link.max_attempts,
        "shares": shares,
        "created": moment_ms(link.created_ms),
        "revoked": moment_or_none(link.revoked_ms),
        "state": state,
    }


def _rendered(uses: AdminUses, link: LinkRow) -> Json:
    shares = [share for share in uses.sharing.list(None) if share.audience == link.did]
    return link_json(link, len(shares))


async def make_link(request: web.Request) -> web.StreamResponse:
    """POST /admin/v1/links: take a share to a new link's key, and protect the link."""
    fields = await read_fields(request)
    token, passcode = fields.data("token"), fields.text("passcode", optional=True)
    uses_most, attempts = fields.number("uses"), fields.number("attempts")
    fields.done()
    protection = Protection(passcode, uses_most, attempts or DEFAULT_ATTEMPTS)

    def work(uses: AdminUses, actor: str) -> Json:
        shared, link = uses.linking.share(token, protection, actor)
        return {
            "share": share_json(shared.share, names_in(uses), uses.clock.now_ms()),
            "link": _rendered(uses, link),
        }

    return await answer(request, work)


async def list_links(request: web.Request) -> web.StreamResponse:
    """GET /admin/v1/links: all of them, newest first."""

    def work(uses: AdminUses, _actor: str) -> Json:
        return {"links": [_rendered(uses, link) for link in uses.linking.list()]}

    return await answer(request, work)


async def reopen_link(request: web.Request) -> web.StreamResponse:
    """POST /admin/v1/links/{link}/reopen: let attempts at the passcode begin anew."""
    prefix = request.match_info["link"]
    (await read_fields(request)).done()

    def work(uses: AdminUses, actor: str) -> Json:
        link = uses.linking.reopen(uses.linking.find(prefix), actor)
        return {"link": _rendered(uses, link)}

    return await answer(request, work)


async def revoke_link(request: web.Request) -> web.StreamResponse:
    """POST /admin/v1/links/{link}/revoke: with everything shared with it, at once, for good."""
    prefix = request.match_info["link"]
    (await read_fields(request)).done()

    def work(uses: AdminUses, actor: str) -> Json:
        link = uses.linking.revoke(uses.linking.find(prefix), actor)
        return {"link": _rendered(uses, link)}

    return await answer(request, work)


async def fetch_link(request: web.Request) -> web.StreamResponse:
    """POST /admin/v1/fetches/link: bring everything that a link of another node opens."""
    fields = await read_fields(request)
    link = fields.data("link").decode("utf-8", "replace")
    passcode, code = fields.text("passcode", optional=True), fields.text("code", optional=True)
    fields.done()

    def work(uses: AdminUses, actor: str) -> Json:
        names = names_in(uses)
        begun = uses.link_fetching.start(link, passcode, actor, code)
        return {
            "fetches": [fetch_json(one, uses.fetching.progress(one.id), names) for one in begun]
        }

    return await answer(request, work)


ROUTES: Final = (
    changes("/admin/v1/links", make_link),
    reads("/admin/v1/links", list_links),
    changes("/admin/v1/links/{link}/reopen", reopen_link),
    changes("/admin/v1/links/{link}/revoke", revoke_link),
    changes("/admin/v1/fetches/link", fetch_link),
)

"""Grants and shares on the admin socket: make, register, list, show, revoke."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from undisc_node.services.errors import Invalid
from undisc_node.services.model import Basis, Grant
from undisc_node.web import keys
from undisc_node.web.admin_answers import answer, changes, names_in, reads
from undisc_node.web.admin_department import notice_json
from undisc_node.web.admin_uses import AdminUses
from undisc_node.web.fields import Fields, read_fields
from undisc_node.web.rendering import (
    Json,
    base64_text,
    base64url_text,
    grant_json,
    share_json,
)
from undisc_protocol import limits

_DAY: Final = 86_400  # seconds
_DEFAULT_DAYS: Final = 30  # when the administrator names no end
_EMERGENCY_DAYS: Final = 3  # the longest that an emergency may last (DESIGN §5)
_MAX_DAYS: Final = limits.GRANT_LIFETIME // _DAY


def _expires(fields: Fields, basis: Basis, now_ms: int) -> int:
    """Return the end of a grant, seconds since 1970: a moment, a number of days, or the default."""
    moment, days = fields.moment("expires"), fields.number("days")
    if moment is not None and days is not None:
        raise Invalid("give expires or days, not both")
    if moment is not None:
        return moment
    if days is None:
        days = _EMERGENCY_DAYS if basis is Basis.EMERGENCY else _DEFAULT_DAYS
    if days > _MAX_DAYS:
        raise Invalid(f"a grant lasts at most {_MAX_DAYS} days")
    return now_ms // 1000 + days * _DAY


async def create_grant(request: web.Request) -> web.StreamResponse:
    """POST /admin/v1/grants: let a peer, or whoever holds a new link, read a study."""
    fields = await read_fields(request)
    study, peer = fields.text("study"), fields.text("peer", optional=True)
    link = fields.flag("link", default=False)
    basis = fields.choice("basis", Basis)
    staff, purpose = fields.text("staff", optional=True), fields.text("purpose", optional=True)
    command, passcode = fields.text("command"), fields.text("passcode", optional=True)
    if bool(peer) == link:
        raise Invalid("a grant goes to one peer or to a new link", hint="give peer, or link: true")
    now_ms = request.app[keys.ADMIN].clock.now_ms()
    expires = _expires(fields, basis, now_ms)
    fields.done()

    if passcode and not (link and basis is Basis.EMERGENCY):
        raise Invalid("only a link that is given out in an emergency has a passcode")

    def work(uses: AdminUses, actor: str) -> Json:
        named = uses.studies.find(study).id
        to = uses.peering.find(peer) if peer else None
        if basis is Basis.EMERGENCY:
            given = uses.emergency_giving.give(
                study=named,
                peer=to,
                staff=staff,
                purpose=purpose,
                expires=expires,
                command=command,
                actor=actor,
                passcode=passcode,
            )
            return _made(uses, given.grant, given.offer, url=given.link)
        granted = uses.granting.create(
            study=named,
            peer=to,
            basis=basis,
            staff=staff,
            purpose=purpose,
            expires=expires,
            command=command,
            actor=actor,
        )
        return _made(uses, granted.grant, granted.offer, secret=granted.link_secret)

    return await answer(request, work)


def _made(
    uses: AdminUses,
    grant: Grant,
    offer: bytes | None,
    *,
    secret: bytes | None = None,
    url: str = "",
) -> Json:
    """Render a new grant, with what is handed over and shown only this once."""
    made: Json = {
        "grant": grant_json(grant, names_in(uses), uses.clock.now_ms()),
        "offer": None if offer is None else base64_text(offer),
        "link": None if secret is None else base64url_text(secret),
    }
    return {**made, "url": url} if url else made


def _study_id(request: web.Request, uses: AdminUses) -> bytes | None:
    """Return the study that the query confines a list to, or None."""
    name = request.query.get("study", "")
    return uses.studies.find(name).id if name else None


async def list_grants(request: web.Request) -> web.StreamResponse:
    """GET /admin/v1/grants: of one study, or all."""

    def work(uses: AdminUses, _actor: str) -> Json:
        names, now_ms, suspended = names_in(uses), uses.clock.now_ms(), uses.restoring.ids()
        found = uses.granting.list(_study_id(request, uses))
        return {"grants": [grant_json(grant, names, now_ms, suspended) for grant in found]}

    return await answer(request, work)


async def show_grant(request: web.Request) -> web.StreamResponse:
    """GET /admin/v1/grants/{grant}: with the shares that stand on it."""
    prefix = request.match_info["grant"]

    def work(uses: AdminUses, _actor: str) -> Json:
        grant, names, now_ms = uses.granting.find(prefix), names_in(uses), uses.clock.now_ms()
        suspended = uses.restoring.ids()
        shares = [share for share in uses.sharing.list(grant.study) if share.grant == grant.id]
        return {
            "grant": grant_json(grant, names, now_ms, suspended),
            "shares": [share_json(share, names, now_ms, suspended) for share in shares],
            "notices": [notice_json(one, names) for one in uses.noticing.about(grant)],
        }

    return await answer(request, work)


async def show_token(request: web.Request) -> web.StreamResponse:
    """GET /admin/v1/grants/{grant}/token: what a patient's agent needs to sign a share."""
    prefix = request.match_info["grant"]
    return await answer(
        request, lambda uses, _: {"token": base64_text(uses.granting.find(prefix).token)}
    )


async def revoke_grant(request: web.Request) -> web.StreamResponse:
    """POST /admin/v1/grants/{grant}/revoke: at once, and for good."""
    prefix = request.match_info["grant"]
    (await read_fields(request)).done()

    def work(uses: AdminUses, actor: str) -> Json:
        grant = uses.revoking.grant(uses.granting.find(prefix).id, actor)
        return {
            "grant": grant_json(grant, names_in(uses), uses.clock.now_ms(), uses.restoring.ids())
        }

    return await answer(request, work)


async def register_share(request: web.Request) -> web.StreamResponse:
    """POST /admin/v1/shares: take a share that a patient's key signed."""
    fields = await read_fields(request)
    token = fields.data("token")
    fields.done()

    def work(uses: AdminUses, actor: str) -> Json:
        shared = uses.sharing.register(token, actor)
        return {
            "share": share_json(shared.share, names_in(uses), uses.clock.now_ms()),
            "offer": base64_text(shared.offer),
        }

    return await answer(request, work)


async def list_shares(request: web.Request) -> web.StreamResponse:
    """GET /admin/v1/shares: of one study, or all."""

    def work(uses: AdminUses, _actor: str) -> Json:
        names, now_ms, suspended = names_in(uses), uses.clock.now_ms(), uses.restoring.ids()
        found = uses.sharing.list(_study_id(request, uses))
        return {"shares": [share_json(share, names, now_ms, suspended) for share in found]}

    return await answer(request, work)


async def show_share(request: web.Request) -> web.StreamResponse:
    """GET /admin/v1/shares/{share}: with what those say who have the study through it."""
    prefix = request.match_info["share"]

    def work(uses: AdminUses, _actor: str) -> Json:
        share, names = uses.sharing.find(prefix), names_in(uses)
        return {
            "share": share_json(share, names, uses.clock.now_ms(), uses.restoring.ids()),
            "notices": [notice_json(one, names) for one in uses.noticing.about(share)],
        }

    return await answer(request, work)


async def revoke_share(request: web.Request) -> web.StreamResponse:
    """POST /admin/v1/shares/{share}/revoke: at once, and for good."""
    prefix = request.match_info["share"]
    (await read_fields(request)).done()

    def work(uses: AdminUses, actor: str) -> Json:
        share = uses.revoking.share(uses.sharing.find(prefix).id, actor)
        return {
            "share": share_json(share, names_in(uses), uses.clock.now_ms(), uses.restoring.ids())
        }

    return await answer(request, work)


ROUTES: Final = (
    changes("/admin/v1/grants", create_grant),
    reads("/admin/v1/grants", list_grants),
    reads("/admin/v1/grants/{grant}", show_grant),
    reads("/admin/v1/grants/{grant}/token", show_token),
    changes("/admin/v1/grants/{grant}/revoke", revoke_grant),
    changes("/admin/v1/shares", register_share),
    reads("/admin/v1/shares", list_shares),
    reads("/admin/v1/shares/{share}", show_share),
    changes("/admin/v1/shares/{share}/revoke", revoke_share),
)

"""Pairing on the admin socket: invite, accept, compare words, decide."""

from __future__ import annotations

import base64
from typing import Final

from aiohttp import web

from undisc_node.services.discovering import Suggestion
from undisc_node.services.errors import Invalid
from undisc_node.services.pairing_rows import PairingRow
from undisc_node.web.admin_answers import answer, changes, reads
from undisc_node.web.admin_uses import AdminUses
from undisc_node.web.fields import query_number, read_fields
from undisc_node.web.pages.qr import qr_lines
from undisc_node.web.rendering import Json, moment_ms
from undisc_protocol.pairing import Says

_SECONDS: Final = 3  # usual time for neighbours to answer
_MOST_SECONDS: Final = 30


def pairing_json(row: PairingRow) -> Json:
    """Render a pairing; what it is sealed with is not in it."""
    return {
        "id": row.id.hex(),
        "role": row.role.value,
        "by_file": row.by_file,
        "state": row.state.value,
        "name": row.name,
        "node_id": row.node.hex() if row.node else None,
        "words": row.words.split(),
        "scopes": list(row.scopes),
        "their_scopes": list(row.their_scopes),
        "urls": list(row.urls),
        "made": moment_ms(row.made_ms),
        "taken_by": moment_ms(row.taken_by_ms),
        "ends": moment_ms(row.ends_ms),
        "ended": None if row.ended_ms is None else moment_ms(row.ended_ms),
        "problem": row.problem,
        "by": row.by,
    }


async def invite(request: web.Request) -> web.StreamResponse:
    """POST /admin/v1/pairings: an invitation for another node."""
    fields = await read_fields(request)
    scopes, by_file = fields.texts("scopes"), fields.flag("by_file", default=False)
    fields.done()

    def work(uses: AdminUses, actor: str) -> Json:
        made = uses.pairings.invite(scopes, by_file=by_file, actor=actor)
        shown: Json = {"pairing": pairing_json(made.row)}
        if by_file:
            return shown | {"file": _base64(made.file)}
        return shown | {"invitation": made.text, "qr": list(qr_lines(made.text))}

    return await answer(request, work)


async def accept(request: web.Request) -> web.StreamResponse:
    """POST /admin/v1/pairings/accept: take up another node's invitation, or its file."""
    fields = await read_fields(request)
    by_file = fields.has("file")
    given = fields.data("file") if by_file else fields.data("invitation")
    scopes = fields.texts("scopes")
    fields.done()

    def work(uses: AdminUses, actor: str) -> Json:
        if by_file:
            row, file = uses.pairings.accept_file(given, scopes, actor)
            return {"pairing": pairing_json(row), "file": _base64(file) if file else None}
        try:
            text = given.decode()
        except UnicodeDecodeError:
            raise Invalid("the invitation is not text") from None
        return {"pairing": pairing_json(uses.pairings.accept(text, scopes, actor)), "file": None}

    return await answer(request, work)


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


async def list_pairings(request: web.Request) -> web.StreamResponse:
    """GET /admin/v1/pairings: those that go on, and those that ended lately."""
    return await answer(
        request, lambda uses, _: {"pairings": [pairing_json(one) for one in uses.pairings.list()]}
    )


async def show_pairing(request: web.Request) -> web.StreamResponse:
    """GET /admin/v1/pairings/{pairing}: one of them."""
    name = request.match_info["pairing"]
    return await answer(
        request, lambda uses, _: {"pairing": pairing_json(uses.pairings.find(name))}
    )


async def confirm_pairing(request: web.Request) -> web.StreamResponse:
    """POST /admin/v1/pairings/{pairing}/confirm: both sides have the same words."""
    return await _decide(request, Says.YES)


async def refuse_pairing(request: web.Request) -> web.StreamResponse:
    """POST /admin/v1/pairings/{pairing}/refuse: end it on both sides."""
    return await _decide(request, Says.NO)


async def _decide(request: web.Request, says: Says) -> web.StreamResponse:
    name = request.match_info["pairing"]
    (await read_fields(request)).done()

    def work(uses: AdminUses, actor: str) -> Json:
        row = uses.pairings.find(name)
        return {"pairing": pairing_json(uses.pairings.decide(row.id, says, actor))}

    return await answer(request, work)


async def discovered(request: web.Request) -> web.StreamResponse:
    """GET /admin/v1/discovered: who says to be on the local network; suggestions only."""
    seconds = max(1, query_number(request, "seconds", default=_SECONDS, most=_MOST_SECONDS))
    return await answer(
        request,
        lambda uses, _: {
            "discovered": [_suggestion_json(one) for one in uses.discovering.look(seconds)]
        },
    )


def _suggestion_json(one: Suggestion) -> Json:
    return {
        "name": one.seen.name,
        "node_id_begins": one.seen.prefix,
        "url": one.seen.url,
        "addresses": list(one.seen.addresses),
        "claims_peer": one.claims.name if one.claims else None,
        "claims_own": one.own,
    }


ROUTES: Final = (
    reads("/admin/v1/discovered", discovered),
    changes("/admin/v1/pairings", invite),
    reads("/admin/v1/pairings", list_pairings),
    changes("/admin/v1/pairings/accept", accept),
    reads("/admin/v1/pairings/{pairing}", show_pairing),
    changes("/admin/v1/pairings/{pairing}/confirm", confirm_pairing),
    changes("/admin/v1/pairings/{pairing}/refuse", refuse_pairing),
)

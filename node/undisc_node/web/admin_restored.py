"""Restored mode on the admin socket: what is suspended, and the decisions that end it."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from undisc_node.services.model import Grant, Recalled, Restored
from undisc_node.services.restoring import Suspended
from undisc_node.web.admin_answers import answer, changes, names_in, reads
from undisc_node.web.admin_uses import AdminUses
from undisc_node.web.fields import read_fields
from undisc_node.web.rendering import Json, Names, grant_json, moment_ms, moment_or_none, share_json


def _restored_json(restored: Restored) -> Json:
    return {
        "since": moment_ms(restored.since_ms),
        "taken": moment_ms(restored.taken_ms) if restored.taken_ms else None,
        "how": restored.how,
        "confirmed": moment_or_none(restored.confirmed_ms),
    }


def _suspended_json(one: Suspended, names: Names, now_ms: int) -> Json:
    row, only = one.row, frozenset({one.row.id})
    if isinstance(row, Grant):
        return {"kind": one.kind, **grant_json(row, names, now_ms, only)}
    return {"kind": one.kind, **share_json(row, names, now_ms, only)}


def _recalled_json(one: Recalled, names: Names) -> Json:
    return {
        "peer": one.peer.hex(),
        "peer_name": names.of_node(one.peer),
        "at": moment_ms(one.at_ms),
        "missing_lines": one.missing_lines,
        "ended": one.ended,
        "stored": one.stored,
        "fetched": one.fetched,
        "problem": one.problem or None,
    }


async def show(request: web.Request) -> web.StreamResponse:
    """GET /admin/v1/restored: the newest return from a copy, and what waits since."""

    def work(uses: AdminUses, _actor: str) -> Json:
        latest, names, now_ms = uses.restoring.latest(), names_in(uses), uses.clock.now_ms()
        return {
            "restored": None if latest is None else _restored_json(latest),
            "suspended": [
                _suspended_json(one, names, now_ms) for one in uses.restoring.suspended()
            ],
            "recalled": [_recalled_json(one, names) for one in uses.recalling.recalled()],
        }

    return await answer(request, work)


async def confirm(request: web.Request) -> web.StreamResponse:
    """POST /admin/v1/restored/confirm: keep what is named, or all; revoke the rest; go on."""
    fields = await read_fields(request)
    keep_all, keep = fields.flag("keep_all", default=False), fields.texts("keep")
    fields.done()

    def work(uses: AdminUses, actor: str) -> Json:
        wanted = None if keep_all else uses.restoring.find(keep)
        done = uses.restoring.confirm(wanted, actor)
        return {"kept": done.kept, "revoked": done.revoked}

    return await answer(request, work)


async def ask_peers(request: web.Request) -> web.StreamResponse:
    """POST /admin/v1/restored/recall: ask the peers what they remember of this node."""
    (await read_fields(request)).done()

    def work(uses: AdminUses, actor: str) -> Json:
        names = names_in(uses)
        return {
            "recalled": [_recalled_json(one, names) for one in uses.recalling.recall_all(actor)]
        }

    return await answer(request, work)


ROUTES: Final = (
    reads("/admin/v1/restored", show),
    changes("/admin/v1/restored/recall", ask_peers),
    changes("/admin/v1/restored/confirm", confirm),
)

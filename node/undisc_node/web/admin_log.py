"""The log on the admin socket: read and verify."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from undisc_node.services.rounds import Witness
from undisc_node.web.admin_answers import answer, changes, reads
from undisc_node.web.admin_uses import AdminUses
from undisc_node.web.fields import query_number, read_fields
from undisc_node.web.rendering import Json, event_json, moment_or_none

_DEFAULT_LIST, _MAX_LIST = 100, 1_000  # lines in one answer
_MAX_NUMBER: Final = 2**53 - 1
_BEFORE_FIRST: Final = -1


def _witness_json(one: Witness) -> Json:
    return {
        "peer": one.peer.id.hex(),
        "peer_name": one.peer.name,
        "answered": one.answered,
        "lines": one.seen.size if one.seen else None,
        "root": one.seen.root.hex() if one.seen else None,
        "at": moment_or_none(one.at_ms),
        "other_log": one.other_log,
        "differs": one.differs or None,
    }


async def list_events(request: web.Request) -> web.StreamResponse:
    """GET /admin/v1/log: lines after a number, oldest first."""
    after = query_number(request, "after", default=_BEFORE_FIRST, most=_MAX_NUMBER)
    limit = max(1, query_number(request, "limit", default=_DEFAULT_LIST, most=_MAX_LIST))
    return await answer(
        request,
        lambda uses, _: {
            "events": [event_json(*line) for line in uses.auditing.list(after, limit)]
        },
    )


async def verify_log(request: web.Request) -> web.StreamResponse:
    """POST /admin/v1/log/verify: compute the tree again; ask peers what they have seen of it."""
    fields = await read_fields(request)
    peers = fields.flag("peers", default=True)
    fields.done()

    def work(uses: AdminUses, _actor: str) -> Json:
        found = uses.auditing.verify()
        witnesses = uses.rounds.witnesses() if peers else ()
        return {
            "size": found.size,
            "root": found.root.hex(),
            "origin": found.origin.hex(),
            "erased": found.erased,
            "ok": not any(one.differs for one in witnesses),
            "witnesses": [_witness_json(one) for one in witnesses],
        }

    return await answer(request, work)


ROUTES: Final = (
    reads("/admin/v1/log", list_events),
    changes("/admin/v1/log/verify", verify_log),
)

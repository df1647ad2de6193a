"""Other nodes on the admin socket: look, add, trust, suspend, revoke."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from undisc_node.services.model import Peer, PeerState
from undisc_node.services.round_rows import PeerFacts
from undisc_node.services.staleness import is_stale
from undisc_node.web.admin_answers import answer, changes, reads
from undisc_node.web.admin_uses import AdminUses
from undisc_node.web.fields import read_fields
from undisc_node.web.rendering import (
    Json,
    moment_ms,
    moment_or_none,
    peer_json,
    problem_json,
)
from undisc_node.web.routing import Handler
from undisc_protocol.did import fingerprint_words

_NODE_ID: Final = 32  # bytes


def known_json(peer: Peer, facts: PeerFacts) -> Json:
    """Render another node with what rounds brought, and with what is wrong with it."""
    made = facts.rounds.get(peer.id)
    return {
        **peer_json(peer),
        "number": len(peer.records) - 1,
        "stale": is_stale(peer, facts.now_ms),
        "alerts": [
            {"kind": one.kind, "at": moment_ms(one.at_ms), "why": one.why}
            for one in facts.alerts
            if one.peer == peer.id
        ],
        "heard": moment_or_none(made.heard_ms) if made else None,
        "problem": problem_json(made.problem) if made else None,
        "log_lines": peer.checkpoint.size if peer.checkpoint else None,
        "log_proved": moment_or_none(made.proved_ms) if made else None,
    }


async def look_at_peer(request: web.Request) -> web.StreamResponse:
    """POST /admin/v1/peers/look: who answers at an address; nothing is kept."""
    fields = await read_fields(request)
    url = fields.text("url")
    fields.done()

    def work(uses: AdminUses, _actor: str) -> Json:
        found = uses.peering.look(url)
        return {
            "node_id": found.id.hex(),
            "words": list(fingerprint_words(found.id)),
            "name": found.name,
            "did": found.did,
            "urls": list(found.urls),
            "known": found.known,
        }

    return await answer(request, work)


async def add_peer(request: web.Request) -> web.StreamResponse:
    """POST /admin/v1/peers: keep a node whose id the administrator has compared."""
    fields = await read_fields(request)
    url = fields.text("url")
    node_id = fields.identifier("node_id", _NODE_ID)
    trust = fields.flag("trust", default=False)
    scopes = fields.texts("scopes")
    fields.done()
    return await answer(
        request,
        lambda uses, actor: {
            "peer": peer_json(uses.peering.add(url, node_id, trust, scopes, actor))
        },
    )


async def list_peers(request: web.Request) -> web.StreamResponse:
    """GET /admin/v1/peers: every node we know."""

    def work(uses: AdminUses, _actor: str) -> Json:
        facts = uses.rounds.facts()
        return {"peers": [known_json(peer, facts) for peer in uses.peering.list()]}

    return await answer(request, work)


async def show_peer(request: web.Request) -> web.StreamResponse:
    """GET /admin/v1/peers/{peer}: one of them."""
    name = request.match_info["peer"]

    def work(uses: AdminUses, _actor: str) -> Json:
        peer = uses.peering.find(name)
        return {
            "peer": known_json(peer, uses.rounds.facts()),
            "seen": _seen_json(uses, peer),
        }

    return await answer(request, work)


def _seen_json(uses: AdminUses, peer: Peer) -> Json:
    """Render when a peer was on, and whether it has to come by itself."""
    hours, expected_ms = uses.outgoing.hours(peer.id)
    return {
        "comes": not peer.addresses,
        "last": moment_or_none(hours.seen_ms if hours else None),
        "off_since": moment_or_none(hours.off_ms if hours else None),
        "expected": moment_or_none(expected_ms),
    }


def _moves_to(state: PeerState) -> Handler:
    """Make the handler that changes how far a peer is trusted."""

    async def handler(request: web.Request) -> web.StreamResponse:
        name = request.match_info["peer"]
        (await read_fields(request)).done()

        def work(uses: AdminUses, actor: str) -> Json:
            peer = uses.peering.find(name)
            return {"peer": peer_json(uses.peering.set_state(peer.id, state, actor))}

        return await answer(request, work)

    return handler


ROUTES: Final = (
    changes("/admin/v1/peers/look", look_at_peer),
    changes("/admin/v1/peers", add_peer),
    reads("/admin/v1/peers", list_peers),
    reads("/admin/v1/peers/{peer}", show_peer),
    changes("/admin/v1/peers/{peer}/trust", _moves_to(PeerState.TRUSTED)),
    changes("/admin/v1/peers/{peer}/suspend", _moves_to(PeerState.SUSPENDED)),
    changes("/admin/v1/peers/{peer}/revoke", _moves_to(PeerState.REVOKED)),
)

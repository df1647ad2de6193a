"""Keeping a node as a peer, once a person has decided to: the one place that makes peers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from undisc_node.services import auditing
from undisc_node.services.auditing import Journal
from undisc_node.services.errors import Conflict
from undisc_node.services.model import Peer, PeerState
from undisc_node.services.ports import Records
from undisc_node.services.round_rows import LOG_ALERTS, AlertKind
from undisc_node.services.witnessing import remember_checkpoint
from undisc_protocol.identity import NodeDocument, read_card


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a person decided about a node.

    Attributes:
        trust: Trust it at once.
        scopes: What it may do.
        actor: Who decided.
        url: Where it answers, if its card does not say so; may be empty.
    """

    trust: bool
    scopes: Sequence[str]
    actor: str
    url: str = ""


def check_not_revoked(known: Peer | None) -> None:
    """Check that a node is not a revoked peer.

    Raises:
        Conflict: It is.
    """
    if known is not None and known.state is PeerState.REVOKED:
        raise Conflict(
            "this peer was revoked; a revocation is final",
            code="peer_revoked",
            hint="the other practice needs a new node identity",
        )


def is_older(document: NodeDocument, known: Peer | None) -> bool:
    """Tell whether a node shows an older card than the one it is known by."""
    return known is not None and document.card.rank < read_card(known.card).rank


def keep_peer(
    journal: Journal, records: Records, document: NodeDocument, decision: Decision, now_ms: int
) -> Peer:
    """Keep a node as a peer; a newer card that is known already stays.

    The caller has followed its records (`following.recognise`) and compared what is to be compared.

    Raises:
        Conflict: The peer was revoked.
    """
    known = records.peers.get(document.identity.node_id)
    check_not_revoked(known)
    state = PeerState.TRUSTED if decision.trust else PeerState.PENDING
    card, raw = document.card, document.card_bytes
    if known is not None and is_older(document, known):
        card, raw = read_card(known.card), known.card
    urls = card.urls or (known.urls if known else ()) or ((decision.url,) if decision.url else ())
    peer = Peer(
        id=document.identity.node_id,
        did=document.identity.key,
        name=card.name,
        state=state if known is None or decision.trust else known.state,
        scopes=tuple(decision.scopes),
        urls=urls,
        box=card.box,
        records=document.identity.records,
        card=raw,
        seq=card.seq,
        added_ms=known.added_ms if known else now_ms,
        checkpoint=known.checkpoint if known else None,
    )
    records.peers.put(peer)
    if decision.trust:
        peer = settle_alerts(records, peer, PeerState.TRUSTED, now_ms)
    if "fetch" not in peer.scopes:
        records.tickets.drop(peer=peer.id, at_ms=now_ms)
    peer = remember_checkpoint(journal, records, peer, document.card.checkpoint, now_ms)
    note_peer(journal, records, "peer.added", peer, decision.actor)
    if decision.trust:
        note_peer(journal, records, "peer.trusted", peer, decision.actor)
    return peer


def settle_alerts(records: Records, peer: Peer, state: PeerState, now_ms: int) -> Peer:
    """Settle what a decision about a peer settles; trust takes its log as it is from here.

    What was suspended by hand does not come back by itself, so being stale is settled too.
    """
    alerts = {one.kind for one in records.rounds.alerts() if one.peer == peer.id}
    if state is PeerState.SUSPENDED:
        records.rounds.settle(peer.id, AlertKind.STALE)
        return peer
    records.rounds.settle(peer.id)
    made = records.rounds.get(peer.id)
    if state is PeerState.TRUSTED and alerts & LOG_ALERTS and made is not None:
        records.rounds.put(replace(made, kept=None, next_ms=now_ms))
        peer = replace(peer, checkpoint=None)
        records.peers.put(peer)
    return peer


def note_peer(journal: Journal, records: Records, kind: str, peer: Peer, actor: str) -> None:
    """Write down what somebody decided about a peer."""
    journal.note(
        records,
        kind,
        who=auditing.user(actor),
        what=[auditing.about_security("peer", peer.id)],
        detail={"name": peer.name},
    )

"""Which nodes may use what was shared with them or with a link (`exchange.recipients`)."""

from __future__ import annotations

from undisc_node.services.model import Peer, PeerState


def may_receive(peer: Peer | None, *, any_node: bool) -> bool:
    """Say whether a node may fetch.

    Args:
        peer: The asking node as it is known, or None.
        any_node: Whether nodes of which nobody has decided anything may, too.
    """
    if peer is None or peer.state is PeerState.PENDING:
        return any_node
    return peer.state is PeerState.TRUSTED and "fetch" in peer.scopes

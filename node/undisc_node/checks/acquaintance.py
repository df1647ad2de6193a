"""Checks of what peers have shown: alerts, cards that have ended, and what they keep of our log."""

from __future__ import annotations

from undisc_node.checks.finding import Finding, fail, ok, skip, warn
from undisc_node.checks.scene import Scene
from undisc_node.services.growth import differs
from undisc_node.services.model import PeerState
from undisc_node.services.staleness import is_stale


def alerts(scene: Scene) -> Finding:
    """Look whether peers have shown what must not be."""
    with scene.records() as records:
        names = {peer.id: peer.name for peer in records.peers.list()}
        found = records.rounds.alerts()
    if not found:
        return ok("no peer has shown anything that must not be")
    said = "; ".join(f"{names.get(one.peer, one.peer.hex()[:8])}: {one.why}" for one in found)
    return warn(
        said,
        "call their administrators; undisc peers show says more, and undisc peers trust settles it",
    )


def cards(scene: Scene) -> Finding:
    """Look whether the newest cards of trusted peers are still good."""
    with scene.records() as records:
        trusted = [one for one in records.peers.list() if one.state is PeerState.TRUSTED]
    if not trusted:
        return skip("no peer is trusted")
    stale = [one.name for one in trusted if is_stale(one, scene.now_ms)]
    if stale:
        return warn(
            f"nothing was heard for long of {', '.join(stale)}",
            f"call them; {scene.settings.peers_stale_days} days after its card has ended nothing is"
            " exchanged with a peer",
        )
    return ok(f"the cards of {len(trusted)} trusted peers are good")


def witnesses(scene: Scene) -> Finding:
    """Compare the log with what peers said they have seen of it."""
    with scene.catalog() as catalog:
        with catalog.look() as records:
            kept = [one.seen for one in records.rounds.list() if one.seen]
        if not kept:
            return skip("no peer has said yet what it has seen of the log")
        wrong = {problem for seen in kept if (problem := differs(catalog, seen))}
    if wrong:
        return fail(
            "; ".join(sorted(wrong)),
            "the log was changed or cut: keep the disk as it is, and run undisc log verify",
        )
    return ok(f"the log contains what {len(kept)} peers have seen of it")

"""Check of what is said on the local network: can anybody hear it."""

from __future__ import annotations

from undisc_node.checks.finding import Finding, ok, skip, warn
from undisc_node.checks.scene import Scene
from undisc_node.peers.discovery import multicast_problem


def announcing(scene: Scene) -> Finding:
    """Look at whether this node can be found on the local network, if it is to be."""
    settings = scene.settings
    if not settings.discovery_announce:
        return skip("this node does not say on the local network that it is there")
    if problem := multicast_problem(settings.discovery_interfaces):
        return warn(
            f"nobody hears that this node is there: {problem}",
            "give the container the network of its host, or set discovery.announce to false",
        )
    if not settings.public_urls:
        return warn(
            "this node says that it is there, and not where",
            "set urls under [public] in undisc.toml",
        )
    return ok("this node says on the local network that it is there")

"""Checks of other nodes: can they be reached, and do their clocks agree with ours."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from undisc_node.checks.finding import Finding, ok, skip, warn
from undisc_node.checks.ports import PATIENCE
from undisc_node.checks.scene import Scene
from undisc_node.clocks import wall_ms
from undisc_node.peers.addresses import ForbiddenAddress, check_address
from undisc_node.peers.client import PeerClient
from undisc_node.services.model import Peer, PeerState
from undisc_protocol.errors import Unreachable

_WIDEST: Final = {4: 16, 6: 48}  # bits of a network that a practice may well have as a whole
_MOST: Final = 16  # peers that are asked; the deadline is for all of them together
_SKEW_SECONDS: Final = 30  # requests are refused at 60


def reachable(scene: Scene) -> Finding:
    """Ask trusted peers whether they are there."""
    asked = list(_asked(scene))
    if not asked:
        return skip("no peer is trusted")
    silent = [peer.name for peer, date in asked if date is None]
    if silent:
        return warn(
            f"{len(silent)} of {len(asked)} trusted peers cannot be reached: {', '.join(silent)}",
            "ask their administrators, or see whether this machine may connect to the internet",
        )
    return ok(f"{len(asked)} trusted peers can be reached")


def networks(scene: Scene) -> Finding:
    """Look at which private networks are open to what peers give as their addresses."""
    allowed = scene.settings.peer_networks
    with scene.records() as records:
        known = records.peers.list()
    trusted = [one for one in known if one.state is PeerState.TRUSTED and one.addresses]
    shut = [peer.name for peer in trusted if _is_shut_out(peer, scene)]
    if shut:
        return warn(
            f"the addresses of {', '.join(shut)} lie in networks that are not allowed",
            'allow the network of each in undisc.toml: [peers] allow = ["10.1.2.0/24"]',
        )
    if scene.settings.private_addresses:
        return warn(
            "a peer may lead this node to any machine of this practice's networks",
            'name the networks of peers instead of private_addresses: allow = ["10.1.2.0/24"]',
        )
    wide = [one for one in allowed if one.prefixlen < _WIDEST[one.version]]
    if wide:
        return warn(
            f"peers are allowed in a very large network: {', '.join(map(str, wide))}",
            "name the networks in which peers are, or their single addresses",
        )
    if allowed:
        return ok(f"peers are allowed in {len(allowed)} private networks")
    return ok("peers are allowed at public addresses only")


def _is_shut_out(peer: Peer, scene: Scene) -> bool:
    """Tell whether a peer has addresses, all of them numeric, and none that is allowed."""
    refused = 0
    for url in peer.addresses:
        with suppress(ValueError):
            host = str(ip_address(urlsplit(url).hostname or ""))
            try:
                check_address(host, private_addresses=False, allow=scene.settings.peer_networks)
            except ForbiddenAddress:
                refused += 1
    return bool(peer.addresses) and refused == len(peer.addresses)


def clocks(scene: Scene) -> Finding:
    """Compare the clock with the time that trusted peers show."""
    ours = wall_ms() / 1000
    skews = {}
    for peer, date in _asked(scene):
        if date:
            try:
                skews[peer.name] = ours - parsedate_to_datetime(date).timestamp()
            except ValueError:
                continue
    if not skews:
        return skip("no trusted peer can be asked for the time")
    wrong = {name: skew for name, skew in skews.items() if abs(skew) > _SKEW_SECONDS}
    if len(wrong) == len(skews) and len(wrong) > 1:
        return warn(
            f"this clock is {abs(min(wrong.values(), key=abs)):.0f} seconds or more off all peers'",
            "set the clock, and let the machine keep it: chrony, systemd-timesyncd",
        )
    if wrong:
        names = ", ".join(sorted(wrong))
        return warn(
            f"the clocks of {names} and of this node differ by more than {_SKEW_SECONDS} seconds",
            "find out which of them is wrong; requests are refused when they differ by a minute",
        )
    return ok(f"the clock agrees with {len(skews)} peers'")


def _asked(scene: Scene) -> Iterator[tuple[Peer, str | None]]:
    """Yield trusted peers with the date that each shows; None for one that does not answer."""
    with scene.records() as records:
        known = records.peers.list()
    trusted = [one for one in known if one.state is PeerState.TRUSTED and one.addresses]
    client = PeerClient(allow=scene.settings.peer_networks, patience=PATIENCE)

    def ask(peer: Peer) -> str | None:
        for url in peer.addresses[:1]:
            try:
                return client.shown_date(url)
            except Unreachable:
                continue
        return None

    chosen = trusted[:_MOST]
    with ThreadPoolExecutor(max(1, len(chosen))) as threads:
        yield from zip(chosen, threads.map(ask, chosen), strict=True)

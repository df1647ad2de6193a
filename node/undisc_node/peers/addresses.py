"""Which internet addresses this node may connect to.

Addresses of peers come from status cards and offers, so a stranger chooses them. The decision is
made on the address that is about to be connected, after name resolution, and never on the text of
a URL: `127.1`, `0x7f.1` and a name that resolves to `127.0.0.1` are one address then. The table is
our own because `ipaddress.is_global` answers True for NAT64, 6to4 and multicast addresses.

Not here: resolving names and connecting (`peers/connector.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from undisc_node.services.errors import Invalid
from undisc_protocol.errors import Unreachable


class ForbiddenAddress(Unreachable):
    """The address belongs to a network that this node does not connect to."""

    hint = (
        "a peer's address must be public; allow the network of a VPN or another practice in"
        ' undisc.toml: [peers] allow = ["10.1.2.0/24"]'
    )


Network = IPv4Network | IPv6Network


def _networks(*texts: str) -> tuple[Network, ...]:
    return tuple(ip_network(text) for text in texts)


_NEVER: Final = _networks(
    # No peer lives here, whatever the setting says.
    "0.0.0.0/8",  # this host on this network (RFC 1122 §3.2.1.3); Linux connects to itself
    "168.63.129.16/32",  # platform service of a cloud, from inside a machine of that cloud
    "169.254.0.0/16",  # link-local (RFC 3927), also instance metadata of clouds
    "100.100.100.200/32",  # instance metadata of a cloud, inside the shared space
    "192.0.0.0/24",  # IETF protocol assignments (RFC 6890)
    "192.0.2.0/24",  # documentation (RFC 5737)
    "192.88.99.0/24",  # 6to4 relay anycast (RFC 7526)
    "198.18.0.0/15",  # benchmarks (RFC 2544)
    "198.51.100.0/24",  # documentation (RFC 5737)
    "203.0.113.0/24",  # documentation (RFC 5737)
    "224.0.0.0/4",  # multicast (RFC 5771)
    "240.0.0.0/4",  # reserved and broadcast (RFC 1112)
    "2001::/23",  # IETF protocol assignments, Teredo, ORCHID (RFC 2928)
    "2001:db8::/32",  # documentation (RFC 3849)
    "2002::/16",  # 6to4: an IPv4 address in disguise (RFC 3056)
    "3fff::/20",  # documentation (RFC 9637)
    "fd00:ec2::254/128",  # instance metadata of a cloud, inside the unique local space
    "fd20:ce::254/128",  # same, of another
)

PRIVATE: Final = _networks(
    # Reached only where the administrator allowed it: practice networks and VPNs.
    "10.0.0.0/8",  # RFC 1918
    "100.64.0.0/10",  # shared address space (RFC 6598); overlay VPNs number their machines in it
    "172.16.0.0/12",  # RFC 1918
    "192.168.0.0/16",  # RFC 1918
    "fc00::/7",  # unique local (RFC 4193)
)

LOOPBACK: Final = _networks(
    # Doors of this very machine, the internal listener among them: only where allowed by name.
    "127.0.0.0/8",  # RFC 1122
    "::1/128",  # RFC 4291
)

_PUBLIC_SIX: Final = IPv6Network("2000::/3")
"""The only IPv6 unicast space that is handed out; all else carries or means something special."""


def _within(address: IPv4Address | IPv6Address, networks: Iterable[Network]) -> bool:
    return any(address in network for network in networks)


def _inside(network: Network, others: Iterable[Network]) -> bool:
    return any(
        network.version == other.version and network.subnet_of(other)  # type: ignore[arg-type]
        for other in others
    )


def check_allowed(network: Network) -> None:
    """Refuse a network that nobody needs to allow, or that nobody should.

    A network must lie within one private space, so a wide one such as `0.0.0.0/0` cannot open
    loopback or instance metadata beside what was meant.

    Raises:
        Invalid: It is public, or wider than a private space, or never connected; the sentence goes
            on after the setting's name.
    """
    if _inside(network, _NEVER):
        raise Invalid(f"names {network}, where no peer can be")
    if not _inside(network, (*PRIVATE, *LOOPBACK)):
        raise Invalid(
            f"names {network}, which is no part of a private network; public addresses need no"
            " permission, and wider networks cannot be allowed"
        )


def check_address(text: str, *, private_addresses: bool, allow: Sequence[Network] = ()) -> None:
    """Refuse an address that this node must not connect to.

    Args:
        text: A numeric address as the socket interface gives it; a scope after `%` is allowed.
        private_addresses: Whether all private and loopback addresses are allowed.
        allow: Private networks that are allowed where not all are.

    Raises:
        ForbiddenAddress: Link-local, multicast, unspecified, documentation, translated or another
            special address; or a private one where those are not allowed; or not an address.
    """
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError as problem:
        raise ForbiddenAddress("not a numeric internet address") from problem
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped  # the system connects to the IPv4 address inside
    if _within(address, _NEVER):
        raise ForbiddenAddress(f"{address} is an address that no peer can have")
    if _within(address, LOOPBACK) and not private_addresses and not _within(address, allow):
        raise ForbiddenAddress(f"{address} is this very machine, which is not allowed")
    if _within(address, PRIVATE) and not private_addresses and not _within(address, allow):
        raise ForbiddenAddress(f"{address} is a private address that is not allowed")
    if _within(address, (*PRIVATE, *LOOPBACK)):
        return
    if isinstance(address, IPv6Address) and address not in _PUBLIC_SIX:
        raise ForbiddenAddress(f"{address} is an address that no peer can have")

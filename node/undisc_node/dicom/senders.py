"""Who may send images: listed source addresses, not AE titles.

An AE title is a claim that any program can make; a source address on a practice's own network is at
least something a stranger has to work for. A title, where one is configured, narrows an address
further and never widens it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from undisc_node.services.errors import Invalid

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Sender:
    """A modality, archive or workstation that may send.

    Attributes:
        name: What it is called in the log and beside its studies.
        address: Its IP address, or a network such as `10.1.2.0/24`.
        ae_title: The only AE title it may use, or empty for any.
    """

    name: str
    address: str
    ae_title: str = ""


class Senders:
    """Finds the sender behind an address.

    Raises:
        Invalid: `bad_address`, when a configured address cannot be read.
    """

    def __init__(self, senders: Sequence[Sender]) -> None:
        self._known = tuple((_network(sender), sender) for sender in senders)

    def at(self, address: str) -> tuple[Sender, ...]:
        """Return the senders an address may belong to; none for a stranger."""
        peer = normal_address(address)
        return tuple(sender for network, sender in self._known if peer in network)

    def identify(self, address: str, ae_title: str) -> Sender | None:
        """Return the sender at an address that may use this AE title, the most exact first."""
        title = ae_title.strip()
        here = self.at(address)
        exact = [sender for sender in here if sender.ae_title == title]
        return next((sender for sender in (*exact, *here) if sender.ae_title in {"", title}), None)


def normal_address(address: str) -> Address:
    """Read an address; IPv4 that reached an IPv6 socket is IPv4 again."""
    peer = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(peer, ipaddress.IPv6Address) and peer.ipv4_mapped is not None:
        return peer.ipv4_mapped
    return peer


def _network(sender: Sender) -> Network:
    """Read a configured address."""
    try:
        return ipaddress.ip_network(sender.address)
    except ValueError:
        raise Invalid(
            f"the address of DICOM sender {sender.name!r} is not an IP address or network",
            code="bad_address",
            hint="write 10.1.2.3 or 10.1.2.0/24",
        ) from None

"""Which sender is calling: pure decisions over a list of senders.

A sender fits a caller when everything fits that the sender is pinned to: its address, the
fingerprint of its certificate, its AE title. Of several that fit, the most exact one counts; so a
single address that was removed stays out, although its network may send.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from undisc_node.services.errors import Invalid
from undisc_node.services.sender_model import Caller, Sender, SenderState

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_TITLE: Final = re.compile(r"[A-Za-z0-9 ._-]{1,16}")
"""AE titles that can be part of an unknown sender's name: what people write, one to one."""


@dataclass(frozen=True, slots=True)
class _Pinned:
    sender: Sender
    network: Network | None  # None for any address

    def has(self, address: Address) -> bool:
        return self.network is None or address in self.network

    @property
    def exactness(self) -> tuple[bool, bool, int, bool]:
        """Sorts by how exactly a sender is pinned; of two alike, the trusted one comes first."""
        return (
            bool(self.sender.fingerprint),
            bool(self.sender.ae_title),
            -1 if self.network is None else self.network.prefixlen,
            self.sender.state is SenderState.TRUSTED,
        )


class Callers:
    """Finds the sender behind a connection.

    Args:
        senders: Those in the settings first: of two that are pinned alike, the first counts.
        quarantine: Whether unknown ones are let in, to be kept in quarantine.

    Raises:
        Invalid: `bad_address`, when an address cannot be read.
    """

    def __init__(self, senders: Sequence[Sender], *, quarantine: bool = False) -> None:
        known = [_Pinned(one, network_of(one)) for one in senders]
        self._known = tuple(sorted(known, key=lambda one: one.exactness, reverse=True))
        self._quarantine = quarantine

    def admits(self, address: str, *, secured: bool = False) -> bool:
        """Tell whether a connection from an address is taken at all."""
        return self._quarantine or self.knows(address, secured=secured)

    def knows(self, address: str, *, secured: bool = False) -> bool:
        """Tell whether a connection from an address may be one of a trusted sender."""
        peer = normal_address(address)
        return any(
            one.has(peer)
            for one in self._known
            if one.sender.state is SenderState.TRUSTED and (secured or not one.sender.fingerprint)
        )

    def at(self, address: str) -> tuple[Sender, ...]:
        """Return the trusted senders that an address may belong to, the most exact first."""
        peer = normal_address(address)
        return tuple(
            one.sender
            for one in self._known
            if one.sender.state is SenderState.TRUSTED and one.has(peer)
        )

    def identify(self, address: str, ae_title: str, fingerprint: bytes = b"") -> Caller | None:
        """Return who is calling; None for whoever is refused."""
        peer, title = normal_address(address), ae_title.strip()
        found = next(
            (
                one.sender
                for one in self._known
                if one.has(peer)
                and one.sender.fingerprint in (b"", fingerprint)
                and one.sender.ae_title.strip() in ("", title)
            ),
            None,
        )
        if found is None:
            if not (self._quarantine and _TITLE.fullmatch(title)):
                return None
            name, state, may_query = f"{title}@{peer}", SenderState.PENDING, False
        elif found.state is SenderState.REMOVED or (
            found.state is SenderState.PENDING and not self._quarantine
        ):
            return None
        else:
            name, state, may_query = found.name, found.state, found.may_query
        return Caller(
            name=name,
            state=state,
            address=str(peer),
            ae_title=title,
            fingerprint=fingerprint,
            may_query=may_query,
        )


def normal_address(address: str) -> Address:
    """Read an address; IPv4 that reached an IPv6 socket is IPv4 again."""
    peer = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(peer, ipaddress.IPv6Address) and peer.ipv4_mapped is not None:
        return peer.ipv4_mapped
    return peer


def network_of(sender: Sender) -> Network | None:
    """Read the address of a sender; None for any.

    Raises:
        Invalid: `bad_address`, when it cannot be read, or there is neither address nor fingerprint.
    """
    if not sender.address and sender.fingerprint:
        return None
    try:
        return ipaddress.ip_network(sender.address)
    except ValueError:
        raise Invalid(
            f"the address of DICOM sender {sender.name!r} is not an IP address or network",
            code="bad_address",
            hint="write 10.1.2.3 or 10.1.2.0/24",
        ) from None

"""Builds what this node has to do with other nodes as such: pairing with them, asking them back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from undisc_node.peers.discovery import LocalNetwork
from undisc_node.services.auditing import Journal, Refusals
from undisc_node.services.discovering import Discovering
from undisc_node.services.identity import Cards, OwnIdentity
from undisc_node.services.pairing import Pairs
from undisc_node.services.pairing_book import PairingBook
from undisc_node.services.pairing_door import PairingDoor
from undisc_node.services.peering import Peering
from undisc_node.services.ports import Catalog, Clock, Entropy, PeerNetwork
from undisc_node.services.recalling import Recalling
from undisc_node.services.receipts import Receipts
from undisc_node.wiring.duties import Duty

_SECONDS: Final = 2.0  # two people on the phone wait for this


@dataclass(frozen=True, slots=True)
class PeerParts:
    """What was built.

    Attributes:
        peering: Administers peers.
        receipts: Files what they state.
        recalling: Asks peers what they remember, and tells them.
        discovering: Looks around on the local network.
        pairs: Invites other nodes, and accepts their invitations.
        guests: Answers nodes that accept ours.
        duty: Asks inviters what they decided.
    """

    peering: Peering
    receipts: Receipts
    recalling: Recalling
    pairs: Pairs
    discovering: Discovering
    guests: PairingDoor
    duty: Duty


def build_peers(
    *,
    catalog: Catalog,
    network: PeerNetwork,
    journal: Journal,
    refusals: Refusals,
    clock: Clock,
    entropy: Entropy,
    own: OwnIdentity,
    cards: Cards,
    interfaces: Sequence[str],
) -> PeerParts:
    """Build it."""
    book = PairingBook(catalog=catalog, journal=journal, clock=clock, own=own.id)
    pairs = Pairs(book=book, network=network, entropy=entropy, own=own, cards=cards)
    return PeerParts(
        peering=Peering(
            catalog=catalog, network=network, journal=journal, clock=clock, own=own, cards=cards
        ),
        receipts=Receipts(
            catalog=catalog, journal=journal, refusals=refusals, clock=clock, own=own
        ),
        recalling=Recalling(
            catalog=catalog,
            network=network,
            journal=journal,
            refusals=refusals,
            clock=clock,
            entropy=entropy,
            own=own,
        ),
        pairs=pairs,
        discovering=Discovering(catalog=catalog, neighbours=LocalNetwork(interfaces), own=own.id),
        guests=PairingDoor(book=book, refusals=refusals, entropy=entropy, key=own.key),
        duty=Duty("pairing", _SECONDS, pairs.go_on),
    )

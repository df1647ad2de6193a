"""Who this node is: its keys, its signed record, and the card it shows to others."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock

from nacl.public import PrivateKey

from undisc_node.services.ports import Catalog, Clock
from undisc_protocol import limits
from undisc_protocol.did import Did, fingerprint_words
from undisc_protocol.identity import (
    Identity,
    NodeId,
    StatusCard,
    node_document,
    sign_status_card,
)
from undisc_protocol.keys import SignKey

CARD_LIFETIME = limits.STATUS_CARD_LIFETIME // 2
"""Seconds for which a card of ours lasts: rounds bring a new one to peers long before it ends."""


@dataclass(frozen=True, slots=True)
class OwnIdentity:
    """The node's own keys and names.

    Attributes:
        key: The current node key.
        box: The X25519 key that opens requests.
        identity: The node id and the signed records behind it.
        name: The practice's name.
        urls: Public addresses that go into the status card.
        demo: Whether the node was made for demonstrations only.
    """

    key: SignKey
    box: PrivateKey
    identity: Identity
    name: str
    urls: tuple[str, ...]
    demo: bool

    @property
    def id(self) -> NodeId:
        """The node id, 32 bytes."""
        return self.identity.node_id

    @property
    def names(self) -> frozenset[Did]:
        """Every did:key this node answers to."""
        return self.identity.dids

    @property
    def words(self) -> tuple[str, ...]:
        """The node id as twelve words."""
        return fingerprint_words(self.id)


class Cards:
    """Makes status cards.

    Args:
        own: Who we are.
        catalog: For the log's checkpoint.
        clock: Time.
    """

    def __init__(self, *, own: OwnIdentity, catalog: Catalog, clock: Clock) -> None:
        self._own = own
        self._catalog = catalog
        self._clock = clock
        self._last_seq = 0
        self._lock = Lock()

    def card(self) -> bytes:
        """Sign a fresh status card."""
        with self._catalog.look() as records:
            frontier = records.log.frontier()
        with self._lock:
            # A sequence number is the time of issue, and never the same for two cards.
            self._last_seq = max(self._clock.now_ms(), self._last_seq + 1)
            seq = self._last_seq
        now = seq // 1000
        card = StatusCard(
            node_id=self._own.id,
            number=self._own.identity.number,
            seq=seq,
            name=self._own.name,
            urls=self._own.urls,
            box=bytes(self._own.box.public_key),
            checkpoint=frontier.checkpoint(),
            issued=now,
            expires=now + CARD_LIFETIME,
        )
        return sign_status_card(self._own.key, card)

    def document(self) -> bytes:
        """Return identity records and a fresh card, as another node asks for them."""
        return node_document(self._own.identity.records, self.card())

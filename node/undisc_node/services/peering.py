"""Other nodes: look them up, add, trust, suspend, revoke.

First trust is never silent: `look` only reports who answers at an address; `add` wants the node id
that the administrator has compared, on another way, with the other side's screen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from undisc_node.services.auditing import Journal
from undisc_node.services.errors import Conflict, Invalid, NotFound, Refused
from undisc_node.services.finding import by_prefix
from undisc_node.services.following import recognise, take_card
from undisc_node.services.identity import Cards, OwnIdentity
from undisc_node.services.introducing import (
    Decision,
    check_not_revoked,
    is_older,
    keep_peer,
    note_peer,
    settle_alerts,
)
from undisc_node.services.model import Peer, PeerState
from undisc_node.services.parting import part_with
from undisc_node.services.ports import Catalog, Clock, PeerNetwork
from undisc_protocol.did import Did
from undisc_protocol.identity import NodeDocument, read_node_document

SCOPES = ("fetch", "offer")
"""What a trusted peer may do: fetch what it was given; offer us studies."""


@dataclass(frozen=True, slots=True)
class Introduction:
    """Who answers at an address, not yet trusted.

    Attributes:
        id: Node id, 32 bytes.
        did: Current did:key.
        name: The practice's name, as it says itself.
        urls: Its addresses.
        known: Its state if it is a peer already.
    """

    id: bytes
    did: Did
    name: str
    urls: tuple[str, ...]
    known: PeerState | None


class Peering:
    """Administers peers.

    Args:
        catalog: Rows.
        network: Reaches other nodes.
        journal: The log.
        clock: Time.
        own: Who we are.
        cards: Makes our status card.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        network: PeerNetwork,
        journal: Journal,
        clock: Clock,
        own: OwnIdentity,
        cards: Cards,
    ) -> None:
        self._catalog = catalog
        self._network = network
        self._journal = journal
        self._clock = clock
        self._own = own
        self._cards = cards

    def document(self) -> bytes:
        """Return what we tell whoever asks who we are (SPEC.md §3.6)."""
        return self._cards.document()

    def look(self, url: str) -> Introduction:
        """Ask who answers at an address; changes nothing.

        Raises:
            Unreachable: Nobody answers.
            RemoteProtocolError: What answers is not a node's document.
        """
        document = self._ask(url)
        with self._catalog.look() as records:
            known = records.peers.get(document.identity.node_id)
        return Introduction(
            id=document.identity.node_id,
            did=document.identity.key,
            name=document.card.name,
            urls=document.card.urls or (url,),
            known=known.state if known else None,
        )

    def _ask(self, url: str) -> NodeDocument:
        raw = self._network.introduce(url)
        return read_node_document(raw, now=self._clock.now_ms() // 1000)

    def add(
        self,
        url: str,
        node_id: bytes,
        trust: bool,  # noqa: FBT001 - the API's own field
        scopes: Sequence[str],
        actor: str,
    ) -> Peer:
        """Add the node at an address as a peer.

        Args:
            url: Where it answers.
            node_id: The id that the administrator has compared with the other side.
            trust: Trust it at once.
            scopes: Of `SCOPES`.
            actor: Who decided.

        Raises:
            Refused: Another node answers there, or it is this node, or its card is an old one.
            OutdatedIdentity: It shows a key that it has replaced.
            ForkedIdentity: It shows other identity records than those it is known by.
            Conflict: The peer was revoked.
            Invalid: Unknown scope.
        """
        if not set(scopes) <= set(SCOPES):
            raise Invalid(f"a peer's scopes are {' and '.join(SCOPES)}")
        document = self._ask(url)
        if document.identity.node_id != node_id:
            raise Refused(
                "another node answers at this address",
                code="wrong_node",
                hint="compare the words again with the other administrator before trusting it",
            )
        if node_id == self._own.id:
            raise Refused("this is the node's own address", code="own_address")
        recognise(self._catalog, self._journal, self._clock, document.identity)
        with self._catalog.change() as records:
            known = records.peers.get(node_id)
            check_not_revoked(known)
            if is_older(document, known):
                raise Refused(
                    "the node at this address shows an older card than the one that is known",
                    code="old_card",
                    hint="somebody may be repeating an old answer; check the address",
                )
            decision = Decision(trust=trust, scopes=scopes, actor=actor, url=url)
            return keep_peer(self._journal, records, document, decision, self._clock.now_ms())

    def refresh(self, peer: Peer, card_document: NodeDocument) -> Peer:
        """Take over a known peer's newer key and newer card; an older card changes nothing.

        Raises:
            OutdatedIdentity: It shows a key that it has replaced.
            ForkedIdentity: It shows other identity records than those it is known by.
        """
        if card_document.identity.node_id != peer.id:
            return peer
        return take_card(self._catalog, self._journal, self._clock, card_document) or peer

    def find(self, name: str) -> Peer:
        """Return the peer of an exact name or a unique beginning of its id.

        Raises:
            NotFound: None.
            Conflict: Several.
        """
        with self._catalog.look() as records:
            peers = records.peers.list()
        named = [peer for peer in peers if peer.name == name]
        if len(named) == 1:
            return named[0]
        return by_prefix(name, peers, "peer")

    def list(self) -> Sequence[Peer]:
        """List all peers."""
        with self._catalog.look() as records:
            return records.peers.list()

    def set_state(self, peer_id: bytes, state: PeerState, actor: str) -> Peer:
        """Trust, suspend or revoke a peer; again changes nothing.

        Transfers to a peer that is not trusted any more end at their next slice. Whatever was given
        to a revoked one ends for good, and it is told so.

        Raises:
            NotFound: No such peer.
            Conflict: It was revoked, which is final.
        """
        with self._catalog.change(vital=True) as records:
            peer = records.peers.get(peer_id)
            if peer is None:
                raise NotFound("no such peer")
            if peer.state is PeerState.REVOKED and state is not PeerState.REVOKED:
                raise Conflict("this peer was revoked; a revocation is final", code="peer_revoked")
            peer = settle_alerts(records, peer, state, self._clock.now_ms())
            if peer.state is state:
                return peer
            changed = replace(peer, state=state)
            records.peers.put(changed)
            if state in (PeerState.SUSPENDED, PeerState.REVOKED):
                records.tickets.drop(peer=peer_id, at_ms=self._clock.now_ms())
            note_peer(self._journal, records, f"peer.{state}", changed, actor)
            if state is PeerState.REVOKED:
                part_with(records, self._journal, changed, actor, self._clock.now_ms())
            return changed

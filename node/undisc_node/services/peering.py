"""Other nodes: look them up, add, trust, suspend, revoke.

First trust is never silent: `look` only reports who answers at an address; `add` wants the node id
that the administrator has compared, on another way, with the other side's screen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from undisc_node.services import auditing
from undisc_node.services.auditing import Journal
from undisc_node.services.errors import Conflict, Invalid, NotFound, Refused
from undisc_node.services.finding import by_prefix
from undisc_node.services.following import recognise, take_card
from undisc_node.services.identity import Cards, OwnIdentity
from undisc_node.services.model import Peer, PeerState
from undisc_node.services.ports import Catalog, Clock, PeerNetwork, Records
from undisc_node.services.round_rows import LOG_ALERTS, AlertKind
from undisc_node.services.witnessing import remember_checkpoint
from undisc_protocol.did import Did
from undisc_protocol.identity import NodeDocument, read_card, read_node_document

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
            if known is not None and known.state is PeerState.REVOKED:
                raise Conflict(
                    "this peer was revoked; a revocation is final",
                    code="peer_revoked",
                    hint="the other practice needs a new node identity",
                )
            if known is not None and document.card.rank < read_card(known.card).rank:
                raise Refused(
                    "the node at this address shows an older card than the one that is known",
                    code="old_card",
                    hint="somebody may be repeating an old answer; check the address",
                )
            state = PeerState.TRUSTED if trust else PeerState.PENDING
            peer = Peer(
                id=node_id,
                did=document.identity.key,
                name=document.card.name,
                state=state if known is None or trust else known.state,
                scopes=tuple(scopes),
                urls=document.card.urls or (url,),
                box=document.card.box,
                records=document.identity.records,
                card=document.card_bytes,
                seq=document.card.seq,
                added_ms=known.added_ms if known else self._clock.now_ms(),
                checkpoint=known.checkpoint if known else None,
            )
            records.peers.put(peer)
            if trust:
                peer = self._settle(records, peer, PeerState.TRUSTED)
            if "fetch" not in peer.scopes:
                records.tickets.drop(peer=node_id, at_ms=self._clock.now_ms())
            peer = remember_checkpoint(
                self._journal, records, peer, document.card.checkpoint, self._clock.now_ms()
            )
            self._note(records, "peer.added", peer, actor)
            if trust:
                self._note(records, "peer.trusted", peer, actor)
            return peer

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

        Transfers to a peer that is not trusted any more end at their next slice.

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
            peer = self._settle(records, peer, state)
            if peer.state is state:
                return peer
            changed = replace(peer, state=state)
            records.peers.put(changed)
            if state in (PeerState.SUSPENDED, PeerState.REVOKED):
                records.tickets.drop(peer=peer_id, at_ms=self._clock.now_ms())
            self._note(records, f"peer.{state}", changed, actor)
            return changed

    def _settle(self, records: Records, peer: Peer, state: PeerState) -> Peer:
        """Settle what a decision about a peer settles; trust takes its log as it is from here.

        What was suspended by hand does not come back by itself, so being stale is settled too.
        """
        alerts = {one.kind for one in records.rounds.alerts() if one.peer == peer.id}
        if state is PeerState.SUSPENDED:
            records.rounds.settle(peer.id, AlertKind.STALE)
            return peer
        records.rounds.settle(peer.id)
        made = records.rounds.get(peer.id)
        if state is PeerState.TRUSTED and alerts & LOG_ALERTS and made is not None:
            records.rounds.put(replace(made, kept=None, next_ms=self._clock.now_ms()))
            peer = replace(peer, checkpoint=None)
            records.peers.put(peer)
        return peer

    def _note(self, records: Records, kind: str, peer: Peer, actor: str) -> None:
        self._journal.note(
            records,
            kind,
            who=auditing.user(actor),
            what=[auditing.about_security("peer", peer.id)],
            detail={"name": peer.name},
        )

"""Following another node through changes of its key and card (SPEC.md §3.4, §3.5).

A peer is pinned by its identity records. Whatever it signs brings its records along: the same ones
are the peer as we know it; a chain that goes on from them is the peer with a new key, which is
taken over without asking anybody, because only the owner of its recovery kit can have made it.
Anything else is refused: fewer records are a key that was replaced, in a thief's hands or in an old
backup; other records are a fork, and the peer is suspended until a person has asked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol, TypeVar

from undisc_node.services import auditing
from undisc_node.services.auditing import Journal
from undisc_node.services.model import Peer, PeerState
from undisc_node.services.ports import Catalog, Clock, PeerNetwork, Records
from undisc_node.services.round_rows import AlertKind, PeerAlert
from undisc_node.services.staleness import start_again
from undisc_node.services.witnessing import remember_checkpoint
from undisc_protocol.errors import (
    CannotOpen,
    ForkedIdentity,
    OutdatedIdentity,
    RemoteProtocolError,
    Unreachable,
)
from undisc_protocol.identity import (
    Identity,
    NodeDocument,
    check_continues,
    read_card,
    read_identity_record,
    read_node_document,
)
from undisc_protocol.offer import Offer

Said = TypeVar("Said")


class Follows(Protocol):
    """What following a peer needs."""

    @property
    def catalog(self) -> Catalog:
        """Rows."""

    @property
    def network(self) -> PeerNetwork:
        """Reaches other nodes."""

    @property
    def journal(self) -> Journal:
        """The log."""

    @property
    def clock(self) -> Clock:
        """Time."""


def recognise(catalog: Catalog, journal: Journal, clock: Clock, shown: Identity) -> Peer | None:
    """Return the peer whose verified records these are, and take newer records over.

    Args:
        catalog: Rows.
        journal: The log.
        clock: Time.
        shown: The records that came with a message, verified together with its signature.

    Returns:
        The peer's row as it is now; None for a node that is no peer.

    Raises:
        OutdatedIdentity: The message is signed by a key that the peer has replaced.
        ForkedIdentity: The records are not those the peer is known by.
    """
    with catalog.look() as records:
        peer = records.peers.get(shown.node_id)
    if peer is None or peer.records == shown.records or peer.state is PeerState.REVOKED:
        return peer
    problem: RemoteProtocolError
    with catalog.change() as records:
        peer = records.peers.get(shown.node_id)
        if peer is None:
            return None
        try:
            check_continues(shown, peer.records)
        except (OutdatedIdentity, ForkedIdentity) as refused:
            problem = refused  # raised below: the alert in the log must not be undone
            _alert(journal, records, peer, shown, refused, clock.now_ms())
        else:
            return _take_over(journal, records, peer, shown)
    raise problem


def _take_over(journal: Journal, records: Records, peer: Peer, shown: Identity) -> Peer:
    if peer.records == shown.records:
        return peer
    newer = replace(peer, did=shown.key, records=shown.records)
    records.peers.put(newer)
    journal.note(
        records,
        "peer.key_changed",
        who=auditing.other_node(newer),
        what=[auditing.about_security("peer", peer.id)],
        detail={"name": peer.name, "number": shown.number},
    )
    return newer


def _alert(
    journal: Journal,
    records: Records,
    peer: Peer,
    shown: Identity,
    problem: RemoteProtocolError,
    now_ms: int,
) -> None:
    """Log records that are not the peer's, once for each; suspend the peer over a fork."""
    head = read_identity_record(shown.records[-1]).hash
    kind = AlertKind.FORKED if isinstance(problem, ForkedIdentity) else AlertKind.OUTDATED
    if not records.witnessed.add_head(peer.id, head, now_ms):
        return
    records.rounds.alert(PeerAlert(peer.id, kind, now_ms, str(problem)))
    if kind is AlertKind.FORKED:
        records.rounds.settle(peer.id, AlertKind.STALE)  # a newer card alone changes nothing now
    suspends = isinstance(problem, ForkedIdentity) and peer.state is PeerState.TRUSTED
    if suspends:
        records.peers.put(replace(peer, state=PeerState.SUSPENDED))
        records.tickets.drop(peer=peer.id, at_ms=now_ms)
    journal.note(
        records,
        "peer.identity_differs",
        who=auditing.other_node(peer),
        what=[auditing.about_security("peer", peer.id)],
        why=str(problem),
        outcome=auditing.SERIOUS_FAILURE,
        detail={
            "name": peer.name,
            "code": problem.code,
            "number": shown.number,
            "suspended": int(suspends),
        },
    )


def take_card(
    catalog: Catalog, journal: Journal, clock: Clock, document: NodeDocument
) -> Peer | None:
    """Take over a known peer's newer records and newer status card; older ones change nothing.

    Returns:
        The peer's row as it is now; None for a node that is no peer.

    Raises:
        OutdatedIdentity: As `recognise`.
        ForkedIdentity: As `recognise`.
    """
    peer = recognise(catalog, journal, clock, document.identity)
    card = document.card
    if peer is None or card.rank <= read_card(peer.card).rank:
        return peer
    with catalog.change() as records:
        current = records.peers.get(peer.id)
        if current is None or card.rank <= read_card(current.card).rank:
            return current or peer
        newer = replace(
            current,
            name=card.name,
            urls=card.urls or _still_at(current),
            box=card.box,
            card=document.card_bytes,
            seq=card.seq,
        )
        newer = start_again(records, journal, newer)
        records.peers.put(newer)
        return remember_checkpoint(journal, records, newer, card.checkpoint, clock.now_ms())


def _still_at(peer: Peer) -> tuple[str, ...]:
    """Return where a node is that now says it has no address: what only a person knew stays."""
    return () if read_card(peer.card).urls else peer.urls


def look_again(world: Follows, peer: Peer) -> Peer:
    """Ask a peer's addresses who it is now; return its row, with a newer key and card if it has.

    For when it answers what does not verify: after a change of its key, it can neither open what
    was sealed to the former one, nor sign with it. Who answers there needs no trust: records and
    card prove themselves.
    """
    for url in peer.urls:
        try:
            raw = world.network.introduce(url)
            document = read_node_document(raw, now=world.clock.now_ms() // 1000)
            if document.identity.node_id == peer.id:
                return take_card(world.catalog, world.journal, world.clock, document) or peer
        except RemoteProtocolError:
            continue
    return peer


def say_as_known(world: Follows, peer: Peer, say: Callable[[Peer], Said]) -> Said:
    """Say something to a peer, and once more if it turns out to have a new key or card.

    Raises:
        RemoteProtocolError: What `say` raises.
    """
    try:
        return say(peer)
    except (Unreachable, CannotOpen):
        newer = look_again(world, peer)
        if (newer.did, newer.box) == (peer.did, peer.box):
            raise
    return say(newer)


def offered_before(offer: Offer, peer: Peer) -> bool:
    """Tell whether an offer is older than the holder's present key, and so rightly shows fewer.

    It says when it was made itself. That is enough: nothing is taken from it but a capability, and
    whether that is any good the holder's own rows decide.
    """
    shown = offer.holder.records
    if len(shown) >= len(peer.records) or peer.records[: len(shown)] != shown:
        return False
    return offer.at < read_identity_record(peer.records[len(shown)]).issued

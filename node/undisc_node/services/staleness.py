"""Peers of whom nobody has heard for long: a warning first, then nothing is exchanged with them.

A status card lasts for days, and rounds renew it. When the last one has ended the peer is *stale*:
its addresses may be somebody else's by now. That is shown. Some weeks later it is suspended; and
trusted again, by itself, as soon as it shows a newer card.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from undisc_node.services import auditing
from undisc_node.services.auditing import Journal
from undisc_node.services.model import Peer, PeerState
from undisc_node.services.ports import Catalog, Records
from undisc_node.services.round_rows import AlertKind, PeerAlert
from undisc_protocol.errors import RemoteProtocolError
from undisc_protocol.identity import read_card

_DAY_MS: Final = 86_400_000


def card_ended_ms(peer: Peer) -> int | None:
    """Return when a peer's newest card ends or ended, ms; None where it does not read."""
    try:
        return read_card(peer.card).expires * 1000
    except RemoteProtocolError:
        return None


def is_stale(peer: Peer, now_ms: int) -> bool:
    """Tell whether the newest card of a peer has ended."""
    ended = card_ended_ms(peer)
    return ended is not None and ended <= now_ms


def stop_if_stale(catalog: Catalog, journal: Journal, peer: Peer, days: int, now_ms: int) -> bool:
    """Suspend a trusted peer whose last card ended more than some days ago.

    Returns:
        Whether it was suspended now.
    """
    ended = card_ended_ms(peer)
    if peer.state is not PeerState.TRUSTED or ended is None or now_ms < ended + days * _DAY_MS:
        return False
    with catalog.change() as records:
        current = records.peers.get(peer.id)
        if current is None or current.card != peer.card or current.state is not PeerState.TRUSTED:
            return False
        records.peers.put(replace(current, state=PeerState.SUSPENDED))
        records.tickets.drop(peer=peer.id, at_ms=now_ms)
        why = f"its last status card ended {(now_ms - ended) // _DAY_MS} days ago"
        records.rounds.alert(PeerAlert(peer.id, AlertKind.STALE, now_ms, why))
        _note(records, journal, "peer.stale", current, why)
    return True


def start_again(records: Records, journal: Journal, peer: Peer) -> Peer:
    """Return a peer as it is after it has shown a newer card: trusted again if it was only stale.

    Args:
        records: The open change.
        journal: The log.
        peer: The peer with its newer card.
    """
    if peer.state is not PeerState.SUSPENDED or not records.rounds.settle(peer.id, AlertKind.STALE):
        return peer
    _note(records, journal, "peer.fresh", peer, "it has shown a newer status card")
    return replace(peer, state=PeerState.TRUSTED)


def _note(records: Records, journal: Journal, kind: str, peer: Peer, why: str) -> None:
    journal.note(
        records,
        kind,
        who=auditing.other_node(peer),
        what=[auditing.about_security("peer", peer.id)],
        why=why,
        detail={"name": peer.name},
    )

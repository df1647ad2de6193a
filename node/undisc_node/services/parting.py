"""A peer is revoked: it is out of every chain, and hears so once (ADR 0031).

Whatever was given to it by name ends, and what it unlocked is locked for it. What it offers, and
what is on its way from it, ends. It is told `ended` about everything that it was given: somebody
who is not trusted any more can still be asked to erase, and an honest one does.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from undisc_node.services.auditing import Journal
from undisc_node.services.fetch_ending import end_fetch
from undisc_node.services.model import FetchState, Peer
from undisc_node.services.offer_rows import OfferState
from undisc_node.services.ports import Records
from undisc_node.services.revoking import revoke_share_within, revoke_within
from undisc_node.services.telling import tell_excluded
from undisc_protocol.identity import read_identity
from undisc_protocol.notice import NoticeKind

_WHY: Final = "the peer was revoked"
_MANY: Final = 1_000_000  # rows; all there are


@dataclass(frozen=True, slots=True)
class Parted:
    """What ended together with a peer.

    Attributes:
        grants: Grants to it that were revoked.
        shares: Shares to it that were revoked.
        offers: Offers to it and from it that ended.
        fetches: Fetches from it that ended.
        unlocks: Links that it had unlocked.
    """

    grants: int
    shares: int
    offers: int
    fetches: int
    unlocks: int


def part_with(records: Records, journal: Journal, peer: Peer, actor: str, now_ms: int) -> Parted:
    """End everything between this node and a peer, within the change that revokes it."""
    dids = read_identity(peer.records).dids
    grants = [
        one for one in records.grants.list() if one.audience in dids and one.revoked_ms is None
    ]
    for grant in grants:
        revoke_within(records, journal, grant, actor, now_ms, _WHY)
    shares = [
        one for one in records.shares.list() if one.audience in dids and one.revoked_ms is None
    ]
    for share in shares:
        revoke_share_within(records, journal, share, actor, now_ms, _WHY)
    fetches = [
        one
        for one in records.fetches.list()
        if one.peer == peer.id and one.state is FetchState.PAUSED
    ]
    for fetch in fetches:
        end_fetch(journal, records, fetch, "peer_revoked", now_ms)
    parted = Parted(
        grants=len(grants),
        shares=len(shares),
        offers=_end_offers(records, peer, actor, now_ms),
        fetches=len(fetches),
        unlocks=records.links.lock(peer.id),
    )
    for notice in records.notices.list(peer=peer.id, limit=_MANY):
        if notice.done_ms is None and notice.kind != NoticeKind.ENDED:
            outcome = f"not told: {_WHY}"
            records.notices.put(replace(notice, done_ms=now_ms, outcome=outcome))
    tell_excluded(records, peer.id, now_ms)
    return parted


def _end_offers(records: Records, peer: Peer, actor: str, now_ms: int) -> int:
    ended = 0
    for coming in records.offers.list(limit=_MANY):
        if coming.peer == peer.id and coming.state is OfferState.SHOWN:
            records.offers.put(
                replace(coming, state=OfferState.REFUSED, decided_ms=now_ms, by=actor)
            )
            ended += 1
    for going in records.offers.outgoing(limit=_MANY):
        if going.peer == peer.id and going.done_ms is None:
            records.offers.put_outgoing(
                replace(going, done_ms=now_ms, outcome=f"not offered: {_WHY}")
            )
            ended += 1
    return ended

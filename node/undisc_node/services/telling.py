"""Whom a holder has to tell that something ended, and what is still permitted (SPEC.md §6.11).

Who was given a study is kept for good (`EndingRecords.given`): a node that was answered once has
the keys, whether it has sent a receipt or not. A notice is queued in the very change that makes it
true; what exactly it says is worked out when it is sent, from the rows of that moment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from undisc_node.services.model import Grant, Peer, PeerState, Share
from undisc_node.services.notice_rows import NoticeRow
from undisc_node.services.ports import Records
from undisc_protocol import limits
from undisc_protocol.identity import read_identity
from undisc_protocol.notice import NoticeKind


def everybody(records: Records, study: bytes) -> Sequence[bytes]:
    """List the node ids of all who were given a study, receipt or not."""
    given = [one.peer for one in records.endings.given(study=study)]
    given += [one.peer for one in records.fetches.receipts(study)]
    return list(dict.fromkeys(given))


def queue_notice(
    records: Records, peer: bytes, study: bytes, kind: NoticeKind, now_ms: int
) -> None:
    """Queue a notice within an open change; one that is open already becomes due anew."""
    known = records.notices.find_open(peer, study, kind)
    if known is not None:
        records.notices.put(replace(known, attempts=0, next_ms=now_ms, since_ms=now_ms))
        return
    earlier = sum(one.kind == kind for one in records.notices.list(study=study, peer=peer))
    records.notices.put(
        NoticeRow(
            id=sha256(kind.encode() + peer + study + earlier.to_bytes(4, "big")).digest()[:16],
            peer=peer,
            study=study,
            kind=kind.value,
            made_ms=now_ms,
            attempts=0,
            next_ms=now_ms,
            done_ms=None,
            outcome="",
            since_ms=now_ms,
        )
    )


def tell_ended(records: Records, ended: Grant | Share, now_ms: int) -> None:
    """Queue a notice to each node that has a study through what was just taken back."""
    for peer in everybody(records, ended.study):
        if _concerns(records, ended, peer):
            queue_notice(records, peer, ended.study, NoticeKind.ENDED, now_ms)


def tell_all(records: Records, study: bytes, kind: NoticeKind, now_ms: int) -> None:
    """Queue a notice to everybody who was given a study: it is about the study itself."""
    for peer in everybody(records, study):
        queue_notice(records, peer, study, kind, now_ms)


def tell_released(records: Records, study: bytes, now_ms: int) -> None:
    """Take a hold back: who was told of it is told of this, who was not hears of neither."""
    for one in records.notices.list(study=study, limit=10_000):
        if one.kind != NoticeKind.HELD:
            continue
        if one.done_ms is None:
            outcome = "not told: it was released before"
            records.notices.put(replace(one, done_ms=now_ms, outcome=outcome))
        elif one.heard_ms is not None:
            queue_notice(records, one.peer, study, NoticeKind.RELEASED, now_ms)


def tell_excluded(records: Records, peer: bytes, now_ms: int) -> None:
    """Queue a notice about each study that a node was given: it is a peer no more."""
    studies = [one.study for one in records.endings.given(peer=peer)]
    studies += [  # receipts are of both directions; a study that we granted is ours
        one.study
        for one in records.fetches.receipts_with(peer, skip=0, limit=1_000_000)
        if records.studies.get(one.study) or records.grants.list(study=one.study)
    ]
    for study in dict.fromkeys(studies):
        queue_notice(records, peer, study, NoticeKind.ENDED, now_ms)


def told_of(records: Records, ended: Grant | Share) -> Sequence[NoticeRow]:
    """List the notices to those who have a study through what was taken back, newest first."""
    return [
        one
        for one in records.notices.list(study=ended.study)
        if one.kind == NoticeKind.ENDED and _concerns(records, ended, one.peer)
    ]


@dataclass(frozen=True, slots=True)
class Standing:
    """What a node may still do with a study.

    Attributes:
        ended: Hashes of what was taken back from it, the newest as many as a notice names.
        rest: Whether another permission is good, for a part of the study.
        covered: Whether other permissions are good for all that was taken back.
    """

    ended: tuple[bytes, ...]
    rest: bool
    covered: bool


def standing_of(records: Records, peer: Peer, study: bytes, now: int) -> Standing:
    """Work out what a node may still do with a study.

    Args:
        records: The rows.
        peer: The node.
        study: Our id of the study.
        now: The time, seconds.
    """
    grants = {one.id: one for one in records.grants.list(study=study)}
    shares = records.shares.list(study=study)
    every: list[Grant | Share] = [*grants.values(), *shares]
    concerned = [one for one in every if _concerns(records, one, peer.id, peer)]
    gone = [one for one in concerned if _is_gone(one, grants)]
    # A grant to a patient's key permits no node anything by itself, only the shares on it do.
    used = {one.grant for one in records.endings.given(study=study, peer=peer.id) if not one.share}
    dids = read_identity(peer.records).dids
    good = [
        one
        for one in concerned
        if one not in gone
        and one.expires > now
        and not records.restored.is_suspended(one.id)
        and (isinstance(one, Share) or one.audience in dids or one.id in used)
        and not (isinstance(one, Share) and records.restored.is_suspended(one.grant))
    ]
    if peer.state is PeerState.REVOKED:
        good = []
    lost, left = _series(gone), _series(good)
    covered = bool(good) and (left is None or (lost is not None and lost <= left))
    ended = sorted(
        (one for one in gone if one.revoked_ms is not None),
        key=lambda one: one.revoked_ms or 0,
        reverse=True,
    )
    return Standing(
        ended=tuple(one.id for one in ended[: limits.MAX_NOTICE_ENDED]),
        rest=bool(good) and not covered,
        covered=covered,
    )


def _is_gone(one: Grant | Share, grants: dict[bytes, Grant]) -> bool:
    if one.revoked_ms is not None:
        return True
    grant = grants.get(one.grant) if isinstance(one, Share) else None
    return grant is not None and grant.revoked_ms is not None


def _series(permissions: Sequence[Grant | Share]) -> frozenset[bytes] | None:
    """Return the series that permissions name together; None for the whole study."""
    named: set[bytes] = set()
    for one in permissions:
        if isinstance(one, Grant) or not one.series:
            return None
        named.update(one.series)
    return frozenset(named)


def _concerns(
    records: Records, permission: Grant | Share, peer_id: bytes, known: Peer | None = None
) -> bool:
    """Tell whether a node has, or may have, a study through a grant or share."""
    given = records.endings.given(study=permission.study, peer=peer_id)
    if any(permission.id in (one.grant, one.share) for one in given):
        return True
    peer = known or records.peers.get(peer_id)
    dids = read_identity(peer.records).dids if peer else frozenset()
    if permission.audience in dids:
        return True
    if isinstance(permission, Grant) and any(
        one.grant == permission.id and one.audience in dids
        for one in records.shares.list(study=permission.study)
    ):
        return True
    # A receipt that came back from a peer after a restore does not say with what it was fetched.
    every: list[Grant | Share] = [
        *records.grants.list(study=permission.study),
        *records.shares.list(study=permission.study),
    ]
    return not given and all(one.revoked_ms is not None for one in every)

"""Remembering what peers show of their logs (SPEC.md §7.3).

A node signs the head of its log into every card and answer. Whoever keeps the newest one can later
tell whether the log was rewritten behind it; that is all a checkpoint proves, and all we claim.
"""

from __future__ import annotations

from dataclasses import replace

from undisc_node.services import auditing
from undisc_node.services.auditing import Journal
from undisc_node.services.model import Peer
from undisc_node.services.ports import Records
from undisc_node.services.round_rows import AlertKind, PeerAlert
from undisc_protocol.tree import Checkpoint


def remember_checkpoint(
    journal: Journal, records: Records, peer: Peer, seen: Checkpoint | None, now_ms: int
) -> Peer:
    """Keep the newest head of a peer's log; log an alert when two heads contradict each other.

    Args:
        journal: The log.
        records: The open change.
        peer: Whose log it is.
        seen: The head it has just signed, or None.
        now_ms: The time now.

    Returns:
        The peer's row as saved.
    """
    known = peer.checkpoint
    if seen is None or seen == known:
        return peer
    if known is not None and known.origin == seen.origin:
        if seen.size < known.size:
            return peer  # an older message; the newest head stays
        if seen.size == known.size:
            why = f"two different logs of {seen.size} lines"
            tell_log_differs(journal, records, peer, AlertKind.LOG_FORKED, why, now_ms)
            return peer
    elif known is not None:
        # A node that was restored goes on under another origin. What was seen of the log before is
        # kept: the node may have lost lines of it, and will ask.
        records.witnessed.add_log(peer.id, known, now_ms)
        tell_log_differs(
            journal, records, peer, AlertKind.LOG_RESTARTED, "another log than before", now_ms
        )
    newer = replace(peer, checkpoint=seen)
    records.peers.put(newer)
    return newer


def tell_log_differs(
    journal: Journal, records: Records, peer: Peer, kind: AlertKind, why: str, now_ms: int
) -> None:
    """Keep an alert about a peer's log for the administrator; log it when it is new.

    Args:
        journal: The log.
        records: The open change.
        peer: Whose log it is.
        kind: What was seen.
        why: A sentence about it.
        now_ms: The time now.
    """
    if not records.rounds.alert(PeerAlert(peer.id, kind, now_ms, why)):
        return
    journal.note(
        records,
        "peer.log_differs",
        who=auditing.other_node(peer),
        what=[auditing.about_security("peer", peer.id)],
        why=why,
        outcome=auditing.SERIOUS_FAILURE,
    )

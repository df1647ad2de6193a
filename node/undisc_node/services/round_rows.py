"""What comes of a node's rounds to its peers: one row for each peer, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from undisc_protocol.tree import Checkpoint


class AlertKind(StrEnum):
    """What a peer, or somebody in its name, has shown that must not be."""

    FORKED = "forked_identity"  # other identity records than those it is known by
    OUTDATED = "outdated_identity"  # a key that it has replaced is still being used
    LOG_FORKED = "log_forked"  # its log was changed behind a line that this node has seen
    LOG_SHRANK = "log_shrank"  # its log is shorter than this node has seen it
    LOG_RESTARTED = "log_restarted"  # it goes on under another log, as after a restore
    STALE = "stale"  # its last status card ended long ago; the one alert that ends by itself


LOG_ALERTS: Final = frozenset({AlertKind.LOG_FORKED, AlertKind.LOG_SHRANK})
"""Alerts about a log that is not what it was; whoever trusts again takes it as it is now."""


@dataclass(frozen=True, slots=True)
class PeerAlert:
    """Something that an administrator has to look at.

    Attributes:
        peer: Node id of the peer.
        kind: What was seen.
        at_ms: When it was last seen.
        why: A sentence about it.
    """

    peer: bytes
    kind: AlertKind
    at_ms: int
    why: str


@dataclass(frozen=True, slots=True)
class PeerRound:
    """What came of the rounds to one peer.

    Attributes:
        peer: Its node id.
        next_ms: When it is asked again.
        attempts: How often it did not answer since it last did.
        heard_ms: When it last answered, or None.
        knows: Number of the newest of our identity records that it has confirmed, or None.
        told: The addresses that our card showed when it last took one.
        seen: The newest head of our log that it says it has seen, or None.
        seen_ms: When it said so, or None.
        kept: The head of its log that is kept until a later one is proved to contain it, or None.
        proved_ms: When it last proved that its log only grew, or None.
        problem: Code and sentence of why it did not answer; empty when it did.
    """

    peer: bytes
    next_ms: int
    attempts: int = 0
    heard_ms: int | None = None
    knows: int | None = None
    told: tuple[str, ...] = ()
    seen: Checkpoint | None = None
    seen_ms: int | None = None
    kept: Checkpoint | None = None
    proved_ms: int | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class PeerFacts:
    """What is known of all peers beside their rows.

    Attributes:
        rounds: What came of the rounds, by node id.
        alerts: What nobody has settled, newest first.
        now_ms: When this was.
    """

    rounds: Mapping[bytes, PeerRound]
    alerts: tuple[PeerAlert, ...]
    now_ms: int

"""What another node has to be told about a study it has: see `services.noticing`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NoticeRow:
    """A notice to another node, until it has answered and afterwards.

    Attributes:
        id: 16 random bytes.
        peer: Node id of whom it is for.
        study: Our id of the study.
        kind: `grown` or `patient`.
        made_ms: When it became due.
        attempts: How often it was sent.
        next_ms: When it is sent next.
        done_ms: When the other node answered, or it was given up; None while it is open.
        outcome: What the other node does about it, or what stands in the way.
    """

    id: bytes
    peer: bytes
    study: bytes
    kind: str
    made_ms: int
    attempts: int
    next_ms: int
    done_ms: int | None
    outcome: str

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
        kind: A `NoticeKind`.
        made_ms: When it became due.
        attempts: How often it was sent.
        next_ms: When it is sent next.
        done_ms: When the other node answered, or it was given up; None while it is open.
        outcome: What the other node does about it, or what stands in the way.
        since_ms: Since when it is tried; it is given up some time after this.
        heard_ms: When the other node answered last, or None.
        does: What it said then it does, a word of `Does`; empty before.
        why: Why it keeps a copy, a word of `Why`; empty if it does not.
        passed: Whether it has handed the study on to a system from which it cannot erase.
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
    since_ms: int = 0
    heard_ms: int | None = None
    does: str = ""
    why: str = ""
    passed: bool = False

"""What waits for a person, as rows: see `services.queueing`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

MAX_FACTS: Final = 40  # facts of one row; more than a person reads side by side
MAX_FACT: Final = 512  # characters of one value; fits every DICOM text a person compares


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing a person needs to know to decide.

    Attributes:
        name: What it is, in a few lower-case words.
        here: As this node has it; also a fact that has only one side.
        there: As it came from outside; None for a fact with one side.
    """

    name: str
    here: str
    there: str | None = None


@dataclass(frozen=True, slots=True)
class QueueRow:
    """Something that waits for a person's decision, or a decision that was taken.

    Attributes:
        id: 16 random bytes.
        kind: What kind of thing, such as `unmatched-report`; decides what may be done.
        study: The study it is about, or None.
        subject: What exactly waits, in the words of its kind. While a row is open, no second one of
            the same kind and subject is made.
        facts: What a person needs to know, in the order to read it.
        at_ms: Since when it waits.
        done_ms: When it was decided, or None.
        outcome: What was decided and came of it; empty while it waits.
    """

    id: bytes
    kind: str
    study: bytes | None
    subject: str
    facts: tuple[Fact, ...]
    at_ms: int
    done_ms: int | None = None
    outcome: str = ""


def facts_of(here: Mapping[str, str], there: Mapping[str, str] | None = None) -> tuple[Fact, ...]:
    """Return facts, cut to their bounds; with `there`, the two sides of each name."""
    names = list(dict.fromkeys([*here, *(there or {})]))[:MAX_FACTS]
    return tuple(
        Fact(
            name,
            here.get(name, "")[:MAX_FACT],
            None if there is None else there.get(name, "")[:MAX_FACT],
        )
        for name in names
    )

"""What a check is, and what it finds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from undisc_node.checks.scene import Scene


class Level(StrEnum):
    """How a finding is to be taken."""

    OK = "ok"
    WARN = "warn"  # works, and should be seen to
    FAIL = "fail"  # does not work, or is not safe
    SKIP = "skip"  # could not be looked at now; the sentence says why


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found.

    Attributes:
        level: How it is to be taken.
        sentence: What is the case; no patient data, no secret.
        hint: What to do about it; empty when nothing.
        name: Name of the check; filled in by `examine`.
        area: What it belongs to; filled in by `examine`.
    """

    level: Level
    sentence: str
    hint: str = ""
    name: str = ""
    area: str = ""

    def as_json(self) -> dict[str, str]:
        """Return the finding for JSON."""
        return {
            "name": self.name,
            "area": self.area,
            "level": self.level.value,
            "sentence": self.sentence,
            "hint": self.hint,
        }


def ok(sentence: str) -> Finding:
    """Return that all is well."""
    return Finding(Level.OK, sentence)


def warn(sentence: str, hint: str) -> Finding:
    """Return what should be seen to."""
    return Finding(Level.WARN, sentence, hint)


def fail(sentence: str, hint: str) -> Finding:
    """Return what does not work or is not safe."""
    return Finding(Level.FAIL, sentence, hint)


def skip(sentence: str) -> Finding:
    """Return that this cannot be looked at now."""
    return Finding(Level.SKIP, sentence)


class CannotLook(Exception):
    """Something that a check needs is not there; another check says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Check:
    """One check.

    Attributes:
        area: What it belongs to.
        name: Stable short name.
        looks_at: What it looks at, for the reference page.
        look: Looks.
        network: Whether it talks to other machines; such checks run at the same time.
    """

    area: str
    name: str
    looks_at: str
    look: Callable[[Scene], Finding]
    network: bool = False

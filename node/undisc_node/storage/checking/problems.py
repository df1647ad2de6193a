"""What a check of the stored data found, and what to do about it.

A problem names studies and packs by the beginning of their random ids. It holds no patient data, so
that a report can be sent to somebody who helps.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

_SHOWN = 12  # hex digits of an id; as long as `undisc` accepts as the beginning of one


class Level(StrEnum):
    """How bad a problem is."""

    FAIL = "fail"  # something is lost, damaged or unaccounted for
    WARN = "warn"  # something is left over that the node clears up by itself


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is not as it should be.

    Attributes:
        code: Stable short name, such as `body_damaged`.
        level: How bad it is.
        sentence: What is the case.
        hint: What to do about it.
        study: The study's id, or None.
        pack: The pack's id, or None.
        copies: Where a good copy may come from.
    """

    code: str
    level: Level
    sentence: str
    hint: str
    study: bytes | None = None
    pack: bytes | None = None
    copies: tuple[str, ...] = ()

    def about(self, study: bytes, copies: Iterable[str]) -> Problem:
        """Return the problem with the study it concerns."""
        return replace(self, study=study, copies=tuple(copies))

    def as_json(self) -> dict[str, object]:
        """Return the problem for JSON."""
        return {
            "code": self.code,
            "level": self.level.value,
            "sentence": self.sentence,
            "hint": self.hint,
            "study": short(self.study) if self.study else None,
            "pack": self.pack.hex() if self.pack else None,
            "copies": list(self.copies),
        }


def short(identifier: bytes) -> str:
    """Return the beginning of an id, long enough to name one thing among millions."""
    return identifier.hex()[:_SHOWN]


RESTORE_PACK = (
    "restore the pack file from a backup, or delete the study and bring it again from where it came"
)
RESTORE_CATALOG = (
    "stop the node, then restore a backup: undisc-node restore; without one, make the catalog again"
    " from the packs: undisc-node check --rebuild"
)
RESTORE_ROWS = (
    "stop the node, then restore a backup: undisc-node restore; without one, make the catalog again"
    " from the packs, without its permissions: undisc-node check --rebuild --anew"
)
RESTORE_KEYRING = (
    "stop the node and restore a backup: undisc-node restore; without the keyring the packs cannot"
    " be opened"
)
LOOK_AT_DISK = "look at the system's log for disk errors, and copy the home to another disk"


def pack_problem(code: str, pack: bytes, sentence: str, hint: str = RESTORE_PACK) -> Problem:
    """Return a failure that concerns one pack."""
    return Problem(code, Level.FAIL, f"pack {short(pack)}: {sentence}", hint, pack=pack)

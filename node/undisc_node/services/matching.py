"""Whose study is it here? Compares what an outside study says with the practice's own patients.

Names are compared without case, accents and punctuation, by family name and first given name;
birth dates exactly. What is missing on one side is never taken for the same: a person looks at it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from undisc_node.services.model import Patient

_SEXES: Final = frozenset("MF")  # any other value says nothing (PS3.3 §C.7.1.1)


@dataclass(frozen=True, slots=True)
class Match:
    """What a study says about its patient, and whom that is here.

    Attributes:
        outside: Every different identity found in the study's instances.
        local: Who it is here; None when nobody, or several, could be.
        candidates: Patients of the archive who could be meant, the likely ones first.
        differs: What differs between local and outside: `name`, `birth date`, `sex`; `patients`
            when the study has more than one; `number` when the archive does not know the number.
    """

    outside: tuple[Patient, ...]
    local: Patient | None
    candidates: tuple[Patient, ...]
    differs: tuple[str, ...]

    @property
    def certain(self) -> bool:
        """Tell whether no person has to look at it."""
        return self.local is not None and not self.differs


def differences(local: Patient, outside: Iterable[Patient]) -> tuple[str, ...]:
    """Name what differs between a local patient and all that an outside study says."""
    found: dict[str, None] = {}
    for one in outside:
        if not one.name or _name(one.name) != _name(local.name):
            found["name"] = None
        if not one.birth_date or one.birth_date != local.birth_date:
            found["birth date"] = None
        if {one.sex, local.sex} == _SEXES:
            found["sex"] = None
    return tuple(found)


def match(outside: Sequence[Patient], known: Sequence[Patient]) -> Match:
    """Find the one local patient who can be meant.

    Args:
        outside: What the study says.
        known: Patients whom the archive found.
    """
    scored = sorted(known, key=lambda one: len(differences(one, outside)))
    same = [one for one in scored if not differences(one, outside)]
    local = same[0] if len(same) == 1 else None
    return Match(tuple(outside), local, tuple(scored), _several(outside))


def match_number(outside: Sequence[Patient], number: Patient, known: Sequence[Patient]) -> Match:
    """Compare with the patient whose number a person typed.

    Args:
        outside: What the study says.
        number: The typed number, and its issuer.
        known: What the archive says about it.
    """
    if not known:
        return Match(tuple(outside), number, (), ("number", *_several(outside)))
    local = known[0]
    differs = (*_several(outside), *differences(local, outside))
    return Match(tuple(outside), local, tuple(known), differs)


def distinct(patients: Iterable[Patient]) -> tuple[Patient, ...]:
    """Return identities that differ in more than spelling, in order of appearance."""
    found: dict[tuple[str, str, str, str], Patient] = {}
    for one in patients:
        key = (_name(one.name), one.id, one.birth_date, one.sex)
        found.setdefault(key, one)
    return tuple(found.values())


def _several(outside: Sequence[Patient]) -> tuple[str, ...]:
    people = {(_name(one.name), one.birth_date) for one in outside}
    return ("patients",) if len(people) > 1 else ()


def _name(name: str) -> str:
    """Reduce a name to what its bearer would recognise in any spelling."""
    parts = name.partition("=")[0].split("^")
    given = parts[1].split() if len(parts) > 1 else []
    return f"{_plain(parts[0])}^{_plain(given[0]) if given else ''}"


def _plain(text: str) -> str:
    spread = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in spread if letter.isalnum())

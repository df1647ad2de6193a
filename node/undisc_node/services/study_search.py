"""What a search for studies asks, and what it finds; the same for DICOMweb and every other reader.

Matching follows PS3.4 §C.2.2.2: empty matches everything, `*` and `?` are wildcards, and ranges
include their ends. Names match whatever their case; other texts as they are written.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from undisc_node.services.model import Study, StudyState

_END_OF_DAY: Final = "235959.999999"


@dataclass(frozen=True, slots=True)
class StudyFacts:
    """What is known of a study beside its row, read from one of its instances.

    Attributes:
        study: The study's id.
        series: Number of its series.
        referring: Referring Physician's Name (0008,0090).
        study_id: Study ID (0020,0010).
        described_ms: Arrival of the latest instance when it was read.
    """

    study: bytes
    series: int
    referring: str
    study_id: str
    described_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StudySearch:
    """What studies must be like; every empty field matches all.

    Attributes:
        allowed: Ids of the studies that may be found; None for every one.
        uids: Study Instance UIDs, one of which it has.
        name: Patient's name, with wildcards.
        name_parts: Beginnings of parts of the patient's name, in any order.
        patient_id: With wildcards.
        issuer: Issuer of Patient ID.
        birth_date: First and last.
        sex: As in the row.
        accession: With wildcards.
        study_id: With wildcards.
        referring: Referring physician's name, with wildcards.
        description: With wildcards.
        modalities: With wildcards; a study has one that matches one of them.
        date: First and last study date.
        time: First and last study time.
    """

    allowed: frozenset[bytes] | None = None
    uids: tuple[str, ...] = ()
    name: str = ""
    name_parts: tuple[str, ...] = ()
    patient_id: str = ""
    issuer: str = ""
    birth_date: tuple[str, str] = ("", "")
    sex: str = ""
    accession: str = ""
    study_id: str = ""
    referring: str = ""
    description: str = ""
    modalities: tuple[str, ...] = ()
    date: tuple[str, str] = ("", "")
    time: tuple[str, str] = ("", "")

    def matches(self, study: Study, facts: StudyFacts | None) -> bool:
        """Tell whether an active study is like that."""
        patient = study.patient
        return (
            study.state is StudyState.ACTIVE
            and (self.allowed is None or study.id in self.allowed)
            and (not self.uids or study.uid in self.uids)
            and name_matches(self.name, patient.name)
            and all(has_part(patient.name, part) for part in self.name_parts)
            and matches(self.patient_id, patient.id)
            and self.issuer in ("", patient.issuer)
            and within(self.birth_date, patient.birth_date)
            and self.sex in ("", patient.sex)
            and matches(self.accession, study.accession)
            and matches(self.study_id, facts.study_id if facts else "")
            and name_matches(self.referring, facts.referring if facts else "")
            and matches(self.description, study.description)
            and (
                not self.modalities
                or any(matches(one, held) for one in self.modalities for held in study.modalities)
            )
            and within(self.date, study.study_date)
            and within(time_range(self.time), study.study_time)
        )


def has_wildcard(pattern: str) -> bool:
    """Tell whether a pattern can match more than one text."""
    return "*" in pattern or "?" in pattern


def matches(pattern: str, text: str) -> bool:
    """Tell whether a text is like a pattern; an empty pattern matches everything."""
    if not pattern or pattern == text:
        return True
    return has_wildcard(pattern) and _compiled(pattern)(text)


def name_matches(pattern: str, name: str) -> bool:
    """Tell whether a person's name is like a pattern, in any case and without empty parts."""
    return matches(plain_name(pattern), plain_name(name))


def plain_name(name: str) -> str:
    """Bring a name, or a pattern for names, into the form in which they are compared."""
    return name.casefold().rstrip("=^ ")


def has_part(name: str, part: str) -> bool:
    """Tell whether one part of a name begins like this (PS3.18 §8.3.4.2)."""
    return any(one.startswith(part.casefold()) for one in re.split(r"[\^= ,]+", name.casefold()))


def within(bounds: tuple[str, str], value: str) -> bool:
    """Tell whether a date or time lies within bounds; one that is not there is in no bounds."""
    first, last = bounds
    if not first and not last:
        return True
    return bool(value) and (not first or value >= first) and (not last or value <= last)


def time_range(bounds: tuple[str, str]) -> tuple[str, str]:
    """Let an end that names only an hour or minute include all of it."""
    first, last = bounds
    return first, last + _END_OF_DAY[len(last) :] if last else ""


def _compiled(pattern: str) -> Callable[[str], bool]:
    expression = "".join(
        {"*": ".*", "?": "."}.get(character, re.escape(character)) for character in pattern
    )
    wanted = re.compile(re.sub(r"(?:\.\*)+", ".*", expression), re.DOTALL)
    return lambda text: wanted.fullmatch(text) is not None

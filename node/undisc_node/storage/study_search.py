"""Finds studies among a million: implements the searching part of `ports.StudyRecords`.

The condition that leaves the fewest studies chooses the index. What is left over is looked at row
by row in the order of the answer, newest study date first, until the page is full: a condition that
many studies meet fills it at once, and one that few meet has an index.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from undisc_node.services.study_search import StudySearch, has_wildcard, plain_name, time_range
from undisc_node.storage.session import Session

_INDEXED: Final = 3  # characters; the index of texts knows every run of three
_FEW: Final = 500  # studies that are sorted within a millisecond or two
_NAME: Final = "substr(s.search, 1, instr(s.search, char(10)) - 1)"
_NEWEST: Final = "s.study_date DESC, s.study_time DESC, s.id DESC"


@dataclass(slots=True)
class Plan:
    """A query that is being put together.

    Attributes:
        source: Tables to look in, beside the facts.
        order: Order of the answer.
        conditions: What must hold.
        values: For the question marks of the conditions, in their order.
    """

    source: str = "studies s INDEXED BY studies_by_date"
    order: str = _NEWEST
    conditions: list[str] = field(default_factory=list)
    values: list[object] = field(default_factory=list)

    def ask(self, condition: str, *values: object) -> None:
        """Add a condition."""
        self.conditions.append(condition)
        self.values.extend(values)

    def among(self, column: str, values: object) -> None:
        """Add the condition that a column has one of some values."""
        wanted = list(values)  # type: ignore[call-overload]
        self.ask(f"{column} IN ({', '.join('?' * len(wanted))})", *wanted)


def plan(session: Session, wanted: StudySearch) -> Plan:
    """Choose how to find studies."""
    made = Plan()
    narrowed = _narrow(session, wanted, made)
    made.ask("+s.state = 'active'")  # nearly all are; the sign keeps its index out of the choice
    if not narrowed and len(wanted.modalities) == 1 and not has_wildcard(wanted.modalities[0]):
        made.source = "study_modalities m CROSS JOIN studies s ON s.id = m.study"
        made.order = "m.study_date DESC, m.study_time DESC, m.study DESC"
        made.ask("m.modality = ?", wanted.modalities[0])
        _between(made, "m.study_date", wanted.date)
    else:
        _between(made, "s.study_date", wanted.date)
        if wanted.modalities:
            asked = " OR ".join("value GLOB ?" for _ in wanted.modalities)
            made.ask(
                f"EXISTS (SELECT 1 FROM json_each(s.modalities) WHERE {asked})",  # noqa: S608 - marks
                *map(_glob, wanted.modalities),
            )
    _rest(wanted, made)
    return made


def _narrow(session: Session, wanted: StudySearch, made: Plan) -> bool:
    """Use the most exact condition that has an index; tell whether there was one."""
    if wanted.allowed is not None:
        made.among("s.id", wanted.allowed)
    elif wanted.uids:
        pass  # the unique index on `uid` is chosen below
    elif (wanted.patient_id and not has_wildcard(wanted.patient_id)) or (
        wanted.accession and not has_wildcard(wanted.accession)
    ):
        pass
    elif wanted.study_id and not has_wildcard(wanted.study_id):
        made.ask("s.id IN (SELECT study FROM study_facts WHERE study_id = ?)", wanted.study_id)
    elif wanted.referring and not has_wildcard(wanted.referring):
        made.ask(
            "s.id IN (SELECT study FROM study_facts WHERE referring_search = ?)",
            plain_name(wanted.referring),
        )
    else:
        return _narrow_by_text(session, wanted, made)
    made.source = "studies s"
    made.order = "+" + _NEWEST
    return True


def _narrow_by_text(session: Session, wanted: StudySearch, made: Plan) -> bool:
    """Use the index of texts where few studies hold the longest run of letters asked for."""
    if _narrow_by_name(session, plain_name(wanted.name), made):
        return True
    patterns = [plain_name(wanted.name), *(part.casefold() for part in wanted.name_parts)]
    patterns += [wanted.patient_id.casefold(), wanted.accession.casefold()]
    runs = [run for one in patterns for run in re.split(r"[*?]+", one) if len(run) >= _INDEXED]
    if not runs:
        return False
    phrase = " ".join('"' + run.replace('"', '""') + '"' for run in runs)
    found = session.rows(
        "SELECT t.study FROM study_search f JOIN study_texts t ON t.number = f.rowid"
        " WHERE study_search MATCH ? LIMIT ?",
        (phrase, _FEW),
    )
    if len(found) == _FEW:
        return False
    made.source = "studies s"
    made.order = "+" + _NEWEST
    made.ask(
        "s.id IN (SELECT t.study FROM study_search f JOIN study_texts t ON t.number = f.rowid"
        " WHERE study_search MATCH ?)",
        phrase,
    )
    return True


def _narrow_by_name(session: Session, pattern: str, made: Plan) -> bool:
    """Use the index of names for a whole name or the beginning of one, if few have it."""
    start = re.split(r"[*?]", pattern, maxsplit=1)[0]
    if not start:
        return False
    if has_wildcard(pattern):
        condition = f"{_NAME} BETWEEN ? AND ?"
        values: tuple[str, ...] = (start, start + "\U0010ffff")
    else:
        condition, values = f"{_NAME} = ?", (pattern,)
    few = session.rows(
        f"SELECT 1 FROM studies s WHERE {condition} LIMIT ?",  # noqa: S608 - our own condition
        (*values, _FEW),
    )
    if len(few) == _FEW:
        return False
    made.source = "studies s INDEXED BY studies_by_name"
    made.order = "+" + _NEWEST
    made.ask(condition, *values)
    return True


def _rest(wanted: StudySearch, made: Plan) -> None:
    """Add every condition, whether or not an index was chosen by it."""
    if wanted.uids:
        made.among("s.uid", wanted.uids)
    for column, pattern in (
        ("s.patient_id", wanted.patient_id),
        ("s.accession", wanted.accession),
        ("s.description", wanted.description),
        ("coalesce(f.study_id, '')", wanted.study_id),
    ):
        _like(made, column, pattern)
    _like(made, _NAME, plain_name(wanted.name))
    _like(made, "coalesce(f.referring_search, '')", plain_name(wanted.referring))
    for part in wanted.name_parts:
        glob = _glob(part.casefold().replace("*", "").replace("?", ""))
        made.ask(f"('^' || {_NAME}) GLOB ?", f"*[ ^=,]{glob}*")
    for column, exact in (("s.patient_issuer", wanted.issuer), ("s.sex", wanted.sex)):
        if exact:
            made.ask(f"{column} = ?", exact)
    _between(made, "s.birth_date", wanted.birth_date)
    _between(made, "s.study_time", time_range(wanted.time))


def _like(made: Plan, column: str, pattern: str) -> None:
    if has_wildcard(pattern):
        if pattern.strip("*"):
            made.ask(f"{column} GLOB ?", _glob(pattern))
    elif pattern:
        made.ask(f"{column} = ?", pattern)


def _glob(pattern: str) -> str:
    """Write a pattern for GLOB, where a bracket begins a set."""
    return pattern.replace("[", "[[]")


def _between(made: Plan, column: str, bounds: tuple[str, str]) -> None:
    first, last = bounds
    if first:
        made.ask(f"{column} >= ?", first)
    if last:
        made.ask(f"{column} <= ?", last)
        if not first:
            made.ask(f"{column} > ''")

"""Reads the question of a search (PS3.18 §8.3.4): pairs of names and values, as in a URL.

What is not understood is not an error but a warning in the answer: matching keys that a server does
not support are ignored (PS3.4 §C.2.2.2). Values that break their own rules are an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from undisc_node.services.dicomweb.attributes import BY_KEYWORD, BY_TAG, ON_REQUEST, Level
from undisc_node.services.errors import Invalid
from undisc_node.services.study_search import StudySearch

MOST: Final = 5_000  # results of one answer; a warning tells that there are more
MOST_UIDS: Final = 1_000  # of one list; a URL holds hardly more
LONGEST: Final = 1_024  # characters of a value; UID lists excepted
MOST_PAIRS: Final = 200
MOST_OFFSET: Final = 10**9
_TAG: Final = re.compile(r"[0-9A-Fa-f]{8}")
_DATE: Final = re.compile(r"\d{8}")
_TIME: Final = re.compile(r"\d{2}(?:\d{2}(?:\d{2}(?:\.\d{1,6})?)?)?")
_UID: Final = re.compile(r"[0-9.]{1,64}")
_NUMBER: Final = re.compile(r"\d{1,9}")


@dataclass(frozen=True, slots=True)
class Question:
    """A search that was understood.

    Attributes:
        studies: What studies must be like.
        series: By tag, what series must be like.
        instances: By tag, what instances must be like.
        include: Tags that the answer shall have beside the usual ones.
        include_all: Whether it shall have all that is known of its level.
        limit: At most so many results.
        offset: Leave out so many.
        warnings: What was ignored, for the answer.
    """

    studies: StudySearch
    series: Mapping[str, str]
    instances: Mapping[str, str]
    include: frozenset[str]
    include_all: bool
    limit: int
    offset: int
    warnings: tuple[str, ...]


def read_question(
    pairs: Iterable[tuple[str, str]], level: Level, tag_of: Callable[[str], str | None]
) -> Question:
    """Read a search.

    Args:
        pairs: Names and values, decoded.
        level: What is searched for.
        tag_of: Finds the tag of a keyword.

    Raises:
        Invalid: `bad_query`: a value cannot be understood, or there are too many.
    """
    reader = _Reader(level, tag_of)
    for number, (name, value) in enumerate(pairs):
        if number == MOST_PAIRS:
            raise _bad("a search has too many parameters")
        reader.take(name, value)
    return reader.question()


class _Reader:
    """Collects the parts of a question."""

    def __init__(self, level: Level, tag_of: Callable[[str], str | None]) -> None:
        self._level = level
        self._tag_of = tag_of
        self._matched: dict[str, str] = {}
        self._include: set[str] = set()
        self._all = self._fuzzy = False
        self._limit, self._offset = MOST, 0
        self._ignored: list[str] = []

    def take(self, name: str, value: str) -> None:
        """Take one pair."""
        if len(value) > LONGEST and not _is_uids(value):
            raise _bad(f"a value has more than {LONGEST} characters")
        match name:
            case "limit":
                self._limit = min(MOST, _number(name, value))
            case "offset":
                self._offset = min(MOST_OFFSET, _number(name, value))
            case "fuzzymatching":
                if value not in {"true", "false"}:
                    raise _bad("fuzzymatching is true or false")
                self._fuzzy = value == "true"
            case "includefield":
                self._including(value)
            case "accept" | "charset":
                pass  # the answer's form; read where answers are made
            case _:
                self._matching(name, value)

    def _including(self, value: str) -> None:
        for name in filter(None, value.split(",")):
            if name == "all":
                self._all = True
            elif (tag := self._tag(name)) is not None:
                self._include.add(tag)
            else:
                self._ignore("includefield")

    def _matching(self, name: str, value: str) -> None:
        tag = self._tag(name)
        if tag is None:
            self._ignore(name)
        elif not value.strip("*"):
            self._include.add(tag)  # universal matching asks for the value (PS3.4 §C.2.2.2.3)
        elif tag in self._matched:
            raise _bad("a search names an attribute twice")
        else:
            self._matched[tag] = value.strip(" ")

    def _tag(self, name: str) -> str | None:
        """Return the tag of an attribute named by keyword or tag; None for what is no attribute."""
        if _TAG.fullmatch(name):
            return name.upper()
        return BY_KEYWORD.get(name) or self._tag_of(name)

    def _ignore(self, name: str) -> None:
        shown = name if re.fullmatch(r"[A-Za-z0-9.]{1,64}", name) else "another"
        self._ignored.append(shown)

    def question(self) -> Question:
        """Sum up."""
        studies = self._studies()
        series, instances = {}, {}
        for tag, value in self._matched.items():
            known = BY_TAG.get(tag)
            if tag in {"0020000E", "00080018", "00080016"}:
                _uids(value)
            if tag in ON_REQUEST[Level.STUDY] or (known is not None and not known.matched):
                self._ignore(tag)
            elif self._level is not Level.STUDY and _is_of_series(tag):
                series[tag] = value
            elif self._level is Level.INSTANCE:
                instances[tag] = value
            else:
                self._ignore(tag)
        warnings = []
        if self._ignored:
            named = ", ".join(dict.fromkeys(self._ignored))
            warnings.append(f"these parameters are not supported here and were ignored: {named}")
        return Question(
            studies=studies,
            series=series,
            instances=instances,
            include=frozenset(self._include),
            include_all=self._all,
            limit=self._limit,
            offset=self._offset,
            warnings=tuple(warnings),
        )

    def _studies(self) -> StudySearch:
        def take(tag: str) -> str:
            return self._matched.pop(tag, "")

        name = take("00100010")
        parts: tuple[str, ...] = ()
        if self._fuzzy and name:
            parts, name = tuple(filter(None, re.split(r"[\^= ,*?]+", name))), ""
        modalities = take("00080061")
        if self._level is Level.STUDY and not modalities:
            modalities = take("00080060")  # asked of studies, it can only mean this
        uids = take("0020000D")
        return StudySearch(
            uids=_uids(uids) if uids else (),
            name=name,
            name_parts=parts,
            patient_id=take("00100020"),
            issuer=take("00100021"),
            birth_date=_dates(take("00100030")),
            sex=take("00100040"),
            accession=take("00080050"),
            study_id=take("00200010"),
            referring=take("00080090"),
            description=take("00081030"),
            modalities=tuple(filter(None, re.split(r"[,\\]", modalities))),
            date=_dates(take("00080020")),
            time=_times(take("00080030")),
        )


def _is_of_series(tag: str) -> bool:
    known = BY_TAG.get(tag)
    if known is not None:
        return known.level is Level.SERIES
    return tag in ON_REQUEST[Level.SERIES]


def _is_uids(value: str) -> bool:
    return re.fullmatch(r"[0-9.,\\]+", value) is not None


def _uids(value: str) -> tuple[str, ...]:
    uids = tuple(filter(None, re.split(r"[,\\]", value)))
    if not uids or len(uids) > MOST_UIDS or not all(_UID.fullmatch(one) for one in uids):
        raise _bad(f"a list of UIDs has 1 to {MOST_UIDS} of them, with commas between")
    return uids


def split_range(value: str) -> tuple[str, str]:
    """Split a range into first and last; one value is both (PS3.4 §C.2.2.2.5)."""
    first, dash, last = value.partition("-")
    return (first.strip(), last.strip()) if dash else (first, first)


def _dates(value: str) -> tuple[str, str]:
    return _range(value.replace(".", ""), _DATE, "a date is 20261124, a range 20261101-20261130")


def _times(value: str) -> tuple[str, str]:
    return _range(value.replace(":", ""), _TIME, "a time is 1415, a range 0800-1200")


def _range(value: str, form: re.Pattern[str], hint: str) -> tuple[str, str]:
    if not value:
        return "", ""
    first, last = split_range(value)
    if not (first or last) or not all(form.fullmatch(one) for one in (first, last) if one):
        raise _bad("a date or time cannot be read", hint)
    return first, last


def _number(name: str, value: str) -> int:
    if not _NUMBER.fullmatch(value):
        raise _bad(f"{name} is a whole number")
    return int(value)


def _bad(message: str, hint: str = "") -> Invalid:
    return Invalid(message, code="bad_query", hint=hint)

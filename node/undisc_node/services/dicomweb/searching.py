"""Answers searches for studies, series and instances (QIDO-RS, PS3.18 §10.6).

Studies come from the catalog. What is inside them lies in their packs, so a search for series or
instances that names no study looks into studies one after the other, and says so when it stopped.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final

from undisc_node.services.contents import Located
from undisc_node.services.dicomweb.asking import Question
from undisc_node.services.dicomweb.attributes import BY_TAG, ON_REQUEST, Level, returned
from undisc_node.services.dicomweb.descriptions import Descriptions
from undisc_node.services.dicomweb.holdings import Held, Holdings
from undisc_node.services.dicomweb.matching import all_match
from undisc_node.services.dicomweb.model import BULK, Attributes
from undisc_node.services.dicomweb.scope import Allowed
from undisc_node.services.errors import ServiceError
from undisc_node.services.model import Study
from undisc_node.services.ports import Catalog
from undisc_node.services.study_search import StudyFacts, StudySearch

MOST_LOOKED_INTO: Final = 200  # studies that one search opens; a patient has fewer
_FORMS: Final = ("Alphabetic", "Ideographic", "Phonetic")


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found.

    Attributes:
        results: One set of attributes each.
        warnings: What the asker should know (PS3.18 §8.3.4.4, warn-code 299).
        more: Whether there are more that can be asked for.
    """

    results: Sequence[Attributes]
    warnings: Sequence[str]
    more: bool = False


class Searching:
    """Answers searches.

    Args:
        catalog: Rows.
        holdings: What is inside studies.
        descriptions: What is inside instances.
    """

    def __init__(self, *, catalog: Catalog, holdings: Holdings, descriptions: Descriptions) -> None:
        self._catalog = catalog
        self._holdings = holdings
        self._descriptions = descriptions

    def studies(self, allowed: Allowed, question: Question, base: str) -> Found:
        """Search for studies.

        Args:
            allowed: What the caller may see.
            question: What is asked.
            base: URL of the service, for the addresses in the answer.
        """
        question = _for(allowed, question)
        wanted = _within(allowed, question.studies)
        with self._catalog.look() as records:
            rows = records.studies.search(wanted, limit=question.limit + 1, offset=question.offset)
            extra = question.include & ON_REQUEST[Level.STUDY]
            if question.include_all:
                extra = ON_REQUEST[Level.STUDY]
            results = []
            for study, facts in rows[: question.limit]:
                held = None
                if extra or facts is None or study.id in allowed.series:
                    held = self._holdings.within(records, allowed, study)
                results.append(self._study(study, facts, held, extra, base))
        more = len(rows) > question.limit
        return Found(results, _warnings(question, more=more), more)

    def series(self, allowed: Allowed, question: Question, base: str, study_uid: str = "") -> Found:
        """Search for series, in one study or in all."""
        question = _for(allowed, question)
        found = self._each_series(allowed, question, base, study_uid)
        return _page(found, question)

    def instances(
        self,
        allowed: Allowed,
        question: Question,
        base: str,
        study_uid: str = "",
        series_uid: str = "",
    ) -> Found:
        """Search for instances, in one series, one study or in all."""
        question = _for(allowed, question)
        if series_uid:
            question = replace(question, series={**question.series, "0020000E": series_uid})
        found = self._each_instance(allowed, question, base, study_uid, in_series=bool(series_uid))
        return _page(found, question)

    def _study(
        self,
        study: Study,
        facts: StudyFacts | None,
        held: Held | None,
        extra: frozenset[str],
        base: str,
    ) -> Attributes:
        first = held.instances[0] if held and held.instances else None
        inside: Mapping[str, Any] = {}
        if first is not None and (extra or facts is None):
            with suppress(ServiceError):  # one damaged study must not hide all the others
                inside = self._descriptions.of(first).attributes
        series = len(held.series) if held else facts.series if facts else 0
        instances = len(held.instances) if held else study.instances
        patient = study.patient
        answer: Attributes = {
            "00080005": _element("00080005", "ISO_IR 192"),
            "00080020": _element("00080020", study.study_date),
            "00080030": _element("00080030", study.study_time),
            "00080050": _element("00080050", study.accession),
            "00080056": _element("00080056", "ONLINE"),
            "00080061": _element("00080061", *study.modalities),
            "00080090": _name("00080090", facts.referring if facts else ""),
            "00081030": _element("00081030", study.description),
            "00081190": _element("00081190", f"{base}/studies/{study.uid}"),
            "00100010": _name("00100010", patient.name),
            "00100020": _element("00100020", patient.id),
            "00100021": _element("00100021", patient.issuer),
            "00100030": _element("00100030", patient.birth_date),
            "00100040": _element("00100040", patient.sex),
            "0020000D": _element("0020000D", study.uid),
            "00200010": _element("00200010", facts.study_id if facts else ""),
            "00201206": _element("00201206", series),
            "00201208": _element("00201208", instances),
        }
        if facts is None:
            answer |= {tag: inside[tag] for tag in ("00080090", "00200010") if tag in inside}
        answer |= {tag: inside[tag] for tag in extra if tag in inside}
        return dict(sorted(answer.items()))

    def _opened(
        self, allowed: Allowed, question: Question, study_uid: str
    ) -> Iterator[Held | None]:
        """Yield the studies to look into; None where it stops before the end."""
        if study_uid:
            held = self._holdings.held(allowed, study_uid)
            with self._catalog.look() as records:
                wanted = replace(question.studies, uids=(study_uid,))
                if question.studies == StudySearch() or records.studies.search(wanted, limit=1):
                    yield held
            return
        wanted = _within(allowed, question.studies)
        with self._catalog.look() as records:
            rows = records.studies.search(wanted, limit=MOST_LOOKED_INTO + 1)
            for study, _ in rows[:MOST_LOOKED_INTO]:
                yield self._holdings.within(records, allowed, study)
        if len(rows) > MOST_LOOKED_INTO:
            yield None

    def _each_series(
        self, allowed: Allowed, question: Question, base: str, study_uid: str
    ) -> Iterator[Attributes | None]:
        tags = {*returned(Level.SERIES), "00080005"} | (question.include - {"0020000D"})
        if question.include_all:
            tags |= ON_REQUEST[Level.SERIES]
        for held in self._opened(allowed, question, study_uid):
            if held is None:
                yield None
                return
            above = {} if study_uid else self._study(held.study, None, held, frozenset(), base)
            for uid, instances in held.series.items():
                inside = self._of_series(held, uid, instances, base)
                if all_match(inside, question.series):
                    answer = above | {tag: inside[tag] for tag in sorted(tags & inside.keys())}
                    yield dict(sorted(_without_bulk(answer).items()))

    def _of_series(
        self, held: Held, uid: str, instances: Sequence[Located], base: str
    ) -> Attributes:
        """Describe a series by its first instance."""
        inside = self._descriptions.of(instances[0]).attributes
        for tag in returned(Level.SERIES):
            if tag not in {"00080201", "00400275"}:
                inside.setdefault(tag, {"vr": BY_TAG[tag].vr})
        inside["0020000E"] = _element("0020000E", uid)
        inside["0020000D"] = _element("0020000D", held.study.uid)
        inside["00201209"] = _element("00201209", len(instances))
        inside["00081190"] = _element("00081190", f"{base}/studies/{held.study.uid}/series/{uid}")
        return inside

    def _each_instance(
        self, allowed: Allowed, question: Question, base: str, study_uid: str, *, in_series: bool
    ) -> Iterator[Attributes | None]:
        tags = {*returned(Level.INSTANCE), *question.include}
        tags |= {"00080005", "00080056", "00080201", "00081190", "0020000D", "0020000E"}
        if not in_series:
            tags |= set(returned(Level.SERIES))
        for held in self._opened(allowed, question, study_uid):
            if held is None:
                yield None
                return
            above = {} if study_uid else self._study(held.study, None, held, frozenset(), base)
            for uid, instances in held.series.items():
                if "0020000E" in question.series and uid not in question.series["0020000E"]:
                    continue
                if not all_match(self._of_series(held, uid, instances, base), question.series):
                    continue
                place = f"{base}/studies/{held.study.uid}/series/{uid}/instances"
                for located in instances:
                    inside = self._descriptions.of(located).attributes
                    if not all_match(inside, question.instances):
                        continue
                    inside["00080056"] = _element("00080056", "ONLINE")
                    inside["00201209"] = _element("00201209", len(instances))
                    inside["00081190"] = _element(
                        "00081190", f"{place}/{located.stored.header.sop_uid}"
                    )
                    chosen = (
                        inside
                        if question.include_all
                        else {tag: inside[tag] for tag in tags & inside.keys()}
                    )
                    yield dict(sorted(_without_bulk(above | chosen).items()))


def _for(allowed: Allowed, question: Question) -> Question:
    """Leave out of the answer what only those may have who may have objects as stored."""
    if not allowed.view_only:
        return question
    return replace(question, include=frozenset(), include_all=False)


def _within(allowed: Allowed, wanted: StudySearch) -> StudySearch:
    return replace(wanted, allowed=allowed.studies)


def _page(found: Iterator[Attributes | None], question: Question) -> Found:
    """Take one page of results, and notice whether there are more."""
    results: list[Attributes] = []
    more = False
    for number, one in enumerate(found):
        if one is None or number >= question.offset + question.limit:
            more = True
            break
        if number >= question.offset:
            results.append(one)
    return Found(results, _warnings(question, more=more), more)


def _warnings(question: Question, *, more: bool) -> Sequence[str]:
    told = list(question.warnings)
    if more:
        told.append("there are more results that can be asked for")
    return told


def _without_bulk(attributes: Attributes) -> Attributes:
    """Leave out what an answer of a search cannot hold."""
    return {tag: one for tag, one in attributes.items() if BULK not in json.dumps(one)}


def _element(tag: str, *values: str | int) -> dict[str, Any]:
    kept = [value for value in values if value != ""]
    vr = BY_TAG[tag].vr
    return {"vr": vr, "Value": kept} if kept else {"vr": vr}


def _name(tag: str, name: str) -> dict[str, Any]:
    forms = {
        form: text for form, text in zip(_FORMS, name.split("="), strict=False) if text.strip()
    }
    return {"vr": BY_TAG[tag].vr, "Value": [forms]} if forms else {"vr": BY_TAG[tag].vr}

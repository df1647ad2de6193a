"""Answers the queries of workstations (C-FIND, PS3.4 §C.4.1) with the searches of DICOMweb."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from undisc_node.services import auditing
from undisc_node.services.auditing import Journal
from undisc_node.services.dicomweb import attributes as known
from undisc_node.services.dicomweb.asking import MOST, Question, read_question
from undisc_node.services.dicomweb.model import Attributes, number_of, text_of
from undisc_node.services.dicomweb.scope import Allowed
from undisc_node.services.dicomweb.searching import Found, Searching
from undisc_node.services.errors import NotFound
from undisc_node.services.ports import Catalog
from undisc_node.services.workstations.asking import (
    ISSUER,
    LEVEL,
    PATIENT_ID,
    STUDY_UID,
    UNIQUE_KEYS,
    Identifier,
    Level,
)

MOST_ANSWERS: Final = MOST
"""Answers to one query; whoever wants more is told that there are, and asks more narrowly."""
MOST_STUDIES: Final = 20_000  # looked at for one query at the patient level
_PAGE: Final = 1_000  # studies of one look
_SHOWN: Final = 400  # characters of a query in the log
_ONLINE: Final = "ONLINE"
_AVAILABILITY, _RETRIEVE_TITLE, _RETRIEVE_URL = "00080056", "00080054", "00081190"
_OF_PATIENT: Final = "0010"  # group of the attributes of a patient
_SUMS: Final = (("00201202", "00201206"), ("00201204", "00201208"))  # of a patient, of a study

_SEARCHED: Final = {
    Level.PATIENT: known.Level.STUDY,
    Level.STUDY: known.Level.STUDY,
    Level.SERIES: known.Level.SERIES,
    Level.IMAGE: known.Level.INSTANCE,
}


@dataclass(frozen=True, slots=True)
class Answers:
    """What a query found.

    Attributes:
        results: Attributes that were asked for, and the unique keys; those without a value are
            left out.
        more: Whether there are more than may be told.
        all_keys: Whether every key was understood (PS3.4 §C.4.1.1.4, status FF01 if not).
    """

    results: Sequence[Attributes]
    more: bool
    all_keys: bool


class Finding:
    """Answers queries.

    Args:
        catalog: Where the log is.
        searching: Searches.
        tag_of: Finds the tag of a keyword.
        journal: The log.
        ae_title: From where what is found can be retrieved.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        searching: Searching,
        tag_of: Callable[[str], str | None],
        journal: Journal,
        ae_title: str,
    ) -> None:
        self._catalog = catalog
        self._searching = searching
        self._tag_of = tag_of
        self._journal = journal
        self._ae_title = ae_title

    def find(self, asked: Identifier, *, who: str, address: str) -> Answers:
        """Answer a query. It is in the log before anything is told.

        Args:
            asked: What is asked.
            who: Name of the workstation.
            address: Where it asks from.

        Raises:
            Invalid: `bad_query`: a key cannot be understood.
        """
        pairs = [*asked.keys.items(), ("limit", str(MOST_ANSWERS))]
        question = read_question(pairs, _SEARCHED[asked.level], self._tag_of)
        question = replace(question, include=question.include | frozenset(asked.keys))
        try:
            found = self._search(asked, question)
        except NotFound:  # no such study, or one that must not be seen
            found = Found((), ())
        answers = Answers(
            [self._answer(asked, one) for one in found.results],
            more=found.more,
            all_keys=not question.warnings,
        )
        with self._catalog.change() as records:
            self._journal.note(
                records,
                "query.answered",
                who=auditing.workstation(who, address),
                detail={
                    "level": str(asked.level),
                    "keys": _shown(asked),
                    "answers": len(answers.results),
                },
            )
        return answers

    def _search(self, asked: Identifier, question: Question) -> Found:
        if asked.level is Level.PATIENT:
            return self._patients(question)
        if asked.level is Level.STUDY:
            return self._searching.studies(Allowed(), question, "")
        uids = asked.list_of(STUDY_UID)
        study = uids[0] if len(uids) == 1 else ""
        if asked.level is Level.SERIES:
            return self._searching.series(Allowed(), question, "", study)
        return self._searching.instances(Allowed(), question, "", study)

    def _patients(self, question: Question) -> Found:
        """Search for patients: those of all studies that are like it."""
        patients: dict[tuple[str, ...], Attributes] = {}
        more = True
        for offset in range(0, MOST_STUDIES, _PAGE):
            page = replace(question, limit=_PAGE, offset=offset)
            found = self._searching.studies(Allowed(), page, "")
            for study in found.results:
                _add(patients.setdefault(_name_of(study), {}), study)
            more = found.more
            if not more or len(patients) > MOST_ANSWERS:
                break
        results = list(patients.values())
        if more or len(results) > MOST_ANSWERS:
            for one in results:  # what was not looked at is not counted
                for tag in ("00201200", *dict(_SUMS)):
                    one.pop(tag, None)
        return Found(results[:MOST_ANSWERS], (), more=more or len(results) > MOST_ANSWERS)

    def _answer(self, asked: Identifier, found: Attributes) -> Attributes:
        """Choose from what was found what was asked for."""
        wanted = set(asked.keys)
        for level, tag in UNIQUE_KEYS.items():
            if level is not Level.PATIENT or asked.level is Level.PATIENT:
                wanted.add(tag)
            if level is asked.level:
                break
        answer = {tag: found[tag] for tag in wanted & found.keys() if tag != _RETRIEVE_URL}
        if STUDY_UID in wanted and STUDY_UID not in answer:  # a search within one does not say so
            answer[STUDY_UID] = {"vr": "UI", "Value": list(asked.list_of(STUDY_UID))}
        answer[LEVEL] = {"vr": "CS", "Value": [str(asked.level)]}
        answer[_RETRIEVE_TITLE] = {"vr": "AE", "Value": [self._ae_title]}
        if _AVAILABILITY in wanted:
            answer[_AVAILABILITY] = {"vr": "CS", "Value": [_ONLINE]}
        return answer


def _name_of(study: Attributes) -> tuple[str, ...]:
    """Return what tells a patient from others."""
    number = text_of(study, PATIENT_ID)
    if number:
        return number, text_of(study, ISSUER)
    return "", text_of(study, "00100010"), text_of(study, "00100030")


def _add(patient: Attributes, study: Attributes) -> None:
    """Add a study to what is told of its patient."""
    for tag, one in study.items():
        if tag.startswith(_OF_PATIENT):
            patient.setdefault(tag, one)
    patient["00201200"] = _count(number_of(patient, "00201200") + 1)
    for tag, counted in _SUMS:
        patient[tag] = _count(number_of(patient, tag) + number_of(study, counted))


def _count(number: int) -> dict[str, object]:
    return {"vr": "IS", "Value": [number]}


def _shown(asked: Identifier) -> str:
    """Write the keys that have a value, for the log."""
    keys = " ".join(
        f"({tag[:4]},{tag[4:]})={value}" for tag, value in asked.keys.items() if value.strip("*")
    )
    return "".join(one if one.isprintable() else " " for one in keys[:_SHOWN])

"""Reads what a study's row does not hold from one of its instances, after it has settled."""

from __future__ import annotations

from typing import Final

from undisc_node.services.contents import Contents
from undisc_node.services.dicomweb.descriptions import Description, Descriptions
from undisc_node.services.dicomweb.model import text_of, values_of
from undisc_node.services.errors import ServiceError
from undisc_node.services.model import Study
from undisc_node.services.ports import Catalog
from undisc_node.services.study_search import StudyFacts

MOST_AT_ONCE: Final = 50  # studies of one round; each takes a few milliseconds
_LONGEST: Final = 256  # characters kept of a text


class FactsKeeping:
    """Keeps the facts of studies up to date.

    Args:
        catalog: Rows.
        contents: What is inside studies.
        descriptions: What is inside instances.
    """

    def __init__(self, *, catalog: Catalog, contents: Contents, descriptions: Descriptions) -> None:
        self._catalog = catalog
        self._contents = contents
        self._descriptions = descriptions

    def read_due(self) -> int:
        """Read the facts of some studies that grew; return how many."""
        with self._catalog.look() as records:
            due = records.studies.undescribed(MOST_AT_ONCE)
        facts = [self._facts(study) for study in due]
        if facts:
            with self._catalog.change() as records:
                for one in facts:
                    if records.studies.get(one.study) is not None:
                        records.studies.put_facts(one)
        return len(facts)

    def _facts(self, study: Study) -> StudyFacts:
        """Read a study; one that is damaged has no facts, and is not tried again until it grows."""
        series, known = 0, None
        try:
            with self._catalog.look() as records:
                current = self._contents.of(records, study.id).current
            series = len({one.stored.header.series_uid for one in current.values()})
            first = next(iter(current.values()), None)
            known = self._descriptions.of(first) if first is not None else None
        except ServiceError:
            pass  # `undisc-node check` says so; a search must not
        return StudyFacts(
            study=study.id,
            series=series,
            referring=_name(known)[:_LONGEST],
            study_id=text_of(known.attributes, "00200010")[:_LONGEST] if known else "",
            described_ms=study.arrived_ms,
        )


def _name(known: Description | None) -> str:
    names = values_of(known.attributes, "00080090") if known else ()
    forms = names[0] if names and isinstance(names[0], dict) else {}
    written = "=".join(forms.get(one, "") for one in ("Alphabetic", "Ideographic", "Phonetic"))
    return written.rstrip("=")

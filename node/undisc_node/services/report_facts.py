"""What the reports of a study say about themselves, and which of them counts: pure decisions.

| a newer version of the same report is …  | then the older ones are …                       |
|------------------------------------------|-------------------------------------------------|
| final or corrected                       | replaced, whatever they were                    |
| preliminary                              | replaced if they are preliminary                |
| an addendum                              | still valid: it adds to them                    |
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from undisc_node.services.department_rows import ReportState

REPORT_CLASSES: Final = frozenset(
    {
        "1.2.840.10008.5.1.4.1.1.88.11",  # Basic Text SR
        "1.2.840.10008.5.1.4.1.1.88.22",  # Enhanced SR
        "1.2.840.10008.5.1.4.1.1.88.33",  # Comprehensive SR
        "1.2.840.10008.5.1.4.1.1.88.34",  # Comprehensive 3D SR
        "1.2.840.10008.5.1.4.1.1.104.1",  # Encapsulated PDF
        "1.2.840.10008.5.1.4.1.1.104.2",  # Encapsulated CDA
    }
)
"""SOP classes whose objects a person reads as a report; dose and key objects are none."""


@dataclass(frozen=True, slots=True)
class ReportFacts:
    """What a report says about itself.

    Attributes:
        state: What it is.
        title: What it is about.
        reported: When it was written, `YYYYMMDDHHMMSS`, or shorter.
    """

    state: ReportState
    title: str
    reported: str


@dataclass(frozen=True, slots=True)
class ShownReport:
    """A report of a study, as it is shown.

    Attributes:
        object: Its object's id.
        sop_uid: Its SOP Instance UID.
        sop_class: Its SOP Class UID.
        series_uid: Its series: versions of one report share it.
        sender: Who brought it.
        at_ms: When it arrived.
        facts: What it says; None for one that cannot be read.
        is_replaced: Whether a newer version counts in its place.
    """

    object: bytes
    sop_uid: str
    sop_class: str
    series_uid: str
    sender: str
    at_ms: int
    facts: ReportFacts | None
    is_replaced: bool = False


def ordered(reports: Sequence[ShownReport]) -> Sequence[ShownReport]:
    """Return reports newest first, the replaced ones marked and behind the others."""
    newest_first = sorted(reports, key=_age, reverse=True)
    marked, newer = [], dict[str, set[ReportState]]()
    for report in newest_first:
        before = newer.setdefault(report.series_uid, set())
        state = report.facts.state if report.facts else None
        is_replaced = bool(before & {ReportState.FINAL, ReportState.CORRECTED}) or (
            state is ReportState.PRELIMINARY and bool(before)
        )
        if state is not None:
            before.add(state)
        marked.append(replace(report, is_replaced=is_replaced))
    return sorted(marked, key=lambda report: report.is_replaced)


def _age(report: ShownReport) -> tuple[str, int]:
    moment = report.facts.reported if report.facts else ""
    return moment.ljust(14, "0"), report.at_ms

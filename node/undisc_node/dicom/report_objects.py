"""Reports as DICOM objects: made from what a RIS sends, and read again, whoever made them.

| a report as | becomes | why |
|---|---|---|
| text | Basic Text SR (PS3.3 §A.35.1) | stays text: found, copied, read aloud; says its own state |
| PDF | Encapsulated PDF (PS3.3 §A.45.1) | kept byte for byte, as it was signed |

Versions of one report share a series. What a version is (preliminary, final, addendum, corrected)
stands in Preliminary Flag and, in our own words, in Completion Flag Description, so that it travels
with the object to whoever fetches the study.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from undisc_node.dicom import text
from undisc_node.dicom.reader import collect
from undisc_node.dicom.sources import BytesSource
from undisc_node.dicom.writing import UTF_8, DataSet, code, file_of, uid_of
from undisc_node.services.department_rows import Report, ReportState, name_of
from undisc_node.services.model import Study
from undisc_node.services.ports import Source
from undisc_node.services.report_facts import ReportFacts

BASIC_TEXT_SR: Final = "1.2.840.10008.5.1.4.1.1.88.11"
ENCAPSULATED_PDF: Final = "1.2.840.10008.5.1.4.1.1.104.1"

_TITLE: Final = 64  # characters of LO and ST titles that every viewer shows
_HEAD: Final = 4 * 2**20  # bytes that are looked at: all of any text, and what precedes a PDF
_SERIES_NUMBER: Final = "9001"  # after the modality's own
_CHARACTER_SET: Final = 0x00080005
_DATE: Final = 0x00080023
_TIME: Final = 0x00080033
_SERIES_DESCRIPTION: Final = 0x0008103E
_COMPLETION: Final = 0x0040A491
_COMPLETION_TEXT: Final = 0x0040A492
_VERIFICATION: Final = 0x0040A493
_PRELIMINARY: Final = 0x0040A496
_DOCUMENT_TITLE: Final = 0x00420010
_WANTED: Final = frozenset(
    {
        _CHARACTER_SET,
        _DATE,
        _TIME,
        _SERIES_DESCRIPTION,
        _COMPLETION,
        _COMPLETION_TEXT,
        _VERIFICATION,
        _PRELIMINARY,
        _DOCUMENT_TITLE,
    }
)


class ReportObjects:
    """Writes and reads reports; implements `ports.ReportObjects`."""

    def compose(self, report: Report, study: Study) -> Source:
        """Write a report as an object of a study; the same two give the same bytes."""
        is_text = report.form == "text"
        date, time = _moment(report, study)
        who = study.patient
        values: dict[tuple[int, str], object] = {
            (_CHARACTER_SET, "CS"): UTF_8,
            (0x00080016, "UI"): BASIC_TEXT_SR if is_text else ENCAPSULATED_PDF,
            (0x00080018, "UI"): uid_of(name_of("instance", report.id.hex(), study.uid)),
            (0x00080020, "DA"): study.study_date,
            (_DATE, "DA"): date,
            (0x00080030, "TM"): study.study_time,
            (_TIME, "TM"): time,
            (0x00080050, "SH"): study.accession,
            (0x00080060, "CS"): "SR" if is_text else "DOC",
            (0x00080070, "LO"): "undisc",
            (0x00080090, "PN"): "",
            (0x00081030, "LO"): study.description,
            (_SERIES_DESCRIPTION, "LO"): report.title[:_TITLE],
            (0x00100010, "PN"): who.name,
            (0x00100020, "LO"): who.id,
            (0x00100030, "DA"): who.birth_date,
            (0x00100040, "CS"): who.sex,
            (0x0020000D, "UI"): study.uid,
            (0x0020000E, "UI"): uid_of(name_of("series", report.series.hex(), study.uid)),
            (0x00200010, "SH"): "",
            (0x00200011, "IS"): _SERIES_NUMBER,
            (0x00200013, "IS"): "1",
            (_COMPLETION_TEXT, "LO"): report.state.value,
            (_VERIFICATION, "CS"): "UNVERIFIED",
        }
        if who.issuer:
            values[0x00100021, "LO"] = who.issuer
        values |= _text_parts(report) if is_text else _pdf_parts(report)
        return BytesSource(file_of(values))  # type: ignore[arg-type]  # object is narrowed there

    def uid(self, report: Report, study: Study) -> str:
        """Return the SOP Instance UID that the report has in a study."""
        return uid_of(name_of("instance", report.id.hex(), study.uid))

    def read(self, source: Source) -> ReportFacts:
        """Read what a report says about itself.

        Raises:
            Invalid: It cannot be read.
        """
        with source.open() as stream:
            head = stream.read(min(source.size, _HEAD))  # what lies in a pack cannot be sought in
        values = collect(BytesSource(head), _WANTED, _DOCUMENT_TITLE)
        sets = text.character_sets(values.get(_CHARACTER_SET, b""))

        def plain(tag: int) -> str:
            return text.decode(values.get(tag, b""), sets)

        said = plain(_COMPLETION_TEXT).lower()
        if said in frozenset(ReportState):
            state = ReportState(said)
        elif plain(_PRELIMINARY) == "PRELIMINARY" or plain(_COMPLETION) == "PARTIAL":
            state = ReportState.PRELIMINARY
        else:
            state = ReportState.FINAL
        moment = plain(_DATE)[:8] + plain(_TIME).replace(":", "")[:6]
        title = plain(_DOCUMENT_TITLE) or plain(_SERIES_DESCRIPTION)
        return ReportFacts(state=state, title=title, reported=moment)


def _moment(report: Report, study: Study) -> tuple[str, str]:
    """Return date and time of the content; what the source does not say is when it arrived."""
    said = report.reported
    if not said:
        at = datetime.fromtimestamp(report.at_ms / 1000).astimezone()
        return at.strftime("%Y%m%d"), at.strftime("%H%M%S")
    return said[:8], said[8:] or study.study_time or "000000"


def _text_parts(report: Report) -> dict[tuple[int, str], object]:
    """Return the SR document: one container with the text (PS3.3 §C.17)."""
    preliminary = report.state is ReportState.PRELIMINARY
    item: DataSet = {
        (0x0040A010, "CS"): "CONTAINS",
        (0x0040A040, "CS"): "TEXT",
        (0x0040A043, "SQ"): code("121071", "DCM", "Finding"),
        (0x0040A160, "UT"): report.content.replace(b"\n", b"\r\n"),
    }
    parts: dict[tuple[int, str], object] = {
        (0x00081111, "SQ"): [],
        (0x0040A040, "CS"): "CONTAINER",
        (0x0040A043, "SQ"): code("18748-4", "LN", "Diagnostic imaging report"),
        (0x0040A050, "CS"): "SEPARATE",
        (0x0040A372, "SQ"): [],
        (_COMPLETION, "CS"): "PARTIAL" if preliminary else "COMPLETE",
        (_PRELIMINARY, "CS"): "PRELIMINARY" if preliminary else "FINAL",
        (0x0040A730, "SQ"): [item],
    }
    if report.author:
        observer: DataSet = {
            (0x00080080, "LO"): "",
            (0x00080082, "SQ"): [],
            (0x0040A084, "CS"): "PSN",
            (0x0040A123, "PN"): report.author,
            (0x00401101, "SQ"): [],
        }
        parts[0x0040A078, "SQ"] = [observer]
    return parts


def _pdf_parts(report: Report) -> dict[tuple[int, str], object]:
    """Return the encapsulated document (PS3.3 §C.24.2)."""
    return {
        (0x0008002A, "DT"): "",
        (0x00080064, "CS"): "WSD",
        (0x00280301, "CS"): "YES",
        (0x0040A043, "SQ"): code("18748-4", "LN", "Diagnostic imaging report"),
        (_DOCUMENT_TITLE, "ST"): report.title[:_TITLE],
        (0x00420011, "OB"): report.content,
        (0x00420012, "LO"): "application/pdf",
        (0x00420015, "UL"): len(report.content),
    }

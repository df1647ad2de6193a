"""What a message says: orders, reports, patient changes (HL7 chapters 3, 4, 7; IHE RAD TF-2).

| message | becomes |
|---|---|
| ORM^O01, OMG^O19, OMI^O23 | orders, one for each OBR |
| ORU^R01 | reports: text of the TX, FT and ST segments, and a PDF in an ED segment |
| ADT^A08, A31 | a patient's identity as it is from now on |
| ADT^A40, A18, A34 | the same, and the number that is gone |

Where the accession number stands: IPC-1, else OBR-18 (IHE), else OBR-3.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Sequence
from hashlib import sha256
from itertools import pairwise
from typing import Final

from undisc_node.hl7.message import Hl7Message, Segment, Unreadable
from undisc_node.services.department_rows import (
    Order,
    OrderState,
    PatientChange,
    Report,
    ReportState,
    name_of,
)
from undisc_node.services.model import Patient

MAX_REPORT: Final = (
    2 * 2**20
)  # bytes of text; no person writes more, and SR text has no bound of its own
MAX_PDF: Final = 24 * 2**20  # bytes; what fits a message as base64
MAX_IDS: Final = 16  # patient ids of one person
ORDERS: Final = frozenset({"ORM^O01", "OMG^O19", "OMI^O23"})
REPORTS: Final = frozenset({"ORU^R01"})
UPDATES: Final = frozenset({"ADT^A08", "ADT^A31"})
MERGES: Final = frozenset({"ADT^A40", "ADT^A18", "ADT^A34"})

_CANCELLED: Final = frozenset({"CA", "OC", "DC", "OD", "CR", "DR"})  # ORC-1, table 0119
_STATES: Final = {  # OBR-25, table 0123; OBX-11, table 0085
    "F": ReportState.FINAL,
    "C": ReportState.CORRECTED,
    "P": ReportState.PRELIMINARY,
    "R": ReportState.PRELIMINARY,
    "A": ReportState.PRELIMINARY,
    "S": ReportState.PRELIMINARY,
    "I": ReportState.PRELIMINARY,
}
_WITHDRAWN: Final = frozenset({"X", "D", "W"})
_TEXT_TYPES: Final = frozenset({"TX", "FT", "ST", "CE", "CWE", ""})
_MOMENT: Final = re.compile(r"\d{8}(?:\d{2}){0,3}")


def source_of(message: Hl7Message) -> str:
    """Return what a sender is called beside what it brought."""
    return f"hl7:{message.header.application or message.header.facility or 'unnamed'}"[:64]


def _needed(message: Hl7Message, name: str) -> Segment:
    segment = message.first(name)
    if segment is None:
        raise Unreadable(
            f"the message has no segment {name}",
            header=message.header,
            condition="100",
            place=name,
        )
    return segment


def _moment(text: str) -> str:
    found = _MOMENT.match(text)
    return found[0] if found else ""


def _person(segment: Segment, field: int) -> str:
    """Write a name (XPN, XCN from its second component) as DICOM does: family^given^middle."""
    first = next(iter(segment.repetitions(field)), "")
    parts = [segment.part(first, number).replace("^", " ") for number in range(1, 6)]
    family, given, middle, suffix, prefix = parts
    return f"{family}^{given}^{middle}^{prefix}^{suffix}".rstrip("^")


def _doctor(segment: Segment | None, field: int) -> str:
    if segment is None:
        return ""
    first = next(iter(segment.repetitions(field)), "")
    parts = [segment.part(first, number).replace("^", " ") for number in range(2, 5)]
    return "^".join(parts).rstrip("^") or segment.part(first, 1)


def _ids(segment: Segment, field: int) -> list[tuple[str, str, str]]:
    """Return id, issuer and type of each repetition (CX)."""
    found = [
        (segment.part(one, 1), segment.part(one, 4), segment.part(one, 5))
        for one in segment.repetitions(field)[:MAX_IDS]
    ]
    return [one for one in found if one[0]]


def _chosen(ids: Sequence[tuple[str, str, str]]) -> tuple[str, str]:
    """Return the id by which images name a patient: the medical record number, else the first."""
    for wanted in ("MR", "PI", "PT"):
        for identifier, issuer, kind in ids:
            if kind == wanted:
                return identifier, issuer
    return (ids[0][0], ids[0][1]) if ids else ("", "")


def _patient(message: Hl7Message) -> tuple[Patient, tuple[str, ...]]:
    pid = _needed(message, "PID")
    ids = _ids(pid, 3) or _ids(pid, 2)
    if not ids:
        raise Unreadable(
            "the message names no patient", header=message.header, condition="101", place="PID^1^3"
        )
    identifier, issuer = _chosen(ids)
    sex = pid.text(8).upper()[:1]
    patient = Patient(
        name=_person(pid, 5),
        id=identifier,
        issuer=issuer,
        birth_date=_moment(pid.text(7))[:8],
        sex=sex if sex in ("M", "F", "O") else "",
    )
    return patient, tuple(dict.fromkeys(one[0] for one in ids))


def _groups(message: Hl7Message) -> Iterator[tuple[Segment, list[Segment], Segment | None]]:
    """Yield each OBR with what follows it up to the next, and the ORC before it."""
    segments = message.segments
    starts = [place for place, one in enumerate(segments) if one.name == "OBR"]
    for start, end in pairwise([*starts, len(segments)]):
        rest = list(segments[start + 1 : end])
        before = [one for one in segments[: start + 1] if one.name in ("ORC", "OBR")]
        common = before[-2] if len(before) > 1 and before[-2].name == "ORC" else None
        yield segments[start], rest, common


def _accession(request: Segment, rest: Sequence[Segment]) -> str:
    imaging = next((one for one in rest if one.name == "IPC"), None)
    said = imaging.text(1) if imaging else ""
    return said or request.text(18) or request.text(3)


def read_orders(message: Hl7Message, at_ms: int) -> list[Order]:
    """Read the orders of an order message.

    Raises:
        Unreadable: It names no patient or no procedure.
    """
    patient, _ = _patient(message)
    visit = message.first("PV1")
    orders = []
    for request, rest, common in _groups(message):
        imaging = next((one for one in rest if one.name == "IPC"), None)
        study = next((one for one in rest if one.name == "ZDS"), None)
        timing = next((one for one in message.segments if one.name == "TQ1"), None)
        placer = request.text(2) or (common.text(2) if common else "")
        accession = _accession(request, rest) or placer
        if not accession:
            raise Unreadable(
                "an order has neither accession nor order number",
                header=message.header,
                condition="101",
                place="OBR^1^18",
            )
        step = (imaging.text(4) if imaging else "") or request.text(20)
        control = common.text(1).upper() if common else "NW"
        status = common.text(5).upper() if common else ""
        state = OrderState.CANCELLED if control in _CANCELLED else OrderState.SCHEDULED
        if status == "CM":
            state = OrderState.DONE
        elif status == "CA":
            state = OrderState.CANCELLED
        times = [
            timing.text(7) if timing else "",
            request.text(27, 4),
            common.text(7, 4) if common else "",
            request.text(36),
            request.text(6),
        ]
        uid = (imaging.text(3) if imaging else "") or (study.text(1) if study else "")
        orders.append(
            Order(
                id=name_of("order", accession, step),
                accession=accession,
                patient=patient,
                scheduled=next((_moment(one) for one in times if _moment(one)), ""),
                modality=((imaging.text(5) if imaging else "") or request.text(24))[:16],
                description=request.text(4, 2) or request.text(4, 1),
                requested_by=_doctor(request, 16),
                referring=_doctor(visit, 8),
                study_uid=uid if re.fullmatch(r"[0-9.]{1,64}", uid) else "",
                source=source_of(message),
                state=state,
                seen_ms=at_ms,
            )
        )
    if not orders:
        raise Unreadable(
            "the message has no segment OBR", header=message.header, condition="100", place="OBR"
        )
    return orders


def read_change(message: Hl7Message) -> PatientChange:
    """Read a patient update or merge.

    Raises:
        Unreadable: It names no patient, or a merge does not say which number is gone.
    """
    patient, ids = _patient(message)
    former = former_issuer = ""
    if message.header.kind in MERGES:
        merged = _ids(_needed(message, "MRG"), 1)
        if not merged:
            raise Unreadable(
                "the merge does not say which number is gone",
                header=message.header,
                condition="101",
                place="MRG^1^1",
            )
        former, former_issuer = _chosen(merged)
    return PatientChange(source_of(message), patient, ids, former, former_issuer)


def read_reports(message: Hl7Message, at_ms: int) -> list[Report]:
    """Read the reports of a result message.

    Raises:
        Unreadable: It names no patient or accession number, or has no report in it.
    """
    patient, ids = _patient(message)
    reports: list[Report] = []
    for request, rest, _ in _groups(message):
        observations = [one for one in rest if one.name == "OBX"]
        accession = _accession(request, rest)
        if not accession:
            raise Unreadable(
                "a report has no accession number",
                header=message.header,
                condition="101",
                place="OBR^1^18",
            )
        state, text = _state(request, observations), _text(observations)
        if request.text(25).upper() in _WITHDRAWN and not text:
            state, text = ReportState.CORRECTED, "This report was withdrawn by its author."
        contents = [("text", text.encode())] if text else []
        contents += [("pdf", pdf) for pdf in _pdfs(message, observations)]
        title = request.text(4, 2) or request.text(4, 1) or "Report"
        reported = _moment(request.text(22)) or _moment(request.text(7))
        author = request.text(32, 1, 2) or request.text(32, 2) or request.text(32)
        given = request.text(32, 1, 3) or request.text(32, 3)
        for form, content in contents:
            digest = sha256(content).hexdigest()
            words = (message.header.sender, accession, form, state, reported, digest)
            reports.append(
                Report(
                    id=name_of("report", *words),
                    series=name_of("series", message.header.sender, accession, request.text(4)),
                    source=source_of(message),
                    accession=accession,
                    state=state,
                    title=title,
                    form=form,
                    content=content,
                    at_ms=at_ms,
                    patient=patient,
                    patient_ids=ids,
                    author=f"{author}^{given}".rstrip("^"),
                    reported=reported,
                )
            )
    if not reports:
        raise Unreadable(
            "the message has no report in it", header=message.header, condition="101", place="OBX"
        )
    return reports


def _state(request: Segment, observations: Sequence[Segment]) -> ReportState:
    """Read OBR-25, else the observations; an addendum is marked in OBX-3 (IHE: suffix ADT)."""
    for one in observations:
        suffix = {one.text(3, 1, 2).upper(), one.text(3, 2).upper(), one.text(3, 1).upper()}
        if suffix & {"ADT", "ADDENDUM"}:
            return ReportState.ADDENDUM
    said = request.text(25).upper()
    if said in _STATES:
        return _STATES[said]
    known = [
        _STATES[one.text(11).upper()] for one in observations if one.text(11).upper() in _STATES
    ]
    for state in (ReportState.CORRECTED, ReportState.PRELIMINARY, ReportState.FINAL):
        if state in known:
            return state
    return ReportState.PRELIMINARY  # what does not say that it is final is not


def _text(observations: Sequence[Segment]) -> str:
    lines: list[str] = []
    size = 0
    for one in observations:
        if one.text(2).upper() not in _TEXT_TYPES:
            continue
        for line in one.lines(5):
            size += len(line) + 1
            if size > MAX_REPORT:
                return "\n".join([*lines, "[cut here: the report is longer than a report may be]"])
            lines.append(line)
    return "\n".join(lines).strip("\n")


def _pdfs(message: Hl7Message, observations: Sequence[Segment]) -> Iterator[bytes]:
    """Yield the PDF files (ED: source ^ type ^ subtype ^ encoding ^ data)."""
    for one in observations:
        if one.text(2).upper() != "ED":
            continue
        for repetition in one.repetitions(5):
            if one.part(repetition, 4).upper() != "BASE64":
                continue
            data = re.sub(r"\s|\\\.br\\|\\X0[DA]\\", "", one.raw(repetition, 5))
            try:
                pdf = base64.b64decode(data, validate=True)
            except (binascii.Error, ValueError):
                pdf = b""
            if not pdf.startswith(b"%PDF-") or len(pdf) > MAX_PDF:
                raise Unreadable(
                    "an encapsulated document is no PDF that can be taken",
                    header=message.header,
                    condition="102",
                    place="OBX^1^5",
                )
            yield pdf

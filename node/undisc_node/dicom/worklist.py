"""Asks a Modality Worklist what is scheduled (PS3.4 annex K); implements `ports.Worklist`.

pynetdicom in the role of the user does the talking. The server is one that the administrator named;
its answers are bounded all the same, and what cannot be read of a step is left out, not guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydicom.dataset import Dataset
from pynetdicom import AE
from pynetdicom.sop_class import ModalityWorklistInformationFind  # type: ignore[attr-defined]

from undisc_node.dicom import text
from undisc_node.dicom.part10 import IMPLEMENTATION_CLASS
from undisc_node.services.department_rows import Order, OrderState, name_of
from undisc_node.services.errors import Unavailable
from undisc_node.services.model import Patient

MAX_STEPS: Final = 5_000  # of one answer; a large department has some hundred a day
_SECONDS: Final = 30.0  # for each answer
_PENDING: Final = frozenset({0xFF00, 0xFF01})
_MOMENT: Final = re.compile(r"(\d{8})(\d{2}(?:\d{2}(?:\d{2})?)?)?")
_CHARACTER_SET: Final = "ISO_IR 192"


@dataclass(frozen=True, slots=True)
class WorklistClient:
    """A worklist in the department.

    Attributes:
        host: Its address.
        port: Its TCP port.
        ae_title: Its AE title.
        own_title: Ours.
    """

    host: str
    port: int
    ae_title: str
    own_title: str

    def scheduled(self, first: str, last: str) -> Sequence[Order]:
        """Ask for the steps of these days.

        Args:
            first: The first day, `YYYYMMDD`.
            last: The last day.

        Raises:
            Unavailable: It does not answer, refuses, or tells more than `MAX_STEPS`.
        """
        application = AE(ae_title=self.own_title)
        application.implementation_class_uid = IMPLEMENTATION_CLASS
        application.connection_timeout = application.acse_timeout = _SECONDS
        application.dimse_timeout = application.network_timeout = _SECONDS
        application.add_requested_context(ModalityWorklistInformationFind)
        association = application.associate(self.host, self.port, ae_title=self.ae_title)
        if not association.is_established:
            raise Unavailable(
                f"the worklist at {self.host} port {self.port} accepts no association",
                code="worklist_unreachable",
                hint="check the settings of worklist, and whether it knows our AE title"
                f" {self.own_title}",
            )
        try:
            return list(self._steps(association, first, last))
        finally:
            if association.is_established:
                association.release()

    def _steps(self, association: Any, first: str, last: str) -> Iterator[Order]:
        wanted = first if first == last else f"{first}-{last}"
        answers = association.send_c_find(_query(wanted), ModalityWorklistInformationFind)
        for count, (status, step) in enumerate(answers):
            code = int(status.get("Status", -1)) if status else -1
            if code == 0:
                return
            if code not in _PENDING:
                raise Unavailable(
                    "the worklist broke off or refused the question"
                    + (f" with status {code:04X}" if code >= 0 else ""),
                    code="worklist_refused",
                    hint="look into the worklist's own log",
                )
            if count >= MAX_STEPS:
                association.abort()
                raise Unavailable(
                    f"the worklist tells more than {MAX_STEPS:,} steps",
                    code="worklist_refused",
                    hint="ask for fewer days: worklist.days",
                )
            if step is not None:
                yield _order(step)


def _query(days: str) -> Dataset:
    """Return the question: every attribute that a day list shows, empty where anything fits."""
    step = Dataset()
    step.ScheduledStationAETitle = ""
    step.ScheduledProcedureStepStartDate = days
    step.ScheduledProcedureStepStartTime = ""
    step.Modality = ""
    step.ScheduledProcedureStepDescription = ""
    step.ScheduledProcedureStepID = ""
    step.ScheduledProcedureStepStatus = ""
    query = Dataset()
    for keyword in (
        "AccessionNumber",
        "ReferringPhysicianName",
        "PatientName",
        "PatientID",
        "IssuerOfPatientID",
        "PatientBirthDate",
        "PatientSex",
        "StudyInstanceUID",
        "RequestingPhysician",
        "RequestedProcedureDescription",
        "RequestedProcedureID",
    ):
        setattr(query, keyword, "")
    query.SpecificCharacterSet = _CHARACTER_SET
    query.ScheduledProcedureStepSequence = [step]
    return query


def _order(answer: Dataset) -> Order:
    steps = answer.get("ScheduledProcedureStepSequence") or [Dataset()]
    step = steps[0]

    def said(keyword: str, where: Dataset = answer) -> str:
        try:
            value = where.get(keyword)
        except Exception:  # noqa: BLE001 - pydicom has many, for values that are none
            return ""
        return text.clean(str(value)) if value is not None else ""

    day, time = (
        said("ScheduledProcedureStepStartDate", step),
        said("ScheduledProcedureStepStartTime", step),
    )
    moment = _MOMENT.match(day + time.replace(":", ""))
    accession = said("AccessionNumber")
    step_id = said("ScheduledProcedureStepID", step) or said("RequestedProcedureID")
    uid = said("StudyInstanceUID")
    status = said("ScheduledProcedureStepStatus", step)
    return Order(
        id=name_of("order", accession or said("PatientID"), step_id),
        accession=accession,
        patient=Patient(
            name=said("PatientName").rstrip("=^ "),
            id=said("PatientID"),
            issuer=said("IssuerOfPatientID"),
            birth_date=said("PatientBirthDate"),
            sex=said("PatientSex"),
        ),
        scheduled=moment[0] if moment else "",
        modality=said("Modality", step),
        description=said("ScheduledProcedureStepDescription", step)
        or said("RequestedProcedureDescription"),
        requested_by=said("RequestingPhysician").rstrip("=^ "),
        referring=said("ReferringPhysicianName").rstrip("=^ "),
        study_uid=uid if text.is_uid(uid) else "",
        source="worklist",
        state={
            "DISCONTINUED": OrderState.CANCELLED,
            "CANCELLED": OrderState.CANCELLED,
            "COMPLETED": OrderState.DONE,
        }.get(status, OrderState.SCHEDULED),
        seen_ms=0,
    )

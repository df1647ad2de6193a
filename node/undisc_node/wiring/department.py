"""Builds what speaks with the radiology department: worklist, HL7, reports, the queue."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from undisc_node.config import Settings
from undisc_node.dicom.report_objects import ReportObjects
from undisc_node.dicom.worklist import WorklistClient
from undisc_node.hl7.door import Hl7Door
from undisc_node.hl7.listener import MllpPort
from undisc_node.services.auditing import Journal
from undisc_node.services.contents import Contents
from undisc_node.services.department import Department
from undisc_node.services.dropped import take_dropped
from undisc_node.services.noticing import Noticing
from undisc_node.services.ordering import Ordering
from undisc_node.services.ports import Catalog, Clock, Entropy, Packs
from undisc_node.services.queueing import Queueing
from undisc_node.services.renaming import Renaming
from undisc_node.services.reporting import Reporting, Stores
from undisc_node.services.studies import Studies
from undisc_node.storage.report_folder import ReportFolder
from undisc_node.wiring.duties import Duty

_WAITING_SECONDS: Final = 5.0  # how often reports that wait look for their images
_NOTICE_SECONDS: Final = 5.0
_FORGET_SECONDS: Final = 3_600.0
_FOLDER_SECONDS: Final = 5.0
_MINUTE: Final = 60.0


@dataclass(frozen=True, slots=True)
class DepartmentParts:
    """What was built.

    Attributes:
        uses: Use cases of the admin socket, by their names there.
        duties: What is done again and again.
        renaming: Lets changed identities wait.
        hl7: The MLLP port, or None when nobody may send.
    """

    uses: Mapping[str, Any]
    duties: tuple[Duty, ...]
    renaming: Renaming
    hl7: MllpPort | None


def build_department(
    settings: Settings,
    *,
    catalog: Catalog,
    packs: Packs,
    contents: Contents,
    receiving: Stores,
    studies: Studies,
    queueing: Queueing,
    noticing: Noticing,
    journal: Journal,
    clock: Clock,
    entropy: Entropy,
) -> DepartmentParts:
    """Build it from the settings."""
    worklist = None
    if settings.worklist_host:
        worklist = WorklistClient(
            host=settings.worklist_host,
            port=settings.worklist_port,
            ae_title=settings.worklist_ae_title,
            own_title=settings.dicom_ae_title,
        )
    ordering = Ordering(
        catalog=catalog, clock=clock, worklist=worklist, days=settings.worklist_days
    )
    reporting = Reporting(
        catalog=catalog,
        packs=packs,
        contents=contents,
        receiving=receiving,
        objects=ReportObjects(),
        queueing=queueing,
        journal=journal,
        find_study=studies.find,
    )
    renaming = Renaming(
        catalog=catalog, queueing=queueing, journal=journal, clock=clock, tell=noticing.renamed
    )
    duties = [
        Duty("attaching reports", _WAITING_SECONDS, reporting.attach_waiting),
        Duty("forgetting old orders", _FORGET_SECONDS, ordering.forget),
        Duty("telling other nodes", _NOTICE_SECONDS, noticing.send_due),
    ]
    if worklist is not None and settings.worklist_minutes:
        duties.append(
            Duty("asking the worklist", settings.worklist_minutes * _MINUTE, ordering.refresh)
        )
    if settings.reports_folder:
        folder = ReportFolder(
            Path(settings.reports_folder), partial(take_dropped, reporting, clock), time.time_ns
        )
        duties.append(Duty("taking dropped reports", _FOLDER_SECONDS, folder.sweep))
    hl7 = None
    if settings.hl7_senders:
        department = Department(
            catalog=catalog, ordering=ordering, reporting=reporting, renaming=renaming
        )
        door = Hl7Door(department=department, clock=clock, entropy=entropy)
        hl7 = MllpPort(
            host=settings.hl7_host,
            port=settings.hl7_port,
            allowed=settings.hl7_senders,
            answer=door.answer,
        )
    return DepartmentParts(
        uses={
            "queueing": queueing,
            "ordering": ordering,
            "reporting": reporting,
            "noticing": noticing,
        },
        duties=tuple(duties),
        renaming=renaming,
        hl7=hl7,
    )

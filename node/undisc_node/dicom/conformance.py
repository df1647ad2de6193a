"""What the node says and understands in DICOM, as data: the source of the conformance page.

A role that is not here does not exist: a test compares this table with the SOP classes that this
package imports. `tests/support/reference_conformance.py` makes the page of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pynetdicom import DEFAULT_TRANSFER_SYNTAXES
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    ModalityWorklistInformationFind,
    Verification,
)

from undisc_node.dicom import committing, directory, querying, report_objects, retrieving, worklist
from undisc_node.dicom.dimse.commands import Request
from undisc_node.dicom.part10 import EXPLICIT_LITTLE, IMPLICIT_LITTLE
from undisc_node.dicom.providing.roots import MODELS
from undisc_node.services.workstations.finding import MOST_ANSWERS

USUAL: Final = tuple(map(str, DEFAULT_TRANSFER_SYNTAXES))  # what contexts without any have
LITTLE: Final = (IMPLICIT_LITTLE, EXPLICIT_LITTLE)  # in which the node writes answers


@dataclass(frozen=True, slots=True)
class Service:
    """One role.

    Attributes:
        name: What it is.
        role: `SCP` (others ask us) or `SCU` (we ask).
        sop_class: UID; empty for storage, whose classes are listed by themselves.
        syntaxes: Transfer syntaxes, in the order proposed; empty for any.
        remark: What a person who connects the two must know.
    """

    name: str
    role: str
    sop_class: str
    syntaxes: tuple[str, ...]
    remark: str


_PROVIDED: Final = {
    Request.FIND: f"for senders that may query; at most {MOST_ANSWERS} answers",
    Request.MOVE: "for senders that may query; to senders and archives that the node knows",
    Request.GET: "for senders that may query; as stored, with role selection",
}

SERVICES: Final = (
    Service("Verification", "SCP", str(Verification), USUAL, "C-ECHO, from known senders"),
    Service("Storage", "SCP", "", (), "C-STORE; success means that the object is on the disk"),
    *(
        Service(
            f"{'Patient' if model.patient_root else 'Study'} Root Query/Retrieve,"
            f" {model.operation.name}",
            "SCP", uid, LITTLE, _PROVIDED[model.operation],
        )
        for uid, model in MODELS.items()
    ),
    Service("Verification", "SCU", str(Verification), USUAL, "`undisc pacs echo`"),
    Service("Storage", "SCU", "", (), "C-STORE to an archive, as the object is stored"),
    Service("Storage", "SCP", "", retrieving.SYNTAXES, "within an association for C-GET"),
    Service(
        "Study Root Query/Retrieve, FIND", "SCU", querying.STUDY_ROOT, USUAL,
        f"study, series and image level; at most {querying.MAX_ANSWERS} answers",
    ),
    Service(
        "Patient Root Query/Retrieve, FIND", "SCU", querying.PATIENT_ROOT, USUAL,
        "patients by name or number",
    ),
    Service(
        "Study Root Query/Retrieve, MOVE", "SCU", retrieving.MOVE, USUAL,
        "to the node's own AE title, which the archive must know",
    ),
    Service("Study Root Query/Retrieve, GET", "SCU", retrieving.GET, USUAL, "where offered"),
    Service(
        "Modality Worklist, FIND", "SCU", str(ModalityWorklistInformationFind), USUAL,
        f"for the day list; at most {worklist.MAX_STEPS} steps",
    ),
    Service(
        "Storage Commitment Push Model", "SCU", committing.PUSH_MODEL, USUAL,
        "where offered; the report may come in an association of its own",
    ),
)  # fmt: skip

MADE: Final = (
    ("Basic Text SR Storage", report_objects.BASIC_TEXT_SR, "a report that came as text"),
    ("Encapsulated PDF Storage", report_objects.ENCAPSULATED_PDF, "a report that came as PDF"),
    ("Media Storage Directory Storage", directory.DICOMDIR, "the DICOMDIR of an exported medium"),
)
"""Objects that the node makes itself: SOP class, UID, of what; all in explicit VR little endian."""

COERCIONS: Final = (
    ("receiving", "nothing", "the data set is kept byte for byte"),
    (
        "receiving by C-STORE",
        "preamble and file meta information are made",
        "they do not travel (PS3.10 §7.1)",
    ),
    (
        "sending a fetched study to an archive of ours",
        (
            "patient and accession become the local ones; what they were goes into Original"
            " Attributes Sequence (0400,0561) with reason COERCE; Instance Origin Status becomes"
            " IMPORTED; numbers of the other house's order and visit are taken out; UIDs and pixel"
            " data stay"
        ),
        "IHE Import Reconciliation (RAD-61)",
    ),
    (
        "a retrieval of a workstation that takes only implicit, or only explicit little endian",
        (
            "headers of elements are rewritten, sequences get undefined lengths, group lengths are"
            " left out, private values become UN where their representation is not known"
        ),
        "whoever retrieves should get images (PS3.5 §10.1)",
    ),
    (
        "export as a file",
        "a preamble that is no TIFF head becomes zeros",
        "a program can hide in it (PS3.10 §7.5)",
    ),
)
"""Where, what, why: every change that the node makes to an object."""

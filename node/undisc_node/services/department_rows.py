"""What a radiology department tells the node, as rows and values: orders, reports, messages."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256

from undisc_node.services.model import NOBODY, Patient


def name_of(*parts: str) -> bytes:
    """Return the 16-byte name of what these words say; the same words give the same name."""
    text = "\0".join(part.replace("\0", " ") for part in parts)
    return sha256(text.encode("utf-8", "surrogatepass")).digest()[:16]


class OrderState(StrEnum):
    """How far an order has come."""

    SCHEDULED = "scheduled"
    CANCELLED = "cancelled"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Order:
    """A procedure that is to be done, for the day list.

    Attributes:
        id: `name_of` accession number and step; an order that is told again keeps its row.
        accession: Accession Number (0008,0050).
        patient: Whose it is.
        scheduled: When, local time of the department, as `YYYYMMDD` or `YYYYMMDDHHMMSS`.
        modality: Modality (0008,0060).
        description: What is to be done.
        requested_by: The requesting physician.
        referring: The referring physician.
        study_uid: Study Instance UID that the images will have; empty when not yet known.
        source: Who told it: `worklist`, or `hl7:<sender>`.
        state: How far it has come.
        seen_ms: When it was last told.
    """

    id: bytes
    accession: str
    patient: Patient
    scheduled: str
    modality: str
    description: str
    requested_by: str
    referring: str
    study_uid: str
    source: str
    state: OrderState
    seen_ms: int


class ReportState(StrEnum):
    """What a report says about itself."""

    PRELIMINARY = "preliminary"
    FINAL = "final"
    ADDENDUM = "addendum"
    CORRECTED = "corrected"


@dataclass(frozen=True, slots=True)
class Report:
    """A report as it came, before or after it has found its study.

    Attributes:
        id: `name_of` its source and content: the same report sent again is the same.
        series: `name_of` what it is a version of; versions of one report share it.
        source: Who brought it: `hl7:<sender>` or `folder`.
        accession: Accession Number it names.
        patient: Whose it is, as far as the source says.
        patient_ids: Every patient id the source gives, the one in `patient` among them.
        state: What it says about itself.
        title: What it is about.
        author: Who wrote or signed it.
        reported: When, as `YYYYMMDD` or `YYYYMMDDHHMMSS`, local time of the department.
        form: `text` or `pdf`.
        content: The text in UTF-8 with lines ended by a line feed, or the file.
        at_ms: When it arrived.
    """

    id: bytes
    series: bytes
    source: str
    accession: str
    state: ReportState
    title: str
    form: str
    content: bytes
    at_ms: int
    patient: Patient = NOBODY
    patient_ids: tuple[str, ...] = field(default=())
    author: str = ""
    reported: str = ""


@dataclass(frozen=True, slots=True)
class PatientChange:
    """What a department says about a patient it has known before.

    Attributes:
        source: Who says so.
        patient: Who it is from now on.
        ids: Every patient id that is given for this person.
        former: The patient id and issuer that are gone, for a merge; empty for an update.
        former_issuer: Issuer of the former id.
    """

    source: str
    patient: Patient
    ids: tuple[str, ...]
    former: str = ""
    former_issuer: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """A message that was taken in; told again, it changes nothing.

    Attributes:
        sender: Who sent it, by its own words.
        control: Its control id, unique for the sender.
        hash: SHA-256 of its bytes.
        at_ms: When it was taken in.
    """

    sender: str
    control: str
    hash: bytes
    at_ms: int

"""Rows and values about other archives (PACS): what is configured, asked, fetched, handed over.

Times are UTC in milliseconds since 1970. Texts that came from an archive are bounded and cleaned by
the adapter that read them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from undisc_node.services.model import NOBODY, Patient


class Retrieve(StrEnum):
    """How studies are brought from an archive."""

    MOVE = "move"  # C-MOVE: it sends them to our DICOM port
    GET = "get"  # C-GET: they come back on our own association
    WADO = "wado"  # WADO-RS


class DeliveryState(StrEnum):
    """How far a study has come on its way into an archive."""

    ASKING = "asking"  # a person has to say whose study it is
    WAITING = "waiting"  # it is sent as soon as its next attempt is due
    DONE = "done"
    FAILED = "failed"  # the archive refused; nothing goes on by itself
    CANCELLED = "cancelled"

    @property
    def goes_on(self) -> bool:
        """Tell whether something is still to happen."""
        return self in (DeliveryState.ASKING, DeliveryState.WAITING)


@dataclass(frozen=True, slots=True)
class Pacs:
    """An archive that an administrator has configured: a DIMSE address, or a DICOMweb URL.

    Attributes:
        name: What people call it; unique.
        ae_title: Its AE title; empty for DICOMweb.
        host: Its address; empty for DICOMweb.
        port: Its TCP port; 0 for DICOMweb.
        calling_ae: Our AE title when we call it; empty for DICOMweb.
        url: Base of its DICOMweb services; empty for DIMSE.
        credentials: Path of a file with `user:password` for DICOMweb, or empty.
        retrieve: How studies are brought from it.
        takes_fetched: Whether studies fetched from peers go there by themselves.
        issuer: Issuer of its patient ids (0010,0021), or empty.
        added_ms: When it was added.
    """

    name: str
    ae_title: str
    host: str
    port: int
    calling_ae: str
    url: str
    credentials: str
    retrieve: Retrieve
    takes_fetched: bool
    issuer: str
    added_ms: int

    @property
    def speaks_web(self) -> bool:
        """Tell whether it is reached by DICOMweb."""
        return bool(self.url)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to look for in an archive; empty fields match everything, but not all may be empty.

    Attributes:
        patient: Whole Patient ID (0010,0020).
        accession: Whole Accession Number (0008,0050).
        study: Study Instance UID (0020,000D).
    """

    patient: str = ""
    accession: str = ""
    study: str = ""

    def fits(self, found: FoundStudy) -> bool:
        """Tell whether a study is one that was looked for: an archive may ignore keys."""
        return (
            self.patient in ("", found.patient.id)
            and self.accession in ("", found.accession)
            and self.study in ("", found.uid)
        )


@dataclass(frozen=True, slots=True)
class FoundStudy:
    """A study that an archive says it has.

    Attributes:
        uid: Study Instance UID.
        patient: Whose it is, as the archive has it.
        date: Study Date.
        accession: Accession Number.
        description: Study Description.
        modalities: Modalities in Study.
        instances: How many instances it says there are; 0 when it does not say.
    """

    uid: str
    patient: Patient = NOBODY
    date: str = ""
    accession: str = ""
    description: str = ""
    modalities: tuple[str, ...] = ()
    instances: int = 0


@dataclass(frozen=True, slots=True)
class Coercion:
    """How an outside study is told here.

    Attributes:
        patient: Who the patient is here; what is empty stays as it was, except the issuer.
        accession: Accession number here; empty for none.
        source: Who gave the values that are replaced: the practice it came from.
        system: What replaces them: this node.
        at_ms: When.
    """

    patient: Patient
    accession: str
    source: str
    system: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Delivery:
    """A study on its way into an archive; one for each study and archive.

    Attributes:
        id: 16 random bytes.
        study: The study's id.
        pacs: Name of the archive.
        state: How far it has come.
        patient: Who the patient is there; nobody while that is asked.
        accession: Accession number there; empty for none.
        problem: Code and sentence of what stopped it; empty while all is well.
        attempts: Attempts that failed since something last went well.
        next_ms: When the next attempt is due.
        created_ms: When it began.
        ended_ms: When it was done, failed or was cancelled, or None.
    """

    id: bytes
    study: bytes
    pacs: str
    state: DeliveryState
    patient: Patient
    accession: str
    problem: str
    attempts: int
    next_ms: int
    created_ms: int
    ended_ms: int | None


@dataclass(frozen=True, slots=True)
class HandedOver:
    """How much of a study an archive has acknowledged.

    Attributes:
        objects: Ids of the objects that it said it has stored.
        committed: Of these, the ones it has taken responsibility for (storage commitment).
    """

    objects: frozenset[bytes] = frozenset()
    committed: frozenset[bytes] = frozenset()

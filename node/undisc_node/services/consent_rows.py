"""Consents and visits as rows and values: see `services.consenting` and `services.visiting`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from undisc_node.services.model import Patient
from undisc_protocol.did import Did


class Decision(StrEnum):
    """What was decided."""

    YES = "yes"
    NO = "no"


class Decider(StrEnum):
    """Who decided."""

    SELF = "self"
    PARENT = "parent"
    GUARDIAN = "guardian"
    ATTORNEY = "attorney"


class Method(StrEnum):
    """How the decision was expressed."""

    PAPER = "paper"  # a signed form, which the practice keeps
    DRAWN = "drawn"  # a signature drawn on a screen
    TYPED = "typed"  # a typed name
    SPOKEN = "spoken"  # said, in front of a witness
    PASSKEY = "passkey"
    PRESSED = "pressed"  # a button on a screen, without a signature: enough for a no


class Covers(StrEnum):
    """What a consent is about."""

    VISIT = "visit"  # the examinations of the day on which it was given
    ORDERS = "orders"  # the named accession numbers
    DATES = "dates"  # examinations within a range of days


@dataclass(frozen=True, slots=True)
class Scope:
    """What exactly a consent is about. Reports that are finished later belong to it.

    Attributes:
        covers: The kind of scope.
        orders: Accession numbers that are known by name.
        first: First day as `YYYYMMDD`; empty for `orders`.
        last: Last day, itself included.
    """

    covers: Covers
    orders: tuple[str, ...]
    first: str
    last: str


@dataclass(frozen=True, slots=True)
class Recipient:
    """A practice that the patient names.

    Attributes:
        node: Its node id, 32 bytes.
        name: The practice's name when it was named.
        command: `/img/read` or `/img/view`.
    """

    node: bytes
    name: str
    command: str


@dataclass(frozen=True, slots=True)
class ConsentText:
    """The words that were put before whoever decided.

    Attributes:
        hash: SHA-256 of the text in UTF-8, 32 bytes.
        language: BCP 47 tag, such as `es`.
        version: The day it was written, as `YYYY-MM-DD`.
        text: The words.
    """

    hash: bytes
    language: str
    version: str
    text: str


@dataclass(frozen=True, slots=True)
class Statement:
    """Everything a consent says, as it is signed.

    Attributes:
        practice: Node id of the practice that recorded it, 32 bytes.
        decision: What was decided.
        patient: About whose images.
        decider: Who decided.
        decider_name: Their name; the patient's own for `self`.
        authority: What showed that they may decide; empty for `self`.
        scope: What it is about.
        recipients: Practices that the patient names.
        language: Of the text that was put before them.
        version: Of that text.
        text: Its SHA-256, 32 bytes.
        method: How the decision was expressed.
        witness: The member of staff who was there.
        evidence: Where the evidence is, such as the number of a form; may be empty.
        at_ms: When it was recorded.
        ends: Its end, seconds since 1970; None for a no.
        salt: 32 random bytes, so that nobody can guess the facts behind its hash.
    """

    practice: bytes
    decision: Decision
    patient: Patient
    decider: Decider
    decider_name: str
    authority: str
    scope: Scope
    recipients: tuple[Recipient, ...]
    language: str
    version: str
    text: bytes
    method: Method
    witness: str
    evidence: str
    at_ms: int
    ends: int | None
    salt: bytes


@dataclass(frozen=True, slots=True)
class Consent:
    """A recorded decision. Nothing of it changes but its withdrawal, which happens once.

    Attributes:
        id: SHA-256 of the signed part of the record, 32 bytes: what grants name.
        record: The signed record.
        signer: The node key that signed it.
        statement: What the record says.
        withdrawn_ms: When it was withdrawn, or None.
        withdrawn_by: Who took that down.
        withdrawn_why: The reason, if one was given; none is needed.
    """

    id: bytes
    record: bytes
    signer: Did
    statement: Statement
    withdrawn_ms: int | None = None
    withdrawn_by: str = ""
    withdrawn_why: str = ""

    def holds(self, now_ms: int) -> bool:
        """Tell whether it is a yes that neither ended nor was withdrawn."""
        ends = self.statement.ends
        return self.withdrawn_ms is None and ends is not None and now_ms < ends * 1000


@dataclass(frozen=True, slots=True)
class Visit:
    """What one consent covers; opened by it, also before there is an accession number.

    Attributes:
        id: 16 random bytes.
        consent: Id of the consent.
        decision: As the consent says.
        patient: Whose it is, as the consent says.
        scope: As the consent says; accession numbers may be added later.
        opened_ms: When it was opened.
        closed_ms: When its consent was withdrawn, or None.
    """

    id: bytes
    consent: bytes
    decision: Decision
    patient: Patient
    scope: Scope
    opened_ms: int
    closed_ms: int | None = None


@dataclass(frozen=True, slots=True)
class VisitStudy:
    """A study that belongs to a visit, or that somebody said does not.

    Attributes:
        visit: The visit's id.
        study: The study's id.
        belongs: Whether it does.
        by: Who decided; empty for the node itself, because everything agreed.
        at_ms: When.
        released_ms: When it was released to those whom the patient names, or None.
        released_by: Who did that; empty for the node itself.
        done_ms: When nothing was left to do about it, or None.
    """

    visit: bytes
    study: bytes
    belongs: bool
    by: str
    at_ms: int
    released_ms: int | None = None
    released_by: str = ""
    done_ms: int | None = None


@dataclass(frozen=True, slots=True)
class VisitGrant:
    """A grant that a visit led to: made once for each study and practice.

    Attributes:
        visit: The visit's id.
        study: The study's id.
        node: Node id of the practice, 32 bytes.
        grant: Id of the grant, 32 bytes.
    """

    visit: bytes
    study: bytes
    node: bytes
    grant: bytes

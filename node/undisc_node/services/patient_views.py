"""What a patient wants and sees, as values: see `services.patient_sharing`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from undisc_node.services.link_rows import LinkRow
from undisc_node.services.model import Grant, Peer, Share, Study
from undisc_node.services.patient_rows import PatientKey, PatientShare
from undisc_node.services.study_parts import Part
from undisc_protocol.did import Did


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a share is protected.

    Attributes:
        label: What the patient calls the recipient.
        passcode: As typed, or empty for none.
        uses: How often its link may be opened, or None for any number.
        contact: Where one-time codes go; empty for none.
    """

    label: str
    passcode: str = field(default="", repr=False)
    uses: int | None = None
    contact: str = ""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A share that was checked, and is to be taken in.

    Attributes:
        tokens: One signed share for each study.
        issuers: The keys that signed them.
        link: The link that it makes, or whose key is that of a practice's node.
        label: What the recipient is called.
        contact: Where one-time codes go; empty for none.
    """

    tokens: Sequence[bytes]
    issuers: set[Did]
    link: LinkRow
    label: str
    contact: str


@dataclass(frozen=True, slots=True)
class Copy:
    """What a practice that has images through what ended says about its copy.

    Attributes:
        name: The practice.
        heard_ms: When it answered last, or None while it has not.
        does: What it says it does, a word of `Does`; empty while it has not answered.
        why: Why it keeps its copy, a word of `Why`; empty if it does not.
        passed: Whether it says that the images went on to where its node cannot erase them.
        is_over: Whether nothing more happens by itself.
    """

    name: str
    heard_ms: int | None
    does: str
    why: str
    passed: bool
    is_over: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """What was given to one recipient, as the patient sees it.

    Attributes:
        shared: The row.
        link: Its link, or None when it went straight to a practice.
        peer: That practice, or None.
        parts: The shares.
        state: `active`, `revoked`, `expired`, `used_up` or `locked`.
        copies: What became of copies, once it has ended.
    """

    shared: PatientShare
    link: LinkRow | None
    peer: Peer | None
    parts: Sequence[Share]
    state: str
    copies: Sequence[Copy] = ()


@dataclass(frozen=True, slots=True)
class Named:
    """A practice that got something directly, because the consent names it.

    Attributes:
        name: The practice.
        node: Its node id.
        grants: What it got.
        copies: What became of copies, once something ended.
    """

    name: str
    node: bytes
    grants: Sequence[Grant]
    copies: Sequence[Copy] = ()


@dataclass(frozen=True, slots=True)
class ShownStudy:
    """A study as the patient sees it.

    Attributes:
        study: The row.
        grant: The grant to the key that signs now, or None where there is none.
        parts: Its series, among which may be chosen.
    """

    study: Study
    grant: Grant | None
    parts: Sequence[Part]


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything that the patient's page shows.

    Attributes:
        key: The key that opened the session.
        studies: The visit's studies that are here and released.
        signer: The key that may share now, or None.
        shares: What was shared, newest first.
        named: Practices that the consent names.
        practices: Practices with which may be shared directly.
        codes: Whether this node can send one-time codes.
        until: End of the consent, seconds.
        language: In which the patient was asked.
        patient: The patient's name, as the consent says it.
    """

    key: PatientKey
    studies: Sequence[ShownStudy]
    signer: Did | None
    shares: Sequence[Shown]
    named: Sequence[Named]
    practices: Sequence[Peer]
    codes: bool
    until: int
    language: str
    patient: str

"""A patient's keys and shares, as rows and values: see `services.patient_links`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from undisc_protocol.did import Did, decode_did


class KeyKind(StrEnum):
    """Where a key of a patient lives."""

    LINK = "link"  # its secret is the fragment of a link that the practice handed over
    BROWSER = "browser"  # made by the patient's browser, and never outside it


@dataclass(frozen=True, slots=True)
class PatientKey:
    """A key to which the studies of a visit are granted.

    Attributes:
        did: Its public half; what grants name.
        visit: The visit.
        kind: Where it lives.
        sealed: The link's secret and code, sealed, until the link was claimed or ended; else None.
        handle: Keyed hash of the code beside the link, 32 bytes; None for a browser's key, and
            when the code opens nothing any more.
        software: Whether the browser keeps it as bytes, because it has no better place.
        created_ms: When it was made.
        retired_ms: When another key took its place or it was ended, or None. Shares that it has
            signed before stay alive.
        ended_ms: When it was ended because somebody else may have it, or None.
    """

    did: Did
    visit: bytes
    kind: KeyKind
    sealed: bytes | None
    handle: bytes | None
    software: bool
    created_ms: int
    retired_ms: int | None = None
    ended_ms: int | None = None

    @property
    def id(self) -> bytes:
        """Its name for people and logs: the public key, 32 bytes."""
        return decode_did(self.did)


@dataclass(frozen=True, slots=True)
class PatientGrant:
    """A grant to a patient's key: made once for each key and study.

    Attributes:
        key: The patient's key.
        study: The study's id.
        grant: Id of the grant, 32 bytes.
    """

    key: Did
    study: bytes
    grant: bytes


@dataclass(frozen=True, slots=True)
class PatientShare:
    """What a patient gave to one recipient, with one click: one or more shares.

    Attributes:
        id: 16 random bytes.
        visit: The visit.
        audience: The recipient: a new link's key, or a node's DID.
        label: What the patient calls the recipient.
        contact: Where one-time codes go, such as an e-mail address; empty for none.
        parts: Ids of the shares.
        created_ms: When it was made.
        tested_ms: When the patient last tried it to the end, or None.
    """

    id: bytes
    visit: bytes
    audience: Did
    label: str
    contact: str
    parts: tuple[bytes, ...]
    created_ms: int
    tested_ms: int | None = None

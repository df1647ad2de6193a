"""The rows and values that use cases work with: frozen, typed, free of any library.

Ids are random bytes and travel as lower-case hex in JSON. Times are UTC: `_ms` in milliseconds,
otherwise seconds, since 1970.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from undisc_protocol.capability.delegation import Basis as Basis  # noqa: PLC0414 - the protocol's own word, re-exported
from undisc_protocol.did import Did
from undisc_protocol.pack import PatientIdentity
from undisc_protocol.tree import Checkpoint


class StudyState(StrEnum):
    """Whether a study may be served."""

    ACTIVE = "active"
    HELD = "held"
    WITHDRAWN = "withdrawn"


class PackRole(StrEnum):
    """What a pack's objects count as."""

    MAIN = "main"
    WAITING = "waiting"  # arrivals that wait for the administrator: conflicts, other patients


class PeerState(StrEnum):
    """How far another node is trusted."""

    PENDING = "pending"
    TRUSTED = "trusted"
    SUSPENDED = "suspended"
    REVOKED = "revoked"


class FetchState(StrEnum):
    """How far a fetch has come."""

    RUNNING = "running"
    PAUSED = "paused"  # broke off; resumes by itself or on command
    DONE = "done"
    FAILED = "failed"


AWAY: Final = "away"  # what a paused fetch says while the holder has to come
WAITING_FOR: Final = frozenset({AWAY, "unreachable", "busy"})

Patient = PatientIdentity
"""Who a study is about; the protocol's own value, used in rows as well."""


NOBODY = Patient()
"""An identity whose every attribute is empty."""


@dataclass(frozen=True, slots=True)
class InstanceFacts:
    """What the node reads from one DICOM object; every text is bounded by the reader.

    Attributes:
        study_uid: Study Instance UID (0020,000D).
        series_uid: Series Instance UID (0020,000E).
        sop_uid: SOP Instance UID (0008,0018).
        sop_class: SOP Class UID (0008,0016).
        transfer_syntax: Transfer Syntax UID (0002,0010).
        patient: Patient level attributes.
        study_date: Study Date (0008,0020).
        study_time: Study Time (0008,0030).
        accession: Accession Number (0008,0050).
        description: Study Description (0008,1030).
        modality: Modality (0008,0060).
        number: Instance Number (0020,0013), 0 when absent.
    """

    study_uid: str
    series_uid: str
    sop_uid: str
    sop_class: str
    transfer_syntax: str
    patient: Patient = NOBODY
    study_date: str = ""
    study_time: str = ""
    accession: str = ""
    description: str = ""
    modality: str = ""
    number: int = 0


@dataclass(frozen=True, slots=True)
class Study:
    """A study as the catalog knows it.

    Attributes:
        id: 16 random bytes; what capabilities name.
        uid: Study Instance UID.
        patient: Identity at the first instance.
        sender: Who brought it: `dicom:<name>`, `import`, or `peer:<node id hex>`.
        instances: Current instances.
        size: Bytes of current instances as received.
        waiting: Arrivals that wait for the administrator.
        state: Whether it may be served.
        reason: Why it is held or withdrawn; text for the administrator.
        created_ms: First instance stored.
        arrived_ms: Latest instance stored.
        settled_ms: When it settled, or None while it grows.
        kept: Whether it stays when no permission is left.
    """

    id: bytes
    uid: str
    patient: Patient
    study_date: str
    study_time: str
    accession: str
    description: str
    modalities: tuple[str, ...]
    sender: str
    instances: int
    size: int
    waiting: int
    state: StudyState
    reason: str
    created_ms: int
    arrived_ms: int
    settled_ms: int | None
    kept: bool = False


@dataclass(frozen=True, slots=True)
class Pack:
    """A pack of a study.

    Attributes:
        id: 16 random bytes; also its file name, as hex.
        study: The study's id.
        role: Whether its objects are the study's or wait.
        length: Committed bytes; anything after them is not there.
        index_at: Offset of the newest sealed index, or None.
    """

    id: bytes
    study: bytes
    role: PackRole
    length: int
    index_at: int | None


@dataclass(frozen=True, slots=True)
class Tombstone:
    """A pack that was erased: it must not come back, also not from a backup.

    Attributes:
        pack: Its id.
        study: The id of its study.
        at_ms: When its row was removed.
    """

    pack: bytes
    study: bytes
    at_ms: int


class RestoredBy(StrEnum):
    """How a catalog came back."""

    RESTORE = "restore"
    REBUILD = "rebuild"
    ROLLBACK = "rollback"
    THEFT = "theft"  # no copy: the keys were stolen, and whatever rests on them waits


@dataclass(frozen=True, slots=True)
class Restored:
    """A return of the catalog from a copy; decisions made after the copy are missing in it.

    Attributes:
        since_ms: When it came back.
        taken_ms: When the copy was made; 0 when nothing of it is known.
        how: From what.
        confirmed_ms: When the administrator had gone through what was suspended, or None.
    """

    since_ms: int
    taken_ms: int
    how: RestoredBy
    confirmed_ms: int | None


COMES: Final = "undisc-comes:"
"""In the place of an address of a node that has none, and comes by itself (SPEC.md §6.15)."""


def node_that_comes(url: str) -> bytes | None:
    """Return the id of the node that comes by itself; None of an address."""
    return bytes.fromhex(url.removeprefix(COMES)) if url.startswith(COMES) else None


@dataclass(frozen=True, slots=True)
class Peer:
    """Another node.

    Attributes:
        id: Its node id: SHA-256 of its first identity record, 32 bytes.
        did: Its current did:key.
        name: The practice's name, from its status card.
        state: How far it is trusted.
        scopes: What it may do: `fetch`, `offer`.
        urls: Addresses from its newest status card; of a node without any, `COMES` and its id.
        box: Its X25519 key, 32 bytes.
        records: Its identity records as received, first to current.
        card: Its newest status card as received.
        seq: The card's sequence number, ms.
        added_ms: When it was added.
        checkpoint: The newest head of its log that it has shown us, or None.
    """

    id: bytes
    did: Did
    name: str
    state: PeerState
    scopes: tuple[str, ...]
    urls: tuple[str, ...]
    box: bytes
    records: tuple[bytes, ...]
    card: bytes
    seq: int
    added_ms: int
    checkpoint: Checkpoint | None

    def __post_init__(self) -> None:
        if not self.urls:  # so that whoever has something to say to it need not know
            object.__setattr__(self, "urls", (f"{COMES}{self.id.hex()}",))

    @property
    def addresses(self) -> tuple[str, ...]:
        """Addresses one can connect to; none of a node that comes by itself."""
        return tuple(url for url in self.urls if not url.startswith(COMES))


@dataclass(frozen=True, slots=True)
class Grant:
    """A capability that this node issued.

    Attributes:
        id: Hash of its signed part, 32 bytes.
        token: The signed delegation.
        study: The study's id.
        audience: Whom it names.
        command: `/img`, `/img/read` or `/img/view`.
        basis: On what authority.
        staff: Who asked for it (named staff), or the socket user for `operator`.
        purpose: The reason given.
        expires: End, seconds.
        created_ms: When it was made.
        revoked_ms: When it was revoked, or None.
    """

    id: bytes
    token: bytes
    study: bytes
    audience: Did
    command: str
    basis: Basis
    staff: str
    purpose: str
    expires: int
    created_ms: int
    revoked_ms: int | None


@dataclass(frozen=True, slots=True)
class Share:
    """A capability that a patient's key issued on a grant of ours.

    Attributes:
        id: Hash of its signed part, 32 bytes.
        token: The signed delegation.
        grant: Id of the grant it stands on.
        study: The study's id.
        audience: Whom it names.
        command: `/img/read` or `/img/view`.
        series: Names of the series it is confined to; empty for all.
        expires: End, seconds.
        created_ms: When this node learnt of it.
        revoked_ms: When it was revoked, or None.
    """

    id: bytes
    token: bytes
    grant: bytes
    study: bytes
    audience: Did
    command: str
    series: tuple[bytes, ...]
    expires: int
    created_ms: int
    revoked_ms: int | None


@dataclass(frozen=True, slots=True)
class Extent:
    """A run of bytes in a pack file."""

    pack: bytes
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Ticket:
    """Handle under which granted bytes may be read.

    Attributes:
        hash: SHA-256 of the ticket; the ticket itself is only with the asker.
        peer: Node id of the asker.
        study: The study's id.
        grant: Id of the grant behind it.
        share: Id of the share behind it, or None for a direct grant.
        invocation: SHA-256 of the invocation that made it.
        manifest: SHA-256 of the manifest that was answered.
        extents: What it opens, in the order of the byte stream.
        expires_ms: Its end.
    """

    hash: bytes
    peer: bytes
    study: bytes
    grant: bytes
    share: bytes | None
    invocation: bytes
    manifest: bytes
    extents: tuple[Extent, ...]
    expires_ms: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """A recipient's signed statement of what it stored.

    Attributes:
        id: SHA-256 of the receipt.
        token: The receipt as received or sent.
        peer: The other node: the recipient at the holder, the holder at the recipient.
        study: The study's id at the holder.
        invocation: SHA-256 of the invocation it answers.
        objects: Instances stored.
        size: Bytes of the instances as they were at the holder.
        at_ms: When it was filed here.
    """

    id: bytes
    token: bytes
    peer: bytes
    study: bytes
    invocation: bytes
    objects: int
    size: int
    at_ms: int


@dataclass(frozen=True, slots=True)
class Recalled:
    """What a peer remembers of this node, compared with what this node knew when it asked.

    Attributes:
        peer: The peer's node id.
        at_ms: When it was asked.
        seen_lines: How many lines of our log it had seen before our restore, or now if there was
            none; 0 when it never saw any.
        own_lines: How many of them our log had when it came back.
        stored: Studies it stored whose receipts we did not have.
        fetched: Studies we had stored, by receipts of ours that we did not have.
        problem: Code and sentence of what went wrong; empty if it told everything.
        ended: Permissions that it knows we took back, and that we held as valid.
    """

    peer: bytes
    at_ms: int
    seen_lines: int
    own_lines: int
    stored: int
    fetched: int
    problem: str
    ended: int = 0

    @property
    def missing_lines(self) -> int:
        """Lines of our log that the peer has seen and we do not have."""
        return max(0, self.seen_lines - self.own_lines)


@dataclass(frozen=True, slots=True)
class Fetch:
    """One study being brought from a peer, and where it came from afterwards.

    Attributes:
        id: 16 random bytes.
        peer: Node id of the holder.
        offer: The offer as received.
        pack: The pack being filled, or None before the first answer.
        study: The local study's id once done, or None.
        state: How far it has come.
        problem: Code and sentence of what stopped it; empty while all is well.
        capability: Hash of the capability used (share, or direct grant), 32 bytes.
        objects: Instances in the manifest.
        size: Bytes of ciphertext to bring.
        elapsed_ms: Time spent moving and verifying, over all attempts.
        created_ms: When it was asked for.
        ended_ms: When it was done or failed.
        receipt_due: Stored, but the holder has not acknowledged our receipt yet.
    """

    id: bytes
    peer: bytes
    offer: bytes
    pack: bytes | None
    study: bytes | None
    state: FetchState
    problem: str
    capability: bytes
    objects: int
    size: int
    elapsed_ms: int
    created_ms: int
    ended_ms: int | None
    receipt_due: bool

    @property
    def waits(self) -> bool:
        """Whether it goes on by itself once the holder is there."""
        code = self.problem.partition(":")[0]
        return self.state is FetchState.PAUSED and code in WAITING_FOR

    @property
    def waits_for_holder(self) -> bool:
        """Whether the holder has to come by itself, and nothing else is the matter."""
        return self.waits and self.problem.startswith(f"{AWAY}:")


@dataclass(frozen=True, slots=True)
class LogRow:
    """One line of the log.

    Attributes:
        number: Position, from 0.
        leaf: Hash in the tree, 32 bytes.
        event: Encoded event; empty after erasure.
        salt: Its salt, 32 bytes; empty after erasure.
    """

    number: int
    leaf: bytes
    event: bytes
    salt: bytes

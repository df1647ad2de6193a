"""The log: who did what to whose images, when, under which authority (SPEC.md §7).

`Journal` writes an event in the same change as what it records; `Auditing` reads and verifies.
Events follow the DICOM audit message (PS3.15 A.5), so that an export is a projection. Requests
refused before a chain is accepted are counted by `Refusals`, not logged one by one, so that a
stranger cannot fill the disk.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Final

from undisc_node.services.errors import Damaged
from undisc_node.services.model import LogRow, Peer, Study
from undisc_node.services.ports import Catalog, Clock, Entropy, Records
from undisc_protocol import limits
from undisc_protocol.errors import ProtocolError, RemoteProtocolError
from undisc_protocol.log import Actor, Event, Frontier, Subject, leaf_hash

KINDS: Mapping[str, tuple[str, str]] = {
    # our name -> DICOM EventID (PS3.16 CID 400), action (PS3.15 A.5.2)
    "node.started": ("110100", "E"),
    "node.stopped": ("110100", "E"),
    "node.clock_trusted": ("110113", "U"),
    "node.time_leapt": ("110113", "U"),
    "node.restored": ("110100", "E"),
    "node.confirmed": ("110113", "U"),
    "node.key_asked": ("110113", "U"),
    "node.key_changed": ("110113", "U"),
    "node.kit_drilled": ("110113", "R"),
    "node.stolen": ("110113", "U"),
    "study.begun": ("110102", "E"),
    "study.imported": ("110107", "C"),
    "study.exported": ("110106", "R"),
    "study.settled": ("110104", "C"),
    "study.held": ("110103", "U"),
    "study.released": ("110103", "U"),
    "study.withdrawn": ("110103", "U"),
    "study.deleted": ("110105", "D"),
    "study.kept": ("110103", "U"),
    "study.let_go": ("110103", "U"),
    "study.rebuilt": ("110103", "C"),
    "instance.superseded": ("110103", "U"),
    "instance.waiting": ("110103", "C"),
    "waiting.accepted": ("110103", "U"),
    "waiting.rejected": ("110103", "D"),
    "grant.created": ("110113", "C"),
    "grant.revoked": ("110113", "D"),
    "share.registered": ("110113", "C"),
    "share.revoked": ("110113", "D"),
    "link.made": ("110113", "C"),
    "link.unlocked": ("110113", "R"),
    "link.wrong_passcode": ("110113", "E"),
    "link.code_sent": ("110113", "E"),
    "link.wrong_code": ("110113", "E"),
    "link.reopened": ("110113", "U"),
    "link.revoked": ("110113", "D"),
    "link.opened": ("110113", "R"),
    "link.sent": ("110113", "R"),
    "link.tested": ("110113", "R"),
    "patient_link.made": ("110113", "C"),
    "patient_link.opened": ("110113", "R"),
    "patient_link.wrong_pin": ("110113", "E"),
    "patient_link.claimed": ("110113", "U"),
    "patient_link.pin_set": ("110113", "U"),
    "patient_link.reopened": ("110113", "U"),
    "patient_link.ended": ("110113", "D"),
    "study.viewed": ("110103", "R"),
    "study.copied": ("110106", "R"),
    "pairing.invited": ("110113", "C"),
    "pairing.begun": ("110113", "E"),
    "pairing.confirmed": ("110113", "U"),
    "pairing.ended": ("110113", "U"),
    "peer.added": ("110113", "C"),
    "peer.trusted": ("110113", "U"),
    "peer.suspended": ("110113", "U"),
    "peer.revoked": ("110113", "D"),
    "peer.key_changed": ("110113", "U"),
    "peer.identity_differs": ("110113", "E"),
    "peer.log_differs": ("110113", "E"),
    "peer.stale": ("110113", "U"),
    "peer.fresh": ("110113", "U"),
    "log.differs": ("110113", "E"),
    "peer.recalled": ("110113", "R"),
    "recall.answered": ("110113", "R"),
    "fetch.answered": ("110102", "R"),
    "fetch.refused": ("110113", "E"),
    "fetch.asked": ("110102", "E"),
    "fetch.done": ("110104", "C"),
    "fetch.failed": ("110104", "C"),
    "receipt.taken": ("110104", "R"),
    "staff.added": ("110113", "C"),
    "staff.disabled": ("110113", "U"),
    "staff.reset": ("110113", "U"),
    "staff.signed_in": ("110114", "E"),
    "staff.signed_off": ("110114", "E"),
    "staff.enrolled": ("110113", "U"),
    "study.identity_changed": ("110110", "U"),
    "report.attached": ("110103", "C"),
    "report.waiting": ("110103", "C"),
    "report.discarded": ("110103", "D"),
    "notice.sent": ("110104", "U"),
    "notice.taken": ("110104", "R"),
    "consent.recorded": ("110113", "C"),
    "consent.withdrawn": ("110113", "D"),
    "visit.joined": ("110113", "C"),
    "visit.left": ("110113", "U"),
    "visit.released": ("110113", "U"),
    "visit.contacts": ("110113", "U"),
    "visit.use_notices": ("110113", "U"),
    "visit.printed": ("110106", "R"),
    "staff.passkey_added": ("110113", "C"),
    "staff.passkey_removed": ("110113", "D"),
    "visit.instructed": ("110113", "U"),
    "message.waiting": ("110104", "C"),
    "message.sent": ("110104", "R"),
    "message.unsure": ("110104", "R"),
    "message.failed": ("110104", "R"),
    "message.cancelled": ("110104", "D"),
    "offer.handed": ("110104", "U"),
    "offer.taken": ("110104", "R"),
    "offer.accepted": ("110113", "U"),
    "offer.refused": ("110113", "U"),
    "outgoing.dropped": ("110113", "U"),
    "queue.added": ("110110", "C"),
    "queue.resolved": ("110110", "U"),
    "sender.appeared": ("110113", "C"),
    "sender.added": ("110113", "C"),
    "sender.trusted": ("110113", "U"),
    "sender.removed": ("110113", "D"),
    "quarantine.begun": ("110102", "E"),
    "quarantine.released": ("110107", "C"),
    "quarantine.erased": ("110105", "D"),
    "pacs.added": ("110113", "C"),
    "pacs.removed": ("110113", "D"),
    "query.answered": ("110112", "E"),
    "retrieve.begun": ("110102", "E"),
    "retrieve.ended": ("110104", "R"),
    "pull.asked": ("110112", "E"),
    "pull.ended": ("110104", "C"),
    "delivery.asked": ("110102", "E"),
    "delivery.matched": ("110110", "U"),
    "delivery.done": ("110104", "C"),
    "delivery.failed": ("110104", "C"),
    "delivery.cancelled": ("110104", "C"),
}
"""Every event this node writes."""

SUCCESS, MINOR_FAILURE, SERIOUS_FAILURE = 0, 4, 8  # EventOutcomeIndicator (PS3.15 A.5.2)
_PERSON, _SYSTEM = 1, 2  # ParticipantObjectTypeCode
_ROLE_PATIENT, _ROLE_REPORT, _ROLE_SECURITY = 1, 3, 13  # ParticipantObjectTypeCodeRole


def about_study(study: Study) -> tuple[Subject, ...]:
    """Name a study and its patient as objects of an event."""
    named = Subject(kind=_SYSTEM, role=_ROLE_REPORT, idtype="110180", id=study.uid, name="")
    ours = Subject(kind=_SYSTEM, role=_ROLE_REPORT, idtype="study", id=study.id.hex(), name="")
    if not study.patient.id:
        return (ours, named)
    patient = Subject(kind=_PERSON, role=_ROLE_PATIENT, idtype="2", id=study.patient.id, name="")
    return (ours, named, patient)


def about_uid(uid: str) -> Subject:
    """Name a study that is not here yet as an object of an event."""
    return Subject(kind=_SYSTEM, role=_ROLE_REPORT, idtype="110180", id=uid, name="")


def about_security(idtype: str, identifier: bytes) -> Subject:
    """Name a grant, share, peer or receipt as an object of an event."""
    return Subject(kind=_SYSTEM, role=_ROLE_SECURITY, idtype=idtype, id=identifier.hex(), name="")


def user(name: str) -> Actor:
    """Name a user of the admin socket as the one who asked for it."""
    return Actor(user=name, name="", role="administrator", requestor=True, net="")


def sender(name: str) -> Actor:
    """Name whoever brought images."""
    return Actor(user=name, name="", role="110153", requestor=True, net="")


def workstation(name: str, address: str) -> Actor:
    """Name a workstation that asks for images, and where it asks from."""
    return Actor(user=f"dicom:{name}", name="", role="110152", requestor=True, net=address)


def other_node(peer: Peer | bytes) -> Actor:
    """Name another node, by its id; with its practice's name if it is known."""
    if isinstance(peer, bytes):
        return Actor(user=peer.hex(), name="", role="110152", requestor=True, net="")
    return Actor(user=peer.id.hex(), name=peer.name, role="110152", requestor=True, net="")


class Journal:
    """Writes events into the change that they record."""

    def __init__(self, *, clock: Clock, entropy: Entropy) -> None:
        self._clock = clock
        self._entropy = entropy

    def note(
        self,
        records: Records,
        kind: str,
        *,
        who: Actor,
        what: Sequence[Subject] = (),
        why: str = "",
        outcome: int = SUCCESS,
        detail: Mapping[str, str | int] | None = None,
    ) -> None:
        """Append an event.

        Args:
            records: The open change.
            kind: A name in `KINDS`.
            who: Who did it.
            what: What it was done to.
            why: The reason that was given, if any.
            outcome: 0 for success, 4, 8 or 12 for failure (PS3.15 A.5.2).
            detail: A few more facts.
        """
        event_id, action = KINDS[kind]
        event = Event(
            at=self._clock.now_ms(),
            id=event_id,
            type=kind,
            action=action,
            outcome=outcome,
            who=(who,),
            what=tuple(what),
            why=why,
            detail=dict(detail or {}),
        )
        records.log.append(event.encode(), self._entropy.random(limits.SALT))


class Refusals:
    """Counts requests that were refused before they could be tied to a capability."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._lock = Lock()

    def count(self, error: ProtocolError) -> None:
        """Count one refusal under its code."""
        with self._lock:
            self._counts[error.code] += 1

    def counts(self) -> dict[str, int]:
        """Return how many requests were refused under each code since the start."""
        with self._lock:
            return dict(self._counts)


@dataclass(frozen=True, slots=True)
class Verified:
    """What a verification of the whole log found.

    Attributes:
        origin: Which log this is, 16 bytes.
        size: Number of lines.
        root: Root of the tree, 32 bytes.
        erased: Lines whose event was erased; their leaves still count.
    """

    origin: bytes
    size: int
    root: bytes
    erased: int


_PAGE: Final = 1_000  # lines of the log that are read at once


class Auditing:
    """Reads and verifies the log."""

    def __init__(self, *, catalog: Catalog) -> None:
        self._catalog = catalog

    def list(self, after: int, limit: int) -> Sequence[tuple[int, Event | None]]:
        """Return lines after a number, oldest first; the newest ones when `after` is negative.

        Returns:
            Number and event; None in place of an erased event.

        Raises:
            Damaged: A line is no event any more.
        """
        with self._catalog.look() as records:
            if after < 0:
                rows = records.log.newest(limit)
            else:
                rows = records.log.list(after=after, limit=limit)
        return [(row.number, _event(row)) for row in rows]

    def verify(self) -> Verified:
        """Recompute every leaf and the root from the stored lines that there are at the start.

        Raises:
            Damaged: A line or the root is not what was logged.
        """
        with self._catalog.look() as records:
            kept = records.log.frontier()
            if records.log.list(after=kept.size - 1, limit=1):
                raise _damaged(kept.size, "was added outside the log")
        erased, tree = 0, Frontier(origin=kept.origin, size=0, nodes=())
        while tree.size < kept.size:
            # A look of its own for each page: the database keeps all that is written during a look.
            with self._catalog.look() as records:
                wanted = min(_PAGE, kept.size - tree.size)
                rows = records.log.list(after=tree.size - 1, limit=wanted)
            if not rows:
                raise _damaged(tree.size, "is missing")
            for row in rows:
                if row.number != tree.size:
                    raise _damaged(tree.size, "is missing")
                if not row.event and not row.salt:
                    erased += 1
                elif not _fits(row):
                    raise _damaged(row.number, "was changed")
                tree = tree.append(row.leaf)
        if tree.root() != kept.root():
            raise Damaged("the log's lines do not add up to its root", code="log_damaged")
        return Verified(kept.origin, kept.size, tree.root(), erased)


def _fits(row: LogRow) -> bool:
    return len(row.salt) == limits.SALT and leaf_hash(row.salt, row.event) == row.leaf


def _event(row: LogRow) -> Event | None:
    try:
        return Event.decode(row.event) if row.event else None
    except RemoteProtocolError:
        raise _damaged(row.number, "was changed") from None


def _damaged(number: int, problem: str) -> Damaged:
    return Damaged(
        f"line {number} of the log {problem}",
        code="log_damaged",
        hint="keep the database as it is, and compare with the checkpoints your peers hold",
    )

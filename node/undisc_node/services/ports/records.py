"""Ports to the catalog: the node's records, changed all or nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from undisc_node.services.model import (
    Fetch,
    Grant,
    LogRow,
    Pack,
    PackRole,
    Peer,
    Recalled,
    Receipt,
    Restored,
    Share,
    Study,
    StudyState,
    Ticket,
    Tombstone,
)
from undisc_node.services.ports.archives import DeliveryRecords, PacsRecords
from undisc_node.services.ports.consents import ConsentRecords, VisitRecords
from undisc_node.services.ports.department import (
    NoticeRecords,
    OrderRecords,
    QueueRecords,
    ReportRecords,
)
from undisc_node.services.ports.endings import EndingRecords
from undisc_node.services.ports.figures import FigureRecords
from undisc_node.services.ports.hours import HourRecords
from undisc_node.services.ports.links import LinkRecords
from undisc_node.services.ports.media import MediaRecords
from undisc_node.services.ports.outgoing import OutgoingRecords
from undisc_node.services.ports.people import PeopleRecords
from undisc_node.services.ports.senders import SenderRecords
from undisc_node.services.ports.staff import StaffRecords
from undisc_node.services.study_search import StudyFacts, StudySearch
from undisc_protocol.did import Did
from undisc_protocol.log import Frontier
from undisc_protocol.tree import Checkpoint


class StudyRecords(Protocol):
    """Studies and their packs."""

    def get(self, study: bytes) -> Study | None:
        """Return it by id, or None."""

    def find_uid(self, uid: str) -> Study | None:
        """Return the study of a Study Instance UID, or None."""

    def of_accession(self, accession: str) -> Sequence[Study]:
        """List the studies of an accession number, oldest first."""

    def list(
        self,
        *,
        text: str = "",
        patient: str = "",
        state: StudyState | None = None,
        limit: int = 100,
        offset: int = 0,
    ) -> Sequence[Study]:
        """List newest first.

        `text` matches a part of patient name, patient id, accession or UID; `patient` is a whole
        patient id.
        """

    def search(
        self, wanted: StudySearch, *, limit: int = 100, offset: int = 0
    ) -> Sequence[tuple[Study, StudyFacts | None]]:
        """List active studies of that kind with their facts, newest study date first."""

    def put_facts(self, facts: StudyFacts) -> None:
        """Keep what was read of a study; it is undescribed again when it grows."""

    def undescribed(self, limit: int) -> Sequence[Study]:
        """List settled studies whose facts were not read since they grew."""

    def starting(self, prefix: str) -> Sequence[Study]:
        """List up to two studies whose id begins with these hex digits, at most 32 of them."""

    def counts(self) -> Mapping[str, int]:
        """Count studies by state, and as `unsettled` and `waiting`."""

    def unsettled(self, quiet_since_ms: int) -> Sequence[Study]:
        """List studies that have not settled and had no arrival since then."""

    def held_by(self, sender: str) -> int:
        """Return the bytes of all studies that a sender brought."""

    def without_permission(self, quiet_since_ms: int, *, limit: int) -> Sequence[Study]:
        """List studies that may leave, oldest arrival first.

        Settled, neither held nor kept, nothing waiting, no receipt due, on its way into no archive,
        and since that moment no
        arrival and no grant that could be used.
        """

    def quiet_since(self, study: bytes) -> int:
        """Return when a study last grew or settled, or its last grant ended or will end, ms."""

    def put(self, study: Study) -> None:
        """Insert or replace by id."""

    def grow(self, study: Study, packs: Iterable[Pack]) -> None:
        """Write counts, size and times of a study that is there, and what its packs grew to.

        Nothing else of it or of them may have changed: that is not written.
        """

    def remove(self, study: bytes, at_ms: int) -> None:
        """Remove the study and its pack rows; each pack leaves a tombstone."""

    def packs(self, study: bytes, role: PackRole = PackRole.MAIN) -> Sequence[Pack]:
        """List a study's packs of one role, oldest first."""

    def all_packs(self) -> Sequence[Pack]:
        """List every pack of every study."""

    def has_pack(self, pack: bytes) -> bool:
        """Tell whether a row names the pack."""

    def put_pack(self, pack: Pack) -> None:
        """Insert or replace by id."""

    def remove_pack(self, pack: bytes, at_ms: int) -> None:
        """Remove the row, and leave a tombstone: the pack must not come back."""

    def tombstones(self) -> Mapping[bytes, Tombstone]:
        """Return, by pack id, every pack that was erased or is about to be."""

    def bury(self, tombstones: Iterable[Tombstone]) -> None:
        """Take over tombstones that were kept elsewhere, and remove the rows of their packs.

        A study that loses its last pack goes with it.
        """


class GrantRecords(Protocol):
    """Grants of this node, newest first. Added once; a revoked grant stays revoked."""

    def get(self, grant: bytes) -> Grant | None:
        """Return it by id, or None."""

    def list(self, *, study: bytes | None = None, audience: Did | None = None) -> Sequence[Grant]:
        """List, newest first, those of one study, to one audience, or all."""

    def add(self, grant: Grant) -> None:
        """Add it; its id must be new."""

    def revoke(self, grant: bytes, at_ms: int) -> None:
        """Mark it as revoked from then on."""


class ShareRecords(Protocol):
    """Shares that stand on grants of this node, newest first; a revoked share stays revoked."""

    def get(self, share: bytes) -> Share | None:
        """Return it by id, or None."""

    def list(self, *, study: bytes | None = None, audience: Did | None = None) -> Sequence[Share]:
        """List, newest first, those of one study, to one audience, or all."""

    def add(self, share: Share) -> None:
        """Add it; its id must be new."""

    def revoke(self, share: bytes, at_ms: int) -> None:
        """Mark it as revoked from then on."""


class PeerRecords(Protocol):
    """Other nodes."""

    def get(self, peer: bytes) -> Peer | None:
        """Return it by id, or None."""

    def find_did(self, did: Did) -> Peer | None:
        """Return the peer whose current key that is, or None."""

    def list(self) -> Sequence[Peer]:
        """List, newest first."""

    def put(self, peer: Peer) -> None:
        """Insert or replace by id."""


class TicketRecords(Protocol):
    """Tickets, and the invocations that were used up."""

    def get(self, ticket_hash: bytes) -> Ticket | None:
        """Return it by id, or None."""

    def ends_ms(self, ticket_hash: bytes) -> int:
        """Return when a ticket ends, ms; 0 for an unknown one. Cheap: asked for every slice."""

    def add(self, ticket: Ticket) -> None:
        """Add it; its id must be new."""

    def by_invocation(self, invocation: bytes) -> Ticket | None:
        """Find what a receipt refers to; also after the ticket has expired."""

    def drop(
        self,
        *,
        grant: bytes | None = None,
        share: bytes | None = None,
        study: bytes | None = None,
        peer: bytes | None = None,
        at_ms: int,
    ) -> int:
        """End every ticket of a grant, share, study or peer; return how many were alive."""

    def drop_all(self, at_ms: int) -> int:
        """End every ticket; return how many were alive."""

    def use_invocation(self, invocation: bytes, expires_ms: int) -> bool:
        """Mark an invocation as used. False if it was used before, in this or an earlier run."""

    def forget_expired(self, now_ms: int) -> None:
        """Remove invocations that are refused by their time anyway, and month-old tickets."""


class FetchRecords(Protocol):
    """Studies being brought from peers, and the receipts given and taken."""

    def get(self, fetch: bytes) -> Fetch | None:
        """Return it by id, or None."""

    def list(self, *, study: bytes | None = None) -> Sequence[Fetch]:
        """List, newest first."""

    def unfinished(self) -> Sequence[Fetch]:
        """List those that run, rest, or have a receipt to deliver, newest first."""

    def put(self, fetch: Fetch) -> None:
        """Insert or replace by id."""

    def add_receipt(self, receipt: Receipt) -> None:
        """File a receipt; filing the same one again changes nothing."""

    def receipts(self, study: bytes) -> Sequence[Receipt]:
        """List receipts about a study, oldest first."""

    def has_receipt(self, receipt: bytes) -> bool:
        """Tell whether a receipt of this id is filed."""

    def receipts_with(self, peer: bytes, *, skip: int, limit: int) -> Sequence[Receipt]:
        """List receipts that a peer gave us or we gave it, newest first."""


class LogRecords(Protocol):
    """The append-only log."""

    def append(self, event: bytes, salt: bytes) -> int:
        """Add an encoded event in the current change; return its number."""

    def frontier(self) -> Frontier:
        """Return origin, size and the tree's frontier."""

    def restart(self, origin: bytes) -> None:
        """Go on under another origin: what peers saw under the old one may not be here."""

    def list(self, *, after: int = -1, limit: int = 1000) -> Sequence[LogRow]:
        """List, newest first."""

    def newest(self, limit: int) -> Sequence[LogRow]:
        """Return the newest rows, oldest of them first."""


class RestoredRecords(Protocol):
    """When this catalog came back from a copy, and what waits for the administrator since."""

    def begin(self, restored: Restored) -> int:
        """Suspend every grant and share that is not revoked; return how many."""

    def latest(self) -> Restored | None:
        """Return the newest restore, confirmed or not; None if there was none."""

    def suspended(self) -> frozenset[bytes]:
        """Return the ids of suspended grants and shares."""

    def is_suspended(self, capability: bytes) -> bool:
        """Tell whether a grant or share is suspended."""

    def confirm(self, at_ms: int) -> None:
        """End restored mode: nothing is suspended any more."""


class WitnessedRecords(Protocol):
    """What other nodes showed beside what their rows say, and what they remember of this one."""

    def add_head(self, peer: bytes, head: bytes, at_ms: int) -> bool:
        """Remember identity records that are not the peer's, by the hash of the last one.

        Returns:
            Whether that is new and worth an alert; False if too many are remembered already.
        """

    def add_log(self, peer: bytes, seen: Checkpoint, at_ms: int) -> None:
        """Keep the last head of a log that a peer does not go on with; the newest few stay."""

    def logs(self, peer: bytes) -> Sequence[Checkpoint]:
        """List the heads of a peer's earlier logs, newest first."""

    def put_recalled(self, recalled: Recalled) -> None:
        """Keep what a peer remembers of us, in the place of what it said before."""

    def recalled(self) -> Sequence[Recalled]:
        """List what each peer that was asked remembers of us, oldest first."""


class Records(OutgoingRecords, PeopleRecords, Protocol):
    """Everything the catalog keeps, within one change or one look."""

    @property
    def studies(self) -> StudyRecords:
        """Studies and packs."""

    @property
    def grants(self) -> GrantRecords:
        """Grants of this node."""

    @property
    def shares(self) -> ShareRecords:
        """Shares on them."""

    @property
    def peers(self) -> PeerRecords:
        """Other nodes."""

    @property
    def tickets(self) -> TicketRecords:
        """Tickets and used invocations."""

    @property
    def fetches(self) -> FetchRecords:
        """Fetches and receipts."""

    @property
    def log(self) -> LogRecords:
        """The log."""

    @property
    def witnessed(self) -> WitnessedRecords:
        """What other nodes showed and remember."""

    @property
    def hours(self) -> HourRecords:
        """When peers were seen on and off."""

    @property
    def restored(self) -> RestoredRecords:
        """Restored mode."""

    @property
    def figures(self) -> FigureRecords:
        """Counts over all tables."""

    @property
    def queue(self) -> QueueRecords:
        """What waits for a person."""

    @property
    def links(self) -> LinkRecords:
        """Links, what protects them, and who has passed it."""

    @property
    def staff(self) -> StaffRecords:
        """Who of the practice signs in."""

    @property
    def pacs(self) -> PacsRecords:
        """Configured archives."""

    @property
    def deliveries(self) -> DeliveryRecords:
        """Studies on their way into archives."""

    @property
    def media(self) -> MediaRecords:
        """Media that studies came from."""

    @property
    def orders(self) -> OrderRecords:
        """The day list."""

    @property
    def reports(self) -> ReportRecords:
        """Reports without a study, and messages that were taken in."""

    @property
    def notices(self) -> NoticeRecords:
        """What other nodes have to be told."""

    @property
    def endings(self) -> EndingRecords:
        """Who was given what, and what was said when it ended."""

    @property
    def consents(self) -> ConsentRecords:
        """Recorded consents."""

    @property
    def visits(self) -> VisitRecords:
        """Visits, and what came of them."""

    @property
    def senders(self) -> SenderRecords:
        """Who may send."""


class Catalog(Protocol):
    """The node's records, changed all or nothing."""

    @property
    def changes(self) -> int:
        """How many changes have ended, also in vain: as long as it stays, so does everything.

        Within a change it stands still, and tells of all before it.
        """

    def change(self, *, vital: bool = False) -> AbstractContextManager[Records]:
        """Open a change: durable when the block ends, undone when it raises. One at a time.

        Args:
            vital: It stops or erases something, so it may use the room put aside for a full disk.
        """

    def look(self) -> AbstractContextManager[Records]:
        """Open a consistent view for reading; calling anything that writes is an error."""


class ProbedCatalog(Catalog, Protocol):
    """A catalog that is open for changes, and can tell whether one would be durable now."""

    def probe(self) -> None:
        """Commit a write that changes nothing, to know that a change would be durable now.

        Raises:
            ServiceError: It would not.
        """

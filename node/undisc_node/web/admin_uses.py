"""What the admin socket needs from use cases, each method as it is called here.

All of them are synchronous and run in worker threads; they raise `ServiceError` or `ProtocolError`.
`actor` is the name of the user at the other end of the admin socket.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from undisc_node.services.archive_model import Delivery, Pacs, Wanted
from undisc_node.services.archiving import PacsWish
from undisc_node.services.auditing import Verified
from undisc_node.services.delivering import DeliveryStatus
from undisc_node.services.granting import Granted
from undisc_node.services.matching import Match
from undisc_node.services.model import (
    Basis,
    Fetch,
    Grant,
    Peer,
    PeerState,
    Recalled,
    Restored,
    Share,
    Study,
    StudyState,
)
from undisc_node.services.peering import Introduction
from undisc_node.services.ports import Clock, Source
from undisc_node.services.pulling import Candidate, Pull
from undisc_node.services.receiving import StoreOutcome
from undisc_node.services.restoring import Confirmed, Suspended
from undisc_node.services.retention import Leaving
from undisc_node.services.sharing import Shared
from undisc_node.services.staff_rows import Role, StaffMember
from undisc_node.services.studies import StudyDetail
from undisc_node.web.consents_uses import KeepsConsents, KeepsVisits, Releases
from undisc_node.web.department_uses import KeepsOrders, KeepsReports, Queues, TellsNodes
from undisc_node.web.emergency_uses import GivesInEmergency
from undisc_node.web.keys_uses import KeepsKeys, MakesRounds
from undisc_node.web.links_uses import FetchesLinks, KeepsLinks
from undisc_node.web.media_uses import Imports, MakesMedia
from undisc_node.web.messages_uses import KeepsMessages, ReachesPatients, SendsNow
from undisc_node.web.offers_uses import KeepsOffers, KeepsOutgoing
from undisc_node.web.pairings_uses import KeepsPairings, LooksAround
from undisc_node.web.patients_uses import HandsOutLinks, KeepsPatientShares, TellsOfUses
from undisc_node.web.senders_uses import KeepsSenders
from undisc_protocol.log import Event


class TellsStatus(Protocol):
    """Sums the node up."""

    def status(self) -> dict[str, object]:
        """Return the answer of `GET /admin/v1/status`, ready for JSON."""


class KeepsStudies(Protocol):
    """Lists, shows and stops studies."""

    def find(self, name: str) -> Study:
        """Find by Study Instance UID or a prefix of the id."""

    def list(
        self, text: str, patient: str, state: StudyState | None, limit: int, offset: int
    ) -> Sequence[Study]:
        """List the newest first; `text`, `patient` and `state` narrow it down."""

    def detail(self, study_id: bytes) -> StudyDetail:
        """Return what is inside, where it came from and who has a copy."""

    def hold(self, study_id: bytes, reason: str, actor: str) -> Study:
        """Stop every byte for now."""

    def release(self, study_id: bytes, actor: str) -> Study:
        """End a hold."""

    def withdraw(self, study_id: bytes, reason: str, actor: str) -> Study:
        """Stop every byte for good."""

    def keep(self, study_id: bytes, wanted: bool, actor: str) -> Study:  # noqa: FBT001 - the API's own field
        """Let it stay though nobody has a permission, or leave again."""

    def delete(self, study_id: bytes, actor: str) -> None:
        """Destroy its key and its bytes."""

    def read(self, study_id: bytes, object_id: bytes) -> tuple[int, Iterator[bytes]]:
        """Return an instance's size and its bytes, chunk by chunk; may raise while iterating."""


class LetsLeave(Protocol):
    """Knows which studies leave."""

    def leaving(self, within_days: int, limit: int) -> Sequence[Leaving]:
        """List what leaves within some days if nobody does anything."""


class Receives(Protocol):
    """Takes instances in."""

    def store(self, source: Source, sender: str) -> StoreOutcome:
        """Store one instance; durable on return."""


class Settles(Protocol):
    """Settles studies and decides on what waits."""

    def settle(self, study_id: bytes, actor: str) -> Study:
        """Settle now, without the quiet period."""

    def resolve(self, study_id: bytes, accept: bool, actor: str) -> Study:  # noqa: FBT001 - the API's own field
        """Accept or reject what waits."""


class KeepsPeers(Protocol):
    """Administers peers."""

    def look(self, url: str) -> Introduction:
        """Ask who answers at an address; keep nothing."""

    def add(
        self,
        url: str,
        node_id: bytes,
        trust: bool,  # noqa: FBT001 - the API's own field
        scopes: Sequence[str],
        actor: str,
    ) -> Peer:
        """Keep a node whose id the administrator has compared."""

    def find(self, name: str) -> Peer:
        """Find by exact name or a prefix of the id."""

    def list(self) -> Sequence[Peer]:
        """List every node we know."""

    def set_state(self, peer_id: bytes, state: PeerState, actor: str) -> Peer:
        """Change how far a node is trusted."""


class Grants(Protocol):
    """Makes and lists grants."""

    def create(
        self,
        *,
        study: bytes,
        peer: Peer | None,
        basis: Basis,
        staff: str,
        purpose: str,
        expires: int,
        command: str,
        actor: str,
    ) -> Granted:
        """Make a grant; to a new link when `peer` is None. `expires` in seconds since 1970."""

    def find(self, prefix: str) -> Grant:
        """Find by a prefix of the id."""

    def list(self, study: bytes | None) -> Sequence[Grant]:
        """List those of one study, or all."""


class Shares(Protocol):
    """Registers and lists shares."""

    def register(self, token: bytes, actor: str) -> Shared:
        """Take a share that a patient's key signed."""

    def find(self, prefix: str) -> Share:
        """Find by a prefix of the id."""

    def list(self, study: bytes | None) -> Sequence[Share]:
        """List those of one study, or all."""


class Revokes(Protocol):
    """Ends grants and shares."""

    def grant(self, grant_id: bytes, actor: str) -> Grant:
        """End a grant at once and for good."""

    def share(self, share_id: bytes, actor: str) -> Share:
        """End a share at once and for good."""


class Progress(Protocol):
    """How far a fetch has come."""

    @property
    def objects_done(self) -> int:
        """Instances that are complete."""

    @property
    def bytes_done(self) -> int:
        """Bytes of ciphertext that are here."""

    @property
    def reused_bytes(self) -> int:
        """Bytes that were already here when an attempt began."""

    @property
    def mb_per_s(self) -> float:
        """Million bytes per second while moving."""

    @property
    def problem(self) -> str:
        """Code and sentence of what it waits for to pass; empty while it does not wait."""

    @property
    def next_try_ms(self) -> int | None:
        """When it tries again, UTC in ms; None while it does not wait."""


class Fetches(Protocol):
    """Brings studies from peers."""

    def start(self, offer: bytes, actor: str) -> Fetch:
        """Begin to bring what an offer offers."""

    def resume(self, fetch_id: bytes, actor: str) -> Fetch:
        """Try again now."""

    def find(self, prefix: str) -> Fetch:
        """Find by a prefix of the id."""

    def list(self) -> Sequence[Fetch]:
        """List all of them."""

    def progress(self, fetch_id: bytes) -> Progress:
        """Return how far it has come."""

    def running(self, fetch_id: bytes) -> bool:
        """Say whether it is being worked on; never waits."""


class Audits(Protocol):
    """Reads and verifies the log."""

    def list(self, after: int, limit: int) -> Sequence[tuple[int, Event | None]]:
        """List lines after a number; an erased one has no event."""

    def verify(self) -> Verified:
        """Compute the whole tree again."""


class Restores(Protocol):
    """Ends restored mode."""

    def latest(self) -> Restored | None:
        """Return the newest return from a copy."""

    def ids(self) -> frozenset[bytes]:
        """Return the ids of suspended grants and shares."""

    def suspended(self) -> Sequence[Suspended]:
        """List what waits for a decision."""

    def find(self, prefixes: Sequence[str]) -> frozenset[bytes]:
        """Find suspended grants and shares by prefixes of their ids."""

    def confirm(self, keep: Collection[bytes] | None, actor: str) -> Confirmed:
        """Keep these, or all; revoke the rest."""


class KeepsStaff(Protocol):
    """Looks after the accounts of the practice's own people."""

    def list(self) -> Sequence[StaffMember]:
        """List all accounts."""

    def add(self, name: str, role: Role, password: str, actor: str) -> StaffMember:
        """Make an account."""

    def disable(self, name: str, actor: str) -> StaffMember:
        """Let somebody sign in no more."""

    def reset(self, name: str, password: str, actor: str) -> StaffMember:
        """Give somebody a new password."""


class KeepsArchives(Protocol):
    """Administers the practice's archives."""

    def add(self, wish: PacsWish, actor: str) -> Pacs:
        """Keep an archive."""

    def list(self) -> Sequence[Pacs]:
        """List all of them."""

    def echo(self, name: str) -> Pacs:
        """Ask one whether it answers."""

    def remove(self, name: str, actor: str) -> Pacs:
        """Forget one, and what is on its way there."""


class Delivers(Protocol):
    """Puts studies into the practice's archives."""

    def look(self, study_id: bytes, pacs: str, number: str) -> tuple[Pacs, Match]:
        """Compare a study with the practice's patients."""

    def push(
        self,
        study_id: bytes,
        pacs: str,
        number: str,
        accession: str,
        *,
        accept: bool,
        actor: str,
    ) -> Delivery:
        """Hand a study over, in the background."""

    def find(self, prefix: str) -> DeliveryStatus:
        """Find by a prefix of the id."""

    def list(self, study: bytes | None = None) -> Sequence[DeliveryStatus]:
        """List those of a study, or all."""

    def status(self, delivery: Delivery) -> DeliveryStatus:
        """Return how one stands."""

    def cancel(self, delivery_id: bytes, actor: str) -> Delivery:
        """End one; what the archive has stays there."""


class Pulls(Protocol):
    """Brings studies of the practice's archives."""

    def look(self, pacs: str, wanted: Wanted) -> tuple[Pacs, Sequence[Candidate]]:
        """Ask an archive what it has."""

    def start(self, pacs: str, studies: Sequence[str], actor: str) -> Pull:
        """Bring studies, in the background."""

    def find(self, prefix: str) -> Pull:
        """Find by a prefix of the id."""

    def cancel(self, pull_id: bytes) -> Pull:
        """End one; what came stays."""


class AsksPeers(Protocol):
    """Asks peers what they remember of this node."""

    def recall_all(self, actor: str) -> Sequence[Recalled]:
        """Ask every known peer; may take as long as their time-outs."""

    def recalled(self) -> Sequence[Recalled]:
        """List what each peer said when it was last asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminUses:
    """What the admin socket calls, and the clock by which it calls a grant expired."""

    status: TellsStatus
    studies: KeepsStudies
    retention: LetsLeave
    receiving: Receives
    importing: Imports
    media: MakesMedia
    settling: Settles
    peering: KeepsPeers
    pairings: KeepsPairings
    discovering: LooksAround
    granting: Grants
    emergency_giving: GivesInEmergency
    sharing: Shares
    linking: KeepsLinks
    link_fetching: FetchesLinks
    revoking: Revokes
    fetching: Fetches
    auditing: Audits
    restoring: Restores
    recalling: AsksPeers
    keys: KeepsKeys
    rounds: MakesRounds
    queueing: Queues
    ordering: KeepsOrders
    reporting: KeepsReports
    noticing: TellsNodes
    consenting: KeepsConsents
    visiting: KeepsVisits
    releasing: Releases
    patient_links: HandsOutLinks
    patient_sharing: KeepsPatientShares
    use_notices: TellsOfUses
    messaging: KeepsMessages
    offers: KeepsOffers
    outgoing: KeepsOutgoing
    reaching: ReachesPatients
    sending_now: SendsNow
    staff: KeepsStaff
    archiving: KeepsArchives
    senders: KeepsSenders
    pulling: Pulls
    delivering: Delivers
    clock: Clock

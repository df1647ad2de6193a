"""What the desk needs from use cases, each method as it is called here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from undisc_node.services.ask_facts import Answer, AskFacts
from undisc_node.services.asking import Asked
from undisc_node.services.browsing_rows import AccessRow
from undisc_node.services.consent_rows import Consent, Method, Visit
from undisc_node.services.department_rows import Order
from undisc_node.services.desk_rows import Ask, Channel, Passkey, StaffSession
from undisc_node.services.desk_sharing import GivenOut, ToShare
from undisc_node.services.model import Peer
from undisc_node.services.passkeys import Site
from undisc_node.services.patient_links import Handout, PatientAccess
from undisc_node.services.patient_rows import PatientShare
from undisc_node.services.patient_views import Shown
from undisc_node.services.queue_rows import QueueRow
from undisc_node.services.queueing import Decision
from undisc_node.services.signing_in import Enrolment, SignedIn
from undisc_node.services.staff_rows import Role, StaffMember
from undisc_node.web.admin_uses import Fetches, KeepsStudies
from undisc_node.web.consents_uses import KeepsConsents, KeepsVisits, Releases
from undisc_node.web.emergency_uses import GivesInEmergency
from undisc_node.web.links_uses import FetchesLinks
from undisc_node.web.messages_uses import KeepsMessages, ReachesPatients
from undisc_node.web.offers_uses import KeepsOffers
from undisc_node.web.patients_uses import TellsOfUses


class SignsInAtDesk(Protocol):
    """Signs people in and off."""

    def begin(self, name: str, password: str, earlier: str = "") -> SignedIn:
        """Check name and password."""

    def enrolment(self, session: StaffSession) -> Enrolment:
        """Return what an authenticator has to be told."""

    def finish(self, secret: str, typed: str) -> SignedIn:
        """Check a one-time code."""

    def session_of(self, secret: str, *, use: bool = True) -> StaffSession | None:
        """Return whose browser that is, or None."""

    def member(self, session: StaffSession) -> StaffMember:
        """Return the account of a session."""

    def sign_off(self, secret: str) -> None:
        """End a session."""


class KeepsPasskeys(Protocol):
    """Keeps passkeys, and signs people in with them."""

    def list(self, name: str) -> Sequence[Passkey]:
        """List somebody's passkeys."""

    def ask_new(self, name: str, secret: str, site: Site) -> str:
        """Return what a browser needs to make a passkey, as JSON."""

    def add(self, name: str, secret: str, answer: str, label: str, site: Site) -> Passkey:
        """Keep a new passkey."""

    def remove(self, name: str, passkey: bytes) -> None:
        """Forget somebody's passkey."""

    def ask(self, secret: str, site: Site) -> str:
        """Return what a browser needs to sign in, as JSON."""

    def sign_in(self, secret: str, answer: str, site: Site) -> SignedIn:
        """Sign in with a passkey alone."""


class Asks(Protocol):
    """Prepares questions to patients."""

    def prepare(self, facts: AskFacts, by: str) -> Ask:
        """Note what is to be asked."""

    def handle(self, ask_id: bytes) -> str:
        """Make the one-time handle that opens it on another device."""

    def hand_over(self, ask_id: bytes) -> str:
        """Open it on the device of the desk itself."""

    def take_down(
        self, facts: AskFacts, answer: Answer, by: str, *, method: Method, evidence: str
    ) -> tuple[Consent, Visit]:
        """Record a decision that was given on paper or spoken."""

    def cancel(self, ask_id: bytes) -> None:
        """Let nobody answer it any more."""

    def find(self, ask_id: bytes) -> Asked:
        """Return a question."""

    def list(self) -> Sequence[Asked]:
        """List what was asked within a day."""

    def offered(self, facts: AskFacts) -> Sequence[Peer]:
        """List the practices that can be named."""


class KnowsOrders(Protocol):
    """Knows the day list."""

    def list(self, first: str, last: str, text: str, limit: int) -> Sequence[Order]:
        """List orders by time."""

    def find(self, order_id: bytes) -> Order:
        """Return an order."""

    def day(self, offset: int) -> str:
        """Return a day of this machine's calendar, as `YYYYMMDD`."""


class KeepsQueue(Protocol):
    """Knows what waits for a person."""

    def list(
        self, kind: str = "", *, done: bool = False, limit: int = 100, offset: int = 0
    ) -> Sequence[QueueRow]:
        """List what waits."""

    def find(self, prefix: str) -> QueueRow:
        """Return a row by a unique beginning of its id."""

    def decisions(self, row: QueueRow) -> Mapping[str, Decision]:
        """Name what may be done about a row."""

    def resolve(self, row_id: bytes, decision: str, value: str, actor: str) -> QueueRow:
        """Carry out a decision."""


class KeepsStaff(Protocol):
    """Looks after accounts."""

    def add(self, name: str, role: Role, password: str, actor: str) -> StaffMember:
        """Make an account."""

    def list(self) -> Sequence[StaffMember]:
        """List all accounts by name."""

    def disable(self, name: str, actor: str) -> StaffMember:
        """Let somebody sign in no more."""

    def reset(self, name: str, password: str, actor: str) -> StaffMember:
        """Give somebody a new password."""


class KeepsPatientLinks(Protocol):
    """Knows the links that visits gave to their patients."""

    def access(self, visit_id: bytes) -> PatientAccess:
        """Return how the patient of a visit gets in."""

    def handout(self, visit_id: bytes) -> Handout:
        """Return what is handed to the patient of a visit."""

    def reissue(self, visit_id: bytes, actor: str) -> Handout:
        """Make a new link for a visit: lost phone, lost letter, wrong address."""

    def draw_pin(self, visit_id: bytes, actor: str) -> str:
        """Set a random PIN, and return it; it is shown once."""

    def reopen(self, visit_id: bytes, actor: str) -> None:
        """Allow new attempts at the PIN."""


class KeepsWishes(Protocol):
    """Knows what patients wished about their visits."""

    def channels(self, visit: bytes) -> Sequence[Channel]:
        """List the ways in which a patient wants the link."""

    def shares(self, visit: bytes) -> Sequence[PatientShare]:
        """List what the patient shared, newest first."""

    def is_drawn(self, consent: bytes) -> bool:
        """Tell whether a consent has a drawn signature."""

    def signature(self, consent: bytes) -> bytes:
        """Return the drawn signature of a consent as PNG."""


class SharesAtDesk(Protocol):
    """Shares and ends for patients, on their instruction."""

    @property
    def sends(self) -> bool:
        """Whether this node can send a link."""

    def draw_passcode(self) -> str:
        """Draw a passcode that can be read out."""

    def shares_of(self, visit_id: bytes) -> Sequence[Shown]:
        """List what was shared of a visit."""

    def accesses_of(self, visit_id: bytes) -> Sequence[AccessRow]:
        """List who did what with anything of a visit."""

    def share(self, visit_id: bytes, to: ToShare, instructed: str, actor: str) -> GivenOut:
        """Share everything that was released of a visit with one recipient."""

    def end(self, visit_id: bytes, share_id: bytes | None, instructed: str, actor: str) -> int:
        """End what was given to one recipient, or to all."""

    def tested(self, visit_id: bytes, share_id: bytes, instructed: str, actor: str) -> None:
        """Note that a share was opened at the counter, with the patient looking on."""

    def note(self, visit_id: bytes, deed: str, instructed: str, actor: str) -> None:
        """Log that something is done for a patient, and who said so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskUses:
    """What the desk calls, in a thread."""

    signing_in: SignsInAtDesk
    passkeys: KeepsPasskeys
    asking: Asks
    ordering: KnowsOrders
    consenting: KeepsConsents
    visiting: KeepsVisits
    releasing: Releases
    wishes: KeepsWishes
    links: KeepsPatientLinks
    sharing: SharesAtDesk
    messages: KeepsMessages
    offers: KeepsOffers
    reaching: ReachesPatients
    use_notices: TellsOfUses
    queueing: KeepsQueue
    staff: KeepsStaff
    fetching: Fetches
    link_fetching: FetchesLinks
    peers: Callable[[], Sequence[Peer]]
    studies: KeepsStudies
    giving: GivesInEmergency
    now_ms: Callable[[], int]
    random: Callable[[int], bytes]
    public_url: str

"""The rows of the catalog in memory, and what every part of its records has in common."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field

from undisc_node.services.archive_model import Delivery, Pacs
from undisc_node.services.browsing_rows import AccessRow, SessionRow
from undisc_node.services.code_rows import CodeRow
from undisc_node.services.consent_rows import (
    Consent,
    ConsentText,
    Visit,
    VisitGrant,
    VisitStudy,
)
from undisc_node.services.department_rows import Message, Order, Report
from undisc_node.services.desk_rows import (
    Ask,
    Channel,
    Passkey,
    SecondFactor,
    Signature,
    StaffSession,
    VisitPin,
)
from undisc_node.services.ending_rows import CopyAnswer, Ending, Given
from undisc_node.services.hours import PeerHours
from undisc_node.services.link_rows import LinkRow
from undisc_node.services.media_model import Medium
from undisc_node.services.message_rows import MessageRow
from undisc_node.services.model import (
    Fetch,
    Grant,
    LogRow,
    Pack,
    Peer,
    Recalled,
    Receipt,
    Restored,
    Share,
    Study,
    Ticket,
    Tombstone,
)
from undisc_node.services.notice_rows import NoticeRow
from undisc_node.services.offer_rows import IncomingOffer, OutgoingOffer
from undisc_node.services.pairing_rows import PairingRow
from undisc_node.services.patient_rows import PatientGrant, PatientKey, PatientShare
from undisc_node.services.queue_rows import QueueRow
from undisc_node.services.round_rows import PeerAlert, PeerRound
from undisc_node.services.sender_model import Sender, SenderCounts
from undisc_node.services.staff_rows import StaffMember
from undisc_node.services.study_search import StudyFacts
from undisc_node.services.use_notice_rows import UseNotice
from undisc_protocol.log import Frontier
from undisc_protocol.tree import Checkpoint


@dataclass
class Tables:
    """Rows by key, in the order they were first written."""

    studies: dict[bytes, Study] = field(default_factory=dict)
    packs: dict[bytes, Pack] = field(default_factory=dict)
    grants: dict[bytes, Grant] = field(default_factory=dict)
    shares: dict[bytes, Share] = field(default_factory=dict)
    peers: dict[bytes, Peer] = field(default_factory=dict)
    tickets: dict[bytes, Ticket] = field(default_factory=dict)
    invocations: dict[bytes, int] = field(default_factory=dict)
    fetches: dict[bytes, Fetch] = field(default_factory=dict)
    receipts: dict[bytes, Receipt] = field(default_factory=dict)
    heads: dict[tuple[bytes, bytes], int] = field(default_factory=dict)
    logs: dict[tuple[bytes, bytes], tuple[int, Checkpoint]] = field(default_factory=dict)
    recalled: dict[bytes, Recalled] = field(default_factory=dict)
    media: dict[bytes, Medium] = field(default_factory=dict)
    media_studies: set[tuple[bytes, bytes]] = field(default_factory=set)
    tombstones: dict[bytes, Tombstone] = field(default_factory=dict)
    restored: list[Restored] = field(default_factory=list)
    suspended: set[bytes] = field(default_factory=set)
    study_facts: dict[bytes, StudyFacts] = field(default_factory=dict)
    queue: dict[bytes, QueueRow] = field(default_factory=dict)
    links: dict[str, LinkRow] = field(default_factory=dict)
    unlocks: dict[tuple[str, bytes], int] = field(default_factory=dict)
    kept_links: dict[bytes, bytes] = field(default_factory=dict)
    staff: dict[str, StaffMember] = field(default_factory=dict)
    orders: dict[bytes, Order] = field(default_factory=dict)
    reports: dict[bytes, Report] = field(default_factory=dict)
    messages: dict[tuple[str, str], Message] = field(default_factory=dict)
    hours: dict[bytes, PeerHours] = field(default_factory=dict)
    notices: dict[bytes, NoticeRow] = field(default_factory=dict)
    given: dict[tuple[bytes, bytes, bytes, bytes | None], Given] = field(default_factory=dict)
    endings: dict[bytes, Ending] = field(default_factory=dict)
    copy_answers: dict[tuple[bytes, bytes], CopyAnswer] = field(default_factory=dict)
    consents: dict[bytes, Consent] = field(default_factory=dict)
    consent_texts: dict[bytes, ConsentText] = field(default_factory=dict)
    visits: dict[bytes, Visit] = field(default_factory=dict)
    visit_studies: dict[tuple[bytes, bytes], VisitStudy] = field(default_factory=dict)
    visit_grants: dict[tuple[bytes, bytes, bytes], VisitGrant] = field(default_factory=dict)
    codes: dict[bytes, CodeRow] = field(default_factory=dict)
    use_notices: dict[bytes, UseNotice] = field(default_factory=dict)
    staff_sessions: dict[bytes, StaffSession] = field(default_factory=dict)
    staff_factors: dict[str, SecondFactor] = field(default_factory=dict)
    staff_passkeys: dict[bytes, Passkey] = field(default_factory=dict)
    asks: dict[bytes, Ask] = field(default_factory=dict)
    visit_pins: dict[bytes, VisitPin] = field(default_factory=dict)
    visit_channels: dict[tuple[bytes, str], Channel] = field(default_factory=dict)
    consent_signatures: dict[bytes, Signature] = field(default_factory=dict)
    browser_sessions: dict[bytes, SessionRow] = field(default_factory=dict)
    accesses: list[AccessRow] = field(default_factory=list)
    patient_keys: dict[str, PatientKey] = field(default_factory=dict)
    patient_grants: dict[tuple[str, bytes], PatientGrant] = field(default_factory=dict)
    patient_shares: dict[bytes, PatientShare] = field(default_factory=dict)
    incoming_offers: dict[bytes, IncomingOffer] = field(default_factory=dict)
    outgoing_offers: dict[bytes, OutgoingOffer] = field(default_factory=dict)
    rounds: dict[bytes, PeerRound] = field(default_factory=dict)
    peer_alerts: dict[tuple[bytes, str], PeerAlert] = field(default_factory=dict)
    own_keys: set[int] = field(default_factory=set)
    pairings: dict[bytes, PairingRow] = field(default_factory=dict)
    sent_messages: dict[bytes, MessageRow] = field(default_factory=dict)
    log: list[LogRow] = field(default_factory=list)
    pacs: dict[str, Pacs] = field(default_factory=dict)
    senders: dict[str, Sender] = field(default_factory=dict)
    sender_counts: dict[str, SenderCounts] = field(default_factory=dict)
    quarantine: dict[bytes, str] = field(default_factory=dict)
    deliveries: dict[bytes, Delivery] = field(default_factory=dict)
    handed_over: dict[tuple[bytes, bytes], bool] = field(default_factory=dict)
    frontier: Frontier = field(default_factory=lambda: Frontier(bytes(16), 0, ()))

    def copy(self) -> Tables:
        twin = copy.copy(self)
        for name, value in vars(self).items():
            if not isinstance(value, Frontier):  # a frontier never changes
                setattr(twin, name, value.copy())
        return twin


class Part:
    """Base of the record classes: tables of one change or look."""

    def __init__(self, tables: Tables, *, writable: bool) -> None:
        self._tables: Tables | None = tables
        self._writable = writable

    @property
    def _now(self) -> Tables:
        if self._tables is None:
            raise RuntimeError("records were used after their change or look ended")
        return self._tables

    @property
    def _new(self) -> Tables:
        if not self._writable:
            raise RuntimeError("a look cannot write")
        return self._now

    def end(self) -> None:
        self._tables = None

"""A whole practice in one process: every service, wired on fakes as `wiring` wires them on disk.

    network, clock = MemoryNetwork(), FakeClock()
    holder, asker = Practice("a", network, clock), Practice("b", network, clock)
    befriend(holder, asker)
    study = holder.store(instance(1)).study
    fetch = asker.bring(holder.grant(study, asker).offer)

A practice can be restarted: its services are built anew on the same rows and bytes. Waiting takes
no time: the clock moves instead.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from support.clock import FakeClock, SeededEntropy
from support.ending import deciding_copies
from support.fate import Fate, FatefulCatalog, FatefulNetwork, FatefulPacks
from support.memory_catalog import MemoryCatalog
from support.memory_network import MemoryNetwork
from support.memory_packs import MemoryPacks
from support.memory_reader import STUDY_UID, MemoryReader
from support.memory_reports import MemoryReports
from support.samples import name as random_name
from undisc_node.hl7.door import Hl7Door
from undisc_node.services.auditing import Auditing, Journal, Refusals
from undisc_node.services.browsing import Browsing
from undisc_node.services.consenting import Consenting
from undisc_node.services.contents import Contents
from undisc_node.services.department import Department
from undisc_node.services.errors import Unavailable
from undisc_node.services.fetch_world import FetchWorld
from undisc_node.services.fetching import Fetching
from undisc_node.services.granting import Granted, Granting
from undisc_node.services.heeding import Heeding
from undisc_node.services.identity import Cards, OwnIdentity
from undisc_node.services.link_fetching import LinkFetching
from undisc_node.services.linking import Linking
from undisc_node.services.model import Basis, Fetch, Study
from undisc_node.services.noticing import Noticing
from undisc_node.services.offering import Offering
from undisc_node.services.one_time_codes import OneTimeCodes
from undisc_node.services.opening import Opening
from undisc_node.services.ordering import Ordering
from undisc_node.services.passcodes import Passcodes
from undisc_node.services.patient_links import PatientLinks
from undisc_node.services.patient_sharing import PatientSharing
from undisc_node.services.peering import SCOPES, Peering
from undisc_node.services.ports import Catalog, PeerNetwork, Records, Reply, Source
from undisc_node.services.quarantine import Quarantine, QuarantineBounds
from undisc_node.services.queueing import Queueing
from undisc_node.services.recalling import Recalling
from undisc_node.services.receipts import Receipts
from undisc_node.services.receiving import Receiving, StoreOutcome
from undisc_node.services.releasing import Releasing, When
from undisc_node.services.renaming import Renaming
from undisc_node.services.reporting import Reporting
from undisc_node.services.revoking import Revoking
from undisc_node.services.room import Quotas, Room
from undisc_node.services.rounds import Rounds
from undisc_node.services.second_step import SecondStep
from undisc_node.services.serving import Serving
from undisc_node.services.settling import Settling
from undisc_node.services.sharing import Shared, Sharing
from undisc_node.services.staff import Staff
from undisc_node.services.status import Status
from undisc_node.services.streams import Stream, Streams
from undisc_node.services.studies import Studies
from undisc_node.services.study_parts import StudyParts
from undisc_node.services.sweeping import sweep
from undisc_node.services.unlocking import Unlocking
from undisc_node.services.visiting import Visiting
from undisc_node.storage.consent_texts import PackagedTexts
from undisc_protocol.capability.delegation import COMMAND_READ, sign_share
from undisc_protocol.identity import commitment, read_identity, sign_identity_record
from undisc_protocol.keys import SignKey, box_key, link_key
from undisc_protocol.log import Event

DAY = 86_400
JOIN_SECONDS = 20.0  # a run that takes longer hangs


def until(condition: Callable[[], bool]) -> None:
    """Wait for other threads of the test to come to a point that they must come to."""
    end = time.monotonic() + JOIN_SECONDS
    while not condition():
        assert time.monotonic() < end, "the other threads do not come"


class Hurry(threading.Event):
    """An event whose waiting takes no time: the clock moves instead."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self.waits: list[float] = []
        self._clock = clock

    def wait(self, timeout: float | None = None) -> bool:
        """Let the time pass."""
        if timeout is not None and not self.is_set():
            self.waits.append(timeout)
            self._clock.advance(timeout)
        return self.is_set()


def recovery_key(practice: str, number: int) -> SignKey:
    """Return the key in the kit that makes a practice's identity record of that number."""
    return SignKey.from_seed(random_name(f"recovery key {number} of {practice}", 32))


def own_identity(name: str, clock: FakeClock, *, demo: bool) -> OwnIdentity:
    """Return a practice that has existed for a day."""
    seed = random_name(f"node key of {name}", 32)
    key = SignKey.from_seed(seed)
    record = sign_identity_record(
        key,
        next_hash=commitment(recovery_key(f"Practice {name}", 1)),
        issued=clock.now_ms() // 1000 - DAY,
    )
    return OwnIdentity(
        key=key,
        box=box_key(seed),
        identity=read_identity([record]),
        name=f"Practice {name}",
        urls=(f"https://{name}.example",),
        demo=demo,
    )


class Practice:
    """A node without doors; the attributes are its services and what they stand on."""

    def __init__(
        self,
        name: str,
        network: MemoryNetwork,
        clock: FakeClock,
        *,
        demo: bool = True,
        reserve: int = 0,
        quotas: Quotas = Quotas(),  # noqa: B008 - frozen
    ) -> None:
        self.clock, self.reserve, self.quotas = clock, reserve, quotas
        self.any_node = False
        self.when_ended = "ask"
        self.quarantine_bounds = QuarantineBounds()
        self.own = own_identity(name, clock, demo=demo)
        self.url = self.own.urls[0]
        self.entropy = SeededEntropy(f"entropy of {name}")
        self.catalog: Any = MemoryCatalog()
        self.packs: Any = MemoryPacks(seed=f"packs of {name}")
        self.network: Any = network
        self.worklist: Any = None
        self.release_when = When.MINUTES
        self.reported: set[bytes] = set()
        self.sent_links: list[tuple[str, str, int, str]] = []
        self.sent_codes: list[tuple[str, str, str]] = []
        self.mail_is_down = False
        self._lasting = self.catalog, self.packs, self.network
        network.nodes[self.url] = self
        self.start()

    def start(self) -> None:  # noqa: PLR0915 - a statement for each service
        """Build every service on the rows and bytes that are there."""
        catalog: Catalog = self.catalog
        network: PeerNetwork = self.network
        clock, packs, entropy, own = self.clock, self.packs, self.entropy, self.own
        self.writing = threading.Lock()
        self.stopping = Hurry(clock)
        self.contents = Contents(packs=packs)
        self.journal = journal = Journal(clock=clock, entropy=entropy)
        self.refusals = Refusals()
        cards = Cards(own=own, catalog=catalog, clock=clock)
        offering = Offering(own=own, cards=cards, clock=clock)
        inside = {
            "catalog": catalog,
            "packs": packs,
            "contents": self.contents,
            "journal": journal,
            "clock": clock,
            "writing": self.writing,
        }
        self.room = Room(
            catalog=catalog, packs=packs, clock=clock, reserve=self.reserve, quotas=self.quotas
        )
        decided = {"catalog": catalog, "journal": journal, "clock": clock}
        self.receiving = Receiving(
            **inside,
            reader=MemoryReader(),
            entropy=entropy,
            room=self.room,
            quarantine=Quarantine(**decided, entropy=entropy, bounds=self.quarantine_bounds),
        )
        self.studies = Studies(**inside)
        self.peering = Peering(**decided, network=network, own=own, cards=cards)
        self.granting = Granting(**decided, entropy=entropy, own=own, offering=offering)
        self.sharing = Sharing(**decided, own=own, offering=offering)
        self.revoking = Revoking(**decided)
        passcodes = Passcodes(entropy=entropy, passes=1, memory=8_192)
        self.linking = Linking(**decided, sharing=self.sharing, passcodes=passcodes)
        self.unlocking = Unlocking(
            **decided,
            refusals=self.refusals,
            entropy=entropy,
            own=own,
            offering=offering,
            passcodes=passcodes,
            second=self._second_step(),
            any_node=self.any_node,
        )
        self.serving = Serving(
            **decided,
            packs=packs,
            contents=self.contents,
            refusals=self.refusals,
            entropy=entropy,
            own=own,
            any_node=self.any_node,
        )
        self.receipts = Receipts(**decided, refusals=self.refusals, own=own)
        self.recalling = Recalling(
            **decided, network=network, refusals=self.refusals, entropy=entropy, own=own
        )
        self.rounds = Rounds(
            **decided, network=network, refusals=self.refusals, entropy=entropy, own=own,
            cards=cards, stale_days=30,
        )  # fmt: skip
        self.streams = Streams(catalog=catalog, packs=packs, clock=clock)
        self.world = FetchWorld(**inside, network=network, entropy=entropy, own=own, room=self.room)
        self.fetching = Fetching(
            world=self.world, peering=self.peering, journal=journal, stop=self.stopping
        )
        self.link_fetching = LinkFetching(world=self.world, fetching=self.fetching)
        self.auditing = Auditing(catalog=catalog)
        self.queueing = Queueing(**decided, entropy=entropy)
        self.ordering = Ordering(catalog=catalog, clock=clock, worklist=self.worklist, days=2)
        self.reporting = Reporting(
            catalog=catalog,
            packs=packs,
            contents=self.contents,
            receiving=self.receiving,
            objects=MemoryReports(),
            queueing=self.queueing,
            journal=journal,
            find_study=self.studies.find,
        )
        self.noticing = Noticing(
            **decided, network=network, entropy=entropy, own=own, queueing=self.queueing
        )
        self.visiting = Visiting(**decided, queueing=self.queueing)
        self.settling = Settling(**inside, settled=self._settled)
        self.consenting = Consenting(
            **decided,
            entropy=entropy,
            own=own,
            texts=PackagedTexts(),
            visiting=self.visiting,
            days=365,
            majority_years=18,
        )
        self.releasing = Releasing(
            **decided,
            entropy=entropy,
            own=own,
            offering=offering,
            visiting=self.visiting,
            has_final_report=lambda study: study in self.reported,
            when=self.release_when,
            minutes=30,
        )
        kek = random_name(f"key-encryption key of {own.name}", 32)
        self.patient_links = PatientLinks(
            **decided, entropy=entropy, own=own, passcodes=passcodes, key_encryption_key=kek
        )
        self.browsing = Browsing(**decided, entropy=entropy)
        self.opening = Opening(
            **decided,
            own=own,
            passcodes=passcodes,
            browsing=self.browsing,
            links=self.patient_links,
            key_encryption_key=kek,
            second=self._second_step(),
        )
        self.patient_sharing = PatientSharing(
            **decided,
            entropy=entropy,
            sharing=self.sharing,
            passcodes=passcodes,
            offering=offering,
            parts=StudyParts(packs=packs, contents=self.contents),
            sends_codes=True,
            send_link=lambda *sent: self.sent_links.append(sent),
            urls=own.urls,
        )
        self.renaming = Renaming(**decided, queueing=self.queueing, tell=self.noticing.renamed)
        self.heeding = Heeding(
            **decided,
            fetching=self.fetching,
            rename=self.renaming.hear,
            **deciding_copies(self),
            refusals=self.refusals,
            own=own,
        )
        self.department = Department(
            catalog=catalog,
            ordering=self.ordering,
            reporting=self.reporting,
            renaming=self.renaming,
        )
        self.hl7 = Hl7Door(department=self.department, clock=clock, entropy=entropy)
        self.staff = Staff(**decided, entropy=entropy, passes=1, memory=8_192)
        self.status = Status(
            catalog=catalog,
            packs=packs,
            refusals=self.refusals,
            own=own,
            home=Path("/home/of/node"),
            version="0",
            kit_verified=lambda: False,
            listeners={},
        )

    def _second_step(self) -> SecondStep:
        codes = OneTimeCodes(
            catalog=self.catalog,
            clock=self.clock,
            entropy=self.entropy,
            node_seed=bytes(self.own.key.signing),
        )
        return SecondStep(codes=codes, send_code=self._send_code)

    def _send_code(self, contact: str, code: str, language: str) -> None:
        if self.mail_is_down:
            raise Unavailable("the mail server does not answer")
        self.sent_codes.append((contact, code, language))

    def _settled(self, records: Records, study: Study) -> None:
        self.noticing.grown(records, study)
        self.visiting.settled(records, study)

    def meet(self, fate: Fate) -> None:
        """Go on with ports that fail or die as `fate` says."""
        self.fetching.stop()
        self.catalog = FatefulCatalog(self.catalog, fate)
        self.packs = FatefulPacks(self.packs, fate)
        self.network = FatefulNetwork(self.network, fate)
        self.start()

    def restart(self) -> None:
        """Stop, lose what was only in memory, sweep and start as `wiring` does."""
        self.fetching.stop()
        self.catalog, self.packs, self.network = self._lasting
        self.start()
        sweep(self.catalog, self.packs)

    # --- What the network sees ------------------------------------------------------------------

    def document(self) -> bytes:
        """Return records and card."""
        return self.peering.document()

    def answer(self, body: bytes) -> Reply:
        """Answer a request for a study."""
        return self.serving.answer(body)

    def take(self, body: bytes) -> Reply:
        """Answer a receipt."""
        return self.receipts.take(body)

    def unlock(self, body: bytes) -> Reply:
        """Answer a request to unlock a link."""
        return self.unlocking.answer(body)

    def remember(self, body: bytes) -> Reply:
        """Answer a request to recall."""
        return self.recalling.answer(body)

    def greeted(self, body: bytes) -> Reply:
        """Answer a greeting."""
        return self.rounds.answer(body)

    def hear(self, body: bytes) -> Reply:
        """Answer a notice."""
        return self.heeding.take(body)

    def open(self, ticket: bytes, start: int, stop: int | None) -> Stream:
        """Open a ticket's stream."""
        return self.streams.open(ticket, start, stop)

    # --- What people do -------------------------------------------------------------------------

    def add(self, other: Practice, *, trust: bool = True, scopes: tuple[str, ...] = SCOPES) -> None:
        """Add another practice as a peer."""
        self.peering.add(other.url, other.own.id, trust, scopes, "admin")

    def store(self, source: Source, sender: str = "dicom:CT1") -> StoreOutcome:
        """Take an instance in."""
        return self.receiving.store(source, sender)

    def grant(self, study: bytes, to: Practice | None, **changes: Any) -> Granted:
        """Grant a study to a peer, or to a new link."""
        wanted: dict[str, Any] = {
            "study": study,
            "peer": self.peer(to) if to else None,
            "basis": Basis.TREATMENT if to else Basis.OPERATOR,
            "staff": "Dr A. Smith",
            "purpose": "second opinion",
            "expires": self.clock.now_ms() // 1000 + DAY,
            "command": COMMAND_READ,
            "actor": "admin",
        }
        return self.granting.create(**wanted | changes)

    def share_token(self, link: Granted, to: Practice, **changes: Any) -> bytes:
        """Sign a share with the key of a link, as the patient's page does."""
        wanted: dict[str, Any] = {
            "audience": to.own.key.did,
            "subject": self.own.key.did,
            "study": link.grant.study,
            "command": COMMAND_READ,
            "nonce": self.entropy.random(12),
            "not_before": self.clock.now_ms() // 1000,
            "expires": link.grant.expires,
        }
        return sign_share(link_key(link.link_secret or b""), **wanted | changes)

    def share(self, link: Granted, to: Practice, **changes: Any) -> Shared:
        """Register a share."""
        return self.sharing.register(self.share_token(link, to, **changes), "admin")

    def bring(self, offer: bytes | None) -> Fetch:
        """Fetch what an offer names, to whatever end."""
        assert offer is not None
        return self.ended(self.fetching.start(offer, "admin").id)

    def resume(self, fetch: Fetch) -> Fetch:
        """Go on with a fetch, to whatever end."""
        self.fetching.resume(fetch.id, "admin")
        return self.ended(fetch.id)

    def ended(self, fetch_id: bytes) -> Fetch:
        """Wait for a fetch; return its row."""
        run = self.fetching._runs.get(fetch_id)
        if run is not None:
            run[1].result(JOIN_SECONDS)
        return self.fetch(fetch_id)

    # --- What a test looks at -------------------------------------------------------------------

    def peer(self, other: Practice) -> Any:
        """Return the row of a peer."""
        with self.catalog.look() as records:
            return records.peers.get(other.own.id)

    def study(self, uid: str = STUDY_UID) -> Study:
        """Return the row of a study."""
        with self.catalog.look() as records:
            found: Study | None = records.studies.find_uid(uid)
        assert found is not None, f"{self.own.name} has no study {uid}"
        return found

    def has_study(self, uid: str = STUDY_UID) -> bool:
        """Tell whether a study is there at all."""
        with self.catalog.look() as records:
            return records.studies.find_uid(uid) is not None

    def fetch(self, fetch_id: bytes) -> Fetch:
        """Return the row of a fetch."""
        with self.catalog.look() as records:
            found: Fetch | None = records.fetches.get(fetch_id)
        assert found is not None
        return found

    def bytes_of(self, uid: str = STUDY_UID) -> dict[str, bytes]:
        """Read every current instance of a study, by SOP Instance UID."""
        study = self.study(uid).id
        return {
            stored.header.sop_uid: b"".join(self.studies.read(study, stored.header.id)[1])
            for stored in self.studies.detail(study).current
        }

    def events(self) -> list[Event]:
        """Return the whole log."""
        return [event for _, event in self.auditing.list(-1, 10_000) if event is not None]

    def kinds(self) -> list[str]:
        """Return the names of what was logged, oldest first."""
        return [event.type for event in self.events()]


def befriend(one: Practice, other: Practice) -> None:
    """Let both practices trust each other."""
    one.add(other)
    other.add(one)

"""Stand-ins for the use cases: one study, peer, grant, share and fetch; they keep calls."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass, field, replace
from types import SimpleNamespace

from undisc_node.services.auditing import Verified
from undisc_node.services.errors import Invalid, NotFound
from undisc_node.services.fetch_world import Progress
from undisc_node.services.granting import Granted
from undisc_node.services.model import (
    Basis,
    Fetch,
    FetchState,
    Grant,
    Patient,
    Peer,
    PeerState,
    Recalled,
    Receipt,
    Restored,
    RestoredBy,
    Share,
    Study,
    StudyState,
)
from undisc_node.services.peering import Introduction
from undisc_node.services.ports import Reply, Stored
from undisc_node.services.receiving import StoreOutcome
from undisc_node.services.restoring import Confirmed, Suspended, Suspense
from undisc_node.services.retention import Leaving
from undisc_node.services.sharing import Shared
from undisc_node.services.studies import StudyDetail
from undisc_node.web.admin_uses import AdminUses
from undisc_node.web.public_uses import PublicUses
from undisc_protocol import limits
from undisc_protocol.did import Did
from undisc_protocol.errors import BadTicket, OutsideExtent
from undisc_protocol.log import Actor, Event, Subject
from undisc_protocol.pack import ObjectHeader
from unit.web.archive_fakes import archive_parts
from unit.web.fakes_consents import consent_parts
from unit.web.fakes_department import FakeHeeding, FakeRecalling, FakeStaff, department_parts
from unit.web.fakes_inside import inside_uses as inside_uses  # noqa: PLC0414 - used as fakes.inside_uses
from unit.web.fakes_keys import FakeKeys, FakeRounds
from unit.web.fakes_links import link_parts
from unit.web.fakes_media import FakeImporting, FakeMedia
from unit.web.fakes_pairings import FakeDiscovering, FakePairings
from unit.web.fakes_patients import patient_parts
from unit.web.fakes_status import FakeStatus
from unit.web.fakes_viewer import VIEWER

NOW_MS = 1_795_498_283_000  # 2026-11-24T05:31:23Z
NOW = NOW_MS // 1000
DID = Did("did:key:z6MkpTHR8VNsBxYAAWHut2Geadd9jSwuBV8xRoAnwWsdvktH")
STUDY_ID, OBJECT_ID, GRANT_ID, SHARE_ID = bytes(range(16)), b"o" * 16, b"g" * 32, b"s" * 32
PEER_ID, FETCH_ID = b"p" * 32, b"f" * 16

STUDY = Study(
    id=STUDY_ID,
    uid="1.2.3",
    patient=Patient(name="Doe^Jane", id="4711", birth_date="19700101", sex="F"),
    study_date="20261124",
    study_time="053123",
    accession="A1",
    description="CT chest",
    modalities=("CT",),
    sender="dicom:CT1",
    instances=1,
    size=9,
    waiting=0,
    state=StudyState.ACTIVE,
    reason="",
    created_ms=NOW_MS,
    arrived_ms=NOW_MS,
    settled_ms=None,
)
PEER = Peer(
    id=PEER_ID,
    did=DID,
    name="Praxis B",
    state=PeerState.TRUSTED,
    scopes=("fetch",),
    urls=("https://b.example",),
    box=b"b" * 32,
    records=(b"r",),
    card=b"no card",
    seq=1,
    added_ms=NOW_MS,
    checkpoint=None,
)
GRANT = Grant(
    id=GRANT_ID,
    token=b"grant token",
    study=STUDY_ID,
    audience=DID,
    command="/img/read",
    basis=Basis.TREATMENT,
    staff="Dr. Weiss",
    purpose="second opinion",
    expires=NOW + 86_400,
    created_ms=NOW_MS,
    revoked_ms=None,
)
SHARE = Share(
    id=SHARE_ID,
    token=b"share token",
    grant=GRANT_ID,
    study=STUDY_ID,
    audience=DID,
    command="/img/view",
    series=(b"1" * 16,),
    expires=NOW - 1,
    created_ms=NOW_MS,
    revoked_ms=None,
)
FETCH = Fetch(
    id=FETCH_ID,
    peer=PEER_ID,
    offer=b"offer",
    pack=None,
    study=None,
    state=FetchState.PAUSED,
    problem="unreachable: b.example does not answer",
    capability=GRANT_ID,
    objects=20,
    size=2_000,
    elapsed_ms=5,
    created_ms=NOW_MS,
    ended_ms=None,
    receipt_due=False,
)
HEADER = ObjectHeader(
    id=OBJECT_ID,
    key=b"k" * 32,
    codec="raw",
    size=9,
    hash=b"h" * 32,
    series_uid="1.2.3.4",
    sop_uid="1.2.3.4.5",
    sop_class="1.2.840.10008.5.1.4.1.1.2",
    syntax="1.2.840.10008.1.2.1",
    modality="CT",
    number=7,
    sender="dicom:CT1",
    replaces=None,
    at_ms=NOW_MS,
)
RECEIPT = Receipt(
    id=b"R" * 32,
    token=b"receipt",
    peer=PEER_ID,
    study=STUDY_ID,
    invocation=b"i" * 32,
    objects=20,
    size=2_000,
    at_ms=NOW_MS,
)
EVENT = Event(
    at=NOW_MS,
    id="110113",
    type="grant.created",
    action="C",
    outcome=0,
    who=(Actor(user="anna"),),
    what=(Subject(kind=2, role=13, idtype="grant", id="67"),),
    why="treatment",
    detail={"objects": 20},
)
TICKET = bytes(range(32))


class Clock:
    def now_ms(self):
        return NOW_MS


class Entropy:
    """Names that never repeat."""

    def __init__(self):
        self.drawn = 0

    def random(self, count):
        self.drawn += 1
        return self.drawn.to_bytes(count, "big")


@dataclass
class FakeStream:
    """Bytes of one file in batches of one slice; may be revoked before one."""

    file: object
    start: int
    stop: int
    total: int
    slice_size: int = limits.SLICE
    revoked_at: int | None = None
    before_slice: object = None
    closing: threading.Event = field(default_factory=threading.Event)

    @property
    def closed(self):
        return self.closing.wait(10)  # the answer may be complete a moment earlier

    def batches(self):
        at = self.start
        while at < self.stop:
            if self.before_slice is not None:
                self.before_slice(at)
            if self.revoked_at is not None and at >= self.revoked_at:
                raise BadTicket("the capability was revoked")
            length = min(self.slice_size, self.stop - at)
            yield [SimpleNamespace(file=self.file, offset=at, length=length)]
            at += length

    def close(self):
        self.closing.set()


@dataclass
class FakeServing:
    file: object = None
    total: int = 0
    options: dict = field(default_factory=dict)
    bodies: list = field(default_factory=list)
    streams: list = field(default_factory=list)
    problem: Exception | None = None

    def answer(self, body):
        if self.problem:
            raise self.problem
        self.bodies.append(body)
        return Reply(403 if body == b"refuse" else 200, b"answer to " + body[:20])

    def take(self, body):
        self.bodies.append(body)
        return Reply(200, b"taken")

    def open(self, ticket, start, stop):
        if ticket != TICKET:
            raise BadTicket("the ticket is unknown")
        stop = self.total if stop is None else stop
        if not start < stop <= self.total:
            raise OutsideExtent("the range is outside of what the ticket covers")
        stream = FakeStream(self.file, start, stop, self.total, **self.options)
        self.streams.append(stream)
        return stream


class FakePeering:
    def __init__(self):
        self.calls = []

    def document(self):
        return b"document"

    def look(self, url):
        self.calls.append(("look", url))
        return Introduction(PEER_ID, DID, "Praxis B", ("https://b.example",), None)

    def add(self, url, node_id, trust, scopes, actor):
        self.calls.append(("add", url, node_id, trust, tuple(scopes), actor))
        return PEER

    def find(self, name):
        if name not in ("Praxis B", PEER_ID.hex()[:8]):
            raise NotFound("no such peer")
        return PEER

    def list(self):
        return [PEER]

    def set_state(self, peer_id, state, actor):
        self.calls.append((peer_id, state, actor))
        return replace(PEER, state=state)


class FakeStudies:
    def __init__(self):
        self.calls = []
        self.chunks = [b"DICM ", b"data"]

    def find(self, name):
        if name not in (STUDY.uid, STUDY_ID.hex()[:8], STUDY_ID.hex()):
            raise NotFound("no such study", hint="undisc studies list shows them")
        return STUDY

    def list(self, text, patient, state, limit, offset):
        self.calls.append(("list", text, patient, state, limit, offset))
        return [STUDY]

    def detail(self, study_id):
        assert study_id == STUDY_ID
        stored = Stored(HEADER, 100)
        return StudyDetail(
            STUDY, [stored], [], [stored], [FETCH], [RECEIPT], {"1.2.3.4": b"e" * 16}
        )

    def hold(self, study_id, reason, actor):
        self.calls.append(("hold", study_id, reason, actor))
        return replace(STUDY, state=StudyState.HELD, reason=reason)

    def release(self, study_id, actor):
        return STUDY

    def withdraw(self, study_id, reason, actor):
        return replace(STUDY, state=StudyState.WITHDRAWN, reason=reason)

    def keep(self, study_id, wanted, actor):
        self.calls.append(("keep", study_id, wanted, actor))
        return replace(STUDY, kept=wanted)

    def delete(self, study_id, actor):
        self.calls.append(("delete", study_id, actor))

    def read(self, study_id, object_id):
        if object_id != OBJECT_ID:
            raise NotFound("no such instance")

        def chunks():
            for chunk in self.chunks:
                if isinstance(chunk, Exception):
                    raise chunk
                yield chunk

        return 9, chunks()


class FakeRetention:
    def leaving(self, within_days, limit):
        return [Leaving(STUDY, NOW_MS + within_days * 86_400_000)][:limit]


class FakeReceiving:
    """Reads what it is given, as the real one does, and remembers a hash of it."""

    def __init__(self):
        self.stored = []

    def store(self, source, sender):
        with source.open() as file:
            data = file.read()
        self.stored.append((len(data), source.size, hashlib.sha256(data).digest(), sender))
        if not data:
            raise Invalid("the file is empty", code="not_dicom", hint="import DICOM files")
        return StoreOutcome("stored", STUDY_ID, "1.2.3.4.5")


class FakeSettling:
    def settle(self, study_id, actor):
        return replace(STUDY, settled_ms=NOW_MS)

    def resolve(self, study_id, accept, actor):
        return replace(STUDY, reason=f"accept {accept}")


class FakeGranting:
    def __init__(self):
        self.calls = []

    def create(self, **wanted):
        self.calls.append(wanted)
        if wanted["peer"] is None:
            return Granted(GRANT, None, b"\xff" * 32)
        return Granted(GRANT, b"offer", None)

    def find(self, prefix):
        if not GRANT_ID.hex().startswith(prefix):
            raise NotFound("no such grant")
        return GRANT

    def list(self, study):
        return [GRANT]


class FakeSharing:
    def register(self, token, actor):
        return Shared(SHARE, b"offer of " + token)

    def find(self, prefix):
        return SHARE

    def list(self, study):
        return [SHARE, replace(SHARE, grant=b"other grant")]


class FakeRevoking:
    def grant(self, grant_id, actor):
        return replace(GRANT, revoked_ms=NOW_MS)

    def share(self, share_id, actor):
        return replace(SHARE, revoked_ms=NOW_MS)


class FakeFetching:
    def __init__(self):
        self.offers = []

    def start(self, offer, actor):
        self.offers.append((offer, actor))
        return replace(FETCH, state=FetchState.RUNNING, problem="")

    def resume(self, fetch_id, actor):
        return replace(FETCH, state=FetchState.DONE, problem="", study=STUDY_ID, ended_ms=NOW_MS)

    def find(self, prefix):
        return FETCH

    def list(self):
        return [FETCH]

    def progress(self, fetch_id):
        return Progress(objects_done=5, bytes_done=500, reused_bytes=100, mb_per_s=12.345)


class FakeAuditing:
    def list(self, after, limit):
        return [(after + 1, EVENT), (after + 2, None)][:limit]

    def verify(self):
        return Verified(b"l" * 16, 2, b"t" * 32, 1)


class FakeRestoring:
    def __init__(self):
        self.kept = []

    def latest(self):
        return Restored(NOW_MS, NOW_MS - 60_000, RestoredBy.RESTORE, None)

    def ids(self):
        return frozenset()

    def suspended(self):
        return [Suspended(Suspense.GRANT, GRANT), Suspended(Suspense.SHARE, SHARE)]

    def find(self, prefixes):
        return frozenset({GRANT_ID} if prefixes else ())

    def confirm(self, keep, actor):
        self.kept.append((keep, actor))
        return Confirmed(kept=2 if keep is None else len(keep), revoked=1)


class FakeAsking:
    def recalled(self):
        return [Recalled(PEER_ID, NOW_MS, 40, 3, 2, 1, "")]

    def recall_all(self, actor):
        return [Recalled(PEER_ID, NOW_MS, 0, 3, 0, 0, f"unreachable: asked by {actor}")]


def admin_uses(**others) -> AdminUses:
    parts = {
        "status": FakeStatus(),
        "studies": FakeStudies(),
        "receiving": FakeReceiving(),
        "importing": FakeImporting(),
        "media": FakeMedia(),
        "retention": FakeRetention(),
        "settling": FakeSettling(),
        "peering": FakePeering(),
        "granting": FakeGranting(),
        "sharing": FakeSharing(),
        **link_parts(SHARE, FETCH, GRANT),
        "pairings": FakePairings(),
        "discovering": FakeDiscovering(),
        "revoking": FakeRevoking(),
        "fetching": FakeFetching(),
        "auditing": FakeAuditing(),
        "restoring": FakeRestoring(),
        "recalling": FakeAsking(),
        "keys": FakeKeys(),
        "rounds": FakeRounds(PEER),
        **department_parts(),
        **consent_parts(),
        "staff": FakeStaff(),
        **archive_parts(),
        "clock": Clock(),
    }
    return AdminUses(**{**parts, **others})


def public_uses(serving=None) -> PublicUses:
    serving = serving or FakeServing()
    same = ("serving", "receipts", "streams", "unlocking", "offers", "pairings")
    parts = dict.fromkeys(same, serving)
    others = {"recalling": FakeRecalling(), "heeding": FakeHeeding(), "viewer": VIEWER}
    others |= {"polls": serving, "errands": None, "rounds": FakeRounds(PEER)}
    others |= patient_parts()
    return PublicUses(peering=FakePeering(), asked=None, **parts, **others)

"""Stand-ins for the use cases of archives; they keep calls."""

from __future__ import annotations

from dataclasses import replace

from undisc_node.services.archive_model import Delivery, DeliveryState, FoundStudy, Pacs, Retrieve
from undisc_node.services.delivering import DeliveryStatus
from undisc_node.services.errors import NotFound
from undisc_node.services.matching import Match
from undisc_node.services.model import Patient
from undisc_node.services.pulling import Candidate, Pull, PullState
from unit.web.fakes_senders import FakeSenders

PACS = Pacs(
    name="main",
    ae_title="ORTHANC",
    host="10.1.2.3",
    port=4242,
    calling_ae="UNDISC",
    url="",
    credentials="",
    retrieve=Retrieve.MOVE,
    takes_fetched=True,
    issuer="HOSP",
    added_ms=1_795_498_283_000,
)


PULL = Pull(
    id=b"4" * 16,
    pacs="main",
    state=PullState.RUNNING,
    studies=1,
    studies_done=0,
    images=3,
    images_total=12,
    size=1_000,
    problem="incomplete: 9 of 12 images did not come",
    created_ms=1_795_498_283_000,
    ended_ms=None,
)


DELIVERY = Delivery(
    id=b"5" * 16,
    study=bytes(range(16)),
    pacs="main",
    state=DeliveryState.WAITING,
    patient=Patient("Doe^Jane", "L-1"),
    accession="A-7",
    problem="no_association: it is away",
    attempts=2,
    next_ms=1_795_498_293_000,
    created_ms=1_795_498_283_000,
    ended_ms=None,
)


class FakeDelivering:
    def __init__(self):
        self.calls = []

    def look(self, study_id, pacs, number):
        self.calls.append((study_id, pacs, number))
        outside = Patient("Doe^Jane", "OUT-7", birth_date="19700102")
        return PACS, Match((outside,), DELIVERY.patient, (), ("birth date",))

    def push(self, study_id, pacs, number, accession, *, accept, actor):
        self.calls.append((study_id, pacs, number, accession, accept))
        return DELIVERY

    def status(self, delivery):
        return DeliveryStatus(
            delivery=delivery, objects=12, handed_over=3, committed=0, running=False
        )

    def find(self, prefix):
        return self.status(DELIVERY)

    def list(self, study=None):
        return [self.status(DELIVERY)]

    def cancel(self, delivery_id, actor):
        self.calls.append(("cancel", delivery_id))
        return replace(DELIVERY, state=DeliveryState.CANCELLED)


class FakePulling:
    def __init__(self):
        self.calls = []

    def look(self, pacs, wanted):
        self.calls.append((pacs, wanted))
        found = FoundStudy("1.2.3", Patient("Doe^Jane", "P-1"), instances=12)
        return PACS, [Candidate(found, 12)]

    def start(self, pacs, studies, actor):
        self.calls.append((pacs, studies))
        return PULL

    def find(self, prefix):
        return PULL

    def cancel(self, pull_id):
        self.calls.append(("cancel", pull_id))
        return PULL


class FakeArchiving:
    def __init__(self):
        self.calls = []

    def add(self, wish, actor):
        self.calls.append(("add", wish))
        return PACS

    def list(self):
        return [PACS]

    def echo(self, name):
        return self._named(name)

    def remove(self, name, actor):
        return self._named(name)

    def _named(self, name):
        if name != PACS.name:
            raise NotFound("no PACS has that name")
        return PACS


def archive_parts():
    """Return what the admin socket calls for archives, and for whoever sends."""
    return {
        "archiving": FakeArchiving(),
        "pulling": FakePulling(),
        "delivering": FakeDelivering(),
        "senders": FakeSenders(),
    }

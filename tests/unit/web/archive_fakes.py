"""Stand-ins for the use cases of archives; they keep calls."""

from __future__ import annotations

from undisc_node.services.archive_model import FoundStudy, Pacs, Retrieve
from undisc_node.services.errors import NotFound
from undisc_node.services.model import Patient
from undisc_node.services.pulling import Candidate, Pull, PullState

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

"""Stand-ins for the use cases of archives; they keep calls."""

from __future__ import annotations

from undisc_node.services.archive_model import Pacs, Retrieve
from undisc_node.services.errors import NotFound

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

"""Stand-in for the use cases of senders: one that is trusted, one that waits."""

from __future__ import annotations

from undisc_node.services.errors import DiskFull, NotFound
from undisc_node.services.known_senders import RefusedCaller
from undisc_node.services.letting_in import LetIn
from undisc_node.services.model import InstanceFacts, Patient
from undisc_node.services.sender_model import Quarantined, Sender, SenderCounts, SenderState
from undisc_node.services.senders import SenderStatus

NOW_MS = 1_795_498_283_000  # 2026-11-24T05:31:23Z
CT = SenderStatus(
    Sender("ct1", "10.1.2.3", "CT1", fingerprint=b"f" * 32, added_ms=NOW_MS),
    SenderCounts("ct1", NOW_MS, 3, 900, 1),
)
KEPT = Quarantined(b"q" * 16, "MR@10.1.2.9", "1.2.3", 2, 20, NOW_MS)
STRANGER = SenderStatus(
    Sender("MR@10.1.2.9", "10.1.2.9", "MR", state=SenderState.PENDING),
    SenderCounts("MR@10.1.2.9"),
    (KEPT,),
)
FACTS = InstanceFacts(
    study_uid="1.2.3",
    series_uid="1.2.3.4",
    sop_uid="1.2.3.4.5",
    sop_class="1.2.840.10008.5.1.4.1.1.4",
    transfer_syntax="1.2.840.10008.1.2.1",
    patient=Patient("Doe^Jane", "P-1"),
    modality="MR",
)


class FakeSenders:
    def __init__(self):
        self.calls = []

    def list(self, *, removed=False):
        return [STRANGER] if removed else [STRANGER, CT]

    def refused(self):
        return [RefusedCaller("10.1.2.77", "US", 3, NOW_MS)]

    def quarantines(self):
        return True

    def find(self, name):
        found = [one for one in (CT, STRANGER) if one.sender.name == name]
        if not found:
            raise NotFound("no sender has that name")
        return found[0]

    def look(self, status):
        return [(one, FACTS) for one in status.quarantined]

    def add(self, wish, actor):
        self.calls.append(("add", wish, actor))
        return CT

    def trust(self, name, wish, actor):
        self.calls.append(("trust", name, wish))
        return self.find(name), LetIn(1, 2, DiskFull("no room", hint="make some"))

    def remove(self, name, actor):
        return self.find(name), LetIn(1, 2)

    def echo(self, name, port=0):
        self.calls.append(("echo", name, port))
        return self.find(name)

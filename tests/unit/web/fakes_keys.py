"""Stands in for the ceremony of the node's keys; keeps what it was given."""

from __future__ import annotations

from undisc_node.services.key_rows import BegunChange, ChangedKey, KeyStatus, Knower
from undisc_node.services.model import PeerState
from undisc_node.services.ports import Reply
from undisc_node.services.round_rows import AlertKind, PeerAlert, PeerFacts
from undisc_node.services.rounds import Witness
from undisc_protocol.did import Did
from undisc_protocol.tree import Checkpoint

DID = Did("did:key:z6MkpTHR8VNsBxYAAWHut2Geadd9jSwuBV8xRoAnwWsdvktH")
NOW = 1_795_498_283
STATUS = KeyStatus(
    node_id=b"n" * 32,
    words=("zoo",) * 12,
    did=DID,
    number=1,
    issued=NOW - 86_400,
    drilled=NOW - 3_600,
    kit_fits=True,
    drill_due=False,
    begun=False,
    card_expires=NOW + 86_400,
    knowers=(
        Knower(b"p" * 32, "Praxis B", PeerState.TRUSTED, 1, NOW * 1000),
        Knower(b"q" * 32, "Praxis C", PeerState.TRUSTED, None, None),
    ),
)
HEARD_JSON = {
    "number": 0,
    "stale": False,
    "alerts": [{"kind": "log_shrank", "at": "2026-11-24T05:31:23Z", "why": "7 lines, and 5 now"}],
    "heard": None,
    "problem": None,
    "log_lines": None,
    "log_proved": None,
}
SEEN_JSON = {
    "comes": False,
    "last": "2026-11-24T05:31:23Z",
    "off_since": "2026-11-24T05:31:24Z",
    "expected": "2026-11-24T06:31:23Z",
}
WITNESS_JSON = {
    "peer": (b"p" * 32).hex(),
    "peer_name": "Praxis B",
    "answered": True,
    "lines": 2,
    "root": (b"t" * 32).hex(),
    "at": "2026-11-24T05:31:23Z",
    "other_log": False,
    "differs": None,
}


class FakeKeys:
    def __init__(self):
        self.calls = []

    def status(self):
        return STATUS

    def drill(self, kit, passphrase, actor):
        self.calls.append(("drill", kit, passphrase, actor))
        return STATUS

    def begin(self, kit, passphrase, new_passphrase, *, pdf):
        self.calls.append(("begin", kit, passphrase, new_passphrase))
        return BegunChange(2, "the page\nof a kit\n", b"%PDF" if pdf else b"", resumed=False)

    def confirm(self, kit, passphrase, new_kit, new_passphrase, *, theft, actor):
        self.calls.append(("confirm", kit, passphrase, new_kit, new_passphrase, theft, actor))
        return ChangedKey(2, DID, 3 if theft else 0, 1 if theft else 0)


class FakeRounds:
    """Nothing was heard of anybody, but for one alert."""

    def __init__(self, peer):
        self.peer = peer

    def facts(self):
        alert = PeerAlert(self.peer.id, AlertKind.LOG_SHRANK, NOW * 1000, "7 lines, and 5 now")
        return PeerFacts({}, (alert,), NOW * 1000)

    def witnesses(self):
        seen = Checkpoint(b"l" * 16, 2, b"t" * 32)
        return [Witness(self.peer, seen, NOW * 1000, answered=True, differs="", other_log=False)]

    def answer(self, body):
        return Reply(200, b"hello back")

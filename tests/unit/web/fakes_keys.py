"""Stands in for the ceremony of the node's keys; keeps what it was given."""

from __future__ import annotations

from undisc_node.services.key_rows import BegunChange, ChangedKey, KeyStatus, Knower
from undisc_node.services.model import PeerState
from undisc_protocol.did import Did

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

"""Stand-ins for what pairs nodes: one pairing whose words are there."""

from __future__ import annotations

from dataclasses import replace

from undisc_node.services.discovering import Suggestion
from undisc_node.services.errors import NotFound
from undisc_node.services.pairing import Invited
from undisc_node.services.pairing_rows import PairingRow, PairingState
from undisc_node.services.ports import Neighbour
from undisc_protocol.pairing import Role, Says

_MS = 1_795_498_283_000
PAIRING = PairingRow(
    id=bytes(range(16)),
    role=Role.INVITER,
    by_file=False,
    state=PairingState.COMPARING,
    handle=b"h" * 32,
    key=b"k" * 32,
    urls=(),
    expects=None,
    scopes=("fetch", "offer"),
    own=b"own",
    commitment=b"c" * 32,
    theirs=b"theirs",
    name="Riverside Radiology",
    node=b"p" * 32,
    their_scopes=("fetch",),
    words="zoo able about yard",
    spoken_ms=_MS,
    made_ms=_MS,
    taken_by_ms=_MS + 300_000,
    ends_ms=_MS + 900_000,
    next_ms=_MS,
    by="anna",
)


class FakePairings:
    def __init__(self):
        self.calls = []

    def invite(self, scopes, *, by_file, actor):
        self.calls.append(("invite", tuple(scopes), by_file, actor))
        row = replace(PAIRING, state=PairingState.WAITING, by_file=by_file)
        return Invited(row, file=b"file") if by_file else Invited(row, text="undisc-invitation:AA")

    def accept(self, text, scopes, actor):
        self.calls.append(("accept", text, tuple(scopes), actor))
        return PAIRING

    def accept_file(self, raw, scopes, actor):
        self.calls.append(("accept_file", raw, tuple(scopes), actor))
        return PAIRING, b"back"

    def decide(self, pairing, says, actor):
        self.calls.append(("decide", pairing, says, actor))
        state = PairingState.CONFIRMED if says is Says.YES else PairingState.REFUSED
        return replace(PAIRING, state=state)

    def list(self):
        return [PAIRING]

    def find(self, prefix):
        if not PAIRING.id.hex().startswith(prefix):
            raise NotFound("no pairing has that id")
        return PAIRING


class FakeDiscovering:
    def look(self, seconds):
        seen = Neighbour(f"Seen for {seconds} s", "ab" * 8, "https://seen.example", ("10.1.2.3",))
        return [Suggestion(seen, None, own=False)]

"""What other nodes showed, in memory."""

from __future__ import annotations

from collections.abc import Sequence

from support.memory_tables import Part
from undisc_node.services.hours import PeerHours
from undisc_node.services.model import Recalled
from undisc_protocol.tree import Checkpoint


class Witnessed(Part):
    def add_head(self, peer: bytes, head: bytes, at_ms: int) -> bool:
        heads = self._new.heads
        if (peer, head) in heads or sum(one == peer for one, _ in heads) >= 8:
            return False
        heads[peer, head] = at_ms
        return True

    def add_log(self, peer: bytes, seen: Checkpoint, at_ms: int) -> None:
        logs = self._new.logs
        known = logs.get((peer, seen.origin))
        if known is None or seen.size > known[1].size:
            logs[peer, seen.origin] = (at_ms, seen)
        for old in self._logs_of(peer)[15:]:
            del logs[peer, old.origin]

    def _logs_of(self, peer: bytes) -> Sequence[Checkpoint]:
        found = [pair for (owner, _), pair in self._now.logs.items() if owner == peer]
        return [seen for _, seen in sorted(found, key=lambda pair: (-pair[0], pair[1].origin))]

    def logs(self, peer: bytes) -> Sequence[Checkpoint]:
        return self._logs_of(peer)

    def put_recalled(self, recalled: Recalled) -> None:
        self._new.recalled[recalled.peer] = recalled

    def recalled(self) -> Sequence[Recalled]:
        return sorted(self._now.recalled.values(), key=lambda one: one.at_ms)


class Hours(Part):
    def get(self, peer: bytes) -> PeerHours | None:
        return self._now.hours.get(peer)

    def list(self) -> Sequence[PeerHours]:
        return [one for _, one in sorted(self._now.hours.items())]

    def put(self, hours: PeerHours) -> None:
        self._new.hours[hours.peer] = hours

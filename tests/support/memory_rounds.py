"""Rounds to peers in memory; part of `support.memory_catalog`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from support.memory_tables import Part
from undisc_node.services.round_rows import AlertKind, PeerAlert, PeerRound


class Rounds(Part):
    def get(self, peer: bytes) -> PeerRound | None:
        return self._now.rounds.get(peer)

    def list(self) -> Sequence[PeerRound]:
        return sorted(self._now.rounds.values(), key=lambda one: (one.next_ms, one.peer))

    def put(self, made: PeerRound) -> None:
        self._new.rounds[made.peer] = made

    def hurry(self, now_ms: int) -> None:
        for peer, made in self._new.rounds.items():
            if made.next_ms > now_ms:
                self._new.rounds[peer] = replace(made, next_ms=now_ms, attempts=0)

    def alert(self, alert: PeerAlert) -> bool:
        known = (alert.peer, alert.kind) in self._new.peer_alerts
        self._new.peer_alerts[alert.peer, alert.kind] = alert
        return not known

    def alerts(self) -> Sequence[PeerAlert]:
        found = self._now.peer_alerts.values()
        return sorted(found, key=lambda one: (-one.at_ms, one.peer, one.kind))

    def settle(self, peer: bytes, kind: AlertKind | None = None) -> int:
        gone = [key for key in self._new.peer_alerts if key[0] == peer and kind in {None, key[1]}]
        for key in gone:
            del self._new.peer_alerts[key]
        return len(gone)

    def begin_key(self, number: int, at_ms: int) -> bool:
        if number in self._new.own_keys:
            return False
        self._new.own_keys.add(number)
        return True

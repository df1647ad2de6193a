"""Pairings in memory; part of `support.memory_catalog`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from support.memory_tables import Part
from undisc_node.services.errors import Conflict
from undisc_node.services.pairing_rows import PairingRow


class Pairings(Part):
    def get(self, pairing: bytes) -> PairingRow | None:
        return self._now.pairings.get(pairing)

    def of_handle(self, handle: bytes) -> PairingRow | None:
        rows = self._now.pairings.values()
        return next((one for one in rows if one.handle == handle), None)

    def put(self, pairing: PairingRow) -> None:
        known, named = self.get(pairing.id), self.of_handle(pairing.handle)
        if named is not None and named.id != pairing.id:
            raise Conflict("the handle names another pairing")
        if known is not None:
            if known.ended_ms is not None and known.state is not pairing.state:
                raise Conflict("a pairing that ended stays so")
            if known.commitment not in (None, pairing.commitment) or known.theirs not in (
                None,
                pairing.theirs,
            ):
                raise Conflict("an invitation is good for one try")
        self._new.pairings[pairing.id] = pairing

    def list(self, *, limit: int = 200) -> Sequence[PairingRow]:
        rows = [*self._now.pairings.values()][::-1]
        return sorted(rows, key=lambda one: -one.made_ms)[:limit]

    def unfinished(self) -> Sequence[PairingRow]:
        rows = [one for one in self._now.pairings.values() if one.state.is_open]
        return sorted(rows, key=lambda one: one.made_ms)

    def forget(self, *, keys_before_ms: int, rows_before_ms: int) -> None:
        for row in [*self._new.pairings.values()]:
            if row.ended_ms is not None and row.ended_ms < rows_before_ms:
                del self._new.pairings[row.id]
            elif row.ended_ms is not None and row.ended_ms < keys_before_ms:
                self._new.pairings[row.id] = replace(row, key=None)

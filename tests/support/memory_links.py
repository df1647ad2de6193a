"""Links in memory; part of `support.memory_catalog`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from support.memory_tables import Part
from undisc_node.services.errors import Conflict
from undisc_node.services.link_rows import LinkRow
from undisc_protocol.did import Did


class Links(Part):
    def get(self, did: Did) -> LinkRow | None:
        return self._now.links.get(did)

    def list(self) -> Sequence[LinkRow]:
        return sorted(self._now.links.values(), key=lambda link: (-link.created_ms, link.did))

    def add(self, link: LinkRow) -> None:
        if link.did in self._new.links:
            raise Conflict("the link is on record already")
        self._new.links[link.did] = link

    def take_attempt(self, did: Did) -> bool:
        link = self._new.links.get(did)
        if link is None or link.attempts >= link.max_attempts:
            return False
        self._new.links[did] = replace(link, attempts=link.attempts + 1)
        return True

    def give_back(self, did: Did) -> None:
        link = self._new.links[did]
        self._new.links[did] = replace(link, attempts=max(0, link.attempts - 1))

    def take_use(self, did: Did) -> bool:
        link = self._new.links.get(did)
        if link is None or link.uses_used_up:
            return False
        self._new.links[did] = replace(link, uses=link.uses + 1)
        return True

    def reopen(self, did: Did) -> None:
        self._new.links[did] = replace(self._new.links[did], attempts=0)

    def revoke(self, did: Did, at_ms: int) -> None:
        link = self._new.links[did]
        if link.revoked_ms is None:
            self._new.links[did] = replace(link, revoked_ms=at_ms)

    def unlocked_until(self, did: Did, node: bytes) -> int:
        return self._now.unlocks.get((did, node), 0)

    def unlock(self, did: Did, node: bytes, until_ms: int) -> None:
        self._new.unlocks[did, node] = until_ms

    def lock(self, node: bytes) -> int:
        gone = [one for one in self._new.unlocks if one[1] == node]
        for key in gone:
            del self._new.unlocks[key]
        return len(gone)

    def forget_unlocks(self, now_ms: int) -> None:
        for key in [one for one, until_ms in self._new.unlocks.items() if until_ms <= now_ms]:
            del self._new.unlocks[key]

    def keep(self, capability: bytes, sealed: bytes) -> None:
        self._new.kept_links[capability] = sealed

    def kept(self, capability: bytes) -> bytes | None:
        return self._now.kept_links.get(capability)

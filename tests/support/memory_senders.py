"""Senders in memory; part of `support.memory_catalog`."""

from __future__ import annotations

from collections.abc import Sequence

from support.memory_tables import Part
from undisc_node.services.errors import Conflict
from undisc_node.services.sender_model import (
    STRANGER,
    Quarantined,
    Sender,
    SenderCounts,
    SenderState,
)


class Senders(Part):
    def get(self, name: str) -> Sender | None:
        return self._now.senders.get(name)

    def list(self) -> Sequence[Sender]:
        return [self._now.senders[name] for name in sorted(self._now.senders)]

    def put(self, sender: Sender) -> None:
        trusted = sender.state is SenderState.TRUSTED
        if not (sender.address or sender.fingerprint) or (sender.may_query and not trusted):
            raise Conflict("such a sender cannot be")
        self._new.senders[sender.name] = sender

    def forget(self, name: str) -> None:
        self._new.senders.pop(name, None)
        self._new.sender_counts.pop(name, None)

    def counts(self) -> Sequence[SenderCounts]:
        return [self._now.sender_counts[name] for name in sorted(self._now.sender_counts)]

    def count(self, more: SenderCounts) -> None:
        known = self._new.sender_counts.get(more.name, SenderCounts(more.name))
        self._new.sender_counts[more.name] = SenderCounts(
            more.name,
            known.seen_ms if more.seen_ms is None else more.seen_ms,
            known.objects + more.objects,
            known.size + more.size,
            known.refused + more.refused,
        )

    def quarantined(self, sender: str | None = None) -> Sequence[Quarantined]:
        found = [
            Quarantined(
                one.id,
                one.sender.removeprefix(STRANGER),
                self._now.quarantine.get(one.id, ""),
                one.instances,
                one.size,
                one.created_ms,
            )
            for one in self._now.studies.values()
            if one.sender.startswith(STRANGER)
        ]
        found.sort(key=lambda one: one.since_ms)
        return [one for one in found if sender in (None, one.sender)]

    def find_quarantined(self, sender: str, uid: str) -> bytes | None:
        found = (one.study for one in self.quarantined(sender) if one.uid == uid)
        return next(found, None)

    def put_quarantined(self, study: bytes, uid: str) -> None:
        self._new.quarantine[study] = uid

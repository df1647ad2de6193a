"""The queue in memory; part of `support.memory_catalog`."""

from __future__ import annotations

from collections.abc import Sequence

from support.memory_tables import Part
from undisc_node.services.errors import Conflict
from undisc_node.services.queue_rows import QueueRow


class Queue(Part):
    def get(self, row: bytes) -> QueueRow | None:
        return self._now.queue.get(row)

    def find_open(self, kind: str, subject: str) -> QueueRow | None:
        return next(
            (
                one
                for one in self._now.queue.values()
                if (one.kind, one.subject, one.done_ms) == (kind, subject, None)
            ),
            None,
        )

    def list(
        self,
        *,
        kind: str = "",
        study: bytes | None = None,
        done: bool = False,
        limit: int = 100,
        offset: int = 0,
    ) -> Sequence[QueueRow]:
        found = [
            one
            for one in self._now.queue.values()
            if kind in ("", one.kind)
            and study in (None, one.study)
            and (one.done_ms is not None) is done
        ]
        if done:
            found.reverse()
            found.sort(key=lambda one: one.done_ms or 0, reverse=True)
        else:
            found.sort(key=lambda one: one.at_ms)
        return found[offset : offset + limit]

    def starting(self, prefix: str) -> Sequence[QueueRow]:
        found = [one for one in self._now.queue.values() if one.id.hex().startswith(prefix)]
        return sorted(found, key=lambda one: one.id)[:2]

    def count_open(self) -> int:
        return sum(one.done_ms is None for one in self._now.queue.values())

    def put(self, row: QueueRow) -> None:
        twin = self.find_open(row.kind, row.subject)
        if twin is not None and twin.id != row.id and row.done_ms is None:
            raise Conflict("it waits already")
        self._new.queue[row.id] = row

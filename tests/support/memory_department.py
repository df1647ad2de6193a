"""The queue, orders, reports and notices in memory; part of `support.memory_catalog`."""

from __future__ import annotations

from collections.abc import Sequence

from support.memory_tables import Part
from undisc_node.services.department_rows import Message, Order, Report
from undisc_node.services.errors import Conflict
from undisc_node.services.notice_rows import NoticeRow
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

    def forget(self, kind: str, before_ms: int) -> int:
        old = [
            one.id
            for one in self._new.queue.values()
            if one.kind == kind and one.done_ms is not None and one.done_ms <= before_ms
        ]
        for row in old:
            del self._new.queue[row]
        return len(old)


class Orders(Part):
    def get(self, order: bytes) -> Order | None:
        return self._now.orders.get(order)

    def list(
        self, *, first: str = "", last: str = "", text: str = "", limit: int = 200
    ) -> Sequence[Order]:
        def words(one: Order) -> str:
            said = (one.accession, one.patient.name, one.patient.id, one.description)
            return "\n".join(said).lower()

        found = [
            one
            for one in self._now.orders.values()
            if first <= one.scheduled <= last + "99991231235959"[len(last) :]
            and text.lower() in words(one)
        ]
        return sorted(found, key=lambda one: one.scheduled)[:limit]

    def of_patient(self, patient_id: str) -> Sequence[Order]:
        found = [one for one in self._now.orders.values() if one.patient.id == patient_id]
        return sorted(found, key=lambda one: one.scheduled)

    def put(self, order: Order) -> None:
        self._new.orders[order.id] = order

    def forget(self, before_ms: int) -> int:
        gone = [one.id for one in self._new.orders.values() if one.seen_ms < before_ms]
        for one in gone:
            del self._new.orders[one]
        return len(gone)


class Reports(Part):
    def get(self, report: bytes) -> Report | None:
        return self._now.reports.get(report)

    def list(self, *, limit: int = 100) -> Sequence[Report]:
        return sorted(self._now.reports.values(), key=lambda one: one.at_ms)[:limit]

    def awaiting(self) -> Sequence[bytes]:
        known = {one.accession for one in self._now.studies.values()} - {""}
        return [one.id for one in self.list(limit=10**9) if one.accession in known]

    def put(self, report: Report) -> None:
        self._new.reports[report.id] = report

    def remove(self, report: bytes) -> None:
        self._new.reports.pop(report, None)

    def message(self, sender: str, control: str) -> Message | None:
        return self._now.messages.get((sender, control))

    def add_message(self, message: Message) -> None:
        self._new.messages.setdefault((message.sender, message.control), message)

    def forget_messages(self, before_ms: int) -> int:
        gone = [key for key, one in self._new.messages.items() if one.at_ms < before_ms]
        for key in gone:
            del self._new.messages[key]
        return len(gone)


class Notices(Part):
    def get(self, notice: bytes) -> NoticeRow | None:
        return self._now.notices.get(notice)

    def find_open(self, peer: bytes, study: bytes, kind: str) -> NoticeRow | None:
        wanted = (peer, study, kind, None)
        return next(
            (
                one
                for one in self._now.notices.values()
                if (one.peer, one.study, one.kind, one.done_ms) == wanted
            ),
            None,
        )

    def due(self, now_ms: int, *, limit: int = 100) -> Sequence[NoticeRow]:
        found = [
            one
            for one in self._now.notices.values()
            if one.done_ms is None and one.next_ms <= now_ms
        ]
        return sorted(found, key=lambda one: one.next_ms)[:limit]

    def waiting(self, peer: bytes | None = None) -> Sequence[NoticeRow]:
        rows = self._now.notices.values()
        found = [one for one in rows if one.done_ms is None and peer in (None, one.peer)]
        return sorted(found, key=lambda one: one.made_ms)

    def list(
        self, *, study: bytes | None = None, peer: bytes | None = None, limit: int = 200
    ) -> Sequence[NoticeRow]:
        found = [
            one
            for one in self._now.notices.values()
            if study in (None, one.study) and peer in (None, one.peer)
        ]
        found.reverse()
        return sorted(found, key=lambda one: one.made_ms, reverse=True)[:limit]

    def put(self, notice: NoticeRow) -> None:
        twin = self.find_open(notice.peer, notice.study, notice.kind)
        if twin is not None and twin.id != notice.id and notice.done_ms is None:
            raise Conflict("it is to be told already")
        self._new.notices[notice.id] = notice

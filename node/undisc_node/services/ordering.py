"""The day list: orders as the worklist and the RIS tell them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from undisc_node.services.department_rows import Message, Order, OrderState
from undisc_node.services.errors import Conflict, NotFound, ServiceError
from undisc_node.services.ports import Catalog, Clock, Worklist

MAX_DAYS: Final = 31  # that one look at the list, or one question to the worklist, may cover
_DAY_MS: Final = 86_400_000
_KEPT_MS: Final = 90 * _DAY_MS  # after an order was last told; reports come within weeks


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What came of asking the worklist.

    Attributes:
        at_ms: When it was asked; 0 for never.
        orders: How many steps it told.
        problem: Code and sentence of what went wrong; empty if it answered.
    """

    at_ms: int
    orders: int
    problem: str


class Ordering:
    """Keeps the day list.

    Args:
        catalog: Rows.
        clock: Time.
        worklist: Who is asked; None where no worklist is set.
        days: How many days ahead it is asked for, today included.
    """

    def __init__(
        self, *, catalog: Catalog, clock: Clock, worklist: Worklist | None, days: int
    ) -> None:
        self._catalog = catalog
        self._clock = clock
        self._worklist = worklist
        self._days = days
        self._last = Refreshed(0, 0, "")

    def take(self, orders: Sequence[Order], message: Message) -> None:
        """Keep the orders of a message; durable on return."""
        with self._catalog.change() as records:
            for order in orders:
                records.orders.put(_merged(records.orders.get(order.id), order))
            records.reports.add_message(message)

    def refresh(self) -> Refreshed:
        """Ask the worklist for today and the days to come.

        Raises:
            Conflict: No worklist is set.
            Unavailable: It does not answer.
        """
        if self._worklist is None:
            raise Conflict(
                "no worklist is set",
                code="no_worklist",
                hint="set worklist.host, worklist.port and worklist.ae_title",
            )
        now_ms = self._clock.now_ms()
        try:
            found = self._worklist.scheduled(self.day(0), self.day(self._days - 1))
        except ServiceError as problem:
            self._last = Refreshed(now_ms, 0, f"{problem.reason}: {problem}")
            raise
        with self._catalog.change() as records:
            for order in found:
                said = replace(order, seen_ms=now_ms)
                known = records.orders.get(order.id)
                if known is not None and known.state is not OrderState.SCHEDULED:
                    # A worklist keeps what is done or cancelled for a while; the RIS knows better.
                    said = replace(said, state=known.state)
                records.orders.put(_merged(known, said))
        self._last = Refreshed(now_ms, len(found), "")
        return self._last

    def forget(self) -> int:
        """Forget orders and messages of long ago; return how many."""
        before_ms = self._clock.now_ms() - _KEPT_MS
        with self._catalog.change() as records:
            return records.orders.forget(before_ms) + records.reports.forget_messages(before_ms)

    @property
    def last(self) -> Refreshed:
        """What came of the newest question to the worklist since the start."""
        return self._last

    def day(self, offset: int) -> str:
        """Return a day of this machine's calendar, today plus an offset, as `YYYYMMDD`."""
        now = datetime.fromtimestamp(self._clock.now_ms() / 1000).astimezone()
        return (now + timedelta(days=offset)).strftime("%Y%m%d")

    def find(self, order_id: bytes) -> Order:
        """Return an order.

        Raises:
            NotFound: It is not on the list any more.
        """
        with self._catalog.look() as records:
            order = records.orders.get(order_id)
        if order is None:
            raise NotFound("no such order", hint="look at the day list again")
        return order

    def list(self, first: str, last: str, text: str, limit: int) -> Sequence[Order]:
        """List orders by time; without days, those of today."""
        start = first or (last or self.day(0))
        with self._catalog.look() as records:
            return records.orders.list(first=start, last=last or start, text=text, limit=limit)


def _merged(known: Order | None, said: Order) -> Order:
    """Return an order as it is told now; what a source does not tell stays as it was."""
    if known is None:
        return said
    return replace(
        said,
        scheduled=said.scheduled or known.scheduled,
        modality=said.modality or known.modality,
        description=said.description or known.description,
        requested_by=said.requested_by or known.requested_by,
        referring=said.referring or known.referring,
        study_uid=said.study_uid or known.study_uid,
    )

"""The day's list: whom the department expects, what they decided, and who is being asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from aiohttp import web

from undisc_node.services.asking import Asked
from undisc_node.services.department_rows import Order
from undisc_node.services.visiting import VisitDetail
from undisc_node.web.desk import letters, offers
from undisc_node.web.desk.sessions import desk_page, run
from undisc_node.web.desk.uses import DeskUses

_MOST: Final = 500  # orders and visits of a day; a large department has 300
_SHOWN: Final = 200  # visits on the page of all visits
_DAY_MS: Final = 86_400_000


@dataclass(frozen=True, slots=True)
class Line:
    """Somebody of the day's list.

    Attributes:
        order: The order.
        visit: The newest visit of this patient that the order may belong to, or None.
        asked: The newest question to them that is open, or None.
    """

    order: Order
    visit: VisitDetail | None
    asked: Asked | None


@dataclass(frozen=True, slots=True)
class Day:
    """Everything of the day's page.

    Attributes:
        lines: The list.
        others: Visits of today of nobody on the list.
        waiting: Open questions to nobody on the list.
        to_decide: How many rows wait in the queue; at most a hundred are counted.
        troubled: How many messages could not be sent.
        offered: How many offers wait for a decision.
    """

    lines: list[Line]
    others: list[VisitDetail]
    waiting: list[Asked]
    to_decide: int
    troubled: int
    offered: int


async def day(request: web.Request) -> web.StreamResponse:
    """GET /desk/: the day's list."""
    text = request.query.get("text", "")[:64].strip()
    found = await run(request, lambda desk: _day(desk, text))
    return desk_page(request, "desk/day.html", here="day", found=found, text=text)


def _day(desk: DeskUses, text: str) -> Day:
    now_ms = desk.now_ms()
    orders = desk.ordering.list("", "", text, _MOST)
    visits = [
        one
        for one in desk.visiting.list("", _MOST)
        if one.visit.opened_ms > now_ms - _DAY_MS and _has(one, text)
    ]
    asked = [one for one in desk.asking.list() if one.ask.done_ms is None]
    asked = [one for one in asked if one.ask.until_ms > now_ms]
    lines = [
        Line(
            order,
            next((one for one in visits if _belongs(one, order)), None),
            next((one for one in asked if order.accession in one.facts.orders), None),
        )
        for order in orders
    ]
    on_list = {id(line.visit) for line in lines} | {id(line.asked) for line in lines}
    return Day(
        lines,
        [one for one in visits if id(one) not in on_list],
        [one for one in asked if id(one) not in on_list],
        len(desk.queueing.list()),
        letters.troubled(desk),
        offers.waiting(desk),
    )


def _belongs(detail: VisitDetail, order: Order) -> bool:
    """Tell whether a visit is this order's, by patient number and accession number."""
    same = detail.visit.patient.id == order.patient.id
    return same and (not order.accession or order.accession in detail.accessions)


def _has(detail: VisitDetail, text: str) -> bool:
    patient = detail.visit.patient
    return text.casefold() in f"{patient.name} {patient.id}".casefold()


async def visits(request: web.Request) -> web.StreamResponse:
    """GET /desk/visits: the newest visits, or those of a patient number."""
    patient = request.query.get("patient", "")[:64].strip()
    found = await run(request, lambda desk: list(desk.visiting.list(patient, _SHOWN)))
    return desk_page(request, "desk/visits.html", here="visits", found=found, patient=patient)

"""The day list and waiting reports on the admin socket."""

from __future__ import annotations

import re
from typing import Final

from aiohttp import web

from undisc_node.services.department_rows import Order, Report
from undisc_node.services.errors import Invalid
from undisc_node.services.notice_rows import NoticeRow
from undisc_node.services.ordering import Refreshed
from undisc_node.services.report_facts import ShownReport
from undisc_node.web.admin_answers import answer, changes, reads
from undisc_node.web.admin_uses import AdminUses
from undisc_node.web.fields import query_number, read_fields
from undisc_node.web.rendering import Json, Names, moment_ms, moment_or_none, patient_json

_MOST: Final = 5_000  # orders of one answer
_DAY: Final = re.compile(r"\d{8}")


def order_json(order: Order) -> Json:
    """Render an order."""
    return {
        "id": order.id.hex(),
        "accession": order.accession,
        "patient": patient_json(order.patient),
        "scheduled": order.scheduled,
        "modality": order.modality,
        "description": order.description,
        "requested_by": order.requested_by,
        "referring": order.referring,
        "study_uid": order.study_uid,
        "source": order.source,
        "state": order.state,
        "seen": moment_ms(order.seen_ms),
    }


def report_json(report: Report) -> Json:
    """Render a report that waits, without its content."""
    return {
        "id": report.id.hex(),
        "accession": report.accession,
        "patient": patient_json(report.patient),
        "state": report.state,
        "title": report.title,
        "author": report.author,
        "reported": report.reported,
        "form": report.form,
        "source": report.source,
        "bytes": len(report.content),
        "since": moment_ms(report.at_ms),
    }


def shown_json(report: ShownReport) -> Json:
    """Render a report of a study."""
    facts = report.facts
    return {
        "object": report.object.hex(),
        "sop_uid": report.sop_uid,
        "sop_class": report.sop_class,
        "sender": report.sender,
        "arrived": moment_ms(report.at_ms),
        "state": facts.state if facts else None,
        "title": facts.title if facts else "",
        "reported": facts.reported if facts else "",
        "replaced": report.is_replaced,
    }


def notice_json(notice: NoticeRow, names: Names) -> Json:
    """Render a notice to another node."""
    return {
        "peer": notice.peer.hex(),
        "peer_name": names.of_node(notice.peer),
        "kind": notice.kind,
        "made": moment_ms(notice.made_ms),
        "attempts": notice.attempts,
        "done": moment_or_none(notice.done_ms),
        "outcome": notice.outcome,
        # What the other node signed: see SPEC.md §6.11.
        "heard": moment_or_none(notice.heard_ms),
        "does": notice.does or None,
        "why": notice.why or None,
        "passed": notice.passed,
    }


def _refreshed_json(refreshed: Refreshed) -> Json:
    return {
        "at": moment_ms(refreshed.at_ms) if refreshed.at_ms else None,
        "orders": refreshed.orders,
        "problem": refreshed.problem or None,
    }


def _day(request: web.Request, name: str) -> str:
    text = request.query.get(name, "").replace("-", "")
    if text and not _DAY.fullmatch(text):
        raise Invalid(f"{name} must be a day such as 2026-11-24")
    return text


async def orders(request: web.Request) -> web.StreamResponse:
    """GET /admin/v1/orders: the day list, by time; today without `first` and `last`."""
    first, last = _day(request, "first"), _day(request, "last")
    text = request.query.get("text", "")
    limit = max(1, query_number(request, "limit", default=500, most=_MOST))

    def work(uses: AdminUses, _actor: str) -> Json:
        found = uses.ordering.list(first, last, text, limit)
        return {
            "orders": [order_json(order) for order in found],
            "worklist": _refreshed_json(uses.ordering.last),
        }

    return await answer(request, work)


async def refresh(request: web.Request) -> web.StreamResponse:
    """POST /admin/v1/orders/refresh: ask the worklist now."""
    (await read_fields(request)).done()
    return await answer(
        request, lambda uses, _: {"worklist": _refreshed_json(uses.ordering.refresh())}
    )


async def reports(request: web.Request) -> web.StreamResponse:
    """GET /admin/v1/reports: reports that have not found their study, oldest first."""
    limit = max(1, query_number(request, "limit", default=100, most=1_000))

    def work(uses: AdminUses, _actor: str) -> Json:
        return {"reports": [report_json(report) for report in uses.reporting.waiting(limit)]}

    return await answer(request, work)


ROUTES: Final = (
    reads("/admin/v1/orders", orders),
    changes("/admin/v1/orders/refresh", refresh),
    reads("/admin/v1/reports", reports),
)

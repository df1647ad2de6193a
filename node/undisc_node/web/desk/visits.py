"""A visit: what was decided, what belongs to it, who has it, and what the desk can do about it."""

from __future__ import annotations

from typing import Final

from aiohttp import hdrs, web

from undisc_node.services.consent_rows import Decision
from undisc_node.services.desk_rows import Channel, VisitPin
from undisc_node.services.errors import ServiceError
from undisc_node.services.visiting import VisitDetail
from undisc_node.web.desk.sessions import desk_page, form_of, run, see, who
from undisc_node.web.desk.uses import DeskUses
from undisc_node.web.pages.texts import problem_text

_WHY: Final = 500  # characters of a reason


def state_of(detail: VisitDetail, now_ms: int) -> str:
    """Return how a consent stands: `yes`, `no`, `withdrawn` or `ended`."""
    consent = detail.consent
    if consent.withdrawn_ms is not None:
        return "withdrawn"
    if consent.statement.decision is Decision.NO:
        return "no"
    return "yes" if consent.holds(now_ms) else "ended"


async def show(request: web.Request) -> web.StreamResponse:
    """GET /desk/visits/{visit}: a visit and what came of it."""
    return await _show(request)


async def _show(request: web.Request, problem: str = "", status: int = 200) -> web.Response:
    name = request.match_info["visit"]

    def work(
        desk: DeskUses,
    ) -> tuple[VisitDetail, list[Channel], VisitPin | None, bool, int]:
        detail = desk.visiting.detail(desk.visiting.find(name).id)
        visit, consent = detail.visit.id, detail.consent
        return (
            detail,
            list(desk.wishes.channels(visit)),
            desk.wishes.pin(visit),
            desk.wishes.is_drawn(consent.id),
            desk.now_ms(),
        )

    detail, channels, pin, is_drawn, now_ms = await run(request, work)
    return desk_page(
        request,
        "desk/visit.html",
        status=status,
        here="visits",
        detail=detail,
        said=detail.consent.statement,
        state=state_of(detail, now_ms),
        channels=channels,
        pin=pin,
        is_drawn=is_drawn,
        now_ms=now_ms,
        problem=problem,
    )


async def release(request: web.Request) -> web.StreamResponse:
    """POST /desk/visits/{visit}/release: gives its studies to those whom the patient named."""
    await form_of(request)
    name, by = request.match_info["visit"], who(request).name
    try:
        await run(request, lambda desk: desk.releasing.release(desk.visiting.find(name).id, by))
    except ServiceError as problem:
        return await _show(request, problem_text(request, problem), problem.status)
    return see(f"/desk/visits/{name}")


async def withdraw(request: web.Request) -> web.StreamResponse:
    """POST /desk/visits/{visit}/withdraw: takes the consent back, and all that rests on it."""
    form = await form_of(request)
    name, by = request.match_info["visit"], who(request).name
    why = form.text("why", most=_WHY)

    def work(desk: DeskUses) -> None:
        desk.consenting.withdraw(desk.visiting.find(name).consent, why, by)

    await run(request, work)
    return see(f"/desk/visits/{name}")


async def reopen_pin(request: web.Request) -> web.StreamResponse:
    """POST /desk/visits/{visit}/pin: lets attempts at the PIN begin anew."""
    await form_of(request)
    name, by = request.match_info["visit"], who(request).name
    await run(request, lambda desk: desk.wishes.reopen_pin(desk.visiting.find(name).id, by))
    return see(f"/desk/visits/{name}")


async def signature(request: web.Request) -> web.StreamResponse:
    """GET /desk/visits/{visit}/signature: the drawn signature, as PNG."""
    name = request.match_info["visit"]
    image = await run(request, lambda desk: desk.wishes.signature(desk.visiting.find(name).consent))
    return web.Response(
        body=image, content_type="image/png", headers={hdrs.CACHE_CONTROL: "no-store"}
    )

"""A visit: what was decided, what belongs to it, who has it, and what the desk can do about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from aiohttp import hdrs, web

from undisc_node.services.browsing_rows import AccessRow
from undisc_node.services.consent_rows import Decision
from undisc_node.services.desk_rows import Channel
from undisc_node.services.errors import NotFound, ServiceError
from undisc_node.services.message_rows import MessageRow
from undisc_node.services.patient_links import Handout, PatientAccess
from undisc_node.services.patient_views import Shown as ShownShare
from undisc_node.services.use_notices import UseWish
from undisc_node.services.visiting import VisitDetail
from undisc_node.web.desk.sessions import desk_page, form_of, run, see, who
from undisc_node.web.desk.uses import DeskUses
from undisc_node.web.pages.qr import qr_picture
from undisc_node.web.pages.texts import problem_text
from undisc_protocol.did import Did

_WHY: Final = 500  # characters of a reason
_MOST: Final = 100  # accesses on the page; all of them are in the log


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
    return await show_visit(request)


@dataclass(frozen=True, slots=True)
class Shown:
    """Everything of a visit's page.

    Attributes:
        detail: The visit and what came of it.
        channels: Ways in which the patient wants the link.
        access: How they get in.
        shares: What was shared.
        accesses: Who looked at what, newest first.
        messages: What was sent to them, newest first.
        is_drawn: Whether the consent has a drawn signature.
        notices: Whether the patient is told of each use.
        now_ms: The time.
    """

    detail: VisitDetail
    channels: Sequence[Channel]
    access: PatientAccess
    shares: Sequence[ShownShare]
    accesses: Sequence[AccessRow]
    messages: Sequence[MessageRow]
    is_drawn: bool
    notices: UseWish
    now_ms: int

    @property
    def tested_ms(self) -> int | None:
        """When the patient last tried a share to the end, or None."""
        return max(
            (one.shared.tested_ms for one in self.shares if one.shared.tested_ms), default=None
        )

    @property
    def labels(self) -> Mapping[Did, str]:
        """What recipients are called, by the key that they come with."""
        return {one.shared.audience: one.shared.label for one in self.shares}


async def show_visit(request: web.Request, problem: str = "", status: int = 200) -> web.Response:
    """Answer with a visit's page, and what stood in the way of a deed."""
    name = request.match_info["visit"]

    def work(desk: DeskUses) -> Shown:
        detail = desk.visiting.detail(desk.visiting.find(name).id)
        visit = detail.visit.id
        return Shown(
            detail,
            desk.wishes.channels(visit),
            desk.links.access(visit),
            desk.sharing.shares_of(visit),
            desk.sharing.accesses_of(visit)[:_MOST],
            desk.messages.list(visit),
            desk.wishes.is_drawn(detail.consent.id),
            desk.use_notices.wish(visit),
            desk.now_ms(),
        )

    shown = await run(request, work)
    return desk_page(
        request,
        "desk/visit.html",
        status=status,
        here="visits",
        shown=shown,
        detail=shown.detail,
        said=shown.detail.consent.statement,
        state=state_of(shown.detail, shown.now_ms),
        problem=problem,
    )


async def release(request: web.Request) -> web.StreamResponse:
    """POST /desk/visits/{visit}/release: gives its studies to those whom the patient named."""
    await form_of(request)
    name, by = request.match_info["visit"], who(request).name
    try:
        await run(request, lambda desk: desk.releasing.release(desk.visiting.find(name).id, by))
    except ServiceError as problem:
        return await show_visit(request, problem_text(request, problem), problem.status)
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


async def hand_out(request: web.Request) -> web.StreamResponse:
    """POST /desk/visits/{visit}/link: shows the patient's link, once more or a new one."""
    form = await form_of(request)
    name, by, is_new = request.match_info["visit"], who(request).name, form.flag("new")

    def work(desk: DeskUses) -> tuple[VisitDetail, Handout, str]:
        visit = desk.visiting.find(name).id
        if is_new:
            desk.sharing.note(visit, "new link", "", by)
        made = desk.links.reissue(visit, by) if is_new else desk.links.handout(visit)
        pin = "" if desk.links.access(visit).pin else desk.links.draw_pin(visit, by)
        return desk.visiting.detail(visit), made, pin

    try:
        detail, made, pin = await run(request, work)
    except ServiceError as problem:
        return await show_visit(request, problem_text(request, problem), problem.status)
    return desk_page(
        request,
        "desk/handout.html",
        here="visits",
        detail=detail,
        made=made,
        pin=pin,
        picture=qr_picture(made.link),
        place=made.link.partition("#")[0],
    )


async def sheet(request: web.Request) -> web.StreamResponse:
    """POST /desk/visits/{visit}/sheet: the sheet of paper that opens the visit, as PDF."""
    await form_of(request)
    name, by = request.match_info["visit"], who(request).name
    try:
        drawn = await run(
            request, lambda desk: desk.reaching.printed(desk.visiting.find(name).id, "", by)
        )
    except ServiceError as problem:
        return await show_visit(request, problem_text(request, problem), problem.status)
    return web.Response(
        body=drawn, content_type="application/pdf", headers={hdrs.CACHE_CONTROL: "no-store"}
    )


async def send_again(request: web.Request) -> web.StreamResponse:
    """POST /desk/visits/{visit}/messages/{message}: sends a message once more, now."""
    await form_of(request)
    named, by = request.match_info, who(request).name

    def work(desk: DeskUses) -> None:
        visit, message = desk.visiting.find(named["visit"]), desk.messages.find(named["message"])
        if message.visit != visit.id:
            raise NotFound("no such message")
        desk.messages.retry(message.id, again=True, actor=by)

    try:
        await run(request, work)
    except ServiceError as problem:
        return await show_visit(request, problem_text(request, problem), problem.status)
    return see(f"/desk/visits/{named['visit']}")


async def tell_of_uses(request: web.Request) -> web.StreamResponse:
    """POST /desk/visits/{visit}/notices: tells the patient of each use, or not any more."""
    form = await form_of(request)
    name, by, wanted = request.match_info["visit"], who(request).name, form.flag("wanted")
    await run(
        request,
        lambda desk: desk.use_notices.want(desk.visiting.find(name).id, by, wanted=wanted),
    )
    return see(f"/desk/visits/{name}")


async def new_pin(request: web.Request) -> web.StreamResponse:
    """POST /desk/visits/{visit}/new-pin: draws a new PIN, and shows it once."""
    await form_of(request)
    name, by = request.match_info["visit"], who(request).name

    def work(desk: DeskUses) -> tuple[VisitDetail, str]:
        visit = desk.visiting.find(name).id
        desk.sharing.note(visit, "new PIN", "", by)
        return desk.visiting.detail(visit), desk.links.draw_pin(visit, by)

    detail, pin = await run(request, work)
    return desk_page(request, "desk/handout.html", here="visits", detail=detail, made=None, pin=pin)


async def reopen_pin(request: web.Request) -> web.StreamResponse:
    """POST /desk/visits/{visit}/pin: lets attempts at the PIN begin anew."""
    await form_of(request)
    name, by = request.match_info["visit"], who(request).name

    def work(desk: DeskUses) -> None:
        visit = desk.visiting.find(name).id
        desk.sharing.note(visit, "new attempts", "", by)
        desk.links.reopen(visit, by)

    await run(request, work)
    return see(f"/desk/visits/{name}")


async def signature(request: web.Request) -> web.StreamResponse:
    """GET /desk/visits/{visit}/signature: the drawn signature, as PNG."""
    name = request.match_info["visit"]
    image = await run(request, lambda desk: desk.wishes.signature(desk.visiting.find(name).consent))
    return web.Response(
        body=image, content_type="image/png", headers={hdrs.CACHE_CONTROL: "no-store"}
    )

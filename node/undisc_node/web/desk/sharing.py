"""What the patient's page does, at the desk: share, end, note a trial; on recorded instruction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from aiohttp import web

from undisc_node.services.consent_rows import Visit
from undisc_node.services.desk_sharing import MAX_WHO, GivenOut, ToShare
from undisc_node.services.errors import Invalid, ServiceError
from undisc_node.services.model import Peer, PeerState
from undisc_node.services.patient_sharing import MAX_LABEL
from undisc_node.services.patient_views import Wanted
from undisc_node.web.desk.sessions import desk_page, form_of, run, see, who
from undisc_node.web.desk.uses import DeskUses
from undisc_node.web.desk.visits import show_visit
from undisc_node.web.fields import read_hex
from undisc_node.web.pages.forms import Form
from undisc_node.web.pages.qr import qr_picture
from undisc_node.web.pages.texts import problem_text

_CONTACT: Final = 254  # characters of an e-mail address (RFC 5321 §4.5.3.1.3)
_PASSCODE: Final = 128  # characters
DAYS: Final = ("1", "7", "30", "365")
USES: Final = ("0", "1", "3", "10")
_FIELDS: Final[Mapping[str, str]] = {
    "bad_email": "contact",
    "bad_telephone": "contact",
    "bad_passcode": "passcode",
}


async def share_form(request: web.Request) -> web.StreamResponse:
    """GET /desk/visits/{visit}/share: with whom, and how protected."""
    drawn = await run(request, lambda desk: desk.sharing.draw_passcode())
    return await _form(request, {"passcode": drawn, "days": "30"}, {})


async def _form(
    request: web.Request,
    values: Mapping[str, str],
    problems: Mapping[str, str],
    status: int = 200,
) -> web.Response:
    name = request.match_info["visit"]

    def work(desk: DeskUses) -> tuple[Visit, Sequence[Peer], bool]:
        trusted = [one for one in desk.peers() if one.state is PeerState.TRUSTED]
        return desk.visiting.find(name), trusted, desk.sharing.sends

    visit, peers, sends = await run(request, work)
    return desk_page(
        request,
        "desk/share.html",
        status=status,
        here="visits",
        visit=visit,
        peers=[(one.id.hex(), one.name) for one in peers],
        sends=sends,
        days=DAYS,
        uses=USES,
        values=values,
        problems=problems,
    )


async def share(request: web.Request) -> web.StreamResponse:
    """POST /desk/visits/{visit}/share: shares, and shows the link once."""
    form = await form_of(request)
    name, by = request.match_info["visit"], who(request).name
    instructed = form.text("instructed", most=MAX_WHO)
    to = _wanted(form)
    problems = {field: problem_text(request, code) for field, code in form.problems.items()}
    if not problems:

        def work(desk: DeskUses) -> tuple[Visit, GivenOut]:
            visit = desk.visiting.find(name)
            return visit, desk.sharing.share(visit.id, to, instructed, by)

        try:
            visit, made = await run(request, work)
        except (Invalid, ServiceError) as problem:
            problems = {_FIELDS.get(problem.reason, ""): problem_text(request, problem)}
        else:
            return desk_page(
                request,
                "desk/shared.html",
                here="visits",
                visit=visit,
                made=made,
                passcode=to.wanted.passcode,
                sent=to.send_to,
                picture=qr_picture(made.link) if made.link else "",
            )
    values = {field: given[0] for field, given in form.values().items() if given}
    return await _form(request, values, problems, 422)


def _wanted(form: Form) -> ToShare:
    """Read with whom something is shared, and how; problems are noted in the form."""
    peer = form.text("peer", most=64)
    passcode = "" if peer else form.secret("passcode", most=_PASSCODE).strip()
    days, uses = form.text("days", most=3), form.text("uses", most=3)
    if days not in DAYS or uses not in ("", *USES):
        form.problems["days"] = "missing"
        return ToShare(Wanted(""))
    return ToShare(
        Wanted(
            label=form.text("label", most=MAX_LABEL, needed=True),
            passcode=passcode,
            uses=int(uses or 0) or None,
            contact="" if peer else form.text("contact", most=_CONTACT),
        ),
        peer=read_hex("peer", peer, 32) if peer else b"",
        days=int(days),
        view_only=form.flag("view_only"),
        send_to="" if peer else form.text("send_to", most=_CONTACT),
    )


async def end(request: web.Request) -> web.StreamResponse:
    """POST /desk/visits/{visit}/end: ends one share, or all that was given to anybody."""
    form = await form_of(request)
    name, by = request.match_info["visit"], who(request).name
    one = form.text("share", most=32)
    share_id = read_hex("share", one, 16) if one else None
    instructed = form.text("instructed", most=MAX_WHO)

    def work(desk: DeskUses) -> None:
        desk.sharing.end(desk.visiting.find(name).id, share_id, instructed, by)

    return await _done(request, name, work)


async def tested(request: web.Request) -> web.StreamResponse:
    """POST /desk/visits/{visit}/tested: notes that a share was opened with the patient there."""
    form = await form_of(request)
    name, by = request.match_info["visit"], who(request).name
    share_id = read_hex("share", form.text("share", most=32), 16)

    def work(desk: DeskUses) -> None:
        desk.sharing.tested(desk.visiting.find(name).id, share_id, "", by)

    return await _done(request, name, work)


async def _done(
    request: web.Request, name: str, work: Callable[[DeskUses], None]
) -> web.StreamResponse:
    try:
        await run(request, work)
    except ServiceError as problem:
        return await show_visit(request, problem_text(request, problem), problem.status)
    return see(f"/desk/visits/{name}")

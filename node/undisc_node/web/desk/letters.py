"""Messages to patients: what was sent, what failed and why, again, and where they should go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from aiohttp import web

from undisc_node.services.consent_rows import Visit
from undisc_node.services.contacts import Contact, read_contact
from undisc_node.services.desk_rows import Channel, ChannelKind
from undisc_node.services.errors import Invalid, ServiceError
from undisc_node.services.message_rows import MessageRow, MessageState
from undisc_node.web import keys
from undisc_node.web.desk.sessions import desk_page, form_of, run, see, who
from undisc_node.web.desk.uses import DeskUses
from undisc_node.web.pages.forms import Form
from undisc_node.web.pages.texts import problem_text

PLACE: Final = "/desk/messages"
_MOST: Final = 200  # messages on the page: those of a busy week
_ADDRESS: Final = 254  # characters of an e-mail address (RFC 5321 §4.5.3.1.3)
TROUBLE: Final = frozenset({MessageState.FAILED, MessageState.UNSURE})
"""States that wait for a person."""
_FIELDS: Final[Mapping[str, str]] = {
    "bad_email": "email",
    "bad_telephone": "text",
    "not_warned": "accepted-1",
}


def troubled(desk: DeskUses) -> int:
    """Count the newest messages that wait for a person."""
    return sum(one.state in TROUBLE for one in desk.messages.list(limit=_MOST))


async def messages(request: web.Request) -> web.StreamResponse:
    """GET /desk/messages: newest first; `trouble=1` for those that wait for a person."""
    return await _messages(request)


async def _messages(request: web.Request, problem: str = "", status: int = 200) -> web.Response:
    only = request.query.get("trouble") == "1"

    def work(desk: DeskUses) -> tuple[Sequence[MessageRow], Mapping[bytes, Visit]]:
        found = [one for one in desk.messages.list(limit=_MOST) if not only or one.state in TROUBLE]
        visits = {one.visit: desk.visiting.find(one.visit.hex()) for one in found if one.visit}
        return found, visits

    found, visits = await run(request, work)
    return desk_page(
        request,
        "desk/messages.html",
        status=status,
        here="messages",
        found=found,
        visits=visits,
        only=only,
        problem=problem,
    )


async def retry(request: web.Request) -> web.StreamResponse:
    """POST /desk/messages/{message}/retry: sends it once more, now."""
    await form_of(request)
    name, by = request.match_info["message"], who(request).name

    def work(desk: DeskUses) -> None:
        desk.messages.retry(desk.messages.find(name).id, again=True, actor=by)

    try:
        await run(request, work)
    except ServiceError as problem:
        return await _messages(request, problem_text(request, problem), problem.status)
    return see(PLACE)


async def cancel(request: web.Request) -> web.StreamResponse:
    """POST /desk/messages/{message}/cancel: does not send it."""
    await form_of(request)
    name, by = request.match_info["message"], who(request).name
    try:
        await run(request, lambda desk: desk.messages.cancel(desk.messages.find(name).id, by))
    except ServiceError as problem:
        return await _messages(request, problem_text(request, problem), problem.status)
    return see(PLACE)


# --- Where a link goes ----------------------------------------------------------------------------


async def contacts_form(request: web.Request) -> web.StreamResponse:
    """GET /desk/visits/{visit}/contacts: where its link goes, to be corrected."""
    name = request.match_info["visit"]

    def work(desk: DeskUses) -> Sequence[Channel]:
        return desk.reaching.contacts(desk.visiting.find(name).id)

    known = await run(request, work)
    values = {one.kind.value: [one.address] for one in known}
    return await _form(request, {**values, "channel": [one.kind.value for one in known]}, {})


async def _form(
    request: web.Request,
    values: Mapping[str, list[str]],
    problems: Mapping[str, str],
    status: int = 200,
) -> web.Response:
    name, carries = request.match_info["visit"], request.app[keys.ASKED].carries
    visit = await run(request, lambda desk: desk.visiting.find(name))
    return desk_page(
        request,
        "desk/contacts.html",
        status=status,
        here="visits",
        visit=visit,
        ways=[kind.value for kind in ChannelKind if kind is ChannelKind.PRINT or carries(kind)],
        channels=values.get("channel", []),
        values={field: given[0] for field, given in values.items() if given},
        problems=problems,
    )


async def contacts(request: web.Request) -> web.StreamResponse:
    """POST /desk/visits/{visit}/contacts: says where its link goes, by itself from then on."""
    form = await form_of(request)
    name, by, warned = request.match_info["visit"], who(request).name, form.flag("accepted")
    problems: dict[str, str] = {}
    try:
        chosen = _chosen(form)
        problems = {field: problem_text(request, code) for field, code in form.problems.items()}
        if not problems:
            await run(
                request,
                lambda desk: desk.reaching.choose(
                    desk.visiting.find(name).id, chosen, warned=warned, actor=by
                ),
            )
    except (Invalid, ServiceError) as problem:
        problems = {_FIELDS.get(problem.reason, ""): problem_text(request, problem)}
    if not problems:
        return see(f"/desk/visits/{name}")
    return await _form(request, form.values(), problems, 422)


def _chosen(form: Form) -> Sequence[Contact]:
    named = form.many("channel")
    return [
        read_contact(
            kind,
            "" if kind is ChannelKind.PRINT else form.text(kind, most=_ADDRESS, needed=True),
        )
        for kind in ChannelKind
        if kind in named
    ]

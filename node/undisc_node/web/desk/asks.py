"""Asking a patient: the desk says about whom and what, and hands a device over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from aiohttp import hdrs, web

from undisc_node.services.ask_facts import AskFacts
from undisc_node.services.department_rows import Order
from undisc_node.services.errors import Invalid, NotFound
from undisc_node.services.model import Patient, Peer
from undisc_node.web import keys
from undisc_node.web.asked import pages as asked_pages
from undisc_node.web.desk.facts import FIELDS, facts_of, find_order
from undisc_node.web.desk.sessions import (
    desk_page,
    form_of,
    fresh_secret,
    run,
    secret_of,
    see,
    who,
    with_secret,
)
from undisc_node.web.desk.uses import DeskUses
from undisc_node.web.fields import read_hex
from undisc_node.web.pages.protecting import set_cookie
from undisc_node.web.pages.qr import qr_picture
from undisc_node.web.pages.texts import problem_text


async def ask_form(request: web.Request) -> web.StreamResponse:
    """GET /desk/ask: about whom and what; with `order`, somebody of the day's list."""
    return await _form(request, request.query.get("order", ""), {}, {})


async def _form(
    request: web.Request,
    order_id: str,
    values: Mapping[str, list[str]],
    problems: Mapping[str, str],
    status: int = 200,
) -> web.Response:
    def work(desk: DeskUses) -> tuple[Order | None, Sequence[Peer]]:
        order = find_order(desk, order_id)
        return order, desk.asking.offered(AskFacts(order.patient if order else Patient()))

    order, peers = await run(request, work)
    languages = request.app[keys.PAGES].languages.own_names()
    return desk_page(
        request,
        "desk/ask.html",
        status=status,
        here="day",
        order=order,
        peers=[(peer.id.hex(), peer.name) for peer in peers],
        named=values.get("to", []),
        values={name: given[0] for name, given in values.items() if given},
        problems=problems,
        tongues=languages,
    )


async def ask(request: web.Request) -> web.StreamResponse:
    """POST /desk/ask: prepares the question."""
    form, by = await form_of(request), who(request).name
    order_id = form.text("order", most=32)
    order = await run(request, lambda desk: find_order(desk, order_id))
    facts = facts_of(form, order)
    problems = {name: problem_text(request, code) for name, code in form.problems.items()}
    if facts is not None and not problems:
        try:
            made = await run(request, lambda desk: desk.asking.prepare(facts, by))
        except (Invalid, NotFound) as problem:
            problems = {FIELDS.get(problem.reason, ""): problem_text(request, problem)}
        else:
            return see(f"/desk/asks/{made.id.hex()}")
    return await _form(request, order_id, form.values(), problems, 422)


async def show(request: web.Request) -> web.StreamResponse:
    """GET /desk/asks/{ask}: how the patient can answer, or what they answered."""
    return await _show(request, "", "")


async def _show(request: web.Request, code: str, place: str) -> web.Response:
    ask_id = _id(request)
    asked, now_ms = await run(request, lambda desk: (desk.asking.find(ask_id), desk.now_ms()))
    state = "open"
    if asked.ask.done_ms is not None:
        state = "answered" if asked.ask.visit else "dropped"
    elif now_ms >= asked.ask.until_ms:
        state = "over"
    elif asked.ask.session:
        state = "opened"
    return desk_page(
        request,
        "desk/asked.html",
        here="day",
        asked=asked,
        state=state,
        code=code,
        place=place.partition("#")[0],
        picture=qr_picture(place) if place else "",
    )


def _id(request: web.Request) -> bytes:
    return read_hex("ask", request.match_info["ask"], 16)


async def hand_over(request: web.Request) -> web.StreamResponse:
    """POST /desk/asks/{ask}/here: this very device shows the question, and the desk no more."""
    await form_of(request)
    ask_id, secret = _id(request), secret_of(request)

    def work(desk: DeskUses) -> str:
        handed = desk.asking.hand_over(ask_id)
        desk.signing_in.sign_off(secret)
        return handed

    handed = await run(request, work)
    response = with_secret(request, see(asked_pages.ASK), fresh_secret(request))
    set_cookie(request, response, asked_pages.COOKIE, handed)
    return response


async def show_code(request: web.Request) -> web.StreamResponse:
    """POST /desk/asks/{ask}/code: shows a one-time code, for a tablet or the patient's phone."""
    form = await form_of(request)
    ask_id, is_phone = _id(request), form.text("for") == "phone"
    code, url = await run(request, lambda desk: (desk.asking.handle(ask_id), desk.public_url))
    if not is_phone:
        url = f"{urlsplit(str(request.url)).scheme}://{request.headers[hdrs.HOST]}"
    return await _show(request, code, f"{url}{asked_pages.START}#{code}")


async def cancel(request: web.Request) -> web.StreamResponse:
    """POST /desk/asks/{ask}/drop: lets nobody answer it any more."""
    await form_of(request)
    ask_id = _id(request)
    await run(request, lambda desk: desk.asking.cancel(ask_id))
    return see("/desk/")

"""Giving images out in an emergency, at the desk: who asks, why, to whom, and for how long.

The rules are those of `undisc grants create --basis emergency`, and stand in the services: named
staff, a reason, 72 hours at most, a second person who is told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from undisc_node.services.emergency_giving import Given
from undisc_node.services.errors import Invalid, ServiceError
from undisc_node.services.granting import LONGEST_EMERGENCY, MAX_REASON, MAX_STAFF
from undisc_node.services.model import Peer, PeerState, Study, StudyState
from undisc_node.web.desk.sessions import desk_page, form_of, run, who
from undisc_node.web.desk.uses import DeskUses
from undisc_node.web.pages.forms import Form
from undisc_node.web.pages.qr import qr_picture
from undisc_node.web.pages.texts import problem_text
from undisc_protocol import limits
from undisc_protocol.capability.delegation import COMMAND_READ, COMMAND_VIEW

_FOUND: Final = 50  # studies of one search; more means that the search is too wide
_TEXT: Final = 64  # characters of a patient number or name
_HOUR: Final = 3_600  # seconds
_HOURS: Final = 24  # proposed: until the next morning somebody has asked the patient or family
_LINK: Final = "link"
"""Recipient of a link, in the place of a practice."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What can be chosen.

    Attributes:
        studies: Studies that the search found.
        practices: Trusted practices that may fetch.
    """

    studies: Sequence[Study]
    practices: Sequence[Peer]


async def show(request: web.Request) -> web.StreamResponse:
    """GET /desk/emergency: finds the images, and asks what has to be known."""
    return await _show(request, request.query.get("text", "")[:_TEXT].strip(), {})


async def _show(
    request: web.Request,
    text: str,
    typed: dict[str, list[str]],
    problem: str = "",
    status: int = 200,
) -> web.Response:
    found = await run(request, lambda desk: _choice(desk, text))
    return desk_page(
        request,
        "desk/emergency.html",
        status=status,
        here="emergency",
        found=found,
        text=text,
        typed={name: values[0] for name, values in typed.items() if name != "passcode"},
        problem=problem,
        hours=_HOURS,
        longest=LONGEST_EMERGENCY // _HOUR,
        most_staff=MAX_STAFF,
        most_reason=MAX_REASON,
        most_passcode=limits.MAX_PASSCODE,
    )


def _choice(desk: DeskUses, text: str) -> Choice:
    studies = desk.studies.list(text, "", StudyState.ACTIVE, _FOUND, 0) if text else []
    practices = [
        one for one in desk.peers() if one.state is PeerState.TRUSTED and "fetch" in one.scopes
    ]
    return Choice(studies, practices)


async def give(request: web.Request) -> web.StreamResponse:
    """POST /desk/emergency: gives the images out; a link is shown once."""
    form, by = await form_of(request), who(request).name
    text = form.text("text", most=_TEXT)
    try:
        given, study = await run(request, lambda desk: _give(desk, form, by))
    except ServiceError as problem:
        said = problem_text(request, problem)
        return await _show(request, text, form.values(), said, problem.status)
    return desk_page(
        request,
        "desk/given.html",
        here="emergency",
        given=given,
        study=study,
        picture=qr_picture(given.link) if given.link else "",
    )


def _give(desk: DeskUses, form: Form, by: str) -> tuple[Given, Study]:
    study = desk.studies.find(form.text("study", most=_TEXT))
    to = form.text("to", most=_TEXT)
    peer = next((one for one in desk.peers() if one.id.hex() == to), None)
    if peer is None and to != _LINK:
        raise Invalid("say to whom the images go", code="missing")
    hours = form.text("hours", most=4)
    if not hours.isascii() or not hours.isdigit():
        raise Invalid("say for how many hours", hint=f"up to {LONGEST_EMERGENCY // _HOUR}")
    given = desk.giving.give(
        study=study.id,
        peer=peer,
        staff=form.text("staff", most=MAX_STAFF),
        purpose=form.text("reason", most=MAX_REASON, lines=True).replace("\n", " "),
        expires=desk.now_ms() // 1000 + int(hours) * _HOUR,
        command=COMMAND_VIEW if form.flag("view") and peer is None else COMMAND_READ,
        actor=by,
        passcode=form.secret("passcode", most=limits.MAX_PASSCODE),
    )
    return given, study

"""Signing in at the desk and off again: name and password, then a one-time code."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from undisc_node.services.desk_rows import StaffSession, Stage
from undisc_node.services.errors import NotSignedIn, Refused, TooManyAttempts
from undisc_node.services.signing_in import Enrolment
from undisc_node.web.desk.sessions import (
    SIGN_IN,
    form_of,
    fresh_secret,
    run,
    secret_of,
    see,
    with_secret,
)
from undisc_node.web.desk.uses import DeskUses
from undisc_node.web.pages.forms import token_of
from undisc_node.web.pages.qr import qr_picture
from undisc_node.web.pages.rendering import page
from undisc_node.web.pages.texts import problem_text

_MOST: Final = 256  # characters of a name or password


async def sign_in_page(
    request: web.Request, problem: str = "", status: int = 200
) -> web.StreamResponse:
    """GET /desk/sign-in: asks for name and password, or a passkey."""
    return _sign_in(request, problem=problem, status=status)


def _sign_in(
    request: web.Request, *, name: str = "", problem: str = "", status: int = 200
) -> web.Response:
    secret = secret_of(request) or fresh_secret(request)
    shown = page(
        request,
        "desk/sign_in.html",
        status=status,
        token=token_of(secret),
        name=name,
        problem=problem,
    )
    return with_secret(request, shown, secret)


async def sign_in(request: web.Request) -> web.StreamResponse:
    """POST /desk/sign-in: checks name and password."""
    form, secret = await form_of(request), secret_of(request)
    name, password = form.text("name", most=_MOST), form.secret("password", most=_MOST)
    try:
        signed = await run(request, lambda desk: desk.signing_in.begin(name, password, secret))
    except (NotSignedIn, TooManyAttempts) as problem:
        text = problem_text(request, problem)
        return _sign_in(request, name=name, problem=text, status=problem.status)
    return with_secret(request, see("/desk/code"), signed.secret)


async def code_page(request: web.Request) -> web.StreamResponse:
    """GET /desk/code: asks for a one-time code."""
    return await _code(request)


async def _code(
    request: web.Request, *, problem: str = "", status: int = 200
) -> web.StreamResponse:
    secret = secret_of(request)

    def work(desk: DeskUses) -> tuple[StaffSession, Enrolment | None] | None:
        session = desk.signing_in.session_of(secret)
        if session is None or session.stage is Stage.IN:
            return None
        enrolment = desk.signing_in.enrolment(session) if session.stage is Stage.ENROL else None
        return session, enrolment

    found = await run(request, work)
    if found is None:
        return see("/desk/")  # signed in already, or not at all: that page knows
    session, enrolment = found
    return page(
        request,
        "desk/code.html",
        status=status,
        token=token_of(secret),
        name=session.name,
        enrolment=enrolment,
        picture=qr_picture(enrolment.address) if enrolment else "",
        problem=problem,
    )


async def finish(request: web.Request) -> web.StreamResponse:
    """POST /desk/code: checks a one-time code; the first one confirms the authenticator."""
    form, secret = await form_of(request), secret_of(request)
    typed = form.secret("code", most=_MOST)
    try:
        signed = await run(request, lambda desk: desk.signing_in.finish(secret, typed))
    except NotSignedIn:
        return see(SIGN_IN)
    except (Refused, TooManyAttempts) as problem:
        text = problem_text(request, problem)
        return await _code(request, problem=text, status=problem.status)
    return with_secret(request, see("/desk/"), signed.secret)


async def sign_off(request: web.Request) -> web.StreamResponse:
    """POST /desk/sign-off: ends the session."""
    await form_of(request)
    secret = secret_of(request)
    await run(request, lambda desk: desk.signing_in.sign_off(secret))
    return with_secret(request, see(SIGN_IN), fresh_secret(request))

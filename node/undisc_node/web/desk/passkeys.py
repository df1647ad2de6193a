"""Passkeys at the desk: signing in with one, and setting them up."""

from __future__ import annotations

from typing import Final

from aiohttp import hdrs, web

from undisc_node.services.errors import NotSignedIn, ServiceError
from undisc_node.services.passkeys import MAX_LABEL, Site
from undisc_node.web.desk.sessions import (
    SIGN_IN,
    desk_page,
    form_of,
    run,
    secret_of,
    see,
    who,
    with_secret,
)
from undisc_node.web.desk.signing import sign_in_page
from undisc_node.web.fields import read_hex
from undisc_node.web.pages.protecting import host_of, is_loopback
from undisc_node.web.pages.texts import problem_text

_ANSWER: Final = 16_384  # characters of an authenticator's answer; those with RSA have 2,000
_ID: Final = 2_046  # hex digits of a passkey's id
_PLACE: Final = "/desk/passkeys"


def site_of(request: web.Request) -> Site:
    """Return the site as browsers see it: beyond this machine there is TLS in front."""
    scheme = "http" if is_loopback(request) else "https"
    return Site(host_of(request)[0], f"{scheme}://{request.headers.get(hdrs.HOST, '').lower()}")


def _json(text: str) -> web.Response:
    return web.Response(
        text=text, content_type="application/json", headers={hdrs.CACHE_CONTROL: "no-store"}
    )


async def ask(request: web.Request) -> web.StreamResponse:
    """POST /desk/passkey/ask: what a browser needs to sign in with a passkey."""
    await form_of(request)
    secret, site = secret_of(request), site_of(request)
    return _json(await run(request, lambda desk: desk.passkeys.ask(secret, site)))


async def sign_in(request: web.Request) -> web.StreamResponse:
    """POST /desk/passkey: signs in with a passkey alone."""
    form, secret, site = await form_of(request), secret_of(request), site_of(request)
    answer = form.secret("answer", most=_ANSWER)
    try:
        signed = await run(request, lambda desk: desk.passkeys.sign_in(secret, answer, site))
    except NotSignedIn:
        return see(SIGN_IN)
    except ServiceError as problem:
        return await sign_in_page(request, problem_text(request, problem), problem.status)
    return with_secret(request, see("/desk/"), signed.secret)


async def passkeys(request: web.Request) -> web.StreamResponse:
    """GET /desk/passkeys: one's own passkeys."""
    return await _passkeys(request)


async def _passkeys(request: web.Request, problem: str = "", status: int = 200) -> web.Response:
    name = who(request).name
    found = await run(request, lambda desk: list(desk.passkeys.list(name)))
    return desk_page(
        request,
        "desk/passkeys.html",
        status=status,
        here="passkeys",
        found=found,
        problem=problem,
    )


async def ask_new(request: web.Request) -> web.StreamResponse:
    """POST /desk/passkeys/ask: what a browser needs to make a passkey."""
    await form_of(request)
    name, secret, site = who(request).name, secret_of(request), site_of(request)
    return _json(await run(request, lambda desk: desk.passkeys.ask_new(name, secret, site)))


async def add(request: web.Request) -> web.StreamResponse:
    """POST /desk/passkeys: keeps a new passkey."""
    form, site = await form_of(request), site_of(request)
    name, secret = who(request).name, secret_of(request)
    label, answer = form.text("label", most=MAX_LABEL), form.secret("answer", most=_ANSWER)
    try:
        await run(request, lambda desk: desk.passkeys.add(name, secret, answer, label, site))
    except ServiceError as problem:
        return await _passkeys(request, problem_text(request, problem), problem.status)
    return see(_PLACE)


async def remove(request: web.Request) -> web.StreamResponse:
    """POST /desk/passkeys/remove: forgets one of one's own passkeys."""
    form, name = await form_of(request), who(request).name
    typed = form.secret("passkey", most=_ID)
    passkey = read_hex("passkey", typed, len(typed) // 2)
    try:
        await run(request, lambda desk: desk.passkeys.remove(name, passkey))
    except ServiceError as problem:
        return await _passkeys(request, problem_text(request, problem), problem.status)
    return see(_PLACE)

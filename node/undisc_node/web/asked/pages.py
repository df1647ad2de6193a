"""The pages of a handed-over device: type or scan a code, decide, done.

They live on both listeners below `/c`: on the internal one for the practice's tablet, on the public
one for the patient's own phone. The device has a cookie for this one decision and for nothing else:
it cannot come from here to the desk.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from aiohttp import hdrs, web

from undisc_node.services.asking import SECRET, Asked
from undisc_node.services.consent_rows import ConsentText, Decision
from undisc_node.services.desk_rows import ChannelKind
from undisc_node.services.errors import Invalid, NotFound, ServiceError
from undisc_node.services.model import Peer
from undisc_node.web import keys
from undisc_node.web.asked.answers import FIELDS, SECRET_FIELDS, answer_of
from undisc_node.web.asked.uses import AskedUses
from undisc_node.web.asked.words import blocks_of
from undisc_node.web.pages.forms import read_form, token_of
from undisc_node.web.pages.protecting import cookie_of, set_cookie
from undisc_node.web.pages.rendering import LANGUAGE, language_of, page
from undisc_node.web.pages.texts import problem_text
from undisc_node.web.routing import NO_BODY, Authority, Route

COOKIE: Final = "asked"
START: Final = "/c"
ASK: Final = "/c/ask"
_DONE: Final = "/c/done"
SMALL: Final = 8_192  # bytes; a code and a token
ANSWER_BODY: Final = 160 * 1024  # bytes: 64 KiB of signature in base64, signs escaped, and text
_Result = TypeVar("_Result")


async def _run(request: web.Request, work: Callable[[AskedUses], _Result]) -> _Result:
    uses = request.app[keys.ASKED]
    return await request.app[keys.WORKERS].run(lambda: work(uses))


def _see(place: str) -> web.Response:
    return web.Response(status=303, headers={hdrs.LOCATION: place, "Cache-Control": "no-store"})


async def start(request: web.Request) -> web.StreamResponse:
    """GET /c: takes the code of a question; from a QR code it is behind the `#`."""
    return _start(request)


def _start(request: web.Request, problem: str = "", status: int = 200) -> web.Response:
    secret = cookie_of(request, COOKIE)
    if not secret:
        fresh = request.app[keys.ASKED].random(SECRET)
        secret = base64.urlsafe_b64encode(fresh).decode().rstrip("=")
    shown = page(
        request, "asked/start.html", status=status, token=token_of(secret), problem=problem
    )
    set_cookie(request, shown, COOKIE, secret)
    return shown


async def open_code(request: web.Request) -> web.StreamResponse:
    """POST /c: opens the question that a code was made for, once."""
    form = await read_form(request, cookie_of(request, COOKIE))
    code = form.secret("code", most=64)
    try:
        secret = await _run(request, lambda uses: uses.asking.open(code))
    except NotFound as problem:
        return _start(request, problem_text(request, problem), problem.status)
    response = _see(ASK)
    set_cookie(request, response, COOKIE, secret)
    return response


async def question(request: web.Request) -> web.StreamResponse:
    """GET /c/ask: the words, and what there is to decide."""
    secret = cookie_of(request, COOKIE)
    asked = await _run(request, lambda uses: uses.asking.of(secret))
    return await _question(request, asked, {}, {}) if asked else _see(START)


async def _question(
    request: web.Request,
    asked: Asked,
    values: Mapping[str, list[str]],
    problems: Mapping[str, str],
    status: int = 200,
) -> web.Response:
    language = _language(request, asked)

    def work(uses: AskedUses) -> tuple[ConsentText, list[Peer], int]:
        return (
            uses.consenting.text(language),
            list(uses.asking.offered(asked.facts)),
            uses.asking.ends(asked.facts),
        )

    text, peers, ends = await _run(request, work)
    proposed = values.get("to", []) if values else list(asked.facts.recipients)
    shown: dict[str, Any] = {
        "facts": asked.facts,
        "blocks": blocks_of(text.text),
        "peers": [(peer.id.hex(), peer.name, peer.id.hex() in proposed) for peer in peers],
        "ends_ms": ends * 1000,
        "values": {name: given[0] for name, given in values.items() if given},
        "channels": values.get("channel", []),
        "ways": [kind.value for kind in ChannelKind if _is_offered(request, kind)],
        "problems": problems,
        "token": token_of(cookie_of(request, COOKIE)),
    }
    return page(request, "asked/question.html", status=status, language=language, **shown)


def _language(request: web.Request, asked: Asked) -> str:
    """Return the reader's choice on this page, else what the desk chose for them."""
    chosen = request.query.get(LANGUAGE, "")
    known = request.app[keys.PAGES].languages.names
    return chosen if chosen in known else asked.facts.language


async def decide(request: web.Request) -> web.StreamResponse:
    """POST /c/ask: records the decision, with everything that belongs to it."""
    secret = cookie_of(request, COOKIE)
    form = await read_form(request, secret)
    asked = await _run(request, lambda uses: uses.asking.of(secret))
    if asked is None:
        return _see(START)
    language = _language(request, asked)
    answer = answer_of(form, language)
    problems = {name: problem_text(request, code, language) for name, code in form.problems.items()}
    if answer is not None and not (problems and answer.decision is Decision.YES):
        try:
            await _run(request, lambda uses: uses.asking.answer(secret, answer))
        except (Invalid, ServiceError) as problem:
            name = FIELDS.get(problem.reason, "")
            problems = {name: problem_text(request, problem, language)}
        else:
            said = "yes" if answer.decision is Decision.YES else "no"
            response = _see(f"{_DONE}?said={said}&{LANGUAGE}={language}")
            set_cookie(request, response, COOKIE, "")
            return response
    values = {name: given for name, given in form.values().items() if name not in SECRET_FIELDS}
    return await _question(request, asked, values, problems, 422)


def _is_offered(request: web.Request, kind: ChannelKind) -> bool:
    """Tell whether a link can go that way: paper always can."""
    return kind is ChannelKind.PRINT or request.app[keys.ASKED].carries(kind)


async def done(request: web.Request) -> web.StreamResponse:
    """GET /c/done: thanks, and asks for the device back."""
    said = "yes" if request.query.get("said") == "yes" else "no"
    return page(request, "asked/done.html", language=language_of(request), said=said)


def asked_routes(anyone: Authority) -> tuple[Route, ...]:
    """Return the routes for a listener; before a code was opened its own authority is enough."""

    def route(method: str, path: str, handler: Any, limit: int, authority: Authority) -> Route:
        return Route(
            method=method,
            path=path,
            authority=authority,
            body_limit=limit,
            handler=handler,
            page=True,
        )

    return (
        route("GET", START, start, NO_BODY, anyone),
        route("POST", START, open_code, SMALL, anyone),
        route("GET", ASK, question, NO_BODY, Authority.ASKED),
        route("POST", ASK, decide, ANSWER_BODY, Authority.ASKED),
        route("GET", _DONE, done, NO_BODY, anyone),
    )

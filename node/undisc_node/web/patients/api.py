"""What the script of `/l` asks: `/l/api/...` in JSON. GET changes nothing, and no HEAD is answered.

What is signed by a link's key travels in the body; nothing secret stands in an address. After
`open` or `claim` the browser has a cookie that scripts cannot read, one for the patient and one for
a reader of what was shared, so that a patient can try their own share beside their own page.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from aiohttp import web

from undisc_node.services.browsing_rows import BrowserSession, Kind
from undisc_node.services.errors import Invalid
from undisc_node.services.patient_views import Wanted
from undisc_node.web import keys
from undisc_node.web.fields import Fields, read_fields, read_hex
from undisc_node.web.limits import caller_of
from undisc_node.web.pages.forms import check_sender
from undisc_node.web.pages.protecting import cookie_of, drop_cookie, set_cookie
from undisc_node.web.pages.rendering import LANGUAGE, language_of, page
from undisc_node.web.patients.rendering import (
    accesses_json,
    looked_json,
    made_json,
    overview_json,
    session_json,
)
from undisc_node.web.public_uses import PublicUses
from undisc_node.web.rendering import Json
from undisc_node.web.routing import NO_BODY, Authority, Handler, Route
from undisc_protocol.did import Did

_T = TypeVar("_T")
BODY: Final = 16_384  # bytes; 32 signed shares have 500 each
_JSON: Final = "application/json"
COOKIES: Final = {Kind.PATIENT: "patient", Kind.SHARE: "link"}
"""Names of cookies; `link` is what the viewer shows."""


async def _run(request: web.Request, work: Callable[[PublicUses], _T]) -> _T:
    uses = request.app[keys.PUBLIC]
    return await request.app[keys.WORKERS].run(lambda: work(uses))


def _answer(value: Json) -> web.Response:
    return web.json_response(value, headers={"Cache-Control": "no-store"})


async def _posted(request: web.Request) -> Fields:
    """Read what a page of ours posted: another site can send neither this type nor our cookies.

    Raises:
        Refused: Another site caused it.
        Invalid: Not JSON, as it says itself.
    """
    check_sender(request)
    if request.content_type != _JSON:
        raise Invalid("the body must be JSON", hint=f"send it as {_JSON}")
    return await read_fields(request)


def session_within(request: web.Request, uses: PublicUses, kind: Kind) -> BrowserSession:
    """Return the session of a request; for use in a worker thread.

    Raises:
        Refused: `session_over`: there is none.
        RemoteProtocolError: What it opened is not open any more.
    """
    return uses.browsing.session_of(cookie_of(request, COOKIES[kind]))


async def page_of_links(request: web.Request) -> web.StreamResponse:
    """GET /l: the page of every link; what stands behind `#` is not sent here."""
    response = page(request, "link.html")
    chosen = request.query.get(LANGUAGE, "")
    if chosen in request.app[keys.PAGES].languages.names:
        set_cookie(request, response, LANGUAGE, chosen)  # the script drops the query
    return response


# --- The link -------------------------------------------------------------------------------------


async def start(request: web.Request) -> web.StreamResponse:
    """GET /l/api/start: to whom a browser addresses what it signs, and what time it is."""
    practice = request.app[keys.PAGES].practice
    node, now = await _run(request, lambda uses: uses.opening.greeting())
    return _answer(
        {
            "node": node.hex(),
            "now": now,
            "practice": practice.name,
            "contact": practice.contact,
        }
    )


async def look(request: web.Request) -> web.StreamResponse:
    """POST /l/api/look: what a link is; nothing is spent, so that a scanner may do it too."""
    fields = await _posted(request)
    signed, code = _link_or_code(fields)
    who = caller_of(request)
    fields.done()
    looked = await _run(
        request,
        lambda uses: uses.opening.look(signed) if signed else uses.opening.look_code(code, who),
    )
    return _answer(looked_json(looked))


def _link_or_code(fields: Fields) -> tuple[bytes, str]:
    code = fields.text("code", optional=True)
    return (b"", code) if code else (fields.data("request"), "")


async def open_link(request: web.Request) -> web.StreamResponse:
    """POST /l/api/open: pass the protection; the browser gets a cookie."""
    fields = await _posted(request)
    signed, code = _link_or_code(fields)
    pin = fields.text("pin", optional=True)
    test, who = fields.flag("test", default=False), caller_of(request)
    fields.done()

    def work(uses: PublicUses) -> tuple[str, Json, Kind]:
        if code:
            cookie, row = uses.opening.open_code(code, pin, who)
        else:
            tester = session_within(request, uses, Kind.PATIENT) if test else None
            cookie, row = uses.opening.open(signed, tester)
        return cookie, session_json(row), row.kind

    return _with_cookie(request, *await _run(request, work))


def _with_cookie(request: web.Request, cookie: str, value: Json, kind: Kind) -> web.Response:
    response = _answer(value)
    set_cookie(request, response, COOKIES[kind], cookie)
    return response


async def send_code(request: web.Request) -> web.StreamResponse:
    """POST /l/api/code: send a one-time code to the contact that the patient has named."""
    fields = await _posted(request)
    signed = fields.data("request")
    fields.done()
    language = language_of(request)
    await _run(request, lambda uses: uses.opening.send_code(signed, language))
    return _answer({})


async def claim(request: web.Request) -> web.StreamResponse:
    """POST /l/api/claim: let the browser's own key take the link's place."""
    fields = await _posted(request)
    signed, code = _link_or_code(fields)
    pin, key = fields.text("pin", optional=True), fields.text("key", optional=True)
    software, who = fields.flag("software", default=False), caller_of(request)
    fields.done()

    def work(uses: PublicUses) -> tuple[str, Json, Kind]:
        if code:
            cookie, row = uses.opening.claim_code(code, pin, Did(key), software=software, who=who)
        else:
            cookie, row = uses.opening.claim(signed)
        return cookie, session_json(row), row.kind

    return _with_cookie(request, *await _run(request, work))


async def view(request: web.Request) -> web.StreamResponse:
    """POST /l/api/view: let the viewer show what the patient's own session opens."""
    (await _posted(request)).done()
    cookie = cookie_of(request, COOKIES[Kind.PATIENT])
    await _run(request, lambda uses: uses.browsing.session_of(cookie))
    return _with_cookie(request, cookie, {}, Kind.SHARE)


async def close(request: web.Request) -> web.StreamResponse:
    """POST /l/api/close: end the sessions of this browser."""
    (await _posted(request)).done()

    def work(uses: PublicUses) -> None:
        for name in COOKIES.values():
            uses.browsing.end(cookie_of(request, name))

    await _run(request, work)
    response = _answer({})
    for name in COOKIES.values():
        drop_cookie(request, response, name)
    return response


# --- The patient ----------------------------------------------------------------------------------


async def visit(request: web.Request) -> web.StreamResponse:
    """GET /l/api/visit: everything that the patient's page shows."""

    def work(uses: PublicUses) -> Json:
        session = session_within(request, uses, Kind.PATIENT)
        wish = uses.use_notices.wish(session.row.visit or b"")
        return {
            **overview_json(uses.patient_sharing.overview(session)),
            "notices": {"wanted": wish.wanted, "possible": wish.possible},
        }

    return _answer(await _run(request, work))


async def log(request: web.Request) -> web.StreamResponse:
    """GET /l/api/log: who did what, newest first."""

    def work(uses: PublicUses) -> Json:
        session = session_within(request, uses, Kind.PATIENT)
        found = uses.patient_sharing.overview(session)
        return {
            "accesses": accesses_json(
                uses.patient_sharing.accesses(session),
                {one.shared.audience: one.shared.label for one in found.shares},
                {
                    one.study.id: one.study.description or ", ".join(one.study.modalities)
                    for one in found.studies
                },
                session.link,
            )
        }

    return _answer(await _run(request, work))


async def share(request: web.Request) -> web.StreamResponse:
    """POST /l/api/shares: what the patient's browser signed for one recipient."""
    fields = await _posted(request)
    tokens = [_token(text) for text in fields.texts("tokens")]
    wanted = Wanted(
        label=fields.text("label").strip(),
        passcode=fields.text("passcode", optional=True),
        uses=fields.number("uses"),
        contact=fields.text("contact", optional=True),
    )
    fields.done()

    def work(uses: PublicUses) -> Json:
        session = session_within(request, uses, Kind.PATIENT)
        return made_json(*uses.patient_sharing.share(session, tokens, wanted))

    return _answer(await _run(request, work))


def _token(text: str) -> bytes:
    return Fields({"token": text}).data("token")


async def send(request: web.Request) -> web.StreamResponse:
    """POST /l/api/shares/{share}/send: the node sends a link that the patient has just made."""
    fields = await _posted(request)
    link, to = fields.text("link"), fields.text("to")
    fields.done()
    share_id, language = read_hex("share", request.match_info["share"], 16), language_of(request)

    def work(uses: PublicUses) -> None:
        session = session_within(request, uses, Kind.PATIENT)
        uses.patient_sharing.send(session, share_id, link, to, language)

    await _run(request, work)
    return _answer({})


async def extend(request: web.Request) -> web.StreamResponse:
    """POST /l/api/shares/{share}/add: studies that joined the visit after it was shared."""
    fields = await _posted(request)
    tokens = [_token(text) for text in fields.texts("tokens")]
    fields.done()
    share_id = read_hex("share", request.match_info["share"], 16)

    def work(uses: PublicUses) -> None:
        session = session_within(request, uses, Kind.PATIENT)
        uses.patient_sharing.extend(session, share_id, tokens)

    await _run(request, work)
    return _answer({})


async def revoke(request: web.Request) -> web.StreamResponse:
    """POST /l/api/shares/{share}/revoke: end what was given to one recipient."""
    (await _posted(request)).done()
    share_id = read_hex("share", request.match_info["share"], 16)

    def work(uses: PublicUses) -> None:
        uses.patient_sharing.revoke(session_within(request, uses, Kind.PATIENT), share_id)

    await _run(request, work)
    return _answer({})


async def revoke_all(request: web.Request) -> web.StreamResponse:
    """POST /l/api/revoke: end everything that was given to anybody."""
    (await _posted(request)).done()

    def work(uses: PublicUses) -> Json:
        session = session_within(request, uses, Kind.PATIENT)
        return {"ended": uses.patient_sharing.revoke_all(session)}

    return _answer(await _run(request, work))


async def notices(request: web.Request) -> web.StreamResponse:
    """POST /l/api/notices: whether the patient is told of each use."""
    fields = await _posted(request)
    wanted = fields.flag("wanted", default=False)
    fields.done()

    def work(uses: PublicUses) -> None:
        session = session_within(request, uses, Kind.PATIENT)
        uses.use_notices.want(session.row.visit or b"", "patient", wanted=wanted)

    await _run(request, work)
    return _answer({})


def _get(path: str, handler: Handler, authority: Authority) -> Route:
    return Route(
        method="GET",
        path=path,
        authority=authority,
        body_limit=NO_BODY,
        handler=handler,
        page=True,
    )


def _post(path: str, handler: Handler, authority: Authority) -> Route:
    return Route(
        method="POST", path=path, authority=authority, body_limit=BODY, handler=handler, page=True
    )


ROUTES: Final = (
    _get("/l", page_of_links, Authority.ANYONE),
    _get("/l/", page_of_links, Authority.ANYONE),
    # A gateway has escaped the `#`, so the browser has sent what stands behind it: the script takes
    # it out of the address, and the request's log names this route and not the path.
    _get("/l{damaged:(?:#|%(?:25)*23).*}", page_of_links, Authority.ANYONE),
    _get("/l/api/start", start, Authority.ANYONE),
    _post("/l/api/look", look, Authority.SIGNED),
    _post("/l/api/open", open_link, Authority.SIGNED),
    _post("/l/api/code", send_code, Authority.SIGNED),
    _post("/l/api/claim", claim, Authority.SIGNED),
    _post("/l/api/view", view, Authority.BROWSER),
    _post("/l/api/close", close, Authority.BROWSER),
    _get("/l/api/visit", visit, Authority.BROWSER),
    _get("/l/api/log", log, Authority.BROWSER),
    _post("/l/api/shares", share, Authority.BROWSER),
    _post("/l/api/shares/{share}/send", send, Authority.BROWSER),
    _post("/l/api/shares/{share}/add", extend, Authority.BROWSER),
    _post("/l/api/shares/{share}/revoke", revoke, Authority.BROWSER),
    _post("/l/api/revoke", revoke_all, Authority.BROWSER),
    _post("/l/api/notices", notices, Authority.BROWSER),
)

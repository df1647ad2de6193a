"""Who asks: finds the session of a request, and ties DICOMweb to what it may see.

The session is looked up anew with every request and before every slice of a long answer, so that a
revocation stops a viewer that is open. What is about to leave is written down first.
"""

from __future__ import annotations

import ipaddress
from dataclasses import replace
from typing import Final

from aiohttp import web

from undisc_node.services.browsing_rows import Access, BrowserSession
from undisc_node.services.dicomweb.scope import Allowed
from undisc_node.services.viewing.session import allowed_of
from undisc_node.web import keys
from undisc_node.web.pages.protecting import cookie_of

COOKIE: Final = "link"
"""Name of the session's cookie; the patient's page puts its own there when the patient looks."""
_WHOLE: Final = ("/studies/{study}", "/series/{series}", "/instances/{instance}")
"""How the routes end that hand out whole objects."""


def cookie_in(request: web.Request) -> str:
    """Return the session's cookie as it was sent, or nothing."""
    return cookie_of(request, COOKIE)


async def session_of(request: web.Request) -> BrowserSession:
    """Return the session of whoever asks.

    Raises:
        ServiceError: There is none, or it has ended.
        RemoteProtocolError: What it opened is not open any more.
    """
    sessions, cookie = request.app[keys.VIEWER].sessions, cookie_in(request)
    session = await request.app[keys.WORKERS].run(lambda: sessions.session_of(cookie))
    return replace(session, net=_net_of(request))


def _net_of(request: web.Request) -> str:
    """Say from what kind of address a request comes; behind a proxy it is the proxy's."""
    try:
        address = ipaddress.ip_address((request.remote or "").partition("%")[0])
    except ValueError:
        return ""
    if address.is_loopback:
        return "this machine"
    return "private network" if address.is_private else "internet"


def watch(request: web.Request, study: str = "") -> None:
    """Let long answers to a request end with the session, or when the study may not be seen."""
    uses, cookie = request.app[keys.VIEWER], cookie_in(request)

    def still() -> None:
        session = uses.sessions.session_of(cookie)
        if study:
            uses.looking.still(session, study)

    request[keys.STILL] = still


async def session_allowed(request: web.Request) -> Allowed:
    """Return what DICOMweb may show to the holder of a session, and write down that it does.

    Raises:
        ServiceError: Nobody whose session lives, or something that it may not see.
        RemoteProtocolError: What the session opened is not open any more.
    """
    session = await session_of(request)
    study = request.match_info.get("study", "")
    watch(request, study)
    if study:
        resource = request.match_info.route.resource
        whole = resource is not None and resource.canonical.endswith(_WHOLE)
        looking = request.app[keys.VIEWER].looking
        what = Access.COPIED if whole else Access.VIEWED
        await request.app[keys.WORKERS].run(lambda: looking.saw(session, study, what))
    return allowed_of(session)

"""What keeps pages apart from the rest of the web: headers, cookies, hosts.

A signal puts the headers onto every answer of a listener, so that no handler can forget them; one
that needs other ones (a viewer) sets them itself, and they stay.

Cookies are `__Host-`, Secure, HttpOnly and SameSite=Strict. A browser accepts those over TLS only;
on the loopback address, where there is none, the name says the port instead: cookies know no ports,
and two nodes on one machine must not sign each other's people off.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from aiohttp import hdrs, web

STRICT: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""The content security policy of pages: only files of this node, nothing inline, in no frame."""
_ALWAYS: Final[Mapping[str, str]] = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_ACTIVE: Final[Mapping[str, str]] = {
    "Content-Security-Policy": STRICT,
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": (
        "camera=(), microphone=(), geolocation=(), payment=(), usb=(), serial=(), "
        "display-capture=(), browsing-topics=()"
    ),
}
# What a browser may run scripts from when somebody opens it as a page.
_RUNNABLE: Final = frozenset(
    {"text/html", "application/xhtml+xml", "image/svg+xml", "text/xml", "application/xml"}
)
_ENDED: Final = "Thu, 01 Jan 1970 00:00:00 GMT"


async def protect_answer(_request: web.Request, response: web.StreamResponse) -> None:
    """Put the headers onto an answer that has none of its own; a signal before it is sent."""
    wanted = dict(_ALWAYS)
    if response.content_type in _RUNNABLE:
        wanted |= _ACTIVE
    for name, value in wanted.items():
        response.headers.setdefault(name, value)


def host_of(request: web.Request) -> tuple[str, str]:
    """Return the host that a request names, lower case and without brackets, and its port."""
    named = request.headers.get(hdrs.HOST, "").lower()
    if named[:1] == "[":
        host, _, rest = named[1:].partition("]")
        return host, rest.removeprefix(":")
    host, _, port = named.partition(":")
    return host, port


def is_loopback(request: web.Request) -> bool:
    """Tell whether a request names this very machine, where no TLS is needed."""
    host, _ = host_of(request)
    if host == "localhost":
        return True
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return False


def _name(request: web.Request, name: str) -> str:
    return f"{name}-{host_of(request)[1] or '80'}" if is_loopback(request) else f"__Host-{name}"


def cookie_of(request: web.Request, name: str) -> str:
    """Return the value of a cookie of ours, or nothing."""
    return request.cookies.get(_name(request, name), "")


def set_cookie(request: web.Request, response: web.StreamResponse, name: str, value: str) -> None:
    """Give the browser a cookie that it forgets at its end; scripts and other sites do not see it.

    Args:
        request: What is answered.
        response: The answer.
        name: Our name for it, such as `desk`.
        value: Text of the cookie's alphabet.
    """
    response.set_cookie(
        _name(request, name),
        value,
        path="/",
        secure=not is_loopback(request),
        httponly=True,
        samesite="Strict",
    )


def drop_cookie(request: web.Request, response: web.StreamResponse, name: str) -> None:
    """Let the browser forget a cookie."""
    response.set_cookie(
        _name(request, name),
        "",
        path="/",
        max_age=0,
        expires=_ENDED,
        secure=not is_loopback(request),
        httponly=True,
        samesite="Strict",
    )

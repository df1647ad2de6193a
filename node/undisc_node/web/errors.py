"""One shape for every error on every listener: `{"error": {"code", "message", "hint"}}`.

The caller gets a stable code, a sentence and a hint, never a traceback or what it sent itself. What
nobody foresaw is logged with the request's id: where it happened and which class it has, but not
its message, which could repeat request data or patient data (`undisc_node.logs`).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from undisc_node.services.errors import Invalid, NotFound, ServiceError
from undisc_node.web import keys, request_ids
from undisc_protocol import limits
from undisc_protocol.errors import Busy, ProtocolError

_log = logging.getLogger(__name__)


class TooSlow(ServiceError):
    """The request's body did not arrive in time."""

    code = "too_slow"
    status = 408


class TooLarge(ServiceError):
    """The request's body is larger than the route takes."""

    code = "oversize"
    status = 413


class Encoded(ServiceError):
    """The request's body is compressed, which no route takes."""

    code = "encoded"
    status = 415


class WrongMethod(ServiceError):
    """The route exists, but not for this method."""

    code = "method_not_allowed"
    status = 405


class OldVersion(ServiceError):
    """The request is older than HTTP/1.1."""

    code = "old_http"
    status = 505


class NotAcceptable(ServiceError):
    """The answer cannot be had in a form that the request accepts."""

    code = "not_acceptable"
    status = 406


class WrongHost(ServiceError):
    """The request names a host that this listener is not."""

    code = "wrong_host"
    status = 421


_HEADERS: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_INTERNAL: Final = 500
_NOT_SIGNED_IN: Final = 401
# RFC 7617 §2.1; browsers then ask for name and password.
_SIGN_IN: Final = {"WWW-Authenticate": 'Basic realm="undisc", charset="UTF-8"'}


@dataclass(frozen=True, slots=True)
class Told:
    """What a caller is told about an error, before it has a form.

    Attributes:
        status: HTTP status.
        code: Stable code.
        message: A sentence.
        hint: What to do next.
        headers: Further headers.
    """

    status: int
    code: str
    message: str
    hint: str
    headers: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> web.Response:
        """Return the one error shape."""
        return answer(self.status, self.code, self.message, self.hint, self.headers)


def answer(
    status: int, code: str, message: str, hint: str, headers: Mapping[str, str] | None = None
) -> web.Response:
    """Return the one error shape."""
    most = limits.MAX_ERROR_TEXT
    error = {"code": code, "message": message[:most], "hint": hint[:most]}
    return web.json_response(
        {"error": error}, status=status, headers={**_HEADERS, **(headers or {})}
    )


def answer_of(problem: Exception) -> web.Response:
    """Return the answer for an exception; one that nobody foresaw is logged."""
    return told_of(problem).as_json()


def told_of(problem: Exception) -> Told:
    """Return what is told about an exception; one that nobody foresaw is logged."""
    match problem:
        case ServiceError() if problem.status == _NOT_SIGNED_IN:
            return Told(problem.status, problem.reason, str(problem), problem.hint, _SIGN_IN)
        case ServiceError():
            return Told(problem.status, problem.reason, str(problem), problem.hint)
        case Busy():
            retry = {"Retry-After": "10"}
            return Told(problem.status, problem.code, str(problem), problem.hint, retry)
        case ProtocolError():
            return Told(problem.status, problem.code, str(problem), problem.hint)
        case web.HTTPException():
            return _told_of_http(problem)
        case web.RequestPayloadError():
            return told_of(Invalid("the request's body is not what its head announced"))
        case _:
            return _told_of_unforeseen(problem)


def _told_of_http(problem: web.HTTPException) -> Told:
    """Put an error that aiohttp itself raised into our shape."""
    if isinstance(problem, web.HTTPNotFound):
        return told_of(NotFound("there is nothing at this address"))
    if isinstance(problem, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(problem.allowed_methods))
        return Told(
            problem.status,
            WrongMethod.code,
            "the address does not take this method",
            f"it takes {allowed}",
            {"Allow": allowed},
        )
    if isinstance(problem, web.HTTPRequestEntityTooLarge):
        return told_of(TooLarge("the request's body is too large"))
    return Told(problem.status, "bad_request", problem.reason.lower(), "")


def _told_of_unforeseen(problem: Exception) -> Told:
    _log.error("a request failed on a mistake of this node", exc_info=problem)
    request_id = request_ids.current()
    return Told(
        _INTERNAL,
        "internal_error",
        "the node failed on this request",
        f"its log says more under request {request_id}" if request_id else "its log says more",
    )


def _in_form(request: web.Request, told: Told) -> web.Response:
    """Return a page to a browser that a person looks at, and the one error shape to programs."""
    as_page = request.app.get(keys.PROBLEM_PAGE)
    if as_page is None or "text/html" not in request.headers.get(hdrs.ACCEPT, ""):
        return told.as_json()
    try:
        return as_page(request, told)
    except Exception as problem:  # noqa: BLE001 - a broken template must not hide what happened
        _log.error("the page about an error failed", exc_info=problem)
        return told.as_json()


@web.middleware
async def errors_in_one_shape(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Outermost middleware: turn whatever is raised inside into an answer."""
    try:
        return await handler(request)
    except ConnectionError:
        raise  # nobody is there to answer to
    except Exception as problem:  # noqa: BLE001 - this is where the unforeseen ends
        response = _in_form(request, told_of(problem))
    if request.body_exists and not request.content.is_eof():
        response.force_close()  # what is left of the body is not worth reading
    return response

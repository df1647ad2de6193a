"""Errors as pages: what happened in plain words, in the practice's name, and whom to call.

The words depend on the status alone, so that a stranger learns from a page no more than from the
JSON answer. Staff see the code and the exact sentence below.
"""

from __future__ import annotations

from typing import Final

from aiohttp import web

from undisc_node.web.errors import Told
from undisc_node.web.pages.rendering import page
from undisc_node.web.request_ids import current

_OURS: Final = 500  # statuses from here on say that the fault is ours
_HEADS: Final = {
    400: "bad",
    403: "bad",
    404: "gone",
    410: "gone",
    408: "slow",
    413: "large",
    421: "host",
    429: "many",
}


def problem_page(request: web.Request, told: Told) -> web.Response:
    """Answer an error with a page."""
    kind = _HEADS.get(told.status, "busy" if told.status >= _OURS else "bad")
    return page(
        request,
        "problem.html",
        status=told.status,
        kind=kind,
        told=told,
        request_id=current(),
    )

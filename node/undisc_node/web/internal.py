"""The internal listener: whether the node lives and is ready, and its metrics, for the LAN.

The desk and DICOMweb for staff live here; patients and other nodes never come here. Whoever
reaches it may know which of the node's needs is not met, and how much it stores and sends; nothing
here names a patient, a practice or a study.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from aiohttp import web

from undisc_node.services.errors import Unavailable
from undisc_node.services.staff_rows import StaffMember
from undisc_node.web import keys
from undisc_node.web.asked.pages import asked_routes
from undisc_node.web.asked.uses import AskedUses
from undisc_node.web.desk import routes as desk
from undisc_node.web.desk.uses import DeskUses
from undisc_node.web.dicomweb.mount import mount
from undisc_node.web.dicomweb.signing_in import staff_allowed
from undisc_node.web.dicomweb.uses import DicomWebUses
from undisc_node.web.pages.assets import asset_routes
from undisc_node.web.routing import NO_BODY, Authority, Handler, Route

_TEXT: Final = (
    "This is the internal listener of an undisc node, for this practice's own network.\n"
    "GET /livez says whether the process lives, GET /readyz whether it can do its work,\n"
    "GET /metrics has figures in the OpenMetrics format.\n"
    "/dicom-web is DICOMweb for viewers and workstations, with name and password.\n"
    "/desk/ is for the people at the desk, with a browser.\n"
    "Administrators use the undisc command; other nodes use the public listener.\n"
)


class Check(Protocol):
    """One thing the node needs."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def code(self) -> str:
        """What is wrong; empty when nothing is."""


class SignsIn(Protocol):
    """Says whose name and password these are."""

    def sign_in(self, name: str, password: str) -> StaffMember:
        """Return who signs in.

        Raises:
            ServiceError: Nobody, or too many tried.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class InternalUses:
    """What the internal listener calls, in a thread.

    Attributes:
        checks: Looks at everything the node needs.
        metrics: Writes the metrics.
        metrics_type: Media type of what it writes.
        staff: Says who signs in.
        dicomweb: What DICOMweb calls.
        desk: What the desk calls.
        asked: What a device calls that was handed to a patient.
    """

    checks: Callable[[], Sequence[Check]]
    metrics: Callable[[], bytes]
    metrics_type: str
    staff: SignsIn
    dicomweb: DicomWebUses
    desk: DeskUses
    asked: AskedUses


async def about(_request: web.Request) -> web.StreamResponse:
    """GET /: what this listener is for."""
    return web.Response(text=_TEXT)


async def lives(_request: web.Request) -> web.StreamResponse:
    """GET /livez: the event loop turns."""
    return web.json_response({"alive": True})


async def is_ready(request: web.Request) -> web.StreamResponse:
    """GET /readyz: database, disk, keys and clock are as they must be."""
    uses = request.app[keys.INTERNAL]
    checks = await request.app[keys.WORKERS].run(uses.checks)
    missing = [f"{check.name} ({check.code})" for check in checks if check.code]
    if missing:
        raise Unavailable(
            f"the node is not ready: {', '.join(missing)}",
            code="not_ready",
            hint="undisc-node doctor says more",
        )
    return web.json_response({"ready": True, "checks": [check.name for check in checks]})


async def metrics(request: web.Request) -> web.StreamResponse:
    """GET /metrics: figures in the OpenMetrics format."""
    uses = request.app[keys.INTERNAL]
    text = await request.app[keys.WORKERS].run(uses.metrics)
    return web.Response(body=text, headers={"Content-Type": uses.metrics_type})


def _lan(path: str, handler: Handler) -> Route:
    return Route(
        method="GET", path=path, authority=Authority.LAN, body_limit=NO_BODY, handler=handler
    )


ACCEPTS: Final = frozenset(
    {Authority.LAN, Authority.STAFF, Authority.STAFF_SESSION, Authority.ASKED}
)
"""Authorities that this listener can check."""

ROUTES: Final = (
    _lan("/", about),
    _lan("/livez", lives),
    _lan("/readyz", is_ready),
    _lan("/metrics", metrics),
    *mount("", authority=Authority.STAFF, allowed=staff_allowed),
    *asset_routes(Authority.LAN),
    *asked_routes(Authority.LAN),
    *desk.ROUTES,
)

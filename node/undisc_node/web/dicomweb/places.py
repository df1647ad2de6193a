"""Where a request's service is: the beginning of every address in its answers."""

from __future__ import annotations

import re
from typing import Final

from aiohttp import web

from undisc_node.services.errors import Invalid
from undisc_node.web.routing import Authority, route_of

NAME: Final = "/dicom-web"
"""How the path of every mount ends."""
# A host and a port, nothing that an address or JSON would have to escape.
_HOST: Final = re.compile(r"[A-Za-z0-9.:\[\]_-]{1,255}")

_HTTP: Final = 80


def base_of(request: web.Request) -> str:
    """Return the URL of the service that a request was sent to, without a slash at its end.

    For a page in a browser it has no host: a proxy in front may be known by another scheme.

    Raises:
        Invalid: The request names its host in a form that no address has.
    """
    if not _HOST.fullmatch(request.host):
        raise Invalid("the request's host is no host")
    before, name, _ = request.path.partition(NAME)
    route = route_of(request)
    if route is not None and route.authority is Authority.BROWSER:
        return f"{before}{name}"
    return f"{request.scheme}://{_with_port(request)}{before}{name}"


def _with_port(request: web.Request) -> str:
    """Return the host as named; dicomweb-client leaves out the port, so our own is put back.

    Only where the host is the very address that was reached: a name may belong to a proxy.
    """
    own = request.get_extra_info("sockname")
    if isinstance(own, tuple) and request.host == own[0] and own[1] != _HTTP:
        return f"{request.host}:{own[1]}"
    return request.host

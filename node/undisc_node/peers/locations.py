"""Reading the address of a peer: `http(s)://host[:port][/prefix]`, and nothing more exotic."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from undisc_protocol import limits
from undisc_protocol.errors import Unreachable

_PORTS: Final = {"http": 80, "https": 443}
_MAX_PORT: Final = 65_535
_HOST: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?|[0-9A-Fa-f:.]+")
_PREFIX: Final = re.compile(r"(/[A-Za-z0-9._~-]+)*/?")


@dataclass(frozen=True, slots=True)
class Location:
    """Where a peer answers.

    Attributes:
        secure: Whether to speak TLS.
        host: Name or numeric address, ASCII, without brackets.
        port: TCP port.
        prefix: Path before `/undisc/…`, without a slash at the end; usually empty.
    """

    secure: bool
    host: str
    port: int
    prefix: str


def read_location(url: str) -> Location:
    """Read an address of a peer.

    Args:
        url: From a status card or typed by the administrator.

    Raises:
        Unreachable: Another scheme, a user name, a query, a host that is not plain ASCII
            (international names are written as `xn--…`), a port out of range, or too long.
    """
    if len(url) > limits.MAX_URL:
        raise Unreachable(f"an address has more than {limits.MAX_URL} characters")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as problem:
        raise Unreachable("an address cannot be read as a URL") from problem
    host = parts.hostname or ""
    if parts.scheme not in _PORTS or not url.isascii() or not url.isprintable():
        raise Unreachable("an address of a node begins with http:// or https:// and is plain ASCII")
    bracketed = parts.netloc.startswith("[")
    if not _HOST.fullmatch(host) or "@" in parts.netloc or bracketed != (":" in host):
        raise Unreachable("an address has no usable host name")
    if "?" in url or "#" in url or not _PREFIX.fullmatch(parts.path) or ".." in parts.path:
        raise Unreachable("an address of a node is a host, a port and at most a plain path")
    if port is not None and not 0 < port <= _MAX_PORT:
        raise Unreachable("an address has a port that does not exist")
    return Location(
        secure=parts.scheme == "https",
        host=host,
        port=port or _PORTS[parts.scheme],
        prefix=parts.path.rstrip("/"),
    )

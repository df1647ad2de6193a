"""Styles and modules: read once, served below an address that names the content of all of them.

`/static/3f9c0a…/undisc.css` never changes, so a browser keeps it for good; another version of the
node has other addresses. One name for all files, and not one for each, lets a module import its
neighbour as `./neighbour.js`. A request reads no path: it looks a name up.
"""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Final

from aiohttp import hdrs, web

from undisc_node.services.errors import NotFound
from undisc_node.web import keys
from undisc_node.web.routing import NO_BODY, Authority, Route

_TYPES: Final[Mapping[str, str]] = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "svg": "image/svg+xml",
    "png": "image/png",
    "woff2": "font/woff2",
    "wasm": "application/wasm",
}
_SQUEEZED: Final = frozenset({"css", "js", "json", "svg", "wasm"})
_DIGITS: Final = 16  # hex digits of the hash in addresses: tells versions apart, protects nothing
_FOREVER: Final = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as it is sent.

    Attributes:
        content: Its bytes.
        squeezed: The same under gzip; empty where that does not help.
        kind: Its media type.
    """

    content: bytes
    squeezed: bytes
    kind: str


class Assets:
    """All files of `static`."""

    def __init__(self) -> None:
        folder = resources.files(__package__).joinpath("static")
        self._files = dict(_walk(folder, ""))
        whole = sha256()
        for name, asset in sorted(self._files.items()):
            whole.update(f"{name}\0{len(asset.content)}\0".encode() + asset.content)
        self.version = whole.hexdigest()[:_DIGITS]

    def address(self, name: str) -> str:
        """Return the address of a file, such as `desk/signature.js`.

        Raises:
            KeyError: There is no such file (a mistake in a template).
        """
        if name not in self._files:
            raise KeyError(name)
        return f"/static/{self.version}/{name}"

    def get(self, version: str, name: str) -> Asset:
        """Return a file.

        Raises:
            NotFound: Of another version, or no such file.
        """
        found = self._files.get(name)
        if found is None or version != self.version:
            raise NotFound("there is nothing at this address", hint="load the page again")
        return found


def _walk(folder: Traversable, above: str) -> list[tuple[str, Asset]]:
    found = []
    for entry in folder.iterdir():
        name = above + entry.name
        ending = entry.name.rpartition(".")[2]
        if entry.is_dir():
            found += _walk(entry, f"{name}/")
        elif ending in _TYPES:
            content = entry.read_bytes()
            squeezed = gzip.compress(content, 9, mtime=0) if ending in _SQUEEZED else b""
            found.append((name, Asset(content, squeezed, _TYPES[ending])))
    return found


async def static_file(request: web.Request) -> web.StreamResponse:
    """GET /static/{version}/{name}: a style, module or picture of the pages."""
    named = request.match_info
    asset = request.app[keys.PAGES].assets.get(named["version"], named["name"])
    headers = {
        hdrs.CONTENT_TYPE: asset.kind,
        hdrs.CACHE_CONTROL: _FOREVER,
        hdrs.VARY: hdrs.ACCEPT_ENCODING,
    }
    if asset.squeezed and "gzip" in request.headers.get(hdrs.ACCEPT_ENCODING, ""):
        return web.Response(body=asset.squeezed, headers=headers | {hdrs.CONTENT_ENCODING: "gzip"})
    return web.Response(body=asset.content, headers=headers)


def asset_routes(authority: Authority) -> tuple[Route, ...]:
    """Return the route of all files, for a listener with its own authority."""
    return (
        Route(
            method="GET",
            path="/static/{version}/{name:.+}",
            authority=authority,
            body_limit=NO_BODY,
            handler=static_file,
            page=True,
        ),
    )

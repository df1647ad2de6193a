"""The full viewer (OHIF) as files: which there are, and under which policy each is served.

The files are built into the package by `make viewer` (ADR 0027); an installation without them has
the light page only. They are anybody's: they hold no patient's data, and a session is asked for
where data are.

What each policy allows, and why it cannot be less, is in ADR 0027.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from undisc_node.services.errors import NotFound

FOLDER: Final = Path(__file__).with_name("ohif")
BASE: Final = "/view/ohif"
PAGE_POLICY: Final = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; worker-src 'self'; "
    "object-src 'self' blob:; frame-src 'self' blob:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_WORKER_POLICY: Final = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'"
)
_DECODER_POLICY: Final = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval' 'unsafe-eval'; connect-src 'self'"
)
_PLAIN_POLICY: Final = "default-src 'none'"
_TYPES: Final = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".html": "text/html",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".ico": "image/x-icon",
    ".wasm": "application/wasm",
    ".woff2": "font/woff2",
    ".woff": "font/woff",
    ".ttf": "font/ttf",
    ".onnx": "application/octet-stream",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """A file of the viewer.

    Attributes:
        path: Where it lies.
        media: Its media type.
        policy: Content-Security-Policy under which it is served; a worker obeys its own.
        zipped: Whether it lies there compressed with gzip.
    """

    path: Path
    media: str
    policy: str
    zipped: bool

    def read(self, *, zipped: bool) -> bytes:
        """Return its bytes, compressed if that is wanted and possible; reads the disk."""
        content = self.path.read_bytes()
        return gzip.decompress(content) if self.zipped and not zipped else content


class FullViewer:
    """The viewer's files.

    Args:
        folder: Where they were built.
    """

    def __init__(self, folder: Path = FOLDER) -> None:
        self.build = ""
        self.version = ""
        self._assets: Mapping[str, Asset] = {}
        manifest = folder / "manifest.json"
        if manifest.is_file():
            facts = json.loads(manifest.read_text("utf-8"))
            self.build, self.version = facts["build"], facts["version"]
            self._assets = {
                name: _asset(folder / name, zipped="gzip" in one, decodes="decoder" in one)
                for name, one in facts["files"].items()
            }

    @property
    def is_there(self) -> bool:
        """Whether this installation has the viewer."""
        return bool(self._assets)

    def page(self) -> Asset:
        """Return the viewer's page; raises as `asset`."""
        return self._named("index.html")

    def asset(self, build: str, name: str) -> Asset:
        """Return a file by its name.

        Raises:
            NotFound: There is none, or it is of another build.
        """
        if build != self.build:
            raise NotFound("there is nothing at this address", hint="open the viewer anew")
        return self._named(name)

    def _named(self, name: str) -> Asset:
        """Look a name up: it never becomes a path."""
        found = self._assets.get(name)
        if found is None:
            raise NotFound("there is nothing at this address")
        return found


def _asset(path: Path, *, zipped: bool, decodes: bool) -> Asset:
    policy = _PLAIN_POLICY
    if path.suffix == ".js":
        policy = _DECODER_POLICY if decodes else _WORKER_POLICY
    media = _TYPES.get(path.suffix, "application/octet-stream")
    return Asset(path, media, policy, zipped)

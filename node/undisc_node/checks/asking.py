"""Asks the running node, over its admin socket, what only it can know."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Final

_SECONDS: Final = 2.0
_MOST: Final = 1 << 20  # bytes of an answer


class _Unix(HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=_SECONDS)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket's path instead of a host."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(_SECONDS)
        self.sock.connect(str(self._path))


def ask_listeners(path: Path) -> Mapping[str, tuple[str, int]]:
    """Return host and port of each listener by name; empty when the node does not answer."""
    connection = _Unix(path)
    try:
        connection.request("GET", "/admin/v1/status")
        said = json.loads(connection.getresponse().read(_MOST))
        return {name: _split(address) for name, address in said["listeners"].items()}
    except (OSError, HTTPException, ValueError, KeyError, TypeError, AttributeError):
        return {}
    finally:
        connection.close()


def _split(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)

"""A node that serves DICOMweb to dicomweb-client, as a member of the staff."""

from __future__ import annotations

import http.client
import io
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests
from dicomweb_client.api import DICOMwebClient

from support.two_nodes import RunningNode

NAME, PASSWORD = "viewer", "four plain words here"


class DicomWebNode:
    """A running node and a client that signs in.

    Args:
        node: The node.
    """

    def __init__(self, node: RunningNode) -> None:
        self.node = node
        self.url = f"http://127.0.0.1:{node.internal_port}/dicom-web"
        body = {"name": NAME, "role": "desk", "password": PASSWORD}
        node.admin.post("staff", body)
        self.session = requests.Session()
        self.session.auth = (NAME, PASSWORD)
        self.client = DICOMwebClient(self.url, session=self.session)

    def get(self, path: str, accept: str = "*/*", **parameters: str) -> requests.Response:
        """Ask for something as the client would not."""
        return self.session.get(
            self.url + path, headers={"Accept": accept}, params=parameters, timeout=60
        )

    def post(self, parts: list[bytes], path: str = "/studies", kind: str = "") -> requests.Response:
        """Store files, byte for byte; dicomweb-client would encode them anew."""
        body = io.BytesIO()
        for part in parts:
            body.write(b"--x-x\r\nContent-Type: application/dicom\r\n\r\n" + part + b"\r\n")
        body.write(b"--x-x--\r\n")
        kind = kind or 'multipart/related; type="application/dicom"; boundary="x-x"'
        return self.session.post(
            self.url + path, data=body.getvalue(), headers={"Content-Type": kind}, timeout=120
        )


def basic(name: str = NAME, password: str = PASSWORD) -> dict[str, str]:
    """Return the header with which somebody signs in."""
    return {"Authorization": "Basic " + b64encode(f"{name}:{password}".encode()).decode()}


def parts_of(answer: requests.Response) -> list[tuple[dict[str, str], bytes]]:
    """Split an answer of several parts: heads and contents."""
    kind = answer.headers["Content-Type"]
    assert kind.startswith("multipart/related"), kind
    boundary = kind.rpartition("boundary=")[2].strip('"').encode()
    pieces = (b"\r\n" + answer.content).split(b"\r\n--" + boundary)
    found = []
    for piece in pieces[1:-1]:
        head, _, content = piece.partition(b"\r\n\r\n")
        message = http.client.parse_headers(io.BytesIO(head.lstrip(b"\r\n") + b"\r\n\r\n"))
        found.append((dict(message.items()), content))
    assert pieces[-1].startswith(b"--")
    return found


@contextmanager
def dicomweb_node(folder: Path) -> Iterator[DicomWebNode]:
    """Make and run a node with an account."""
    node = RunningNode(folder / "practice", "Practice")
    node.init()
    node.start()
    try:
        yield DicomWebNode(node)
    finally:
        node.stop()

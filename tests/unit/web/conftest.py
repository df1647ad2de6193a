from __future__ import annotations

import asyncio
import http.client
import json
import queue
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from undisc_node.web.admin_uses import AdminUses
from undisc_node.web.listeners import Doors, Opened, listening
from undisc_node.web.public_uses import PublicUses
from unit.web import fakes


class UnixConnection(http.client.HTTPConnection):
    """HTTP over the admin socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("admin.sock", timeout=10)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(10)
        self.sock.connect(str(self._path))


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def error(self) -> str:
        """The code of the one error shape; fails when the answer has another shape."""
        assert self.headers.get_content_type() == "application/json"
        decoded = self.json
        assert set(decoded) == {"error"}
        assert set(decoded["error"]) == {"code", "message", "hint"}
        assert all(isinstance(text, str) for text in decoded["error"].values())
        assert decoded["error"]["code"]
        assert "Traceback" not in self.body.decode()
        return decoded["error"]["code"]


@dataclass
class Node:
    """All listeners of a node, running in a thread, and ways to call them."""

    opened: Opened
    public: PublicUses
    admin: AdminUses

    def call(self, door: str, method: str, path: str, body=None, headers=None) -> Answer:
        if door == "admin":
            connection = UnixConnection(self.opened.admin)
        else:
            connection = http.client.HTTPConnection(*getattr(self.opened, door), timeout=10)
        if isinstance(body, dict):
            body = json.dumps(body)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def raw(self, door: str, sent: bytes) -> Answer:
        """Send bytes as they are; read one answer."""
        with self.socket(door) as connected:
            connected.sendall(sent)
            with closing(http.client.HTTPResponse(connected)) as answer:
                answer.begin()
                return Answer(answer.status, answer.headers, answer.read())

    @contextmanager
    def socket(self, door: str) -> Iterator[socket.socket]:
        if door == "admin":
            connected = socket.socket(socket.AF_UNIX)
            connected.connect(str(self.opened.admin))
        else:
            connected = socket.create_connection(getattr(self.opened, door))
        connected.settimeout(10)
        with connected:
            yield connected


@contextmanager
def running_node(
    home: Path,
    *,
    public=None,
    admin=None,
    inside=None,
    public_at=("127.0.0.1", 0),
    **doors,
) -> Iterator[Node]:
    public, admin = public or fakes.public_uses(), admin or fakes.admin_uses()
    settings = {
        "public": public_at,
        "internal": ("127.0.0.1", 0),
        "admin": home / "admin.sock",
        "staging": home,
        **doors,
    }
    told: queue.Queue = queue.Queue()

    async def serve() -> None:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        async with listening(
            Doors(**settings),
            public=public,
            admin=admin,
            inside=inside or fakes.inside_uses(),
            entropy=fakes.Entropy(),
        ) as opened:
            told.put((opened, lambda: loop.call_soon_threadsafe(stop.set)))
            await stop.wait()

    def run() -> None:
        try:
            asyncio.run(serve())
        except BaseException as problem:  # noqa: BLE001 - handed to the test
            told.put((problem, None))

    thread = threading.Thread(target=run)
    thread.start()
    opened, stop = told.get(timeout=10)
    if stop is None:
        thread.join()
        raise opened
    try:
        yield Node(opened, public, admin)
    finally:
        stop()
        thread.join(20)
        assert not thread.is_alive()


@pytest.fixture
def home() -> Iterator[Path]:
    """A home with a short path: a socket's path has at most 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="undisc-") as folder:
        yield Path(folder)


@pytest.fixture
def start(home):
    """Start nodes with settings of the test's own."""
    with ExitStack() as stack:
        yield lambda **settings: stack.enter_context(running_node(home, **settings))


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    """A node that all tests of a module may call."""
    with tempfile.TemporaryDirectory(prefix="undisc-") as folder, running_node(Path(folder)) as one:
        yield one

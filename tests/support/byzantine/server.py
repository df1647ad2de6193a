"""A node's HTTP server on bare sockets: truthful, until it is given a behaviour.

It never gives up by itself, so every connection that ends was ended by the asking node.
"""

from __future__ import annotations

import base64
import contextlib
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from support.hostile_peer import FETCH, NODE, PACKS, RECEIPT, Reply
from support.lying_holder import LyingHolder

_RESET = struct.pack("ii", 1, 0)  # struct linger: closing resets
_HOLD = 60.0  # seconds it holds a connection that the other side does not leave
_DRIP = 0.02  # seconds between two drops


@dataclass(frozen=True)
class Behaviour:
    """One way to misbehave.

    Attributes:
        name: What a test is called.
        path: Which request it answers; all others are answered truthfully.
        act: What it does on the wire; None for what is only said.
        begin: Changes what the holder says; called once, when the behaviour begins.
        state: What the peer's state must be afterwards.
        memory: Bytes that the asker may keep in memory beyond a few chunks, because an honest
            answer may be that large.
    """

    name: str
    path: str = FETCH
    act: Callable[[Call], None] | None = None
    begin: Callable[[Server], None] | None = None
    state: str = "trusted"
    memory: int = 0


@dataclass
class Call:
    """One request, and the connection on which it came."""

    line: socket.socket
    path: str
    honest: Reply
    server: Server

    def send(self, data: bytes) -> None:
        """Send bytes."""
        self.line.sendall(data)

    def head(self, *headers: str, status: str = "200 OK") -> None:
        """Send the head of an answer."""
        kind = "Content-Type: application/octet-stream"
        self.send("\r\n".join((f"HTTP/1.1 {status}", kind, *headers, "", "")).encode("latin-1"))

    def answer(self, *headers: str, body: bytes | None = None, status: str = "") -> None:
        """Send the truthful answer, with whatever is changed."""
        honest = self.honest
        said = honest.body if body is None else body
        kept = [f"{name}: {value}" for name, value in honest.headers]
        if any(one.lower().startswith(("content-length", "transfer-enc")) for one in headers):
            kept.extend(headers)
        else:
            kept.extend((*headers, f"Content-Length: {len(said)}"))
        self.head(*kept, status=status or f"{honest.status} X")
        self.send(said)

    def drip(self, data: Iterator[bytes]) -> None:
        """Send piece after piece, slowly, until the other side leaves."""
        for piece in data:
            self.send(piece)
            time.sleep(_DRIP)

    def flood(self, piece: bytes) -> None:
        """Send without end, until the other side leaves."""
        while True:
            self.send(piece)

    def hold(self) -> None:
        """Say nothing more; return when the other side has left."""
        self.line.settimeout(_HOLD)
        while self.line.recv(65_536):
            pass

    def reset(self) -> None:
        """Break the connection with a reset."""
        self.line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.line.close()


@dataclass
class Server:
    """Serves a lying holder on a free port.

    Attributes:
        holder: What there is to hold.
        document: Makes the node document.
        behaviour: What it does; None tells the truth.
        misbehaved: How often it has.
        longest: Seconds for which the asker stayed, at most, while it was treated badly.
    """

    holder: LyingHolder
    document: Callable[[], bytes] = b"".__class__
    behaviour: Behaviour | None = None
    misbehaved: int = 0
    longest: float = 0.0
    url: str = ""
    kept: dict[str, object] = field(default_factory=dict)

    @contextlib.contextmanager
    def serving(self) -> Iterator[Server]:
        """Answer while the block runs."""
        self.document = self.holder.node.document
        listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = self.holder.node.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        accepting = threading.Thread(target=self._accept, args=(listener,), daemon=True)
        accepting.start()
        try:
            yield self
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
            accepting.join()

    def misbehave(self, behaviour: Behaviour) -> None:
        """Begin to misbehave."""
        if behaviour.begin is not None:
            behaviour.begin(self)
        self.behaviour = behaviour

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                line, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(line,), daemon=True).start()

    def _serve(self, line: socket.socket) -> None:
        began = time.monotonic()
        treated = False
        with line, contextlib.suppress(OSError, ValueError):
            line.settimeout(_HOLD)
            method, path, head, body = _request(line)
            call = Call(line, path, self._honest(path, head, body), self)
            behaviour = self.behaviour
            try:
                if behaviour is not None and behaviour.act and behaviour.path == path:
                    treated = True
                    self.misbehaved += 1
                    behaviour.act(call)
                else:
                    # What is only said, is said in the answer.
                    treated = behaviour is not None and not behaviour.act and path == FETCH
                    self.misbehaved += treated
                    call.answer()
                    line.shutdown(socket.SHUT_WR)
                    call.hold()
            finally:
                del method
                if treated:
                    self.longest = max(self.longest, time.monotonic() - began)

    def _honest(self, path: str, head: bytes, body: bytes) -> Reply:
        if path == NODE:
            return Reply(200, self.document())
        if path == FETCH:
            return self.holder.fetch(body)
        if path == RECEIPT:
            return self.holder.receipt(body)
        if path == PACKS:
            first, last = (int(one) for one in re.findall(rb"bytes=(\d+)-(\d+)", head)[0])
            (text,) = re.findall(rb"Undisc (\S+)", head)
            return self.holder.packs(base64.urlsafe_b64decode(text + b"="), first, last + 1)
        return Reply(404, b"")


def _request(line: socket.socket) -> tuple[str, str, bytes, bytes]:
    """Read one request: method, path, head, body."""
    read = b""
    while b"\r\n\r\n" not in read:
        block = line.recv(65_536)
        if not block:
            raise ConnectionAbortedError
        read += block
    head, _, body = read.partition(b"\r\n\r\n")
    found = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    while len(body) < (int(found[1]) if found else 0):
        body += line.recv(65_536)
    method, path, _ = head.split(b" ", 2)
    return method.decode(), path.decode(), head, body

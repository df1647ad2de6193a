"""A TCP proxy between two nodes that keeps books, keeps pace, and breaks what it is told to break.

One connection carries one request, as the node's client has it. The proxy understands just enough
of HTTP to tell heads from bodies; it never looks for anything inside a body, like a cheap
middlebox.
"""

from __future__ import annotations

import contextlib
import random
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

PACKS: Final = "/undisc/v1/packs"
BLOCK: Final = 16_384  # bytes handed on at once: what is in flight beyond the books stays small
SAMPLE: Final = 64  # first bytes of a body that are remembered, to find where they come from
_BUFFER: Final = 65_536  # socket buffers on both sides, before the system doubles them
_HEAD: Final = 65_536
_SECONDS: Final = 60.0
_RESET: Final = struct.pack("ii", 1, 0)  # struct linger: closing resets


@dataclass(frozen=True, slots=True)
class Fault:
    """What to do to one answer; positions count bytes of its body.

    Attributes:
        cut_at: Break the connection before this byte.
        reset: Break with a reset, and not with an orderly end that looks like one.
        whole_status: Say 200 instead of 206.
        shorter_by: Announce a body that is this much shorter, and end it there.
        flip_at: Change one bit of this byte.
        repeat_at: Send the block with this byte twice.
        swap_at: Exchange the two halves of the block with this byte.
        delay: Seconds to wait before the head of the answer.
        jitter: Up to so many seconds more before each block; a long line with queues.
        wrong_range: Name a range in the head that begins one byte later.
        stall_at: Send nothing from this byte on, and hold the connection open.
        refuse: Close at once, without asking the other node.
    """

    cut_at: int | None = None
    reset: bool = False
    whole_status: bool = False
    shorter_by: int = 0
    flip_at: int | None = None
    repeat_at: int | None = None
    swap_at: int | None = None
    delay: float = 0.0
    jitter: float = 0.0
    wrong_range: bool = False
    stall_at: int | None = None
    refuse: bool = False


NONE: Final = Fault()


@dataclass(slots=True)
class Exchange:
    """One request and what came back.

    Attributes:
        number: Counts all requests from 0.
        method: `GET` or `POST`.
        path: The path.
        wanted: The range that was asked for, `[start, stop)`.
        asked: Bytes of the request that went to the holder.
        length: Bytes of the body that the answer announced.
        sent: Bytes of the body that were handed to the asker.
        taken: Bytes of the body that came from the holder.
        sample: The first bytes of the body.
        ended: Whether the connection is closed on both sides.
    """

    number: int
    method: str
    path: str
    wanted: tuple[int, int] | None = None
    asked: int = 0
    length: int = 0
    sent: int = 0
    taken: int = 0
    sample: bytes = b""
    ended: bool = False


def no_plan(_: Exchange) -> Fault:
    """Leave every answer alone."""
    return NONE


@dataclass(slots=True)
class _Pace:
    """Lets bytes pass at most at a rate, over all connections together."""

    bytes_per_second: float | None
    lock: threading.Lock = field(default_factory=threading.Lock)
    free_at: float = 0.0

    def take(self, count: int) -> None:
        rate = self.bytes_per_second
        if rate is None:
            return
        with self.lock:
            now = time.monotonic()
            self.free_at = max(now, self.free_at) + count / rate
            wait = self.free_at - now
        time.sleep(wait)


class FaultProxy:
    """Listens on a port of its own and passes connections on.

    Args:
        port: Port of the node behind it, on the loopback address.

    Attributes:
        plan: Asked for each request what to do to its answer.
    """

    def __init__(self, port: int) -> None:
        self._to = ("127.0.0.1", port)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._pace = _Pace(None)
        self._open: set[socket.socket] = set()
        self._changed = threading.Condition()
        self._exchanges: list[Exchange] = []
        self._closed = False
        self.plan: Callable[[Exchange], Fault] = no_plan
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._accepting = threading.Thread(target=self._accept, name="fault-proxy", daemon=True)
        self._accepting.start()

    def close(self) -> None:
        """Close every connection and stop listening."""
        self._closed = True
        self._listener.shutdown(socket.SHUT_RDWR)
        self._accepting.join()
        self._listener.close()
        self.cut_all()
        self.wait_until(lambda: all(one.ended for one in self._exchanges), _SECONDS)

    def throttle(self, bytes_per_second: float | None) -> None:
        """Let bodies pass at this rate from now on; None lets them pass freely."""
        self._pace.bytes_per_second = bytes_per_second

    def cut_all(self) -> None:
        """Break every open connection."""
        with self._changed:
            for one in self._open:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    # --- The books ------------------------------------------------------------------------------

    def exchanges(self, path: str = PACKS, *, since: int = 0) -> list[Exchange]:
        """List what was asked of a path, from the request of this number on."""
        with self._changed:
            return [one for one in self._exchanges[since:] if one.path == path]

    def count(self) -> int:
        """Return how many requests there were."""
        with self._changed:
            return len(self._exchanges)

    def sent(self, *, since: int = 0) -> int:
        """Return how many bytes of packs were handed to the asker."""
        return sum(one.sent for one in self.exchanges(since=since))

    def wait_until(self, happened: Callable[[], bool], seconds: float) -> bool:
        """Wait until something shows in the books; False when the time is over first."""
        with self._changed:
            return self._changed.wait_for(happened, seconds)

    def quiet(self, seconds: float = 10.0) -> None:
        """Wait until no connection is open."""
        if not self.wait_until(lambda: all(one.ended for one in self._exchanges), seconds):
            raise AssertionError("a connection stays open")

    # --- Passing on -----------------------------------------------------------------------------

    def _accept(self) -> None:
        while True:
            try:
                asker, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(asker,), daemon=True).start()

    def _serve(self, asker: socket.socket) -> None:
        exchange: Exchange | None = None
        with self._tracked(asker), contextlib.suppress(OSError, ValueError):
            asker.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
            asker.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            head, rest = _read_head(asker)
            exchange = self._book(head)
            try:
                self._pass_on(asker, exchange, head, rest)
            finally:
                # The asker learns of the end before the books do.
                asker.close()
                with self._changed:
                    exchange.ended = True
                    self._changed.notify_all()

    def _pass_on(self, asker: socket.socket, exchange: Exchange, head: bytes, rest: bytes) -> None:
        fault = self.plan(exchange)
        if fault.refuse:
            return
        holder = socket.socket()
        with self._tracked(holder):
            holder.settimeout(_SECONDS)
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)  # before connecting
            holder.connect(self._to)
            left = _length(head) - len(rest)
            holder.sendall(head + rest)
            while left > 0 and (block := asker.recv(min(left, BLOCK))):
                holder.sendall(block)
                left -= len(block)
            exchange.asked = len(head) + _length(head)
            self._answer(asker, holder, exchange, fault)

    def _answer(
        self, asker: socket.socket, holder: socket.socket, exchange: Exchange, fault: Fault
    ) -> None:
        head, rest = _read_head(holder)
        length = exchange.length = _length(head)
        if fault.delay:
            time.sleep(fault.delay)
        if fault.whole_status:
            head = head.replace(b" 206 ", b" 200 ", 1)
        if fault.wrong_range:
            head = re.sub(rb"(?i)(content-range: *bytes )(\d+)", _one_later, head, count=1)
        stop = length
        if fault.shorter_by:
            stop = length - fault.shorter_by
            head = re.sub(rb"(?i)(content-length: *)\d+", rb"\g<1>%d" % stop, head, count=1)
        asker.sendall(head)
        if fault.cut_at is not None:
            stop = min(stop, fault.cut_at)
        if fault.stall_at is not None:
            stop = min(stop, fault.stall_at)
        for block in self._body(holder, exchange, rest, stop):
            self._pace.take(len(block))
            if fault.jitter:
                time.sleep(fault.jitter * random.random())
            asker.sendall(_damaged(block, exchange.sent, fault))
            with self._changed:
                exchange.sent += len(block)
                self._changed.notify_all()
        if fault.stall_at is not None:
            asker.settimeout(_SECONDS)
            asker.recv(1)  # until the asker gives up
        if fault.reset:
            asker.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)

    def _body(
        self, holder: socket.socket, exchange: Exchange, rest: bytes, stop: int
    ) -> Iterator[bytes]:
        position = 0
        while position < stop:
            block, rest = (rest, b"") if rest else (holder.recv(BLOCK), b"")
            if not block:
                return
            exchange.taken += len(block)
            exchange.sample = exchange.sample or block[:SAMPLE]
            block = block[: stop - position]
            position += len(block)
            yield block

    def _book(self, head: bytes) -> Exchange:
        method, path, _ = head.split(b" ", 2)
        found = re.search(rb"(?i)\r\nrange: *bytes=(\d+)-(\d+)", head)
        with self._changed:
            exchange = Exchange(len(self._exchanges), method.decode(), path.decode())
            if found:
                exchange.wanted = (int(found[1]), int(found[2]) + 1)
            self._exchanges.append(exchange)
            self._changed.notify_all()
        return exchange

    @contextlib.contextmanager
    def _tracked(self, one: socket.socket) -> Iterator[None]:
        with self._changed:
            self._open.add(one)
        try:
            yield
        finally:
            with self._changed:
                self._open.discard(one)
            one.close()


def _damaged(block: bytes, position: int, fault: Fault) -> bytes:
    """Apply what a fault does to a block of the body that begins at a position."""

    def within(at: int | None) -> bool:
        return at is not None and position <= at < position + len(block)

    if within(fault.flip_at):
        changed = bytearray(block)
        changed[(fault.flip_at or 0) - position] ^= 1
        return bytes(changed)
    if within(fault.repeat_at):
        return block + block
    if within(fault.swap_at):
        middle = len(block) // 2
        return block[middle:] + block[:middle]
    return block


def _read_head(connection: socket.socket) -> tuple[bytes, bytes]:
    """Read up to the empty line; return the head with it, and what came after."""
    read = b""
    while b"\r\n\r\n" not in read:
        block = connection.recv(BLOCK)
        if not block or len(read) > _HEAD:
            raise ConnectionAbortedError("no head")
        read += block
    head, _, rest = read.partition(b"\r\n\r\n")
    return head + b"\r\n\r\n", rest


def _one_later(found: re.Match[bytes]) -> bytes:
    return found[1] + b"%d" % (int(found[2]) + 1)


def _length(head: bytes) -> int:
    found = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    return int(found[1]) if found else 0

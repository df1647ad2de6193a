"""Nodes that reach each other without a socket, over a network that a test can spoil.

Each address belongs to one node's public services. What travels is what would travel over HTTP,
and what a service raises there becomes what the client makes of it here: a ticket that is not
accepted is `BadTicket`, a stream that ends early is `Unreachable`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Protocol

from undisc_node.services.errors import ServiceError
from undisc_node.services.ports import ReadInto, Reply
from undisc_node.services.streams import Stream
from undisc_protocol.errors import BadTicket, OutsideExtent, RemoteProtocolError, Unreachable

FETCH, RECEIPT, RECALL = "/undisc/v1/fetch", "/undisc/v1/receipt", "/undisc/v1/recall"
NOTICE, UNLOCK = "/undisc/v1/notice", "/undisc/v1/unlock"
OFFERS, GREETING = "/undisc/v1/offers", "/undisc/v1/greeting"
PAIRING = "/undisc/v1/pairing"


class PublicNode(Protocol):
    """What a node shows to the network."""

    def document(self) -> bytes:
        """Return its records and card."""

    def answer(self, body: bytes) -> Reply:
        """Answer a request for a study."""

    def take(self, body: bytes) -> Reply:
        """Answer a receipt."""

    def hear(self, body: bytes) -> Reply:
        """Answer a notice."""

    def remember(self, body: bytes) -> Reply:
        """Answer a request to recall."""

    def unlock(self, body: bytes) -> Reply:
        """Answer a request to unlock a link."""

    def open(self, ticket: bytes, start: int, stop: int | None) -> Stream:
        """Open a ticket's stream."""


@dataclass
class Faults:
    """What goes wrong from now on; all is well until a test says otherwise.

    Attributes:
        unreachable: Addresses that do not answer.
        silent: Paths whose answers are lost after the other node has acted.
        breaks: After how many bytes each of the next streams breaks; None lets one pass.
        flip: A byte of a ticket's stream that arrives with a bit flipped.
        replies: By path: what becomes of an answer on its way.
        stale: How many of the next streams find that their ticket is over.
        on_ask: By path: called before the other node is asked.
        on_bytes: Called with the number of stream bytes that arrived so far, before the next.
    """

    unreachable: set[str] = field(default_factory=set)
    silent: set[str] = field(default_factory=set)
    breaks: list[int | None] = field(default_factory=list)
    flip: int | None = None
    replies: dict[str, Callable[[Reply], Reply]] = field(default_factory=dict)
    stale: int = 0
    on_ask: dict[str, Callable[[], object]] = field(default_factory=dict)
    on_bytes: Callable[[int], object] | None = None


class MemoryNetwork:
    """Carries bytes between nodes of one process; implements `ports.PeerNetwork`.

    Attributes:
        nodes: By address.
        faults: What goes wrong.
        asked: Path and body of every message that reached a node.
        ranges: Every range that was asked for.
        streamed: Bytes of streams that arrived.
    """

    def __init__(self) -> None:
        self.nodes: dict[str, PublicNode] = {}
        self.faults = Faults()
        self.asked: list[tuple[str, bytes]] = []
        self.ranges: list[tuple[int, int]] = []
        self.streamed = 0
        self._lock = Lock()

    def introduce(self, url: str) -> bytes:
        """Ask for a node's document."""
        return self._node([url]).document()

    def ask(self, urls: Sequence[str], path: str, body: bytes, *, limit: int) -> Reply:
        """Post bytes to the first address that answers."""
        node = self._node(urls)
        if on_ask := self.faults.on_ask.get(path):
            on_ask()
        self.asked.append((path, body))
        doors = {
            RECEIPT: node.take,
            RECALL: node.remember,
            NOTICE: node.hear,
            OFFERS: getattr(node, "handed", node.answer),
            UNLOCK: node.unlock,
        }
        doors[GREETING] = getattr(node, "greeted", node.answer)
        doors[OFFERS] = getattr(node, "handed", node.answer)
        doors[PAIRING] = getattr(node, "guests", node.answer)
        reply = doors.get(path, node.answer)(body)
        if path in self.faults.silent:
            raise Unreachable("the answer was lost")
        reply = self.faults.replies.get(path, lambda same: same)(reply)
        if len(reply.body) > limit:
            raise Unreachable("the answer is too long")
        return reply

    @contextmanager
    def stream(
        self, urls: Sequence[str], ticket: bytes, start: int, stop: int
    ) -> Iterator[ReadInto]:
        """Open the bytes `[start, stop)` of a ticket's stream."""
        node = self._node(urls)
        with self._lock:
            self.ranges.append((start, stop))
            if self.faults.stale:
                self.faults.stale -= 1
                raise BadTicket("the ticket is over")
            room = self.faults.breaks.pop(0) if self.faults.breaks else None
        try:
            opened = node.open(ticket, start, stop)
        except OutsideExtent as problem:
            raise Unreachable("an answer that is not this range") from problem
        try:
            yield _Connection(self, opened, room).read_into
        finally:
            opened.close()

    def arrive(self, piece: bytes, position: int) -> bytes:
        """Count bytes that arrived, after whatever the network does to them."""
        if self.faults.on_bytes:
            self.faults.on_bytes(self.streamed)
        with self._lock:
            self.streamed += len(piece)
        flip = self.faults.flip
        if flip is None or not position <= flip < position + len(piece):
            return piece
        spoilt = bytearray(piece)
        spoilt[flip - position] ^= 1
        return bytes(spoilt)

    def _node(self, urls: Sequence[str]) -> PublicNode:
        for url in urls:
            if url in self.nodes and url not in self.faults.unreachable:
                return self.nodes[url]
        raise Unreachable("no address answered")


class _Connection:
    """The bytes of one stream as they arrive, until it breaks."""

    def __init__(self, network: MemoryNetwork, stream: Stream, room: int | None) -> None:
        self._network = network
        self._batches = stream.batches()
        self._position = stream.start
        self._room = room
        self._ready = b""

    def read_into(self, buffer: memoryview, /) -> None:
        """Fill the buffer, or raise what a broken connection is."""
        filled = 0
        while filled < len(buffer):
            piece = self._next(len(buffer) - filled)
            buffer[filled : filled + len(piece)] = piece
            filled += len(piece)

    def _next(self, most: int) -> bytes:
        if self._room == 0:
            raise Unreachable("the connection broke")
        if not self._ready:
            self._ready = self._batch()
        count = min(most, len(self._ready), most if self._room is None else self._room)
        piece, self._ready = self._ready[:count], self._ready[count:]
        arrived = self._network.arrive(piece, self._position)
        self._position += count
        if self._room is not None:
            self._room -= count
        return arrived

    def _batch(self) -> bytes:
        try:
            batch = next(self._batches, None)
        except (RemoteProtocolError, ServiceError) as problem:  # the holder cuts the connection
            raise Unreachable("the connection broke") from problem
        if batch is None:
            raise Unreachable("the stream ended early")
        parts = []
        for found in batch:
            found.file.seek(found.offset)
            parts.append(found.file.read(found.length))
        return b"".join(parts)

"""Moving ciphertext on a few connections at once.

The stream of a ticket is cut into segments at object boundaries. Workers take segments one after
the other, so both connections stay busy to the end; each chunk is verified and written in the
thread that read it. An object that came half the last time is continued at its first missing chunk.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Event, Lock, Thread

from undisc_node.services.errors import ServiceError
from undisc_node.services.model import Peer
from undisc_node.services.ports import Clock, Incoming, PeerNetwork, ReadInto
from undisc_protocol import limits
from undisc_protocol.errors import BadTicket, RemoteProtocolError, Unreachable
from undisc_protocol.exchange import Granted
from undisc_protocol.pack import chunk_span
from undisc_protocol.transfer import Broken, Halted, ObjectStored, Refused, TicketEnded
from undisc_protocol.transfer import Event as Happening

CONNECTIONS = 2
"""More gain nothing: two cores decrypt, hash and write as fast as the disk takes it (measured)."""

SEGMENT = 64 * limits.CHUNK
"""Bytes after which a segment is closed; small enough that both workers end together."""


@dataclass(frozen=True, slots=True)
class Part:
    """An object of a segment, and its first chunk that is not here."""

    object_id: bytes
    first_chunk: int


@dataclass(frozen=True, slots=True)
class Segment:
    """A contiguous run of the stream."""

    start: int
    stop: int
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Moved:
    """What came of a move: events for the machine, in order, and what stopped it, if anything."""

    happenings: Sequence[Happening]
    problem: str


def segments(
    granted: Granted, needed: Sequence[bytes], whole_chunks: dict[bytes, int]
) -> list[Segment]:
    """Cut the stream into segments that hold the needed objects.

    Args:
        granted: The answer with its manifest.
        needed: Ids of the objects to bring.
        whole_chunks: For objects that came half: good chunks at their start.
    """
    wanted = set(needed)
    found: list[Segment] = []
    open_parts: list[Part] = []
    start = stop = 0

    def close() -> None:
        nonlocal open_parts
        if open_parts:
            found.append(Segment(start, stop, tuple(open_parts)))
            open_parts = []

    for number, listed in enumerate(granted.manifest.objects):
        span = granted.manifest.span(number)
        if listed.id not in wanted:
            close()
            continue
        first = whole_chunks.get(listed.id, 0)
        begin = span.start + (chunk_span(listed.size, first)[0] if first else 0)
        if first or (open_parts and stop - start >= SEGMENT):
            close()
        if not open_parts:
            start = begin
        open_parts.append(Part(listed.id, first))
        stop = span.stop
    close()
    return found


class Mover:
    """Brings the objects of an answer, and counts.

    Args:
        network: Reaches the holder.
        clock: Time, for the speed.
        stop: Set when the node shuts down.
        fetched: Is told how many bytes came in.
    """

    def __init__(
        self,
        network: PeerNetwork,
        clock: Clock,
        stop: Event,
        fetched: Callable[[int], None] = lambda _count: None,
    ) -> None:
        self._fetched = fetched
        self._network = network
        self._clock = clock
        self._stop = stop
        self._lock = Lock()
        self._bytes = 0
        self._objects = 0
        self._found: int | None = None
        self._elapsed_ms = 0
        self._began_ms: int | None = None

    def counts(self) -> tuple[int, int, int]:
        """Return bytes read, objects stored and milliseconds spent; safe from any thread."""
        with self._lock:
            began = self._began_ms
            running = self._clock.now_ms() - began if began is not None else 0
            return self._bytes, self._objects, self._elapsed_ms + running

    def found(self) -> int:
        """Return how many bytes of unfinished objects were here before the first move."""
        with self._lock:
            return self._found or 0

    def move(
        self, *, peer: Peer, granted: Granted, incoming: Incoming, needed: Sequence[bytes]
    ) -> Moved:
        """Bring what is missing of an answer; return when every connection has stopped.

        Args:
            peer: The holder.
            granted: Its answer.
            incoming: Where objects go.
            needed: Ids of the objects to bring.
        """
        half = {object_id: incoming.whole_chunks(object_id) for object_id in needed}
        work = _Work(segments(granted, needed, {one: n for one, n in half.items() if n}))
        with self._lock:
            before = self._bytes
            self._began_ms = self._clock.now_ms()
            if self._found is None:
                self._found = sum(
                    chunk_span(listed.size, half[listed.id])[0]
                    for listed in granted.manifest.objects
                    if half.get(listed.id)
                )
        workers = [
            Thread(
                target=self._bring, args=(work, peer, granted.ticket, incoming), name="fetch-mover"
            )
            for _ in range(min(CONNECTIONS, len(work.segments)))
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        with self._lock:
            self._elapsed_ms += self._clock.now_ms() - (self._began_ms or 0)
            self._began_ms = None
            gained = self._bytes - before >= limits.CHUNK + limits.TAG
        stored: list[Happening] = [ObjectStored(object_id) for object_id in work.stored]
        return _outcome(work, stored, gained=gained)

    def _bring(self, work: _Work, peer: Peer, ticket: bytes, incoming: Incoming) -> None:
        try:
            while segment := work.next():
                urls = peer.urls
                with self._network.stream(urls, ticket, segment.start, segment.stop) as read_into:
                    counted = self._counted(read_into)
                    for part in segment.parts:
                        if work.halted or self._stop.is_set():
                            return
                        incoming.receive(part.object_id, part.first_chunk, counted)
                        work.done(part.object_id)
                        with self._lock:
                            self._objects += 1
        except (RemoteProtocolError, ServiceError) as problem:
            work.halt(problem)
        except BaseException as problem:  # noqa: BLE001 - the driving thread raises it again
            work.halt(problem)

    def _counted(self, read_into: ReadInto) -> ReadInto:
        def counting(buffer: memoryview, /) -> None:
            read_into(buffer)
            self._fetched(len(buffer))
            with self._lock:
                self._bytes += len(buffer)

        return counting


class _Work:
    """Segments to bring, what has been stored, and the first problem."""

    def __init__(self, todo: Sequence[Segment]) -> None:
        self.segments = deque(todo)
        self.stored: list[bytes] = []
        self.problem: BaseException | None = None
        self._lock = Lock()

    @property
    def halted(self) -> bool:
        """Whether somebody ran into a problem."""
        return self.problem is not None

    def next(self) -> Segment | None:
        """Take a segment; None when there is none left, or somebody ran into a problem."""
        with self._lock:
            if self.problem is not None or not self.segments:
                return None
            return self.segments.popleft()

    def done(self, object_id: bytes) -> None:
        """Count an object as stored."""
        with self._lock:
            self.stored.append(object_id)

    def halt(self, problem: BaseException) -> None:
        """Stop everybody at their next object; the first problem counts."""
        with self._lock:
            self.problem = self.problem or problem


def _outcome(work: _Work, stored: list[Happening], *, gained: bool) -> Moved:
    """Turn what happened to the workers into events for the machine."""
    problem = work.problem
    if problem is None:
        if work.segments:
            return Moved([*stored, Halted()], "stopped: the node is shutting down")
        return Moved(stored, "")
    if isinstance(problem, BadTicket):
        return Moved([*stored, TicketEnded(gained=gained)], f"{problem.code}: {problem}")
    if isinstance(problem, Unreachable):
        return Moved([*stored, Broken(gained=gained)], f"{problem.code}: {problem}")
    if isinstance(problem, RemoteProtocolError):
        return Moved([*stored, Refused(problem)], f"{problem.code}: {problem}")
    if isinstance(problem, ServiceError):
        return Moved([*stored, Halted()], f"{problem.reason}: {problem}")
    raise problem

"""Errands: what waits for peers that nobody can connect to (SPEC.md §6.15).

Whoever has to ask such a peer something leaves the request here and waits; the peer takes it along
when it polls, and brings the answer over a connection of its own. Nothing here outlives the
process: who asked still has the row that made it ask, and asks again.

Bounds: an answer has at most the bytes that the asker would have read; of a stream at most
`HELD` bytes wait for the asker, then the peer has to wait, too.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Condition
from typing import Final

from undisc_node.services.model import node_that_comes
from undisc_node.services.ports import Clock, Entropy, ReadInto, Reply
from undisc_protocol import limits
from undisc_protocol.errors import BadTicket, Busy, LocalProtocolError, Oversize, Unreachable
from undisc_protocol.poll import STREAM_PATH, Errand

HELD: Final = 2 * limits.CHUNK  # bytes of one stream that wait for whoever verifies and writes
MOST_OPEN: Final = 256  # errands at once; each has a thread of this node that waits
_PRESENT_MS: Final = 10_000  # a peer is taken as here for so long after a poll (SPEC.md §6.15)
_TOLD_AGAIN_MS: Final = 5_000  # until an errand that was told is told again: answers get lost
_ANSWER_MS: Final = 60_000  # for one answer; as long as a direct one may take
_SILENCE_MS: Final = 30_000  # between two blocks of a stream; as on a direct connection
_GLANCE: Final = 0.5  # seconds after which a waiting thread looks whether it still makes sense
_ANSWER_ROOM: Final = 65_536  # bytes of an answer to a poll that are not bodies of errands
_PARTIAL, _FORBIDDEN = 206, 403


class Away(Unreachable):
    """A peer that comes by itself is not here now; it will come."""


@dataclass(slots=True)
class _Open:
    """An errand somebody waits for.

    Attributes:
        peer: Whose it is.
        errand: What the peer is asked.
        limit: Most bytes of the answer; of a stream exactly so many.
        until_ms: When it is given up, unless something arrives.
        told_ms: When the peer was told last, or None.
        answered: Somebody is bringing the answer, or has brought it.
        status: The status of the answer, 0 before it has begun.
        blocks: What arrived and was not taken yet.
        held: Bytes of these.
        ended: Everything has arrived.
        broken: It will not arrive.
        on_room: Called once, when there is room for more.
    """

    peer: bytes
    errand: Errand
    limit: int
    until_ms: int
    told_ms: int | None = None
    answered: bool = False
    status: int = 0
    arrived: int = 0
    blocks: deque[memoryview] = field(default_factory=deque)
    held: int = 0
    ended: bool = False
    broken: bool = False
    on_room: Callable[[], None] | None = None

    @property
    def streams(self) -> bool:
        """Whether its answer is a range of bytes."""
        return self.errand.path == STREAM_PATH


class Errands:
    """Keeps what waits for peers, and who of them is here.

    Args:
        clock: Time.
        entropy: Handles.
    """

    def __init__(self, *, clock: Clock, entropy: Entropy) -> None:
        self._clock = clock
        self._entropy = entropy
        self._changed = Condition()
        self._here_until: dict[bytes, int] = {}
        self._ways: dict[str, bytes] = {}  # addresses of peers that say they have none
        self._open: dict[bytes, _Open] = {}
        self._closed = False

    def close(self) -> None:
        """Give everything up; who waits has the row that makes it ask again after a start."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    # --- The peer's side --------------------------------------------------------------------------

    def come(self, peer: bytes, urls: Sequence[str] = ()) -> bool:
        """Take a peer as here; return whether it was away before.

        Args:
            peer: Its node id.
            urls: Where it is thought to be, although it says that it has no address.
        """
        now_ms = self._clock.now_ms()
        with self._changed:
            self._ways.update(dict.fromkeys(urls, peer))
            was_away = self._here_until.get(peer, 0) <= now_ms
            self._here_until[peer] = now_ms + _PRESENT_MS
            return was_away

    def here(self, peer: bytes) -> bool:
        """Tell whether a peer has come within the last seconds."""
        return self._here_until.get(peer, 0) > self._clock.now_ms()

    def at(self, urls: Sequence[str]) -> bytes | None:
        """Return which peer is to be asked by errand, of these addresses; None: directly."""
        for url in urls:
            comes = node_that_comes(url)
            if comes is not None and len(urls) == 1:
                return comes
            known = self._ways.get(url)
            if known is not None and self.here(known):
                return known
        return None

    def knows(self, urls: Sequence[str]) -> bool:
        """Tell whether a peer with one of these addresses has ever come by itself."""
        return any(url in self._ways for url in urls)

    def take(self, peer: bytes) -> tuple[Sequence[Errand], int]:
        """Return what a peer is to be told now, and how much more waits for it."""
        now_ms = self._clock.now_ms()
        told: list[Errand] = []
        room, left = limits.MAX_POLL_ANSWER - _ANSWER_ROOM, 0
        with self._changed:
            for one in self._open.values():
                if one.peer != peer or one.answered:
                    continue
                if one.told_ms is not None and now_ms < one.told_ms + _TOLD_AGAIN_MS:
                    left += 1
                    continue
                size = len(one.errand.body)
                if len(told) >= limits.MAX_ERRANDS or size > room:
                    left += 1
                    continue
                one.told_ms = now_ms
                room -= size
                told.append(one.errand)
        return told, left

    def answer(self, handle: bytes, status: int, length: int | None) -> Answering:
        """Begin to take the answer to an errand.

        Args:
            handle: The errand's handle.
            status: The HTTP status that the request would have got.
            length: How many bytes are announced, or None.

        Raises:
            BadTicket: Nobody waits for it, or not for so many bytes.
        """
        with self._changed:
            one = self._open.get(handle)
            if one is None or one.answered:
                raise _nobody()
            exact = one.streams and status == _PARTIAL
            if length is None or length > one.limit or (exact and length != one.limit):
                raise _nobody()
            one.answered, one.status = True, status
            self._changed.notify_all()
        return Answering(self, one, length)

    # --- Our side --------------------------------------------------------------------------------

    def ask(self, peer: bytes, path: str, body: bytes, *, limit: int) -> Reply:
        """Have a peer asked that comes by itself, and wait for its answer.

        Raises:
            Away: It is not here.
            Unreachable: It went away before it answered.
            Busy: Too much waits already.
        """
        with self._waiting(peer, path, body, limit) as one, self._changed:
            while not one.ended:
                self._wait(one)
            return Reply(one.status, b"".join(one.blocks))

    @contextmanager
    def stream(self, peer: bytes, ticket: bytes, start: int, stop: int) -> Iterator[ReadInto]:
        """Have the bytes `[start, stop)` of a ticket's stream brought.

        Raises:
            Away: The peer is not here.
            BadTicket: The peer no longer accepts the ticket.
            Unreachable: It went away, or says something else.
            Busy: Too much waits already.
        """
        with self._waiting(peer, STREAM_PATH, ticket, stop - start, start, stop) as one:
            with self._changed:
                while not one.answered:
                    self._wait(one)
            if one.status == _FORBIDDEN:
                raise BadTicket("the holder no longer accepts the ticket")
            if one.status != _PARTIAL:
                raise Unreachable("the holder did not bring the range that was asked for")

            def read_into(buffer: memoryview, /) -> None:
                self._fill(one, buffer)

            yield read_into

    @contextmanager
    def _waiting(
        self, peer: bytes, path: str, body: bytes, limit: int, start: int = 0, stop: int = 0
    ) -> Iterator[_Open]:
        errand = Errand(self._entropy.random(limits.ERRAND), path, body, start, stop)
        with self._changed:
            if not self.here(peer):
                raise Away("the other node comes by itself, and is not here now")
            if len(self._open) >= MOST_OPEN:
                raise Busy("too much waits for other nodes at the moment")
            one = _Open(peer, errand, limit, self._clock.now_ms() + _ANSWER_MS)
            self._open[errand.id] = one
        try:
            yield one
        finally:
            with self._changed:
                self._open.pop(errand.id, None)
                one.broken = True
                self._make_room(one)

    def _wait(self, one: _Open) -> None:
        """Wait a moment for a change; the lock is held.

        Raises:
            Unreachable: It makes no sense any more.
        """
        if one.broken or self._closed:
            raise Unreachable("the other node broke its answer off, or this one is stopping")
        late = self._clock.now_ms() >= one.until_ms
        if late or not (one.answered or self.here(one.peer)):
            raise Unreachable("the other node went away before it answered")
        self._changed.wait(_GLANCE)

    def _fill(self, one: _Open, buffer: memoryview) -> None:
        filled = 0
        while filled < len(buffer):
            with self._changed:
                while not one.blocks:
                    if one.ended:
                        raise LocalProtocolError("more bytes were read than the range holds")
                    self._wait(one)
                block = one.blocks.popleft()
                count = min(len(block), len(buffer) - filled)
                if count < len(block):
                    one.blocks.appendleft(block[count:])
                one.held -= count
                if one.held < HELD // 2:
                    self._make_room(one)
            buffer[filled : filled + count] = block[:count]
            filled += count

    @staticmethod
    def _make_room(one: _Open) -> None:
        on_room, one.on_room = one.on_room, None
        if on_room is not None:
            on_room()

    # --- What arrives ----------------------------------------------------------------------------

    def _arrived(self, one: _Open, block: bytes) -> bool:
        with self._changed:
            if one.broken:
                raise _nobody()
            if one.arrived + len(block) > one.limit:
                one.broken = True
                self._changed.notify_all()
                raise Oversize("an answer to an errand has more bytes than were asked for")
            one.blocks.append(memoryview(block))
            one.arrived += len(block)
            one.held += len(block)
            one.until_ms = max(one.until_ms, self._clock.now_ms() + _SILENCE_MS)
            self._changed.notify_all()
            return not one.streams or one.held < HELD

    def _when_room(self, one: _Open, call: Callable[[], None]) -> None:
        with self._changed:
            if one.broken or one.held < HELD:
                call()
            else:
                one.on_room = call

    def _finish(self, one: _Open, *, whole: bool) -> None:
        with self._changed:
            one.ended = one.ended or whole
            one.broken = one.broken or not one.ended
            self._changed.notify_all()


class Answering:
    """The answer to an errand, as it arrives; used by one caller after the other.

    Args:
        errands: Where it belongs.
        one: The errand.
        length: How many bytes are announced.
    """

    def __init__(self, errands: Errands, one: _Open, length: int) -> None:
        self._errands = errands
        self._one = one
        self._left = length

    def put(self, block: bytes) -> bool:
        """Take a block; return whether there is room for more at once.

        Raises:
            BadTicket: Nobody waits any more.
            Oversize: More bytes than were asked for.
        """
        self._left -= len(block)
        return self._errands._arrived(self._one, block)  # noqa: SLF001 - one thing in two classes

    def when_room(self, call: Callable[[], None]) -> None:
        """Have something called once there is room, from any thread; at once if there is."""
        self._errands._when_room(self._one, call)  # noqa: SLF001

    def close(self) -> None:
        """End it: it is whole if as many bytes came as were announced."""
        self._errands._finish(self._one, whole=self._left == 0)  # noqa: SLF001


def _nobody() -> BadTicket:
    return BadTicket("nobody waits for this answer, or not any more")

"""A connection's way out for file ranges: `sendfile` by a worker thread, without the event loop.

asyncio's own `sendfile` takes one range at a time and reads the disk in the event loop. Here a
thread sends several ranges in one go. It waits only a moment for a receiver that is slower than the
disk; then it says so, and the event loop waits instead, so that slow receivers hold no thread.

Not for TLS, which must see every byte.
"""

from __future__ import annotations

import asyncio
import errno
import os
import select
import threading
from collections import deque
from collections.abc import Iterable
from typing import Final

from undisc_node.web.public_uses import Slice

_MOMENT: Final = 50
"""Ms that a thread waits for a receiver that was quick enough so far.

The system wakes a sender when a third of its buffer is free. Going through the event loop for each
third costs more than sending it.
"""
_GLANCE: Final = 1
"""Ms that a thread waits for a receiver that was too slow the last time."""
_CANNOT: Final = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)  # sendfile(2): not for such a file
_TOGETHER: Final = 16  # pieces of one writev(2); the system takes 1,024
_BLOCK: Final = 262_144  # bytes read at once then


class Cut(Exception):
    """The pack file ends before the slice does."""


class Outlet:
    """Sends ranges of files to one connected socket.

    The descriptor is its own copy: whatever happens to the connection meanwhile, a thread never
    writes to a number that means something else by now.

    Args:
        descriptor: A connected socket that does not block.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = os.dup(descriptor)
        self._guard = threading.Lock()
        self._waiting: deque[tuple[int, int, int] | memoryview] = deque()
        self._closed = False
        self._moment = _MOMENT
        self._room = select.poll()
        self._room.register(self._descriptor, select.POLLOUT)

    def put(self, batch: Iterable[Slice]) -> None:
        """Add ranges to what is to be sent."""
        self._waiting.extend((one.file.fileno(), one.offset, one.length) for one in batch)

    def put_bytes(self, pieces: Iterable[bytes]) -> None:
        """Add bytes to what is to be sent."""
        self._waiting.extend(memoryview(one) for one in pieces if one)

    def push(self) -> bool:
        """Send what the receiver takes without a long wait; runs in a thread.

        Returns:
            Whether everything was sent. If not, call again once `writable` has returned.

        Raises:
            OSError: The connection broke.
            Cut: A file ends too early.
        """
        with self._guard:
            while self._waiting and not self._closed:
                first = self._waiting[0]
                try:
                    if isinstance(first, memoryview):
                        sent = os.writev(self._descriptor, self._leading())
                    else:
                        sent = _send(self._descriptor, *first)
                except BlockingIOError:
                    if not self._soon():
                        return False
                    continue
                if not sent:
                    raise Cut
                if isinstance(first, memoryview):
                    self._written(sent)
                    continue
                self._waiting.popleft()
                file, offset, length = first
                if sent < length:
                    self._waiting.appendleft((file, offset + sent, length - sent))
        return True

    def _leading(self) -> list[memoryview]:
        """Return the bytes that wait in front, so that a small head needs no packet of its own."""
        leading: list[memoryview] = []
        for one in self._waiting:
            if not isinstance(one, memoryview) or len(leading) == _TOGETHER:
                break
            leading.append(one)
        return leading

    def _written(self, sent: int) -> None:
        """Forget bytes that were sent."""
        while sent:
            first = self._waiting.popleft()
            assert isinstance(first, memoryview)  # noqa: S101 - only bytes were written
            if sent < len(first):
                self._waiting.appendleft(first[sent:])
                return
            sent -= len(first)

    def _soon(self) -> bool:
        quick = bool(self._room.poll(self._moment))
        self._moment = _MOMENT if quick else _GLANCE
        return quick

    async def writable(self) -> None:
        """Wait in the event loop until the receiver takes more, or the connection has broken."""
        loop = asyncio.get_running_loop()
        ready = loop.create_future()
        loop.add_writer(self._descriptor, _settle, ready)
        try:
            await ready
        finally:
            loop.remove_writer(self._descriptor)

    def close(self) -> None:
        """Give the descriptor back once no thread uses it; runs in a thread."""
        with self._guard:
            if not self._closed:
                self._closed = True
                os.close(self._descriptor)


def _send(descriptor: int, file: int, offset: int, length: int) -> int:
    """Send a part of a range at least; 0 if the file ends before it."""
    try:
        return os.sendfile(descriptor, file, offset, length)
    except OSError as problem:
        if problem.errno not in _CANNOT:
            raise
    return os.write(descriptor, os.pread(file, min(length, _BLOCK), offset))


def _settle(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)

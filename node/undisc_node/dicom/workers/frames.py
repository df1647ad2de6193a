"""How node, nursery and worker talk: frames of a kind and a body over Unix stream sockets.

A frame is one byte of kind, eight bytes of length, and the body. The reader says how long a body it
takes, before anything is allocated.
"""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable
from typing import Final

HEAD: Final = struct.Struct(">cQ")

LOAD: Final = b"L"  # node to nursery: what to import
WORK: Final = b"W"  # node to worker: the order (JSON); the request follows as `BODY`
BODY: Final = b"B"
ANSWER: Final = b"A"  # worker to node: what the work made
REFUSED: Final = b"R"  # worker to node: the work's own refusal (JSON: code, sentence, hint)
SWOLLEN: Final = b"S"  # worker to node: no memory left
FAILED: Final = b"F"  # worker to node, or nursery to node: name of an exception's class


class Broken(OSError):
    """The other side ended, or sent what is no frame."""


class TooLong(OSError):
    """The other side announced a longer body than is taken."""


class Line:
    """One end of a socket, with a deadline for everything that happens on it.

    Args:
        end: The socket.
        deadline: When patience ends, on the monotonic clock in seconds; never when it is None,
            as in a worker, which may not open descriptors and so cannot poll either.
        monotonic: A clock in seconds that never goes back.
    """

    def __init__(
        self,
        end: socket.socket,
        *,
        deadline: float | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._end = end
        self._monotonic = monotonic
        self._deadline = deadline

    def send(self, kind: bytes, body: bytes | bytearray | memoryview) -> None:
        """Send one frame.

        Raises:
            TimeoutError: The deadline has passed.
            Broken: The other side is gone.
        """
        try:
            for part in (HEAD.pack(kind, len(body)), body):
                if len(part):  # whoever has read the head of an empty body may have ended by now
                    self._wait()
                    self._end.sendall(part)
        except TimeoutError:
            raise
        except OSError as error:
            raise Broken(str(error)) from error

    def receive(self, *, limit: int) -> tuple[bytes, bytearray]:
        """Receive one frame: its kind and its body.

        Raises:
            TimeoutError: The deadline has passed.
            TooLong: The body is longer than `limit` bytes; nothing of it was read.
            Broken: The other side is gone.
        """
        kind, length = HEAD.unpack(self._exactly(HEAD.size))
        if length > limit:
            raise TooLong("a frame longer than agreed")
        return kind, self._exactly(length)

    def _exactly(self, count: int) -> bytearray:
        data = bytearray(count)
        view = memoryview(data)
        while view:
            self._wait()
            try:
                got = self._end.recv_into(view)
            except TimeoutError:
                raise
            except OSError as error:
                raise Broken(str(error)) from error
            if not got:
                raise Broken("the other side ended")
            view = view[got:]
        return data

    def _wait(self) -> None:
        """Let the next call of the system wait until the deadline, not longer."""
        left = None if self._deadline is None else self._deadline - self._monotonic()
        if left is not None and left <= 0:
            raise TimeoutError
        self._end.settimeout(left)

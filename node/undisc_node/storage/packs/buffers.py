"""Reused chunk buffers.

A fresh megabyte for every chunk costs more in page faults than the encryption does, so each reader
or writer borrows a pair and gives it back.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

from undisc_protocol import limits

_IDLE: Final = 8  # pairs kept between uses, 2 MiB each


class ChunkBuffers(NamedTuple):
    """Room for one chunk on both sides of the encryption.

    Attributes:
        plain: 1 MiB.
        sealed: 1 MiB and a tag.
    """

    plain: memoryview
    sealed: memoryview


class BufferPool:
    """Lends pairs of buffers; there are as many as are in use at once."""

    def __init__(self) -> None:
        self._idle: list[ChunkBuffers] = []
        self._guard = threading.Lock()

    @contextmanager
    def borrow(self) -> Iterator[ChunkBuffers]:
        """Lend a pair until the end of the block; what is in it afterwards is undefined."""
        with self._guard:
            pair = self._idle.pop() if self._idle else None
        if pair is None:
            pair = ChunkBuffers(
                memoryview(bytearray(limits.CHUNK)),
                memoryview(bytearray(limits.CHUNK + limits.TAG)),
            )
        try:
            yield pair
        finally:
            with self._guard:
                if len(self._idle) < _IDLE:
                    self._idle.append(pair)

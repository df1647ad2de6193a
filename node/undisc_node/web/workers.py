"""Threads in which use cases run, so that the event loop stays free.

Streams have their own threads: a use case that waits for the database must not hold up a transfer.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

_Result = TypeVar("_Result")

CONTROL_THREADS: Final = 8  # use cases wait for disk and database, rarely for the processor
STREAM_THREADS: Final = 4  # one step takes well under a millisecond


class Workers:
    """The threads of all listeners; `stop` waits until they have finished."""

    def __init__(
        self, *, control_threads: int = CONTROL_THREADS, stream_threads: int = STREAM_THREADS
    ) -> None:
        self._control = ThreadPoolExecutor(control_threads, "undisc-web")
        self._streams = ThreadPoolExecutor(stream_threads, "undisc-stream")

    async def run(self, work: Callable[[], _Result]) -> _Result:
        """Run a use case; its exceptions come through, and its log lines have the request's id."""
        inside = contextvars.copy_context().run
        return await asyncio.get_running_loop().run_in_executor(self._control, inside, work)

    async def step(self, work: Callable[[], _Result]) -> _Result:
        """Run one short step of a stream; its exceptions come through."""
        return await asyncio.get_running_loop().run_in_executor(self._streams, work)

    def stop(self) -> None:
        """Take no more work and wait for what runs."""
        self._control.shutdown()
        self._streams.shutdown()

"""Port to work on strangers' bytes that may crash, hang or swell without harm to the node."""

from __future__ import annotations

from typing import Protocol


class LimitedWork(Protocol):
    """Does one piece of work in a process of its own, with limits, and throws the process away."""

    def run(
        self,
        task: str,
        request: bytes | bytearray | memoryview,
        *,
        seconds: float | None = None,
        memory: int | None = None,
        answer: int | None = None,
    ) -> bytes:
        """Do one piece of work and return what it made.

        Args:
            task: Name of the work, one of those that the pool was built with.
            request: What to work on.
            seconds: Of real time, from the start of the work to the complete answer.
            memory: Bytes that the work may take beyond what an idle worker has.
            answer: Bytes of the longest answer that is taken.

        Raises:
            Invalid: The work's own refusal; or `work_too_slow`, `work_too_big` or `work_failed`
                when these bytes broke a limit or the worker.
            Unavailable: `work_busy`, when nothing became free in time; `work_stopped`, when no
                worker could be started.
        """

"""The threads in which questions are answered: a few, so that workstations stop no modality."""

from __future__ import annotations

from concurrent.futures import Executor, ThreadPoolExecutor


class Questions:
    """Counts operations, and lends each a thread.

    Args:
        most: How many at the same moment.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._under_way = 0
        self._threads = ThreadPoolExecutor(most, thread_name_prefix="dicom-question")

    @property
    def threads(self) -> Executor:
        """Where an operation runs that was let in."""
        return self._threads

    def enter(self) -> bool:
        """Count an operation; False when there are too many already. Called in the loop only."""
        if self._under_way == self._most:
            return False
        self._under_way += 1
        return True

    def leave(self) -> None:
        """Forget an operation whose thread has ended. Called in the loop only."""
        self._under_way -= 1

    def close(self, *, wait: bool) -> None:
        """End the threads."""
        self._threads.shutdown(wait=wait, cancel_futures=True)

"""Group commit: callers that arrive together share one round of fsync.

Every caller waits until its own item is durable. Whoever gets the turn commits everything that has
queued up meanwhile, so a single sender pays for itself and ten senders pay about as much as one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from threading import Lock
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class _Entry(Generic[Item, Result]):
    __slots__ = ("done", "item", "outcome")

    def __init__(self, item: Item) -> None:
        self.item = item
        self.done = False
        self.outcome: Result | BaseException | None = None


class GroupCommit(Generic[Item, Result]):
    """Runs `commit` over batches of items, one batch at a time.

    Args:
        commit: Takes a batch and returns, for each item in order, its result or the exception that
            the caller of that item shall see.
        most: Largest batch.
    """

    def __init__(
        self,
        commit: Callable[[Sequence[Item]], Sequence[Result | BaseException]],
        *,
        most: int = 64,
    ) -> None:
        self._commit = commit
        self._most = most
        self._queue: deque[_Entry[Item, Result]] = deque()
        self._turn = Lock()

    def submit(self, item: Item) -> Result:
        """Commit an item, together with others that wait, and return its result.

        Raises:
            BaseException: Whatever `commit` returned or raised for this item.
        """
        entry: _Entry[Item, Result] = _Entry(item)
        self._queue.append(entry)
        while not entry.done:
            with self._turn:
                if not entry.done:
                    self._run()
        if isinstance(entry.outcome, BaseException):
            raise entry.outcome
        return entry.outcome  # type: ignore[return-value]  # None only where Result allows it

    def _run(self) -> None:
        batch = [self._queue.popleft() for _ in range(min(self._most, len(self._queue)))]
        pairs: list[tuple[_Entry[Item, Result], Result | BaseException]]
        try:
            outcomes = self._commit([entry.item for entry in batch])
            pairs = list(zip(batch, outcomes, strict=True))
        except BaseException as problem:  # noqa: BLE001 - every waiting caller must learn of it
            pairs = [(entry, problem) for entry in batch]
        for entry, outcome in pairs:
            entry.outcome = outcome
            entry.done = True

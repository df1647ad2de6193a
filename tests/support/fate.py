"""Ports that fail or die at a chosen step, around the fakes of a practice.

A `Fate` counts every step at which something becomes durable or leaves the node. With `dies_at` set
it raises `Crash` at that step and at every later one, as if the process were gone; with an entry in
`errors` it raises that error once, and life goes on.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from undisc_node.services.ports import ReadInto


class Crash(BaseException):
    """The process is gone; no handler of ours may catch it."""


class Fate:
    """Decides at which step a practice dies or fails.

    Attributes:
        dies_at: Number of the step, from 1, at which it dies.
        errors: By name of a step: errors that it raises, one each time.
        steps: Names of the steps that were taken.
    """

    def __init__(self, *, dies_at: int | None = None) -> None:
        self.dies_at = dies_at
        self.errors: dict[str, list[Exception]] = defaultdict(list)
        self.steps: list[str] = []

    @property
    def is_dead(self) -> bool:
        """Tell whether the process is gone."""
        return self.dies_at is not None and len(self.steps) >= self.dies_at

    def step(self, name: str) -> None:
        """Take a step, unless it is the last."""
        if not self.is_dead:
            self.steps.append(name)
        if self.is_dead:
            raise Crash(name)
        if self.errors[name]:
            raise self.errors[name].pop(0)


class _Around:
    """Passes everything on that is not a step."""

    def __init__(self, inner: Any, fate: Fate) -> None:
        self._inner, self._fate = inner, fate

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def _around(self, name: str, *arguments: Any) -> Any:
        """Call a method between two steps: it may be done when the process dies, or not."""
        self._fate.step(f"before {name}")
        result = getattr(self._inner, name)(*arguments)
        self._fate.step(f"after {name}")
        return result


class FatefulCatalog(_Around):
    """A catalog whose changes may not come through."""

    @contextmanager
    def change(self, *, vital: bool = False) -> Iterator[Any]:
        """Open a change."""
        with self._inner.change(vital=vital) as records:
            yield records
            self._fate.step("before commit")
        self._fate.step("after commit")


class FatefulPacks(_Around):
    """Packs whose writing may not come through."""

    def create(self, header: Any) -> Any:
        """Make an empty pack."""
        return self._around("create", header)

    def append(self, pack: Any, drafts: Any) -> Any:
        """Write objects."""
        return self._around("append", pack, drafts)

    def seal_index(self, pack: Any) -> Any:
        """Write an index."""
        return self._around("seal_index", pack)

    def erase(self, pack: bytes) -> None:
        """Erase a pack."""
        self._around("erase", pack)

    def stage(self, header: Any) -> FatefulIncoming:
        """Begin a pack to be filled."""
        return FatefulIncoming(self._around("stage", header), self._fate)

    def resume(self, pack: bytes) -> FatefulIncoming:
        """Continue a staged pack."""
        return FatefulIncoming(self._around("resume", pack), self._fate)


class FatefulIncoming(_Around):
    """A staged pack whose filling may not come through."""

    def announce(self, headers: Any) -> None:
        """Make room."""
        self._around("announce", headers)

    def receive(self, object_id: bytes, first_chunk: int, read_into: ReadInto) -> None:
        """Take chunks; each is a step."""

        def chunk(buffer: memoryview, /) -> None:
            self._fate.step("before chunk")
            read_into(buffer)

        self._inner.receive(object_id, first_chunk, chunk)
        self._fate.step("after receive")

    def publish(self) -> Any:
        """Move the pack in place."""
        return self._around("publish")

    def discard(self) -> None:
        """Remove the pack."""
        self._around("discard")


class FatefulNetwork(_Around):
    """A network whose messages may be the last thing a node does."""

    def ask(self, urls: Sequence[str], path: str, body: bytes, *, limit: int) -> Any:
        """Post bytes."""
        self._fate.step(f"before {path}")
        reply = self._inner.ask(urls, path, body, limit=limit)
        self._fate.step(f"after {path}")
        return reply

"""Counts what passes through the node while it runs; starts at zero, as the process does.

Only counting: no library, no names. Labels are our own words and codes, so their number is bounded.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import accumulate
from threading import Lock
from typing import Final, Protocol

from undisc_node.services.errors import ServiceError
from undisc_node.services.model import InstanceFacts
from undisc_node.services.ports import Source, Spool
from undisc_node.services.receiving import StoreOutcome
from undisc_node.services.sender_model import Caller

BOUNDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the store latency's buckets, seconds: one fsync to a disk in trouble."""


@dataclass(frozen=True, slots=True)
class Latency:
    """How long something took, over all times it happened.

    Attributes:
        buckets: For each of `BOUNDS`, how many took at most that long; then how many in all.
        seconds: All of them together.
    """

    buckets: tuple[int, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class Metered:
    """What was counted since the start.

    Attributes:
        stored: Arrivals by way and outcome (`stored`, `duplicate`, `superseded`, `waiting`).
        stored_bytes: Bytes of arrivals that were stored, by way.
        refused: Arrivals that were refused, by way and code.
        latency: From the first byte read to durable, by way.
        served: Bytes of ciphertext handed out to other nodes.
        fetched: Bytes of ciphertext that came from other nodes.
    """

    stored: Mapping[tuple[str, str], int]
    stored_bytes: Mapping[str, int]
    refused: Mapping[tuple[str, str], int]
    latency: Mapping[str, Latency]
    served: int
    fetched: int


class Meters:
    """Counters of one process; safe from any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._stored: Counter[tuple[str, str]] = Counter()
        self._stored_bytes: Counter[str] = Counter()
        self._refused: Counter[tuple[str, str]] = Counter()
        self._buckets: dict[str, list[int]] = {}
        self._seconds: Counter[str] = Counter()
        self._served = 0
        self._fetched = 0

    def stored(self, way: str, outcome: str, size: int, seconds: float) -> None:
        """Count an arrival that was taken in."""
        with self._lock:
            self._stored[way, outcome] += 1
            if outcome != "duplicate":
                self._stored_bytes[way] += size
            buckets = self._buckets.setdefault(way, [0] * (len(BOUNDS) + 1))
            buckets[bisect_left(BOUNDS, seconds)] += 1
            self._seconds[way] += seconds  # type: ignore[assignment]  # a Counter adds any number

    def refused(self, way: str, code: str) -> None:
        """Count an arrival that was refused."""
        with self._lock:
            self._refused[way, code] += 1

    def served(self, count: int) -> None:
        """Count bytes that were handed out."""
        with self._lock:
            self._served += count

    def fetched(self, count: int) -> None:
        """Count bytes that came in."""
        with self._lock:
            self._fetched += count

    def read(self) -> Metered:
        """Return all counts of one moment."""
        with self._lock:
            return Metered(
                stored=dict(self._stored),
                stored_bytes=dict(self._stored_bytes),
                refused=dict(self._refused),
                latency={
                    way: Latency(tuple(accumulate(buckets)), self._seconds[way])
                    for way, buckets in self._buckets.items()
                },
                served=self._served,
                fetched=self._fetched,
            )


class _Stores(Protocol):
    """Takes instances in, as `Receiving` does."""

    def begin(self) -> Spool:
        """Begin an instance that arrives piece by piece."""

    def store(
        self,
        source: Source,
        sender: str,
        digest: bytes = b"",
        facts: InstanceFacts | None = None,
    ) -> StoreOutcome:
        """Store one instance; durable on return."""

    def quarantine(self, source: Source, caller: Caller, digest: bytes = b"") -> StoreOutcome:
        """Keep one instance of an unknown sender; durable on return."""


class MeteredReceiving:
    """Counts what another one stores.

    Args:
        receiving: Stores.
        meters: Counts.
        elapsed: Monotonic seconds.
    """

    def __init__(
        self, receiving: _Stores, meters: Meters, *, elapsed: Callable[[], float] = time.monotonic
    ) -> None:
        self._receiving = receiving
        self._meters = meters
        self._elapsed = elapsed

    def begin(self) -> Spool:
        """Begin an instance that arrives piece by piece; raises as the one who stores does."""
        return self._receiving.begin()

    def store(
        self,
        source: Source,
        sender: str,
        digest: bytes = b"",
        facts: InstanceFacts | None = None,
    ) -> StoreOutcome:
        """Store one instance, and count it; raises as the one who stores does."""
        return self._counted(
            way_of(sender), source, lambda: self._receiving.store(source, sender, digest, facts)
        )

    def quarantine(self, source: Source, caller: Caller, digest: bytes = b"") -> StoreOutcome:
        """Keep one instance of an unknown sender, and count it; raises likewise."""
        return self._counted(
            "quarantine", source, lambda: self._receiving.quarantine(source, caller, digest)
        )

    def _counted(self, way: str, source: Source, store: Callable[[], StoreOutcome]) -> StoreOutcome:
        began = self._elapsed()
        try:
            outcome = store()
        except ServiceError as problem:
            self._meters.refused(way, problem.reason)
            raise
        except Exception:
            self._meters.refused(way, "internal_error")
            raise
        self._meters.stored(way, outcome.status, source.size, self._elapsed() - began)
        return outcome


def way_of(sender: str) -> str:
    """Return the way that a sender's images come: `dicom`, `watch`, `import` or `fetch`."""
    kind = sender.partition(":")[0]
    return {"dicom": "dicom", "watch": "watch", "peer": "fetch"}.get(kind, "import")

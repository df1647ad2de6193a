"""What a node uses while it works, read from outside, and whether that grows.

Memory and descriptors come from `/proc`, so nothing the node says about itself has to be believed.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, Final

from support.killable_node import KillableNode

SLOPE: Final = 64.0
"""MiB per hour that resident memory may grow after warming up. In a quarter of an hour the caches
of nine database connections may still fill, each to its 2 MiB; two runs grew by 45 to 63. At
a dozen requests a second the bound is 1.5 KiB that each of them would leave behind."""
GROWTH: Final = 6  # threads or descriptors; a request comes and goes while somebody counts
WAL: Final = 32 * 2**20
"""Bytes of a write-ahead log: from 8 MiB on the catalog asks readers to wait so that it can be
emptied, once a second. Where others keep the machine busy, some of these tries fail."""
_WARM: Final = 1 / 3  # of the time, until pools are full and caches warm
_MIB: Final = 2**20
_KIB: Final = 1024


@dataclass(frozen=True, slots=True)
class Sample:
    """One node at one moment.

    Attributes:
        at: Seconds since the load began.
        rss: Resident bytes.
        pss: Resident bytes, with its part of what it shares with others.
        descriptors: Open file descriptors.
        threads: Threads.
        wal: Bytes of the write-ahead logs of catalog and keyring.
        staged: Files in staging.
    """

    at: float
    rss: int
    pss: int
    descriptors: int
    threads: int
    wal: tuple[int, int]
    staged: int


def sample(node: KillableNode, began: float) -> Sample:
    """Look at a node.

    Args:
        node: It runs.
        began: Monotonic time at which the load began.
    """
    memory = _rollup(Path(f"/proc/{node.pid}/smaps_rollup").read_text(encoding="ascii"))
    threads, descriptors = node.resources()
    return Sample(
        at=time.monotonic() - began,
        rss=memory["Rss"],
        pss=memory["Pss"],
        descriptors=descriptors,
        threads=threads,
        wal=(_wal(node, "catalog"), _wal(node, "keyring")),
        staged=len(list((node.home / "staging").iterdir())),
    )


def _rollup(text: str) -> dict[str, int]:
    lines = (line.split() for line in text.splitlines()[1:])
    return {line[0].rstrip(":"): int(line[1]) * _KIB for line in lines}


def _wal(node: KillableNode, database: str) -> int:
    try:
        return (node.home / f"{database}.sqlite3-wal").stat().st_size
    except FileNotFoundError:
        return 0


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Return the median of the slopes between all pairs of points (Theil and Sen).

    A few wild points do not move it, unlike a least squares line.
    """
    found = [(y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in combinations(points, 2) if x2 > x1]
    return statistics.median(found) if found else 0.0


@dataclass(frozen=True, slots=True)
class Use:
    """What a node used over a run, in the units of a report.

    Attributes:
        rss: Resident MiB in the middle of the first and of the last third, and the most.
        pss: MiB, the most.
        slope: MiB per hour that resident memory grew after warming up.
        descriptors: In the middle of the second and of the last third, and the most.
        threads: The same.
        wal: MiB, the most of catalog and of keyring.
        staged: Files in staging, the most.
        samples: How often somebody looked.
        course: Resident MiB at ten moments, evenly spread.
    """

    rss: tuple[float, float, float]
    pss: float
    slope: float
    descriptors: tuple[int, int, int]
    threads: tuple[int, int, int]
    wal: tuple[float, float]
    staged: int
    samples: int
    course: tuple[int, ...]

    @classmethod
    def of(cls, samples: Sequence[Sample]) -> Use:
        """Sum up what was seen, in the order in which it was."""
        whole = samples[-1].at
        first = [one for one in samples if one.at <= whole * _WARM]
        second = [one for one in samples if whole * _WARM < one.at <= whole * 2 * _WARM]
        last = [one for one in samples if one.at > whole * 2 * _WARM]
        warm = [*second, *last]
        return cls(
            rss=(
                round(_middle([one.rss for one in first]) / _MIB, 1),
                round(_middle([one.rss for one in last]) / _MIB, 1),
                round(max(one.rss for one in samples) / _MIB, 1),
            ),
            pss=round(max(one.pss for one in samples) / _MIB, 1),
            slope=round(slope([(one.at, one.rss) for one in warm]) * 3_600 / _MIB, 1),
            descriptors=_counts(
                *([one.descriptors for one in part] for part in (second, last, samples))
            ),
            threads=_counts(*([one.threads for one in part] for part in (second, last, samples))),
            wal=(
                round(max(one.wal[0] for one in samples) / _MIB, 1),
                round(max(one.wal[1] for one in samples) / _MIB, 1),
            ),
            staged=max(one.staged for one in samples),
            samples=len(samples),
            course=tuple(one.rss // _MIB for one in samples[:: max(1, len(samples) // 10)]),
        )

    def complaints(self, *, memory: bool) -> list[str]:
        """List what grew that must not.

        Args:
            memory: Judge the slope of memory; a short run only shows how it warms up.
        """
        found = []
        if memory and self.slope > SLOPE:
            found.append(f"memory grows by {self.slope} MiB an hour, more than {SLOPE}")
        for name, (before, after, _) in (
            ("descriptors", self.descriptors),
            ("threads", self.threads),
        ):
            if after > before + GROWTH:
                found.append(f"{name} grew from {before} to {after}")
        found += [
            f"the write-ahead log of the {name} had {size} MiB"
            for name, size in zip(("catalog", "keyring"), self.wal, strict=True)
            if size * _MIB > WAL
        ]
        return found


def _middle(values: Sequence[float]) -> float:
    return statistics.median(values)


def _counts(before: list[int], after: list[int], all_of_it: list[int]) -> tuple[int, int, int]:
    return round(_middle(before)), round(_middle(after)), max(all_of_it)


def table(uses: dict[str, Use]) -> str:
    """Lay out what nodes used, one node a column."""
    rows: list[tuple[str, list[Any]]] = [
        ("resident MiB, first third", [use.rss[0] for use in uses.values()]),
        ("resident MiB, last third", [use.rss[1] for use in uses.values()]),
        ("resident MiB, most", [use.rss[2] for use in uses.values()]),
        ("proportional MiB, most", [use.pss for use in uses.values()]),
        (f"MiB per hour (at most {SLOPE:g})", [use.slope for use in uses.values()]),
        ("descriptors, second third", [use.descriptors[0] for use in uses.values()]),
        ("descriptors, last third", [use.descriptors[1] for use in uses.values()]),
        ("descriptors, most", [use.descriptors[2] for use in uses.values()]),
        ("threads, second third", [use.threads[0] for use in uses.values()]),
        ("threads, last third", [use.threads[1] for use in uses.values()]),
        ("threads, most", [use.threads[2] for use in uses.values()]),
        (f"catalog WAL MiB (at most {WAL // _MIB})", [use.wal[0] for use in uses.values()]),
        (f"keyring WAL MiB (at most {WAL // _MIB})", [use.wal[1] for use in uses.values()]),
        ("files in staging, most", [use.staged for use in uses.values()]),
    ]
    wide = max(len(name) for name, _ in rows)
    lines = [" " * wide + "".join(f"{name:>12}" for name in uses)]
    lines += [f"{name:<{wide}}" + "".join(f"{one:>12}" for one in values) for name, values in rows]
    return "\n".join(lines)

"""Whether it stays as fast when studies grow, and fair when there are many."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bench.measure import GB, MIB, interleaved, median
from bench.nodes import BenchNode, UndiscFetch, parallel_fetches
from bench.study import Slices

_FIRST_VARIANT = 1_000  # of the studies of growth
_FIRST_PARALLEL = 2_000
SMALL = 100  # slices of each study that is fetched beside others


def measure_growth(
    holder: BenchNode,
    recipient: BenchNode,
    slices: Slices,
    *,
    sizes: tuple[int, ...],
    rounds: int,
    tell: Callable[[str], None],
) -> list[dict[str, Any]]:
    """Fetch studies of several sizes."""
    contenders = []
    for number, count in enumerate(sizes):
        variant = _FIRST_VARIANT + number
        study = holder.hold(slices, variant, count)
        contenders.append(
            UndiscFetch(
                f"{count} slices",
                holder=holder,
                recipient=recipient,
                study=study,
                variant=variant,
                size=sum(len(content) for content in slices.variant(variant, count)),
                count=count,
            )
        )
    runs, missing = interleaved(contenders, rounds=rounds, tell=tell)
    assert not missing, missing
    for number in range(len(sizes)):
        holder.forget(_FIRST_VARIANT + number)
    return [
        {
            "slices": count,
            "bytes": found[0].size,
            "seconds": round(median(found, lambda run: run.seconds), 3),
            "seconds_per_gb": round(median(found, lambda run: GB / run.speed / 1e6), 2),
            "moved_seconds_per_gb": round(
                median(found, lambda run: 1000 / max(0.1, run.more["moved_mb_per_s"])), 2
            ),
            "cpu_s_per_gb": {
                side: round(median(found, lambda run, side=side: run.cpu(side)), 2)
                for side in ("sender", "receiver", "command")
            },
            "peak_mib": {
                side: round(max(run.sides[side].peak for run in found) / MIB)
                for side in ("sender", "receiver")
            },
        }
        for count, found in zip(sizes, runs.values(), strict=True)
    ]


def measure_parallel(
    holder: BenchNode,
    recipient: BenchNode,
    slices: Slices,
    *,
    numbers: tuple[int, ...],
    rounds: int,
    tell: Callable[[str], None],
) -> list[dict[str, Any]]:
    """Fetch several studies of the same size at once."""
    count = min(SMALL, len(slices.paths))
    studies = {
        variant: holder.hold(slices, variant, count)
        for variant in range(_FIRST_PARALLEL, _FIRST_PARALLEL + max(numbers))
    }
    each = sum(len(content) for content in slices.variant(_FIRST_PARALLEL, count))
    found = []
    for number in numbers:
        some = dict(list(studies.items())[:number])
        runs = [parallel_fetches(holder, recipient, some, number * each) for _ in range(rounds)]
        runs.sort(key=lambda run: run[0].seconds)
        run, took = runs[len(runs) // 2]
        found.append(
            {
                "fetches": number,
                "slices_each": count,
                "mb_per_s": round(run.speed, 1),
                "fastest_s": round(min(took), 3),
                "slowest_s": round(max(took), 3),
                "slowest_to_fastest": round(max(took) / min(took), 2),
                "peak_mib": {
                    side: round(max(one.sides[side].peak for one, _ in runs) / MIB)
                    for side in ("sender", "receiver")
                },
            }
        )
        tell(f"  {number} at once: {found[-1]}")
    for variant in studies:
        holder.forget(variant)
    return found

"""`make soak`: two nodes under a mixed load for a while; nothing may grow that has no reason to.

    PYTHONPATH=tests python -m support.soak --minutes 15 --summary soak.json

Judged are the slope of memory after the first third, descriptors, threads, the write-ahead logs,
what lies in staging at the end, what was refused by mistake, and everything that the campaigns
prove after a disaster (`ledger.check`), at the end of a day without one.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from support.actors import Stage
from support.gauges import Sample, Use, sample, table
from support.killable_node import KillableNode, wait_for
from support.ledger import Ledger, check
from support.soak_load import Load, fill_pools
from support.two_nodes import befriend, settings, short_directory

_SAMPLE_SECONDS: Final = 3.0
_REST_SECONDS: Final = 30.0  # until idle connections are closed and nothing is staged
_FEW: Final = 5  # complaints that are quoted
Say = Callable[[str], None]


def soak(seconds: float, seed: str, say: Say, *, memory: bool) -> dict[str, Any]:
    """Let two nodes work for some time.

    Args:
        seconds: How long.
        seed: Repeats what is sent, as far as threads allow.
        say: Told about progress.
        memory: Judge the slope of memory.

    Returns:
        What a report needs.

    Raises:
        AssertionError: Something grew, was refused by mistake, or is not as it was acknowledged.
    """
    with short_directory() as directory:
        nodes = [KillableNode(directory / name, name) for name in ("left", "right")]
        try:
            for node in nodes:
                node.init()
                settings(node, ingest__settle_seconds=20)
                node.start()
            befriend(*nodes)
            return _soak(nodes, seconds, seed, say, memory=memory)
        finally:
            for node in nodes:
                node.stop()


def _soak(
    nodes: Sequence[KillableNode], seconds: float, seed: str, say: Say, *, memory: bool
) -> dict[str, Any]:
    chance = random.Random(seed)
    stages = _stages(nodes, chance)
    load = Load(stages, chance)
    for stage in stages:
        fill_pools(stage)
    began = time.monotonic()
    load.begin()
    samples: list[list[Sample]] = [[] for _ in nodes]
    try:
        while (now := time.monotonic() - began) < seconds:
            for node, seen in zip(nodes, samples, strict=True):
                seen.append(sample(node, began))
            say(f"{load.done.total()} steps, {samples[0][-1].rss >> 20} MiB")
            time.sleep(min(_SAMPLE_SECONDS, seconds / 20, max(0.0, seconds - now)))
    finally:
        load.end()
    uses = {node.name: Use.of(seen) for node, seen in zip(nodes, samples, strict=True)}
    found = {
        "minutes": round(seconds / 60, 1),
        "done": dict(sorted(load.done.items())),
        "nodes": {name: asdict(use) for name, use in uses.items()},
        "left_by_age": {node.name: _left_by_age(node) for node in nodes},
    }
    say("\n" + table(uses) + "\n")
    complaints = [
        f"{name}: {one}" for name, use in uses.items() for one in use.complaints(memory=memory)
    ]
    complaints += load.problems[:_FEW]
    complaints += [what for stage in stages for _, what in stage.complaints[:_FEW]]
    for stage in stages:  # first: what was acknowledged matters more than what it cost
        _at_rest(stage)
        check(stage.node, stage.ledger, chance, asker=stage.other, everything=True)
    assert not complaints, f"{'; '.join(complaints)}: {found}"
    return found


def _left_by_age(node: KillableNode) -> int:
    """Count the studies that the node erased by itself: nobody had a permission for them."""
    return sum(
        any(who["user"] == "undisc-node" for who in event["who"])
        for event in node.events("study.deleted")
    )


def _stages(nodes: Sequence[KillableNode], chance: random.Random) -> Sequence[Stage]:
    """Make a stage for each node; both know what was ever sent to either."""
    first, second = Ledger(), Ledger()
    second.expected, second.study_of = first.expected, first.study_of
    ledgers = zip(nodes, reversed(nodes), (first, second), strict=True)
    return [
        Stage(node, other, ledger, seed=chance.randrange(1 << 30))
        for node, other, ledger in ledgers
    ]


def _at_rest(stage: Stage) -> None:
    """Everything that is staged goes away when nobody works."""

    def staged() -> list[str]:
        return [path.name for path in (stage.node.home / "staging").iterdir()]

    wait_for(f"staging is empty: {staged()}", lambda: not staged(), seconds=_REST_SECONDS)


def main() -> int:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description="let two nodes work for a while")
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--seed", default="", help="repeat a run")
    parser.add_argument("--summary", type=Path, default=Path("soak.json"))
    wish = parser.parse_args()
    seed, began = wish.seed or os.urandom(4).hex(), time.monotonic()
    print(f"soak: seed {seed}")

    def say(what: str) -> None:
        print(f"\r\x1b[Ksoak: {time.monotonic() - began:6.0f} s, {what}", end="", flush=True)

    try:
        found = {"seed": seed, "ok": True} | soak(wish.minutes * 60, seed, say, memory=True)
    except AssertionError as problem:
        found = {"seed": seed, "ok": False, "problem": str(problem)}
    wish.summary.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    print(f"\r\x1b[Ksoak: {json.dumps(found)}\nsummary: {wish.summary}")
    return int(not found["ok"])


if __name__ == "__main__":
    sys.exit(main())

"""Fetches over a line that breaks at random bytes, and what of them was sent twice."""

from __future__ import annotations

import random
import time
from threading import Lock
from typing import Any, Final

from support.fault_proxy import PACKS, Exchange, Fault, no_plan
from support.killable_node import wait_for
from support.practices import Offered, Practices, offered
from support.served_bytes import SEALED_CHUNK, Again, asked_again

SIZES: Final = [3_000_000, 700_000, 5_000_000, 1_048_576, 20, 2_500_000, 900_000, 6_000_000] * 2
_MORE: Final = 4  # threads or descriptors that pools may still open; 50 breaks would leave 50
_RATE: Final = 40_000_000  # bytes a second: a break is noticed while little is in flight
"""Waits after breaks are a second as long as something is gained in between."""


class Scissors:
    """Cuts answers at random positions, until it has cut often enough.

    A short answer often gets through: where nothing is ever gained, waits grow to a minute.

    Args:
        chance: Chooses positions.
        most: How often to cut.
    """

    def __init__(self, chance: random.Random, most: int) -> None:
        self._chance = chance
        self._most = most
        self._lock = Lock()
        self.cuts = 0

    def __call__(self, exchange: Exchange) -> Fault:
        """Decide about one answer."""
        if exchange.path != PACKS or exchange.wanted is None:
            return Fault()
        start, stop = exchange.wanted
        with self._lock:
            at = self._chance.randrange(3_500_000)
            if at >= stop - start or self.cuts >= self._most:
                return Fault()
            self.cuts += 1
            return Fault(cut_at=at, reset=self._chance.random() < 0.5)


def cuts(practices: Practices, chance: random.Random, count: int) -> dict[str, Any]:
    """Let two fetches at once go over a line that breaks, again and again.

    Args:
        practices: Both of them.
        chance: Where it breaks, and whether with a reset.
        count: How often.

    Returns:
        How many bytes were sent twice.

    Raises:
        AssertionError: A study did not arrive as it left, more than a chunk for each break was
            asked for again, or threads or descriptors grow.
    """
    b, proxy = practices.b, practices.proxy
    scissors, began, number = Scissors(chance, count), time.monotonic(), 0
    again: list[Again] = []
    sent = total = 0
    warm = offered(practices, 500, SIZES, seed=3)
    b.follow(b.begin_fetch(warm.offer))
    before_all = [node.resources() for node in (practices.a, b)]
    while scissors.cuts < count:
        number += 2
        studies = [offered(practices, one, SIZES, seed=3) for one in (number, number + 1)]
        since, before = proxy.count(), scissors.cuts
        proxy.plan = scissors
        proxy.throttle(_RATE)
        fetches = [b.begin_fetch(one.offer) for one in studies]
        for fetch in fetches:
            settled(practices, fetch)
        proxy.throttle(None)
        proxy.quiet()
        answers = proxy.exchanges(since=since)
        for study, fetch in zip(studies, fetches, strict=True):
            arrived_whole(practices, study, fetch)
            own = [one for one in answers if study.holding.owns(one)]
            found = asked_again(study.holding.runs(own))
            assert len(found) == len(SIZES)
            again.extend(found)
        came = sum(one.sent for one in answers)
        whole = sum(one.holding.total for one in studies)
        assert came <= whole + (scissors.cuts - before) * SEALED_CHUNK
        sent, total = sent + came, total + whole
    proxy.plan = no_plan
    proxy.quiet()
    for node, (threads, descriptors) in zip((practices.a, b), before_all, strict=True):
        assert node.resources()[0] <= threads + _MORE, f"threads of {node.name} grow"
        assert node.resources()[1] <= descriptors + _MORE, f"descriptors of {node.name} grow"
    for one in again:
        assert one.most <= SEALED_CHUNK
        assert one.count <= one.breaks * SEALED_CHUNK
    return {
        "cuts": count,
        "bytes": total,
        "asked_again": sent - total,
        "most_of_an_object_at_once": max(one.most for one in again),
        "seconds": round(time.monotonic() - began, 1),
    }


def settled(practices: Practices, fetch: str) -> None:
    """Wait until a fetch is done; go on with it where it has paused, as a person would."""
    b = practices.b

    def done() -> bool:
        row = b.fetch_row(fetch)
        if row["state"] == "paused":
            b.admin.post(f"fetches/{fetch}/resume")
        assert row["state"] != "failed", row
        return bool(row["state"] == "done" and row["receipt"] == "taken")

    wait_for(f"fetch {fetch} is done", done, seconds=120)


def arrived_whole(practices: Practices, study: Offered, fetch: str) -> None:
    """Read everything back at B and compare with what went into A."""
    row = practices.b.fetch_row(fetch)
    assert row["state"] == "done", row
    assert practices.b.hashes_read_back(row["study"]) == study.made.hashes()
    assert practices.b.leftovers() == []

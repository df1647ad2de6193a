"""Either node dies at any moment of a fetch (kill -9): the study arrives whole, or is not there."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Timer

import pytest

from support.killable_node import KillableNode, wait_for
from support.practices import Practices
from support.served_bytes import SEALED_CHUNK, Holding, asked_again
from support.studies_on_disk import MadeStudy, make_study
from undisc_admin.errors import CommandError

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("free_line")]

KILLS_OF_B = 50
KILLS_OF_A = 12
CONNECTIONS = 2
RATE = 16_000_000  # bytes a second through the proxy
SIZES = [500_000, 5_000_000, 1_500_000, 900_000, 3_000_000, 2_097_152, 40_000, 4_200_000] * 2


@dataclass(frozen=True, slots=True)
class Offered:
    """A study that A holds and B may fetch."""

    made: MadeStudy
    at_a: str
    offer: bytes
    holding: Holding
    sizes: Sequence[int]


def offered(practices: Practices, number: int, sizes: Sequence[int]) -> Offered:
    """Let A hold a study and grant it to B."""
    made = make_study(number, sizes)
    before = set((practices.a.home / "packs").iterdir())
    study = practices.hold(made)
    (pack,) = set((practices.a.home / "packs").iterdir()) - before
    listed = [one["bytes"] for one in practices.a.instances(study)]
    _, offer = practices.grant(study)
    return Offered(made, study, offer, Holding(pack, listed), listed)


class Killer:
    """Kills B, and sometimes A, while B fetches; keeps count."""

    def __init__(self, practices: Practices, chance: random.Random) -> None:
        self._practices = practices
        self._chance = chance
        self.of_a = self.of_b = 0
        self.in_start = 0

    def strike(self, offered: Offered, *, since: int, fetch: str) -> None:
        """Let B run until a random moment, kill it, and start it again."""
        a, b, proxy = self._practices.a, self._practices.b, self._practices.proxy
        with_a = self.of_a < KILLS_OF_A and self._chance.random() < 0.3
        self._random_moment(offered, since)
        if with_a:
            a.kill_now()
            a.bury()
            self.of_a += 1
        b.kill_now()
        b.bury()
        self.of_b += 1
        proxy.quiet()
        while self.of_b < KILLS_OF_B and self._chance.random() < 0.15:
            self.in_start += not b.start_doomed(self._chance.uniform(0.3, 1.6))
            self.of_b += 1
        if with_a:  # both at once, so that B also meets a holder that is not there yet
            starting = Timer(0, a.start)
            starting.start()
            b.start()
            starting.join()
        else:
            b.start()
        check(b, fetch, offered)

    def _random_moment(self, offered: Offered, since: int) -> None:
        proxy = self._practices.proxy
        if self._chance.random() < 0.5:
            time.sleep(self._chance.uniform(0.0, 0.5))  # the moment itself, no synchronisation
            return
        left = max(offered.holding.total - proxy.sent(since=since), 1)
        more = proxy.sent() + self._chance.randrange(min(left, 8_000_000))
        proxy.wait_until(lambda: proxy.sent() >= more, 2.0)


def check(b: KillableNode, fetch: str, offered: Offered) -> None:
    """See that only whole studies are visible, and that nothing lies about."""
    rows = {row["study"] for row in b.admin.get("fetches").raw["fetches"] if row["study"]}
    visible = b.studies()
    assert {one["id"] for one in visible} <= rows
    for one in visible:
        if one["uid"] == offered.made.uid:
            assert b.hashes(one["id"]) == offered.made.hashes()
            assert b.fetch_row(fetch)["state"] == "done"
    assert b.leftovers() == []


def test_kill_9_at_any_moment_of_a_fetch(practices, chance, capsys):
    """50 kills of B and a dozen of A: each fetch goes on by itself and ends with the same bytes.

    No object is asked for again beyond the chunk in which an answer broke off.
    """
    killer, began, fetched = Killer(practices, chance), time.monotonic(), []
    proxy = practices.proxy
    number, again_in_all, most, breaks = 1, 0, 0, 0
    while killer.of_b < KILLS_OF_B:
        study = offered(practices, number, SIZES)
        proxy.throttle(RATE)
        since = proxy.count()
        fetch = practices.b.begin_fetch(study.offer)
        kills_before = killer.of_b
        while killer.of_b < KILLS_OF_B and practices.b.fetch_row(fetch)["state"] == "running":
            killer.strike(study, since=since, fetch=fetch)
        proxy.throttle(None)
        row = practices.b.follow(fetch)
        assert (row["state"], row["receipt"]) == ("done", "taken"), row
        assert practices.b.hashes_read_back(row["study"]) == study.made.hashes()
        proxy.quiet()
        answers = proxy.exchanges(since=since)
        again = asked_again(study.holding.runs(answers))
        assert [one.item for one in again] == list(range(len(SIZES)))
        for one in again:
            print(one)
        again_in_all += sum(one.count for one in again)
        most = max(most, *(one.most for one in again))
        broken = killer.of_b - kills_before
        breaks += broken
        sent = sum(one.sent for one in answers)
        assert sent <= study.holding.total + broken * CONNECTIONS * SEALED_CHUNK
        fetched.append(study)
        number += 1
    check_ends(practices, fetched)
    with capsys.disabled():
        print(
            f"\n  {killer.of_b} kills of B ({killer.in_start} while starting), {killer.of_a} of A, "
            f"{len(fetched)} studies of {study.holding.total / 1e6:.0f} MB, "
            f"{time.monotonic() - began:.0f} s; asked again: {again_in_all:,} bytes in all, "
            f"{again_in_all // breaks:,} for each kill, at most {most:,} of an object at once"
        )


def check_ends(practices: Practices, fetched: list[Offered]) -> None:
    """See that both nodes are in order after all."""
    for node in (practices.a, practices.b):
        assert node.leftovers() == []
        node.check_log()
    assert len(practices.b.studies()) == len(fetched)
    for one in fetched:
        receipts = practices.a.admin.get(f"studies/{one.at_a}").raw["receipts"]
        assert [receipt["objects"] for receipt in receipts] == [len(one.sizes)]

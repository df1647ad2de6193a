"""Either node dies at any moment of a fetch (kill -9): the study arrives whole, or is not there."""

from __future__ import annotations

import random
import time
from collections import Counter
from threading import Timer

import pytest

from support.killable_node import KillableNode
from support.practices import Offered, Practices, offered
from support.served_bytes import SEALED_CHUNK, asked_again
from undisc_protocol.pack import stored_size

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("free_line")]

KILLS_OF_B = 50
KILLS_OF_A = 16
CONNECTIONS = 2
RATE = 16_000_000  # bytes a second through the proxy
SIZES = [500_000, 5_000_000, 1_500_000, 900_000, 3_000_000, 2_097_152, 40_000, 4_200_000] * 2


class Killer:
    """Kills B, and sometimes A, while B fetches; keeps count."""

    def __init__(self, practices: Practices, chance: random.Random) -> None:
        self._practices = practices
        self._chance = chance
        self.of_a = self.of_b = 0
        self.in_start = 0
        self.floors: list[tuple[int, list[int]]] = []

    def strike(self, offered: Offered, *, since: int, fetch: str) -> None:
        """Let both run until a random moment, kill B or A or both, and start them again."""
        a, b = self._practices.a, self._practices.b
        with_a = self.of_a < KILLS_OF_A and self._chance.random() < 0.35
        self._random_moment(offered, since)
        if with_a:
            a.kill_now()
            a.bury()
            self.of_a += 1
            if self._chance.random() < 0.4:
                a.start()  # B lives on, and finds out
                return
        b.kill_now()
        b.bury()
        self.of_b += 1
        self._remember_what_is_there(offered, fetch)
        while self.of_b < KILLS_OF_B and self._chance.random() < 0.2:
            self.in_start += not b.start_doomed(self._chance.uniform(0.1, 1.2))
            self.of_b += 1
        if with_a:  # both at once, so that B also meets a holder that is not there yet
            starting = Timer(0, a.start)
            starting.start()
            b.start()
            starting.join()
        else:
            b.start()
        check(b, fetch, offered)

    def _remember_what_is_there(self, offered: Offered, fetch: str) -> None:
        """Look at the dead node's disk: how many chunks of each object it has, from the start."""
        b, proxy = self._practices.b, self._practices.proxy
        proxy.quiet()
        (row,) = b.rows(
            "catalog", f"SELECT hex(pack) FROM fetches WHERE hex(id) = '{fetch.upper()}'"
        )
        for folder in ("staging", "packs"):
            path = b.home / folder / (row[0] or "none").lower()
            if path.exists():
                chunks = [
                    offered.holding.there(path, item, offered.sizes)
                    for item, _ in enumerate(offered.sizes)
                ]
                self.floors.append((proxy.count(), chunks))

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
    """50 kills of B and some of A: each fetch goes on by itself and ends with the same bytes.

    No chunk that is on B's disk is ever asked for again, so an object loses at most the chunk that
    was under way. What B had not yet read when it died lies in the system's buffers and is lost
    too: it is counted, and stays below a chunk.
    """
    killer, began, fetched = Killer(practices, chance), time.monotonic(), []
    proxy = practices.proxy
    number, again_in_all, most, breaks = 1, 0, 0, 0
    while killer.of_b < KILLS_OF_B:
        study = offered(practices, number, SIZES)
        proxy.throttle(RATE)
        since = proxy.count()
        fetch = practices.b.begin_fetch(study.offer)
        kills_before = killer.of_b + killer.of_a
        killer.floors.clear()
        while killer.of_b < KILLS_OF_B and practices.b.fetch_row(fetch)["state"] == "running":
            killer.strike(study, since=since, fetch=fetch)
        proxy.throttle(None)
        row = practices.b.follow(fetch)
        assert (row["state"], row["receipt"]) == ("done", "taken"), row
        assert practices.b.hashes_read_back(row["study"]) == study.made.hashes()
        proxy.quiet()
        answers = proxy.exchanges(since=since)
        runs = study.holding.runs(answers)
        for number_then, chunks in killer.floors:
            for run in runs:
                if run.answer >= number_then:
                    assert run.start >= min(
                        chunks[run.item] * SEALED_CHUNK, stored_size(study.sizes[run.item])
                    ), f"chunks of object {run.item} were here and came again"
        again = asked_again(runs)
        assert [one.item for one in again] == list(range(len(SIZES)))
        assert all(one.most <= 2 * SEALED_CHUNK for one in again)
        again_in_all += sum(one.count for one in again)
        most = max(most, *(one.most for one in again))
        broken = killer.of_b + killer.of_a - kills_before
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
            f"{again_in_all // breaks:,} for each kill, at most {most:,} of an object at once; "
            f"chunks that were on disk: 0"
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


def test_kill_9_while_the_study_is_published(practices, chance, capsys):
    """B dies within a moment of the last byte: checked, moved in place, committed, or receipted.

    The study is visible whole or not at all; after the restart it is there, and A has one receipt.
    """
    a, b, proxy = practices.a, practices.b, practices.proxy
    seen = Counter[str]()
    for number in range(100, 110):
        study = offered(practices, number, [300_000, 1_200_000])
        since = proxy.sent()
        fetch = b.begin_fetch(study.offer)
        assert proxy.wait_until(lambda: proxy.sent() - since >= study.holding.total, 20)  # noqa: B023 - used at once
        time.sleep(chance.uniform(0.0, 0.06))  # the moment itself, no synchronisation
        b.kill_now()
        b.bury()
        seen[moment_of_death(b, fetch)] += 1
        b.start()
        check(b, fetch, study)
        row = b.follow(fetch)
        assert (row["state"], row["receipt"]) == ("done", "taken"), row
        assert b.hashes_read_back(row["study"]) == study.made.hashes()
        assert proxy.sent() - since <= study.holding.total + CONNECTIONS * SEALED_CHUNK
        receipts = a.admin.get(f"studies/{study.at_a}").raw["receipts"]
        assert [one["objects"] for one in receipts] == [2]
        assert b.leftovers() == []
    with capsys.disabled():
        print(f"\n  {sum(seen.values())} kills at the end of a fetch: {dict(seen)}")


def moment_of_death(b: KillableNode, fetch: str) -> str:
    """Say how far a dead node had come, by its disk."""
    (row,) = b.rows(
        "catalog",
        f"SELECT state, hex(pack), receipt_due FROM fetches WHERE hex(id) = '{fetch.upper()}'",
    )
    if row[0] == "done":
        return "receipt due" if row[2] else "receipt taken"
    in_place = (b.home / "packs" / (row[1] or "none").lower()).exists()
    return "in place, no row" if in_place else "not in place"

"""Whether a node can do its work: each need is looked at, and a healed one is seen soon."""

from __future__ import annotations

import logging
import threading
import time

import pytest

from support.clock import FakeClock, SeededEntropy
from support.memory_catalog import MemoryCatalog
from support.memory_packs import MemoryPacks
from undisc_node.services import auditing
from undisc_node.services.auditing import Journal
from undisc_node.services.errors import DiskFull, Unavailable
from undisc_node.services.readiness import PROBE_SECONDS, RETRY_SECONDS, SLOW_SECONDS, Readiness
from undisc_node.services.witnessed_time import LEAP_MS, TRUSTED, TimeWitness, newest_time_ms

RELEASED = 1_793_491_200_000
NOW = RELEASED + 86_400_000


class World:
    """A node's needs, each of which a test can take away."""

    def __init__(self):
        self.catalog = _Catalog()
        self.packs = MemoryPacks()
        self.clock = FakeClock(NOW)
        self.wall = NOW
        self.elapsed = 0.0
        self.keys_problem = None
        self.readiness = Readiness(
            catalog=self.catalog,
            packs=self.packs,
            reserve=1000,
            clock=self.clock,
            wall_ms=lambda: self.wall,
            released_ms=RELEASED,
            keys=self._keys,
            elapsed=lambda: self.elapsed,
        )

    def _keys(self):
        if self.keys_problem:
            raise self.keys_problem

    def wrong(self):
        return {check.name: check.code for check in self.readiness.checks() if check.code}


class _Catalog(MemoryCatalog):
    """Counts the test writes, and refuses them when told to."""

    def __init__(self):
        super().__init__()
        self.probes = 0
        self.problem = None
        self.held = threading.Event()
        self.held.set()

    def probe(self):
        self.probes += 1
        self.held.wait(10)
        if self.problem:
            raise self.problem


@pytest.fixture
def world():
    return World()


def test_a_healthy_node_is_ready_and_names_what_was_looked_at(world):
    names = [check.name for check in world.readiness.checks()]
    assert names == ["database", "disk", "keys", "clock"]
    assert world.wrong() == {}


def test_asking_every_moment_writes_only_now_and_then(world):
    for _ in range(100):
        world.wrong()
    assert world.catalog.probes == 1
    world.elapsed += PROBE_SECONDS
    world.wrong()
    assert world.catalog.probes == 2


def test_a_database_that_takes_no_write_is_told_and_its_healing_seen_soon(world):
    world.catalog.problem = DiskFull("no room")
    assert world.wrong() == {"database": "disk_full"}
    world.catalog.problem = None
    world.elapsed += RETRY_SECONDS
    assert world.wrong() == {}


def test_a_write_that_hangs_holds_up_nobody_and_counts_as_wrong(world):
    """A dead disk takes no thread that asks, not even the one that began the write."""
    world.wrong()
    world.elapsed += PROBE_SECONDS
    world.catalog.held.clear()
    assert world.wrong() == {}
    assert world.wrong() == {}
    assert world.catalog.probes == 2
    world.elapsed += SLOW_SECONDS + 1
    assert world.wrong() == {"database": "database_slow"}
    world.catalog.held.set()
    deadline = time.monotonic() + 10
    while world.wrong():
        assert time.monotonic() < deadline


def test_a_disk_at_its_reserve(world):
    world.packs.room = 999
    assert world.wrong() == {"disk": "disk_reserve"}
    world.packs.room = 1000
    assert world.wrong() == {}


def test_key_files_that_cannot_be_read(world):
    world.keys_problem = Unavailable("the key file is missing", code="key_missing")
    assert world.wrong() == {"keys": "key_missing"}


def test_a_clock_that_is_behind_the_log(world):
    """The log's newest line is from a time that the clock has not reached: grants would revive."""
    journal = Journal(clock=FakeClock(NOW + 3_600_000), entropy=SeededEntropy())
    with world.catalog.change() as records:
        journal.note(records, "node.started", who=auditing.user("test"))
    assert world.wrong() == {"clock": "clock_behind"}
    world.wall = NOW + 3_600_000 - 60_000
    assert world.wrong() == {}


def test_a_start_with_the_clock_behind_does_not_hide_that_it_is(world):
    """The node logs its start with the wrong time: the lines before tell."""
    for at in (NOW + 3_600_000, NOW):
        journal = Journal(clock=FakeClock(at), entropy=SeededEntropy(str(at)))
        with world.catalog.change() as records:
            journal.note(records, "node.started", who=auditing.user("test"))
    assert world.wrong() == {"clock": "clock_behind"}


def test_lines_before_a_clock_that_a_person_trusted_do_not_count(world):
    """The clock was ahead once; whoever set it right said so, and later lines count again."""
    for at, kind in ((NOW + 10**10, "node.started"), (NOW, TRUSTED), (NOW + 1, "node.started")):
        journal = Journal(clock=FakeClock(at), entropy=SeededEntropy(str(at)))
        with world.catalog.change() as records:
            journal.note(records, kind, who=auditing.user("test"))
    assert world.wrong() == {}
    with world.catalog.look() as records:
        assert newest_time_ms(records) == NOW + 1


def test_a_clock_that_was_set_back_while_the_node_runs(world):
    world.wall = NOW - 60_001
    assert world.wrong() == {"clock": "clock_behind"}


def test_a_clock_that_shows_a_time_before_the_release(world):
    """A computer without a battery begins in 1970."""
    world.wall = 0
    assert world.wrong() == {"clock": "clock_before_release"}


def test_what_changes_is_logged_once(world, caplog):
    caplog.set_level(logging.INFO)
    world.packs.room = 0
    world.wrong()
    world.wrong()
    world.packs.room = 1000
    world.wrong()
    world.wrong()
    assert caplog.messages == [
        "the node is not ready: disk (disk_reserve)",
        "the node is ready again",
    ]


def test_time_that_leaps_ahead_is_written_down(alone):
    """A year that passed on a wrong clock is known after a restart; a slow minute is not news."""
    witness = TimeWitness(catalog=alone.catalog, journal=alone.journal, clock=alone.clock)
    witness.look()
    alone.clock.advance(LEAP_MS / 1000 - 1)
    witness.look()
    assert "node.time_leapt" not in alone.kinds()
    alone.clock.advance(400 * 86_400)
    witness.look()
    witness.look()
    assert alone.kinds().count("node.time_leapt") == 1
    with alone.catalog.look() as records:
        assert newest_time_ms(records) == alone.clock.now_ms()

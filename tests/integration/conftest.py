"""Two practices with real node processes, and a seed for what happens at random."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator

import pytest

from support.fault_proxy import FaultProxy, no_plan
from support.killable_node import KillableNode
from support.practices import Practices
from support.two_nodes import befriend, short_directory


@pytest.fixture(scope="module")
def practices() -> Iterator[Practices]:
    """Start both nodes once for all tests of a module."""
    with short_directory() as directory:
        a = KillableNode(directory / "a", "Practice A")
        b = KillableNode(directory / "b", "Practice B")
        both = Practices(a, b, FaultProxy(a.public_port), directory)
        a.url = both.proxy.url
        try:
            for node in (a, b):
                node.init()
                node.start()
            befriend(a, b)
            yield both
        finally:
            both.stop()


@pytest.fixture
def free_line(practices: Practices) -> Iterator[None]:
    """Take away brakes and faults of the proxy after a test."""
    yield
    practices.proxy.throttle(None)
    practices.proxy.plan = no_plan


@pytest.fixture
def chance() -> random.Random:
    """Seed what happens at random; TEST_SEED repeats a run as far as time allows."""
    seed = os.environ.get("TEST_SEED") or os.urandom(4).hex()
    print(f"TEST_SEED={seed}")
    return random.Random(seed)

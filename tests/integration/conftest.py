"""Two practices with real node processes, and a seed for what happens at random."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator

import pytest

from support.fault_proxy import no_plan
from support.practices import Practices, both_practices


@pytest.fixture(scope="module")
def practices() -> Iterator[Practices]:
    """Start both nodes once for all tests of a module."""
    with both_practices() as both:
        yield both


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

"""A node at work is killed or loses its power, again and again: what it acknowledged stays so.

Small versions of the campaigns that `make torture` runs at full length.
"""

from __future__ import annotations

import json
import os

import pytest

from support.campaign import KILL, POWER_CUT, campaign

pytestmark = pytest.mark.integration

KILLS = 12
CUTS = 12


@pytest.fixture
def seed() -> str:
    """Return what decides; TEST_SEED repeats a run as far as threads allow."""
    seed = os.environ.get("TEST_SEED") or os.urandom(4).hex()
    print(f"TEST_SEED={seed}")
    return seed


@pytest.mark.parametrize(("make", "count"), [(KILL, KILLS), (POWER_CUT, CUTS)])
def test_what_was_acknowledged_is_so_after_every_end(make, count, seed, capsys):
    """Senders, an import, fetches, grants, revocations, deletions at once, until the node dies."""
    tally = campaign(make, count, seed, lambda _what: None)
    assert tally.disasters.total() == count
    assert tally.acknowledged["instances"] > 0
    with capsys.disabled():
        print(f"\n  {json.dumps(tally.as_json())}")

"""Two nodes under everything at once for a while; `make soak` does the same for 15 minutes."""

from __future__ import annotations

import os

import pytest

from support.soak import soak

pytestmark = pytest.mark.integration

SECONDS = 20.0  # too short to judge memory, which still warms up


def test_nothing_but_the_log_grows_under_a_mixed_load(capsys):
    """Descriptors, threads, write-ahead logs and staging stay; whatever was acknowledged is so."""
    seed = os.environ.get("TEST_SEED") or os.urandom(4).hex()
    print(f"TEST_SEED={seed}")
    found = soak(SECONDS, seed, lambda _: None, memory=False)
    assert found["done"].keys() >= {"use", "use_revoked", "bring", "disturb", "back_up"}
    with capsys.disabled():
        print(f"\n  {sum(found['done'].values())} steps, {found['nodes']}")

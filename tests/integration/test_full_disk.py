"""A disk is full again and again: no false success, revoking goes on, and room heals everything."""

from __future__ import annotations

import json

import pytest

from support.full_disk import HEAL_SECONDS, full_disk

pytestmark = pytest.mark.integration

PASSES = 5


def test_a_disk_that_is_full_again_and_again(chance, capsys):
    """Filled by images to the reserve, or by another program to the last byte."""
    found = full_disk(PASSES, str(chance.random()), lambda _what: None)
    assert found["revoked while full"] == 2 * PASSES
    assert found["healed_seconds_most"] <= HEAL_SECONDS
    with capsys.disabled():
        print(f"\n  {json.dumps(found)}")

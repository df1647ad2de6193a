"""The node dies or the disk fails at a system call: what was said stays so, nothing is half there.

A random share of what `make torture` hits to the last point.
"""

from __future__ import annotations

import json

import pytest

from support.sweep import sweep_all

pytestmark = pytest.mark.integration

SHARE = 0.02


def test_a_share_of_all_system_calls_of_every_flow(chance, capsys):
    """KILL, EIO and ENOSPC at rename, fsync, fdatasync, write, unlink and ftruncate."""
    found = sweep_all(SHARE, str(chance.random()), lambda _what: None)
    assert found["points"] > 0
    with capsys.disabled():
        print(f"\n  {json.dumps(found)}")

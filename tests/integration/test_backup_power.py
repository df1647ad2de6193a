"""Backups on a disk that loses its power: a snapshot stands on names that are durable."""

from __future__ import annotations

import pytest

from support.clock import SeededEntropy
from support.forgetful_disk import forgetful_disk
from undisc_node.storage.backup.repository import opened

pytestmark = pytest.mark.integration

NODE = bytes(32)
SEGMENT = "c0" * 16


def test_what_an_interrupted_backup_finished_and_the_next_one_uses_survives_a_power_cut():
    """The first dies before names are durable; the second finds the file, and only settles."""
    with forgetful_disk() as disk:
        root, entropy = disk.path / "repository", SeededEntropy()
        with opened(root, node=NODE, entropy=entropy, change=True, create=True) as first:
            first.write(first.segment(SEGMENT), [b"ciphertext"])
        with opened(root, node=NODE, entropy=entropy, change=True) as second:
            second.sweep()
            assert second.segment(SEGMENT).exists()
            second.settle()
        disk.cut("clean")
        disk.revive()
        with opened(root, node=NODE, entropy=entropy, change=False) as third:
            assert third.read(third.segment(SEGMENT)) == b"ciphertext"

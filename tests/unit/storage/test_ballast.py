"""The ballast gives way on a full disk and comes back."""

from __future__ import annotations

import pytest

from undisc_node.clocks import SystemEntropy
from undisc_node.storage.ballast import Ballast
from undisc_node.storage.catalog import SqliteCatalog

MIB = 2**20


class OnADiskOf(Ballast):
    """A ballast that believes a number about the disk."""

    free = 0

    def _free(self) -> int:
        return self.free


@pytest.fixture
def ballast(tmp_path):
    return OnADiskOf(tmp_path / "ballast", MIB)


def test_it_is_made_when_there_is_room_for_it(ballast, tmp_path):
    ballast.free = 16 * MIB
    ballast.put_back()
    assert not (tmp_path / "ballast").exists()
    ballast.free = 17 * MIB
    ballast.put_back()
    assert (tmp_path / "ballast").stat().st_blocks * 512 >= MIB
    assert (tmp_path / "ballast").stat().st_mode & 0o777 == 0o600
    ballast.put_back()


def test_it_gives_way_only_when_almost_nothing_is_left(ballast, tmp_path):
    ballast.free = 50 * MIB
    ballast.put_back()
    ballast.give_way()
    assert (tmp_path / "ballast").exists()
    ballast.free = 7 * MIB
    ballast.give_way()
    ballast.give_way()
    assert not (tmp_path / "ballast").exists()


def test_only_a_vital_change_makes_it_give_way(ballast, tmp_path):
    """What the node does by itself each second must not spend the room of a revocation."""
    catalog = SqliteCatalog(
        tmp_path / "catalog.sqlite3", entropy=SystemEntropy(), ballast=ballast, create=True
    )
    ballast.free = 50 * MIB
    ballast.put_back()
    ballast.free = 0
    with catalog.change() as records:
        records.tickets.forget_expired(1)
    assert (tmp_path / "ballast").exists()
    with catalog.change(vital=True) as records:
        records.tickets.drop_all(1)
    assert not (tmp_path / "ballast").exists()
    catalog.close()

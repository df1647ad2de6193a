"""The ballast gives way on a full disk and comes back."""

from __future__ import annotations

import pytest

from undisc_node.storage.ballast import Ballast

MIB = 2**20


class OnADiskOf(Ballast):
    """A ballast that believes a number about the disk."""

    free = 0

    def _free(self) -> int:
        return self.free


@pytest.fixture
def ballast(tmp_path):
    return OnADiskOf(tmp_path / "ballast", MIB)


def test_it_is_made_when_there_is_room_above_the_reserve(ballast, tmp_path):
    ballast.free = 50 * MIB
    ballast.put_back(reserve=45 * MIB)
    assert not (tmp_path / "ballast").exists()
    ballast.put_back(reserve=20 * MIB)
    assert (tmp_path / "ballast").stat().st_blocks * 512 >= MIB
    assert (tmp_path / "ballast").stat().st_mode & 0o777 == 0o600
    ballast.put_back(reserve=20 * MIB)


def test_it_gives_way_only_when_almost_nothing_is_left(ballast, tmp_path):
    ballast.free = 50 * MIB
    ballast.put_back(reserve=0)
    ballast.give_way()
    assert (tmp_path / "ballast").exists()
    ballast.free = 7 * MIB
    ballast.give_way()
    ballast.give_way()
    assert not (tmp_path / "ballast").exists()

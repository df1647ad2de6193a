"""Accounts of the practice's people, in memory and in SQLite."""

from __future__ import annotations

from dataclasses import replace

import pytest

from undisc_node.services.errors import Conflict
from undisc_node.services.staff_rows import Role, StaffMember

ANNA = StaffMember("anna", Role.ADMIN, b"s" * 16, b"h" * 32, 3, 2**26, 1_000, 2_000)
BEN = replace(ANNA, name="ben", role=Role.DESK, disabled_ms=3_000)


def test_an_account_comes_back_as_it_was_put(catalog):
    with catalog.change() as records:
        records.staff.put(BEN)
        records.staff.put(ANNA)
        records.staff.put(replace(BEN, disabled_ms=None))
    with catalog.look() as records:
        assert records.staff.list() == [ANNA, replace(BEN, disabled_ms=None)]
        assert records.staff.get("anna") == ANNA
        assert records.staff.get("carl") is None


@pytest.mark.parametrize("change", [{"disabled_ms": 9}, {"role": Role.DESK}])
def test_the_last_administrator_cannot_go(catalog, change):
    """Disabled or demoted, nobody could make accounts; with a second one it is possible."""
    with catalog.change() as records:
        records.staff.put(ANNA)
        records.staff.put(replace(BEN, role=Role.ADMIN))
        with pytest.raises(Conflict) as caught:
            records.staff.put(replace(ANNA, **change))
        assert caught.value.reason == "last_admin"
        records.staff.put(replace(BEN, role=Role.ADMIN, disabled_ms=None))
        records.staff.put(replace(ANNA, **change))
        records.staff.put(replace(ANNA, **change))


def test_a_look_cannot_put(catalog):
    with catalog.look() as records, pytest.raises(RuntimeError):
        records.staff.put(ANNA)

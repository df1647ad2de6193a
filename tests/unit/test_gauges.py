"""What is left behind by each request shows in the figures of a soak."""

from __future__ import annotations

from dataclasses import replace

from support.gauges import SLOPE, WAL, Sample, Use, slope

MIB = 2**20
STEADY = Sample(
    at=0.0, rss=90 * MIB, pss=80 * MIB, descriptors=25, threads=15, wal=(4 * MIB, 0), staged=0
)


def seen(**growth: float) -> Use:
    """Watch a node for 15 minutes whose figures grow by so much every second."""
    return Use.of(
        [
            replace(
                STEADY,
                at=float(at),
                **{name: int(getattr(STEADY, name) + at * by) for name, by in growth.items()},
            )
            for at in range(0, 900, 3)
        ]
    )


def test_a_steady_node_is_not_complained_about():
    assert seen().complaints(memory=True) == []


def test_a_leak_of_memory_is_found_and_only_where_it_is_judged():
    leaking = seen(rss=2 * SLOPE * MIB / 3_600)
    assert len(leaking.complaints(memory=True)) == 1
    assert leaking.complaints(memory=False) == []


def test_a_descriptor_and_a_thread_left_every_half_minute_are_found():
    assert len(seen(descriptors=1 / 30, threads=1 / 30).complaints(memory=False)) == 2


def test_a_write_ahead_log_that_is_never_emptied_is_found():
    full = Use.of([STEADY, replace(STEADY, at=1.0, wal=(WAL + MIB, 0)), replace(STEADY, at=2.0)])
    (complaint,) = full.complaints(memory=True)
    assert "catalog" in complaint


def test_wild_points_do_not_move_the_slope():
    points = [(float(at), 2.0 * at) for at in range(50)]
    points[10], points[40] = (10.0, 9_999.0), (40.0, -9_999.0)
    assert abs(slope(points) - 2.0) < 1e-9

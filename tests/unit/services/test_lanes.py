"""One peer that hangs does not keep the others from being served."""

from __future__ import annotations

from threading import Event, Semaphore

import pytest

from undisc_node.services.lanes import Lanes

A, B = b"peer A", b"peer B"


@pytest.fixture
def lanes():
    made = Lanes(threads=4, each=2, name="test")
    yield made
    made.stop()


def test_a_party_that_hangs_has_only_its_part_and_others_run(lanes):
    """Attack: a peer hands over ten offers whose answers never come."""
    go, began = Event(), Semaphore(0)

    def hang() -> None:
        began.release()
        go.wait(10)

    hanging = [lanes.submit(A, hang) for _ in range(10)]
    try:
        for _ in range(2):
            assert began.acquire(timeout=5)
        lanes.submit(B, lambda: None).result(5)
        assert not began.acquire(blocking=False), "a third one of the same peer runs"
    finally:
        go.set()
    for one in hanging:
        one.result(5)


def test_work_of_a_party_begins_in_its_order(lanes):
    done: list[int] = []
    alone = Lanes(threads=4, each=1, name="alone")
    for one in [alone.submit(A, lambda n=n: done.append(n)) for n in range(20)]:
        one.result(5)
    alone.stop()
    assert done == list(range(20))


def test_what_fails_tells_and_makes_room(lanes):
    def fail() -> None:
        raise ValueError("told")

    failing = [lanes.submit(A, fail) for _ in range(5)]
    for one in failing:
        with pytest.raises(ValueError, match="told"):
            one.result(5)
    lanes.submit(A, lambda: None).result(5)


def test_what_has_not_begun_is_dropped_at_the_end():
    lanes, go, began = Lanes(threads=1, each=1, name="end"), Event(), Event()

    def hold() -> None:
        began.set()
        go.wait(10)

    first, second = lanes.submit(A, hold), lanes.submit(A, lambda: None)
    assert began.wait(5)
    go.set()
    lanes.stop()
    assert first.done()
    assert second.cancelled() or second.done()
    assert lanes.submit(A, lambda: None).done() is False

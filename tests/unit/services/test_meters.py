"""Counters of what passes through: each arrival once, under its way."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from undisc_node.services.errors import Invalid
from undisc_node.services.meters import BOUNDS, MeteredReceiving, Meters, way_of


class Receiving:
    def __init__(self):
        self.answer = SimpleNamespace(status="stored")

    def store(self, source, sender, digest=b"", facts=None):
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def metered():
    meters, receiving = Meters(), Receiving()
    times = iter(range(1000))
    return meters, receiving, MeteredReceiving(receiving, meters, elapsed=lambda: next(times))


def test_an_arrival_counts_under_its_way_with_its_time_and_bytes(metered):
    meters, _, counting = metered
    counting.store(SimpleNamespace(size=10), "dicom:ct1")
    counting.store(SimpleNamespace(size=5), "import")
    seen = meters.read()
    assert seen.stored == {("dicom", "stored"): 1, ("import", "stored"): 1}
    assert seen.stored_bytes == {"dicom": 10, "import": 5}
    assert seen.latency["dicom"].seconds == 1
    assert seen.latency["dicom"].buckets[BOUNDS.index(0.5)] == 0
    assert seen.latency["dicom"].buckets[BOUNDS.index(1.0)] == 1
    assert seen.latency["dicom"].buckets[-1] == 1


def test_a_duplicate_is_an_arrival_without_bytes(metered):
    meters, receiving, counting = metered
    receiving.answer = SimpleNamespace(status="duplicate")
    counting.store(SimpleNamespace(size=10), "dicom:ct1")
    assert meters.read().stored == {("dicom", "duplicate"): 1}
    assert meters.read().stored_bytes == {}


@pytest.mark.parametrize(
    ("problem", "code"),
    [(Invalid("x", code="not_dicom"), "not_dicom"), (ValueError("x"), "internal_error")],
)
def test_a_refusal_counts_under_its_code_and_is_raised_on(metered, problem, code):
    meters, receiving, counting = metered
    receiving.answer = problem
    with pytest.raises(type(problem)):
        counting.store(SimpleNamespace(size=10), "import")
    assert meters.read().refused == {("import", code): 1}


def test_bytes_add_up():
    meters = Meters()
    for count in (1, 2):
        meters.served(count)
        meters.fetched(10 * count)
    assert (meters.read().served, meters.read().fetched) == (3, 30)


@pytest.mark.parametrize(
    ("sender", "way"),
    [("dicom:ct1", "dicom"), ("peer:abcd", "fetch"), ("import", "import"), ("x", "import")],
)
def test_the_name_of_a_sender_is_not_in_its_way(sender, way):
    assert way_of(sender) == way

"""A line that loses packets, is slow, or is cut for a while: the study arrives, nothing grows.

The partition is short here and a minute in `make torture`.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.bad_network import Line, line, loss, partition, slow
from undisc_protocol import limits

pytestmark = pytest.mark.integration

MORE = 4  # threads or descriptors that pools may still open
OVERHEAD = 1.12  # heads of packets and of HTTP, acknowledgements, status


@pytest.fixture(scope="module")
def one_line() -> Iterator[Line]:
    with line() as made:
        yield made


def test_a_bad_line_only_costs_time(one_line, capsys):
    """20 % loss, then 1 Mbit/s, then a partition: whole each time, at most a chunk is wasted."""
    nodes = (one_line.holder, one_line.asker)
    loss(one_line, 0, [200_000])
    before = [node.resources() for node in nodes]
    lost = loss(one_line, 20, [150_000, 60_000])
    slowly = slow(one_line, "1mbit", [400_000, 300_000])
    assert slowly["carried"] <= slowly["bytes"] * OVERHEAD + limits.CHUNK
    cut = partition(one_line, 5, "4mbit", [1_500_000, 900_000])
    assert cut["carried"] <= cut["bytes"] * OVERHEAD + 2 * limits.CHUNK, cut
    for node, (threads, descriptors) in zip(nodes, before, strict=True):
        assert node.resources()[0] <= threads + MORE
        assert node.resources()[1] <= descriptors + MORE
    with capsys.disabled():
        print(f"\n  {lost}\n  {slowly}\n  {cut}")

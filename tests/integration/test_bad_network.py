"""A line that loses packets, is slow, or is cut for a while: the study arrives, nothing grows.

The partition is short here and a minute in `make torture`.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.bad_network import Line, line, loss, partition, slow, steady, within

pytestmark = pytest.mark.integration


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
    slowly = within(slow(one_line, "1mbit", [400_000, 300_000]), breaks=1)
    cut = within(partition(one_line, 5, "4mbit", [1_500_000, 900_000]), breaks=2)
    steady(nodes, before)
    with capsys.disabled():
        print(f"\n  {lost}\n  {slowly}\n  {cut}")

"""Practices without sockets, disks or waiting."""

import pytest

from support.clock import FakeClock
from support.memory_network import MemoryNetwork
from support.memory_reader import instance
from support.practice import Practice, befriend


@pytest.fixture
def clock():
    """A clock that the test moves."""
    return FakeClock()


@pytest.fixture
def network():
    """The network between the practices."""
    return MemoryNetwork()


@pytest.fixture
def found(network, clock):
    """Found a practice; it is closed at the end."""
    practices = []

    def make(name, **options):
        practices.append(Practice(name, network, clock, **options))
        return practices[-1]

    yield make
    for practice in practices:
        practice.fetching.stop()


@pytest.fixture
def alone(found):
    """A practice that knows nobody."""
    return found("alone")


@pytest.fixture
def pair(found):
    """A holder and an asker that trust each other."""
    holder, asker = found("holder"), found("asker")
    befriend(holder, asker)
    return holder, asker


@pytest.fixture
def served(pair):
    """A holder with a study of three instances in two series, and the asker."""
    holder, asker = pair
    for number, series in ((1, 1), (2, 1), (1, 2)):
        holder.store(instance(number, series=series))
    return holder, asker

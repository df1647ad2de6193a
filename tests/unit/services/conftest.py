"""Practices without sockets, disks or waiting."""

import pytest

from support.browser import PIN, Browser
from support.clock import FakeClock
from support.memory_network import MemoryNetwork
from support.memory_reader import instance
from support.practice import Practice, befriend
from unit.services.test_consenting import record


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


@pytest.fixture
def visited(alone, clock):
    """A practice with a released visit of one study."""
    consent, visit = record(alone)
    alone.store(instance(1, accession="A-7"))
    alone.settling.settle(alone.study().id, "")
    clock.advance(30 * 60)
    alone.releasing.release_due()
    alone.patient_links.set_pin(visit.id, PIN, "anna")
    alone.patient_links.make_due()
    return alone, visit, consent


@pytest.fixture
def patient(visited):
    """The patient's browser with the link from the letter, the PIN passed."""
    practice, visit, _ = visited
    browser = Browser.at(practice, practice.patient_links.handout(visit.id).link)
    browser.open(PIN)
    return browser

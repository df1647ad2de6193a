"""Events of the log (SPEC.md §7.1)."""

from dataclasses import replace

import pytest

from support.damage import damaged, refused, truncated
from undisc_protocol import dagcbor, limits
from undisc_protocol.errors import BadFields, LocalProtocolError, Malformed, Oversize
from undisc_protocol.log import Actor, Event, Subject

EVENT = Event(
    at=1_795_498_283_000,
    id="110113",
    type="grant.created",
    action="C",
    outcome=0,
    who=(Actor("anna", "Anna Ärztin", "administrator", requestor=True, net="192.0.2.1"),),
    what=(Subject(2, 13, "grant", "ab12", ""), Subject(1, 1, "2", "4711", "Müller^Änne")),
    why="treatment",
    detail={"days": 30, "audience": "did:key:z6Mk"},
)


def value(**changes):
    """Return the decoded form of the event with changed fields."""
    return dagcbor.decode(EVENT.encode(), limit=limits.MAX_EVENT) | changes


def test_an_event_comes_back_as_it_was():
    smallest = Event(0, "x", "y", "E", 12, (Actor("node"),))
    for event in (EVENT, smallest):
        assert Event.decode(event.encode()) == event


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"v": 2}, BadFields),
        ({"at": -1}, BadFields),
        ({"id": ""}, BadFields),
        ({"type": "x" * 513}, BadFields),
        ({"action": "X"}, BadFields),
        ({"action": ""}, BadFields),
        ({"outcome": 1}, BadFields),
        ({"outcome": False}, BadFields),
        ({"who": []}, BadFields),
        ({"who": [{}]}, BadFields),
        ({"who": [Actor("a").to_value()] * 9}, Oversize),
        ({"who": [Actor("").to_value()]}, BadFields),
        ({"who": [Actor("a").to_value() | {"requestor": 1}]}, BadFields),
        ({"what": [Subject(3, 1, "a", "b").to_value()]}, BadFields),
        ({"what": [Subject(1, 100, "a", "b").to_value()]}, BadFields),
        ({"what": [Subject(1, 1, "a", "b").to_value()] * 17}, Oversize),
        ({"why": None}, BadFields),
        ({"detail": []}, BadFields),
        ({"detail": {"a": True}}, BadFields),
        ({"detail": {"a": b"bytes"}}, BadFields),
        ({"detail": {"a": "x" * 513}}, BadFields),
        ({"detail": {str(number): 0 for number in range(33)}}, Oversize),
        ({"more": 1}, BadFields),
    ],
)
def test_what_is_not_exactly_an_event_is_refused(changes, error):
    assert isinstance(refused(Event.decode, dagcbor.encode(value(**changes))), error)


def test_an_event_over_its_bounds_is_never_written():
    for changes in (
        {"outcome": 5},
        {"who": ()},
        {"detail": {"a": "x" * 513}},
        {"what": (Subject(1, 1, "a", "x" * 512, "y" * 512),) * 16},
    ):
        with pytest.raises(LocalProtocolError):
            replace(EVENT, **changes).encode()


def test_damaged_events_raise_only_our_errors():
    encoded = EVENT.encode()
    for broken in truncated(encoded):
        assert isinstance(refused(Event.decode, broken), Malformed)
    for broken in damaged(encoded):
        if broken != encoded:
            try:
                assert Event.decode(broken).encode() == broken  # another letter: another event
            except (BadFields, Malformed, Oversize):
                continue


def test_an_event_over_its_size_is_refused_before_it_is_decoded():
    assert isinstance(refused(Event.decode, bytes(limits.MAX_EVENT + 1)), Oversize)

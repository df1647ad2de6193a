"""What waits for a person: it is told once, decided once, and the decision is carried out."""

from __future__ import annotations

import pytest

from support.memory_reader import instance
from undisc_node.services import queueing
from undisc_node.services.errors import Conflict, Invalid, NotFound, Unavailable
from undisc_node.services.queue_rows import MAX_FACT, MAX_FACTS, Fact, facts_of
from undisc_node.services.queueing import Decision


class Colours:
    """A resolver that notes what it was told."""

    def __init__(self, practice):
        self.practice, self.told, self.problem = practice, [], None

    def decisions(self, row):
        return {"paint": Decision("paint it", "COLOUR"), "leave": Decision("leave it")}

    def resolve(self, row, decision, value, actor, close):
        if self.problem:
            raise self.problem
        with self.practice.catalog.change() as records:
            close(records, f"{decision} {value}".strip())
        self.told.append((row.subject, decision, value, actor))


@pytest.fixture
def colours(alone):
    resolver = Colours(alone)
    alone.queueing.register("colour", resolver)
    return resolver


def put(practice, subject="wall", **more):
    with practice.catalog.change() as records:
        return practice.queueing.put(records, "colour", subject, **more)


def test_a_decision_is_carried_out_once_and_logged(alone, colours):
    alone.store(instance(1))
    row = put(alone, study=alone.study().id, facts=[Fact("now", "white")])
    assert alone.queueing.decisions(row) == colours.decisions(row)
    closed = alone.queueing.resolve(row.id, "paint", "green", "alice")
    assert (closed.outcome, closed.done_ms) == ("paint green", alone.clock.now_ms())
    assert colours.told == [("wall", "paint", "green", "alice")]
    assert alone.queueing.list() == []
    assert alone.queueing.list(done=True) == [closed]
    assert alone.queueing.decisions(closed) == {}
    added, resolved = alone.events()[-2:]
    assert (added.type, resolved.type) == ("queue.added", "queue.resolved")
    assert (resolved.who[0].user, resolved.why) == ("alice", "paint green")
    assert resolved.what[0].id == alone.study().id.hex()
    with pytest.raises(Conflict):
        alone.queueing.resolve(row.id, "leave", "", "bob")


def test_two_people_who_decide_at_the_same_moment_decide_once(alone, colours):
    """The second one comes while the first decision is being carried out."""
    row = put(alone)
    carry_out = colours.resolve

    def first_somebody_else(*arguments):
        colours.resolve = carry_out
        alone.queueing.resolve(row.id, "leave", "", "bob")
        carry_out(*arguments)

    colours.resolve = first_somebody_else
    with pytest.raises(Conflict):
        alone.queueing.resolve(row.id, "paint", "red", "alice")
    assert [told[3] for told in colours.told] == ["bob"]


def test_what_cannot_be_done_goes_on_waiting(alone, colours):
    row = put(alone)
    colours.problem = Unavailable("no paint")
    with pytest.raises(Unavailable):
        alone.queueing.resolve(row.id, "leave", "", "alice")
    assert alone.queueing.list("colour") == [row]


@pytest.mark.parametrize(
    ("decision", "value"), [("burn", ""), ("paint", ""), ("leave", "green"), ("", "")]
)
def test_a_decision_that_does_not_fit_is_refused(alone, colours, decision, value):
    row = put(alone)
    with pytest.raises(Invalid):
        alone.queueing.resolve(row.id, decision, value, "alice")
    assert colours.told == []


def test_a_kind_that_nobody_resolves_says_so(alone):
    with alone.catalog.change() as records:
        row = alone.queueing.put(records, "unknown", "x")
    assert alone.queueing.decisions(row) == {}
    with pytest.raises(Invalid):
        alone.queueing.resolve(row.id, "keep", "", "alice")


def test_the_same_thing_told_again_waits_once_with_newer_facts(alone, colours):
    first = put(alone, facts=[Fact("now", "white")])
    again = put(alone, facts=[Fact("now", "grey")])
    assert again.id == first.id
    assert alone.queueing.list()[0].facts == (Fact("now", "grey"),)
    assert alone.kinds().count("queue.added") == 1


def test_what_comes_right_by_itself_is_closed(alone, colours):
    row = put(alone)
    with alone.catalog.change() as records:
        alone.queueing.settle(records, "colour", "wall", "it was repainted")
        alone.queueing.settle(records, "colour", "roof", "it was repainted")
    assert alone.queueing.find(row.id.hex()[:4]).outcome == "it was repainted"


def test_a_queue_that_nobody_reads_takes_no_more(alone, colours, monkeypatch):
    """Otherwise a sender gone wild fills the disk with rows."""
    monkeypatch.setattr(queueing, "MAX_OPEN", 2)
    put(alone, "one")
    put(alone, "two")
    with pytest.raises(Unavailable):
        put(alone, "three")
    put(alone, "two")


def test_rows_are_found_by_their_beginning(alone, colours):
    row = put(alone)
    assert alone.queueing.find(row.id.hex()[:6].upper()) == row
    for wrong in ("", "zz", row.id.hex()[:3], "0" * 33):
        with pytest.raises(NotFound):
            alone.queueing.find(wrong)


def test_facts_are_bounded():
    """What a stranger sends ends up here."""
    facts = facts_of({str(number): "x" * 1000 for number in range(100)}, {"0": "y" * 1000})
    assert len(facts) == MAX_FACTS
    assert {len(fact.here) for fact in facts} == {MAX_FACT}
    assert len(facts[0].there or "") == MAX_FACT
    assert facts_of({"a": "b"}) == (Fact("a", "b", None),)

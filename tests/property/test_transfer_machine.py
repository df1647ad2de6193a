"""No order of events brings a fetch to its end without the work done."""

from hypothesis import given, settings
from hypothesis import strategies as st

from undisc_protocol import limits
from undisc_protocol.errors import LocalProtocolError, OutOfOrder, Revoked, Tampered, Unreachable
from undisc_protocol.transfer import (
    Answered,
    Begin,
    Broken,
    Fail,
    FetchMachine,
    Finish,
    Halted,
    ObjectStored,
    Publish,
    Published,
    ReceiptTaken,
    Refused,
    Rest,
    State,
    TicketEnded,
    Wait,
)

IDS = [bytes((number,)) * 16 for number in range(4)]
FROM_PEER = (Answered, Refused, ReceiptTaken)
LAST = (Rest, Finish, Fail)

object_ids = st.sampled_from(IDS)
events = st.one_of(
    st.just(Begin()),
    st.builds(Answered, st.frozensets(object_ids)),
    st.builds(Refused, st.sampled_from([Revoked("no"), Tampered("chunk"), Unreachable("later")])),
    st.builds(Broken, st.booleans()),
    st.builds(TicketEnded, st.booleans()),
    st.builds(ObjectStored, object_ids),
    st.just(Published()),
    st.just(ReceiptTaken()),
    st.just(Halted()),
)
# Random events seldom come far; those that fit the state are drawn more often.
FITTING = {
    State.READY: lambda _: st.just(Begin()),
    State.PAUSED: lambda _: st.just(Begin()),
    State.ASKED: lambda _: st.builds(Answered, st.frozensets(object_ids, min_size=1)),
    State.MOVING: lambda machine: (
        st.builds(ObjectStored, st.sampled_from(sorted(machine.missing)))
        if machine.missing
        else st.just(Published())
    ),
    State.STORED: lambda _: st.just(ReceiptTaken()),
}


@settings(max_examples=400)
@given(st.data())
def test_done_means_stored_and_published_and_acknowledged(data):
    """Whatever peers, networks and our own code report, in any order."""
    machine = FetchMachine()
    granted, stored, published, taken = frozenset(), set(), False, False
    for _ in range(data.draw(st.integers(1, 40))):
        fitting = FITTING.get(machine.state, lambda _: events)(machine)
        event = data.draw(st.one_of(fitting, fitting, events))
        before = (machine.state, machine.missing)
        try:
            effects = machine.step(event)
        except LocalProtocolError:
            assert not isinstance(event, FROM_PEER)
            assert (machine.state, machine.missing) == before
            continue
        except OutOfOrder:
            assert isinstance(event, FROM_PEER)
            assert (machine.state, machine.missing) == before
            continue
        match event:
            case Answered(objects):
                granted = objects
            case ObjectStored(object_id):
                stored.add(object_id)
            case Published():
                assert granted <= stored
                assert stored
                published = True
            case ReceiptTaken():
                taken = True
        check(machine, effects, granted=granted, stored=stored, published=published, taken=taken)


def check(machine, effects, *, granted, stored, published, taken):
    """What holds after every accepted event."""
    if machine.state is State.DONE:
        assert granted <= stored
        assert published
        assert taken
    assert (machine.state is State.DONE) == (Finish() in effects)
    assert any(isinstance(effect, Fail) for effect in effects) == (machine.state is State.FAILED)
    if Publish() in effects:
        assert not machine.missing
        assert granted <= stored
    if published:
        assert machine.state in {State.STORED, State.DONE}
    for effect in effects[:-1]:
        assert not isinstance(effect, LAST)
    for effect in effects:
        if isinstance(effect, Wait):
            assert 1 <= effect.seconds <= limits.LONGEST_WAIT


@given(st.lists(st.booleans(), min_size=1, max_size=60))
def test_it_pauses_exactly_after_ten_breaks_in_a_row_without_gain(gains):
    machine, in_a_row = FetchMachine(), 0
    machine.step(Begin())
    for gained in gains:
        in_a_row = 1 if gained else in_a_row + 1
        effects = machine.step(Broken(gained))
        assert (effects == (Rest(),)) == (in_a_row == limits.MAX_BREAKS)
        if machine.state is State.PAUSED:
            machine.step(Begin())
            in_a_row = 0


@given(st.permutations(IDS), st.lists(st.integers(0, 3), max_size=8))
def test_any_order_of_objects_and_breaks_arrives(order, breaks):
    """Two streams bring the objects in any order, and the line breaks anywhere."""
    machine, waiting = FetchMachine(), list(order)
    machine.step(Begin())
    machine.step(Answered(frozenset(IDS)))
    while waiting:
        if breaks and breaks.pop() == 0:
            machine.step(Broken())
            machine.step(Answered(machine.missing))
            continue
        effects = machine.step(ObjectStored(waiting.pop()))
    assert effects == (Publish(),)
    machine.step(Published())
    assert machine.step(ReceiptTaken()) == (Finish(),)

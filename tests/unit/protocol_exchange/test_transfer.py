"""The fetch state machine (SPEC.md §6.8), told as what happens to one fetch."""

import pytest

from undisc_protocol import limits
from undisc_protocol.errors import (
    BadTicket,
    Busy,
    LocalProtocolError,
    OutOfOrder,
    RemoteFault,
    Replayed,
    Revoked,
    Suspended,
    Tampered,
    Unreachable,
    WrongAnswer,
)
from undisc_protocol.transfer import (
    TABLE,
    Answered,
    Ask,
    Begin,
    Broken,
    Fail,
    FetchMachine,
    Finish,
    Halted,
    Happened,
    Move,
    ObjectStored,
    Publish,
    Published,
    ReceiptTaken,
    Refused,
    Rest,
    SendReceipt,
    State,
    TicketEnded,
    Wait,
)

ONE, TWO, THREE = (bytes((number,)) * 16 for number in (1, 2, 3))


def driven(*events, **start):
    """Step through events; return the machine and the effects of the last one."""
    machine, effects = FetchMachine(**start), ()
    for event in events:
        effects = machine.step(event)
    return machine, effects


ASKED = (Begin(),)
MOVING = (*ASKED, Answered(frozenset({ONE, TWO})))
HERE = (*MOVING, ObjectStored(ONE), ObjectStored(TWO))
STORED = (*HERE, Published())
DONE = (*STORED, ReceiptTaken())
PAUSED = (*MOVING, Halted())
FAILED = (*ASKED, Refused(Revoked("no")))


def test_a_fetch_without_trouble():
    machine = FetchMachine()
    assert machine.step(Begin()) == (Ask(),)
    assert machine.step(Answered(frozenset({ONE, TWO}))) == (Move(),)
    assert machine.missing == {ONE, TWO}
    assert machine.step(ObjectStored(TWO)) == ()
    assert machine.step(ObjectStored(ONE)) == (Publish(),)
    assert machine.step(Published()) == (SendReceipt(),)
    assert machine.step(ReceiptTaken()) == (Finish(),)
    assert machine.state is State.DONE


def test_a_broken_transfer_asks_again_for_what_is_missing():
    machine, effects = driven(*MOVING, ObjectStored(ONE), Broken())
    assert (machine.state, effects) == (State.ASKED, (Wait(1), Ask()))
    assert machine.step(Answered(frozenset({TWO}))) == (Move(),)
    assert machine.missing == {TWO}
    assert machine.step(ObjectStored(TWO)) == (Publish(),)


def test_an_object_that_is_granted_again_is_not_fetched_again():
    """The holder does not look at `have`; what is here stays here."""
    machine, _ = driven(*MOVING, ObjectStored(ONE), Broken(), Answered(frozenset({ONE, TWO})))
    assert machine.missing == {TWO}


def test_waits_double_up_to_a_minute_and_the_tenth_break_pauses():
    machine, waits = FetchMachine(), []
    machine.step(Begin())
    for _ in range(limits.MAX_BREAKS - 1):
        wait, ask = machine.step(Broken())
        assert ask == Ask()
        waits.append(wait.seconds)
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert machine.step(Broken()) == (Rest(),)
    assert machine.state is State.PAUSED


def test_an_answer_alone_is_no_progress():
    """The holder answers every time, and breaks off before the first chunk every time."""
    machine, _ = driven(*ASKED)
    for _ in range(limits.MAX_BREAKS - 1):
        machine.step(Answered(frozenset({ONE})))
        assert machine.step(Broken())[-1] == Ask()
    machine.step(Answered(frozenset({ONE})))
    assert machine.step(Broken()) == (Rest(),)


@pytest.mark.parametrize("event", [Broken(gained=True), TicketEnded(gained=True)])
def test_a_single_chunk_is_progress(event):
    """A large study over a bad line: it breaks a hundred times and still arrives."""
    machine, _ = driven(*ASKED)
    for _ in range(100):
        machine.step(Answered(frozenset({ONE})))
        assert machine.step(event) == (Wait(1), Ask())


def test_an_object_stored_before_the_break_is_progress():
    machine, _ = driven(*ASKED, *[Broken()] * 8)
    machine.step(Answered(frozenset({ONE, TWO})))
    machine.step(ObjectStored(ONE))
    assert machine.step(Broken()) == (Wait(1), Ask())
    assert machine.step(Broken()) == (Wait(2), Ask())


@pytest.mark.parametrize("error", [Unreachable, Busy, Suspended, RemoteFault, Replayed, BadTicket])
def test_a_refusal_that_time_heals_counts_as_a_break(error):
    for events in (ASKED, MOVING):
        machine, effects = driven(*events, Refused(error("later")))
        assert (machine.state, effects) == (State.ASKED, (Wait(1), Ask()))


@pytest.mark.parametrize("error", [Revoked("taken back"), Tampered("chunk"), WrongAnswer("other")])
def test_a_refusal_for_good_and_tampering_fail_the_fetch(error):
    """The machine hands on the very error, for the person to read."""
    for events in (ASKED, MOVING, HERE):
        machine, effects = driven(*events, Refused(error))
        assert machine.state is State.FAILED
        assert effects == (Fail(error),)


def test_the_end_of_a_ticket_asks_for_another_one():
    assert driven(*MOVING, TicketEnded())[1] == (Wait(1), Ask())


def test_a_break_between_the_last_object_and_publishing_asks_and_publishes():
    machine, _ = driven(*HERE, Broken())
    assert machine.step(Answered(frozenset())) == (Publish(),)
    assert machine.step(Published()) == (SendReceipt(),)


def test_a_restart_continues_with_what_is_whole():
    """The node was killed; its disk says which objects are complete."""
    machine, _ = driven(*ASKED, complete=frozenset({ONE, TWO}))
    assert machine.step(Answered(frozenset({THREE}))) == (Move(),)
    assert machine.step(ObjectStored(THREE)) == (Publish(),)
    assert driven(*ASKED, Answered(frozenset()), complete=frozenset({ONE}))[1] == (Publish(),)


def test_an_answer_without_any_object_is_no_study():
    """A holder grants nothing; nothing is published."""
    machine, (fail,) = driven(*ASKED, Answered(frozenset()))
    assert machine.state is State.FAILED
    assert isinstance(fail.error, WrongAnswer)


# --- Once published -----------------------------------------------------------------------------


def test_a_lost_receipt_is_sent_again_and_undoes_nothing():
    machine, _ = driven(*STORED)
    assert machine.step(Broken()) == (Wait(1), SendReceipt())
    assert machine.step(Refused(Busy("later"))) == (Wait(2), SendReceipt())
    assert machine.state is State.STORED
    assert machine.step(ReceiptTaken()) == (Finish(),)


def test_a_receipt_that_nobody_takes_rests_and_the_study_stays():
    machine, _ = driven(*STORED, *[Broken()] * (limits.MAX_BREAKS - 1))
    assert machine.step(Broken()) == (Rest(),)
    assert machine.state is State.STORED
    assert machine.step(Begin()) == (SendReceipt(),)
    assert machine.step(Broken()) == (Wait(1), SendReceipt())


def test_a_refused_receipt_does_not_fail_the_fetch():
    """The holder revokes us at the very moment; what was handed over stays."""
    machine, effects = driven(*STORED, Refused(Revoked("no")))
    assert (machine.state, effects) == (State.STORED, (Rest(),))


def test_a_restart_after_publishing_only_sends_the_receipt():
    assert driven(Begin(), published=True)[1] == (SendReceipt(),)


# --- Pause --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "events", [(), ASKED, MOVING, HERE], ids=["new", "asked", "moving", "here"]
)
def test_a_full_disk_pauses_and_a_person_continues(events):
    machine, effects = driven(*events, Halted())
    assert (machine.state, effects) == (State.PAUSED, (Rest(),))
    assert machine.step(Begin()) == (Ask(),)


def test_going_on_after_a_pause_starts_counting_again():
    machine, _ = driven(*ASKED, *[Broken()] * limits.MAX_BREAKS, Begin())
    assert machine.step(Broken()) == (Wait(1), Ask())


# --- What must not happen -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("events", "event"),
    [
        ((), Answered(frozenset({ONE}))),
        ((), Refused(Revoked("no"))),
        ((), ReceiptTaken()),
        (MOVING, Answered(frozenset({ONE}))),
        (MOVING, Answered(frozenset())),
        (MOVING, ReceiptTaken()),
        (STORED, Answered(frozenset({ONE}))),
        (PAUSED, Refused(Busy("later"))),
        (DONE, ReceiptTaken()),
        (FAILED, Refused(Revoked("no"))),
    ],
)
def test_a_peers_message_at_the_wrong_time_is_the_peers_fault(events, event):
    """And it changes nothing: the fetch goes on as if it had not come."""
    machine, _ = driven(*events)
    before = (machine.state, machine.missing)
    with pytest.raises(OutOfOrder):
        machine.step(event)
    assert (machine.state, machine.missing) == before


@pytest.mark.parametrize(
    ("events", "event"),
    [
        ((), Published()),
        ((), ObjectStored(ONE)),
        ((), Broken()),
        (ASKED, Begin()),
        (ASKED, ObjectStored(ONE)),
        (ASKED, Published()),
        (MOVING, ObjectStored(THREE)),
        (MOVING, Published()),
        ((*MOVING, ObjectStored(ONE)), ObjectStored(ONE)),
        (STORED, Published()),
        (PAUSED, Broken()),
        (DONE, Begin()),
        (DONE, Halted()),
        (FAILED, Begin()),
    ],
)
def test_a_false_report_is_our_own_mistake(events, event):
    """Publishing before every object is here is the one that must never pass."""
    machine, _ = driven(*events)
    before = (machine.state, machine.missing)
    with pytest.raises(LocalProtocolError):
        machine.step(event)
    assert (machine.state, machine.missing) == before


def test_a_refused_event_is_not_counted():
    machine, _ = driven(*MOVING, Halted())
    for _ in range(20):
        with pytest.raises(LocalProtocolError):
            machine.step(Broken())
    machine.step(Begin())
    assert machine.step(Broken()) == (Wait(1), Ask())


def test_the_table_has_no_way_out_of_the_end_and_one_way_into_done():
    assert not [row for row in TABLE if row[0] in {State.DONE, State.FAILED}]
    into_done = [before for before, (after, _) in TABLE.items() if after is State.DONE]
    assert into_done == [(State.STORED, Happened.RECEIPT_TAKEN)]
    into_stored = [
        before
        for before, (after, _) in TABLE.items()
        if after is State.STORED and before[0] is not State.STORED
    ]
    assert into_stored == [(State.MOVING, Happened.PUBLISHED)]

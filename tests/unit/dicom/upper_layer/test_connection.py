"""One end of a connection: what it is told, says and refuses, without any I/O."""

from __future__ import annotations

import tracemalloc

import pytest

from support.upper_layer import Reading, a_request, accepting, data_pdu, fragment
from undisc_node.dicom.upper_layer import (
    NEED_DATA,
    AbortReason,
    AssociationAborted,
    AssociationAccepted,
    AssociationRejected,
    AssociationRequested,
    Connection,
    DataReceived,
    LocalViolation,
    PduBounds,
    ReleaseConfirmed,
    ReleaseRequested,
    RemoteViolation,
    Side,
    State,
    pdu,
)

ASSOCIATE = pdu.encode_request(a_request())
COMMAND = data_pdu(fragment(b"command", command=True, last=True))
RELEASE = pdu.encode_release(pdu.Kind.RELEASE_REQUEST)
REPLY = pdu.encode_release(pdu.Kind.RELEASE_REPLY)
ABORT = pdu.encode_abort(pdu.Abort(0, 0))


def abort(reason: AbortReason) -> bytes:
    return pdu.encode_abort(pdu.Abort(2, reason))


def sent(connection: Connection) -> bytes:
    return b"".join(bytes(part) for part in connection.data_to_send())


def events(connection: Connection, data: bytes) -> list[object]:
    connection.receive_data(data)
    found = []
    while (event := connection.next_event()) is not NEED_DATA:
        found.append(event)
    return found


def established(*, max_length: int = 16_384) -> tuple[Connection, Connection]:
    """Two of our own, associated with each other."""
    asking, answering = Connection(Side.REQUESTOR), Connection(Side.ACCEPTOR)
    asking.associate(a_request(max_length=max_length))
    (requested,) = events(answering, sent(asking))
    assert isinstance(requested, AssociationRequested)
    answering.accept(accepting(requested.request))
    (accepted,) = events(asking, sent(answering))
    assert isinstance(accepted, AssociationAccepted)
    assert asking.state is answering.state is State.ESTABLISHED
    return asking, answering


def test_a_whole_conversation():
    reading = Reading()
    reading.take(ASSOCIATE + COMMAND + data_pdu(fragment(b"ab"), fragment(b"cd", last=True)))
    reading.take(RELEASE)
    assert reading.events[1:] == [
        (1, True, True, b"command"),
        (1, False, True, b"abcd"),
        ReleaseRequested(),
    ]
    assert reading.sent == pdu.encode_accept(accepting(a_request())) + REPLY
    assert not reading.connection.is_over
    assert reading.connection.artim_is_running
    reading.end()
    assert reading.connection.is_over


# --- Strangers ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "reason"),
    [
        (b"\x01\x00\xff\xff\xff\xff", AbortReason.INVALID_PARAMETER),
        (b"\x01\x00\x00\x04\x00\x01", AbortReason.INVALID_PARAMETER),
        (b"\x01\x00\x00\x00\x00\x00", AbortReason.INVALID_PARAMETER),
        (b"\x02\x00\x00\x00\x00\x44", AbortReason.UNEXPECTED_PDU),
        (b"\x04\x00\x00\x00\x00\x10", AbortReason.UNEXPECTED_PDU),
        (b"\x05\x00\x00\x00\x00\x04", AbortReason.UNEXPECTED_PDU),
        (b"\x00\x00\x00\x00\x00\x04", AbortReason.UNRECOGNIZED_PDU),
        (b"GET / ", AbortReason.UNRECOGNIZED_PDU),
        (b"\x16\x03\x01\x02\x00\x01", AbortReason.UNRECOGNIZED_PDU),  # a TLS client
    ],
)
def test_a_wrong_start_is_refused_at_its_sixth_byte(start, reason):
    reading = Reading()
    reading.take(start[:5])
    assert reading.violation is None
    reading.take(start[5:])
    assert reading.violation is not None
    assert reading.sent == abort(reason)
    reading.take(bytes(10**6))  # whatever follows is not looked at
    assert reading.sent == abort(reason)
    assert not reading.events
    assert reading.connection.state is State.AWAITING_CLOSE


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        (b"\x04\x00\x00\x02\x00\x01", AbortReason.INVALID_PARAMETER),  # one more than announced
        (b"\x04\x00\xff\xff\xff\xff", AbortReason.INVALID_PARAMETER),
        (b"\x04\x00\x00\x00\x00\x05", AbortReason.INVALID_PARAMETER),
        (b"\x05\x00\x00\x00\x00\x05", AbortReason.INVALID_PARAMETER),
        (b"\x08\x00\x00\x00\x00\x04", AbortReason.UNRECOGNIZED_PDU),
        (b"\x01\x00\x00\x00\x00\x44", AbortReason.UNEXPECTED_PDU),
        (b"\x06\x00\x00\x00\x00\x04", AbortReason.UNEXPECTED_PDU),
    ],
)
def test_a_wrong_pdu_of_an_association_is_refused_before_its_body_comes(head, reason):
    reading = Reading()
    reading.take(ASSOCIATE)
    reading.sent = b""
    reading.take(head)
    assert reading.violation is not None
    assert reading.sent == abort(reason)


@pytest.mark.parametrize(
    "body",
    [
        fragment(b"data") + b"\0\0\0",
        b"\0\0\0\1\1\0",
        b"\0\0\0\0\1\0",
        b"\0\0\0\x64\1\0short",
        b"\xff\xff\xff\xff\1\0",
        fragment(b"data", context=2),
        fragment(b"data", context=5),  # not accepted
        fragment(b"one") + fragment(b"two", context=99),
    ],
)
def test_fragments_that_do_not_fit_are_refused(body):
    reading = Reading()
    reading.take(ASSOCIATE + data_pdu(body))
    assert reading.violation is not None
    assert reading.sent.endswith(abort(AbortReason.INVALID_PARAMETER))


def test_the_claim_of_four_gibibytes_keeps_nothing():
    reading = Reading()
    megabyte = bytes(2**20)
    tracemalloc.start()
    try:
        reading.take(b"\x01\x00\xff\xff\xff\xff")
        for _ in range(100):
            reading.take(megabyte)
        assert tracemalloc.get_traced_memory()[1] < 2**16
    finally:
        tracemalloc.stop()


def test_a_data_set_is_never_kept():
    reading = Connection(Side.ACCEPTOR)
    (requested,) = events(reading, ASSOCIATE)
    reading.accept(accepting(requested.request))
    whole = data_pdu(fragment(bytes(131_066)))
    tracemalloc.start()
    try:
        for _ in range(100):
            assert len(events(reading, whole)) == 1
        assert tracemalloc.get_traced_memory()[1] < 2**16
    finally:
        tracemalloc.stop()


def test_the_largest_announced_pdu_is_taken():
    reading = Reading(PduBounds(data=131_072))
    reading.take(ASSOCIATE + data_pdu(fragment(bytes(131_066), last=True)))
    assert len(reading.events[-1][3]) == 131_066


def test_a_version_that_nobody_speaks_is_rejected_by_the_provider():
    future = bytearray(ASSOCIATE)
    future[6:8] = b"\0\2"
    reading = Reading()
    reading.take(bytes(future))
    assert reading.events == []
    assert reading.sent == pdu.encode_reject(pdu.VERSION_UNKNOWN)
    assert reading.connection.artim_is_running


@pytest.mark.parametrize("ids", [(1, 1), (2,), (0,)])
def test_context_numbers_are_odd_and_different(ids):
    contexts = tuple(pdu.ProposedContext(one, "1.2", ("1.2",)) for one in ids)
    request = pdu.AssociateRequest("A", "B", contexts, a_request().user)
    reading = Reading()
    reading.take(pdu.encode_request(request))
    assert reading.violation is not None


def test_what_comes_after_an_abort_is_dropped():
    reading = Reading()
    reading.take(ASSOCIATE + ABORT + COMMAND)
    assert reading.events[1:] == [AssociationAborted(0, 0)]
    assert reading.connection.is_over


def test_half_a_pdu_and_the_end_is_an_abort():
    reading = Reading()
    reading.take(ASSOCIATE + COMMAND[:9])
    assert reading.connection.is_within_pdu
    reading.end()
    assert reading.events[1:] == [AssociationAborted(None, 0)]
    assert reading.connection.is_over


def test_the_end_before_anything_is_not_worth_an_event():
    reading = Reading()
    assert reading.connection.artim_is_running
    reading.end()
    assert reading.events == []
    assert reading.connection.is_over


def test_the_timer_runs_until_the_request_is_there_and_ends_the_connection():
    reading = Reading()
    reading.take(ASSOCIATE[:-1])
    assert reading.connection.artim_is_running
    reading.connection.time_out()
    assert reading.connection.is_over
    other = Reading()
    other.take(ASSOCIATE)
    assert not other.connection.artim_is_running
    with pytest.raises(LocalViolation):
        other.connection.time_out()


def test_each_pdu_can_be_given_its_own_deadline():
    reading = Reading()
    connection = reading.connection
    reading.take(ASSOCIATE)
    assert (connection.pdus_begun, connection.is_within_pdu) == (1, False)
    reading.take(COMMAND + COMMAND[:3])
    assert (connection.pdus_begun, connection.is_within_pdu) == (3, True)
    reading.take(COMMAND[3:])
    assert (connection.pdus_begun, connection.is_within_pdu) == (3, False)


# --- Both sides -----------------------------------------------------------------------------------


def test_data_goes_both_ways_in_pdus_that_the_other_side_takes():
    asking, answering = established(max_length=64)
    answering.send(1, b"x" * 130, is_command=False)
    stream = sent(answering)
    assert [stream[at + 2 : at + 6] for at in (0, 70, 140)] == [
        b"\0\0\0\x40", b"\0\0\0\x40", b"\0\0\0\x14",
    ]  # fmt: skip
    pieces = events(asking, stream)
    assert b"".join(bytes(piece.data) for piece in pieces) == b"x" * 130
    assert [piece.is_last for piece in pieces] == [False, False, True]
    asking.send(1, b"", is_command=True)
    (empty,) = events(answering, sent(asking))
    assert isinstance(empty, DataReceived)
    assert (empty.is_command, empty.is_last, bytes(empty.data)) == (True, True, b"")


def test_nothing_is_sent_in_a_context_that_was_not_accepted():
    asking, _ = established()
    with pytest.raises(LocalViolation):
        asking.send(99, b"", is_command=True)


def test_a_release():
    asking, answering = established()
    asking.release()
    answering.send(1, b"late", is_command=True)  # still allowed (PS3.8 AR-6)
    late = sent(answering)
    assert events(answering, sent(asking)) == [ReleaseRequested()]
    assert isinstance(events(asking, late)[0], DataReceived)
    answering.confirm_release()
    assert events(asking, sent(answering)) == [ReleaseConfirmed()]
    assert asking.is_over
    assert answering.artim_is_running
    answering.time_out()
    assert answering.is_over


def test_both_release_at_the_same_moment():
    """PS3.8 §9.2.3, AR-8 to AR-10: the requestor replies first."""
    asking, answering = established()
    asking.release()
    answering.release()
    from_asking, from_answering = sent(asking), sent(answering)
    assert events(asking, from_answering) == [ReleaseRequested()]
    assert events(answering, from_asking) == [ReleaseRequested()]
    with pytest.raises(LocalViolation):
        answering.confirm_release()
    asking.confirm_release()
    assert events(answering, sent(asking)) == [ReleaseConfirmed()]
    answering.confirm_release()
    assert events(asking, sent(answering)) == [ReleaseConfirmed()]
    assert asking.is_over


def test_a_rejection():
    asking, answering = Connection(Side.REQUESTOR), Connection(Side.ACCEPTOR)
    asking.associate(a_request())
    events(answering, sent(asking))
    answering.reject(pdu.CALLING_TITLE_UNKNOWN)
    assert events(asking, sent(answering)) == [AssociationRejected(pdu.CALLING_TITLE_UNKNOWN)]
    assert asking.is_over
    assert answering.state is State.AWAITING_CLOSE


def test_an_abort_of_ours_ends_everything():
    asking, answering = established()
    answering.receive_data(COMMAND * 2)
    answering.next_event()
    answering.abort()
    assert answering.next_event() is NEED_DATA
    assert events(asking, sent(answering)) == [AssociationAborted(0, 0)]


def test_an_answer_about_a_context_that_was_not_proposed_is_refused():
    asking = Connection(Side.REQUESTOR)
    asking.associate(a_request(contexts=1))
    asking.receive_data(pdu.encode_accept(accepting(a_request(contexts=2))))
    with pytest.raises(RemoteViolation):
        asking.next_event()


def test_calls_in_the_wrong_state_are_our_own_mistake_and_change_nothing():
    connection = Connection(Side.ACCEPTOR)
    for call in (
        connection.release,
        connection.confirm_release,
        lambda: connection.accept(accepting(a_request())),
        lambda: connection.associate(a_request()),
    ):
        with pytest.raises(LocalViolation):
            call()
    assert connection.state is State.AWAITING_REQUEST
    assert sent(connection) == b""


def test_bytes_that_were_not_looked_at_are_not_overwritten():
    connection = Connection(Side.ACCEPTOR)
    connection.receive_data(ASSOCIATE)
    with pytest.raises(LocalViolation):
        connection.receive_data(COMMAND)

"""What a peer brings is taken if somebody waits for it, and never more than was asked for."""

from __future__ import annotations

from threading import Thread

import pytest

from support.clock import FakeClock, SeededEntropy
from support.practice import until
from undisc_node.services.errands import HELD, MOST_OPEN, Away, Errands
from undisc_protocol.errors import BadTicket, Busy, Oversize, ProtocolError, Unreachable

PEER, OTHER = bytes([1]) * 32, bytes([2]) * 32
FETCH = "/undisc/v1/fetch"


class Waiting:
    """Somebody who waits for an answer in a thread."""

    def __init__(self, work):
        self.result = self.problem = None
        self._thread = Thread(target=self._run, args=(work,), daemon=True)
        self._thread.start()

    def _run(self, work):
        try:
            self.result = work()
        except ProtocolError as problem:
            self.problem = problem

    def ended(self):
        self._thread.join(20)
        assert not self._thread.is_alive()
        return self


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def errands(clock):
    made = Errands(clock=clock, entropy=SeededEntropy("errands"))
    made.come(PEER)
    return made


def told(errands, peer=PEER):
    """Wait until something is told to a peer; return it."""
    found = []

    def look():
        found.extend(errands.take(peer)[0])
        return bool(found)

    until(look)
    return found[0]


def asked(errands, limit=100, body=b"request"):
    return Waiting(lambda: errands.ask(PEER, FETCH, body, limit=limit))


def streamed(errands, size):
    buffer = bytearray(size)

    def work():
        with errands.stream(PEER, bytes(32), 0, size) as read_into:
            read_into(memoryview(buffer))
        return bytes(buffer)

    return Waiting(work)


def test_a_request_is_told_to_its_peer_alone_and_answered_once(errands):
    waiting = asked(errands)
    errand = told(errands)
    assert (errand.path, errand.body) == (FETCH, b"request")
    assert errands.take(OTHER) == ([], 0)
    answering = errands.answer(errand.id, 200, 6)
    with pytest.raises(BadTicket):
        errands.answer(errand.id, 200, 6)
    answering.put(b"answer")
    answering.close()
    assert (waiting.ended().result.status, waiting.result.body) == (200, b"answer")
    with pytest.raises(BadTicket):
        errands.answer(errand.id, 200, 6)


def test_bytes_that_nobody_asked_for_are_not_taken(errands):
    with pytest.raises(BadTicket):
        errands.answer(bytes(32), 200, 5)
    waiting = asked(errands, limit=5)
    errand = told(errands)
    for length in (None, 6):
        with pytest.raises(BadTicket):
            errands.answer(errand.id, 200, length)
    answering = errands.answer(errand.id, 200, 5)
    with pytest.raises(Oversize):
        answering.put(b"123456")
    answering.close()
    assert isinstance(waiting.ended().problem, Unreachable)


def test_a_stream_has_exactly_the_range_that_was_asked_for(errands):
    waiting = streamed(errands, 10)
    errand = told(errands)
    assert (errand.start, errand.stop, errand.body) == (0, 10, bytes(32))
    for length in (9, 11, 0):
        with pytest.raises(BadTicket):
            errands.answer(errand.id, 206, length)
    answering = errands.answer(errand.id, 206, 10)
    answering.put(b"01234")
    answering.put(b"56789")
    answering.close()
    assert waiting.ended().result == b"0123456789"


def test_a_stream_that_breaks_off_is_no_short_stream(errands):
    waiting = streamed(errands, 10)
    answering = errands.answer(told(errands).id, 206, 10)
    answering.put(b"01234")
    answering.close()
    assert isinstance(waiting.ended().problem, Unreachable)


def test_a_ticket_that_is_over_is_told(errands):
    waiting = streamed(errands, 10)
    errands.answer(told(errands).id, 403, 0).close()
    assert isinstance(waiting.ended().problem, BadTicket)


def test_of_a_stream_no_more_waits_than_is_held(errands):
    """Whoever brings it is told to wait, and called once there is room."""
    reading = Waiting(lambda: next(_slow(errands)))
    errand = told(errands)
    answering = errands.answer(errand.id, 206, 3 * HELD)
    block, called = bytes(HELD // 2), []
    assert answering.put(block)
    assert not answering.put(block)
    answering.when_room(lambda: called.append(True))
    until(lambda: bool(called))
    answering.close()
    assert reading.ended().result == "broken"


def _slow(errands):
    with errands.stream(PEER, bytes(32), 0, 3 * HELD) as read_into:
        try:
            read_into(memoryview(bytearray(3 * HELD)))
        except Unreachable:
            yield "broken"


def test_who_is_not_here_is_away_and_one_who_leaves_is_given_up(errands, clock):
    with pytest.raises(Away):
        errands.ask(OTHER, FETCH, b"", limit=1)
    waiting = asked(errands)
    told(errands)
    clock.advance(60)
    assert isinstance(waiting.ended().problem, Unreachable)
    assert not errands.here(PEER)
    with pytest.raises(Away):
        errands.ask(PEER, FETCH, b"", limit=1)


def test_an_errand_is_told_again_while_nobody_answers_it(errands, clock):
    waiting = asked(errands)
    first = told(errands)
    assert errands.take(PEER) == ([], 1)
    clock.advance(6)
    errands.come(PEER)
    assert errands.take(PEER)[0] == [first]
    answering = errands.answer(first.id, 200, 0)
    answering.close()
    assert errands.take(PEER) == ([], 0)
    waiting.ended()


def test_no_more_waits_than_may(errands, monkeypatch):
    monkeypatch.setattr("undisc_node.services.errands.MOST_OPEN", 1)
    assert MOST_OPEN > 1
    waiting = asked(errands)
    errand = told(errands)
    with pytest.raises(Busy):
        errands.ask(PEER, FETCH, b"", limit=1)
    errands.answer(errand.id, 200, 0).close()
    waiting.ended()


def test_an_answer_to_a_poll_has_room_for_so_many_bytes(errands):
    waiting = [asked(errands, body=bytes(1_000_000)) for _ in range(3)]
    until(lambda: len(errands._open) == 3)
    found, left = errands.take(PEER)
    assert (len(found), left) == (2, 1)
    more, _ = errands.take(PEER)
    for errand in (*found, *more):
        errands.answer(errand.id, 200, 0).close()
    for one in waiting:
        one.ended()

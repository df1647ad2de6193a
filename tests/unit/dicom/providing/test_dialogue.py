"""An operation in a thread and its connection: bounded, in order, and over when one is gone."""

from __future__ import annotations

import threading

import pytest

from undisc_node.dicom.dimse.commands import ANSWER, Command, Request
from undisc_node.dicom.providing.dialogue import PIECE, WINDOW, Dialogue, Gone

ASKED = Command(Request.GET, message=7, has_data_set=True)
STORE = Command(Request.STORE, sop_class="1.2", instance="1.2.3")


class Network:
    """Takes what is posted, at once or when it is told to."""

    def __init__(self, *, takes: bool = True) -> None:
        self.said = []
        self.posted = threading.Semaphore(0)
        self.takes = takes
        self.dialogue = Dialogue(ASKED, 1, self.post)

    def post(self, said):
        self.said.append(said)
        if self.takes:
            self.dialogue.taken(len(said.data))
        self.posted.release()


def in_thread(act):
    results = []

    def run():
        try:
            results.append(act())
        except Gone as gone:
            results.append(gone)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, results


def test_the_last_word_is_marked_and_nothing_else():
    network = Network()
    network.dialogue.tell(ASKED.answer(0xFF00, has_data_set=True), b"one")
    network.dialogue.finish(ASKED.answer(0xB000, has_data_set=True), b"two")
    assert [(one.is_command, one.is_last, one.is_final) for one in network.said] == [
        (True, True, False), (False, True, False), (True, True, False), (False, True, True),
    ]  # fmt: skip


def test_no_more_than_a_window_waits_for_the_network():
    network = Network(takes=False)
    chunks = [bytes(3 * PIECE)] * 3
    thread, _ = in_thread(lambda: network.dialogue.store(3, STORE, chunks, seconds=10))
    network.posted.acquire()  # the command
    network.dialogue.taken(len(network.said[0].data))
    for _ in range(2):
        assert network.posted.acquire(timeout=10)
    assert not network.posted.acquire(timeout=0.05)
    assert sum(len(one.data) for one in network.said[1:]) == WINDOW
    network.dialogue.taken(PIECE)
    assert network.posted.acquire(timeout=10)
    network.dialogue.end()
    thread.join(10)
    assert not thread.is_alive()


def test_only_the_answer_that_is_waited_for_is_heard():
    network = Network()
    thread, results = in_thread(lambda: network.dialogue.store(3, STORE, [b"x"], seconds=10))
    for _ in range(2):
        assert network.posted.acquire(timeout=10)
    hear = network.dialogue.hear
    assert not hear(Command(Request.STORE | ANSWER, answered=9))
    assert not hear(Command(Request.FIND | ANSWER, answered=1))
    assert not hear(Command(Request.STORE | ANSWER, answered=1, has_data_set=True))
    assert hear(Command(Request.STORE | ANSWER, answered=1, status=0xA700))
    thread.join(10)
    assert results[0].status == 0xA700
    assert not hear(Command(Request.STORE | ANSWER, answered=1))


def test_whoever_waits_is_told_of_the_end_and_of_time():
    network = Network()
    with pytest.raises(Gone, match="no answer"):
        network.dialogue.store(3, STORE, [b"x"], seconds=0.01)
    thread, results = in_thread(lambda: network.dialogue.store(3, STORE, [b"x"], seconds=60))
    for _ in range(4):
        assert network.posted.acquire(timeout=10)
    network.dialogue.end()
    thread.join(10)
    assert isinstance(results[0], Gone)
    with pytest.raises(Gone):
        network.dialogue.finish(ASKED.answer(0))


def test_an_instance_that_breaks_off_leaves_a_data_set_open():
    """Then only an abort can follow."""
    network = Network()

    def broken():
        yield b"x" * (PIECE + 1)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        network.dialogue.store(3, STORE, broken(), seconds=1)
    assert network.dialogue.is_within


def test_a_cancellation_is_for_one_operation():
    dialogue = Network().dialogue
    dialogue.cancel(6)
    assert not dialogue.is_cancelled
    dialogue.cancel(7)
    assert dialogue.is_cancelled

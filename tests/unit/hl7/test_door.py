"""Acknowledgements: what they say, and that they say it only after the commit."""

from __future__ import annotations

import pytest

from support import hl7_messages as hl7
from support.clock import FakeClock, SeededEntropy
from undisc_node.hl7.door import Hl7Door
from undisc_node.hl7.message import read_message
from undisc_node.services.errors import Conflict, DiskFull


class Desk:
    """Notes what it is given."""

    def __init__(self):
        self.taken, self.problem, self.messages = [], None, {}

    def known(self, message):
        key = (message.sender, message.control)
        if key in self.messages and self.messages[key] != message.hash:
            raise Conflict("used")
        return key in self.messages

    def _take(self, what, message):
        if self.problem:
            raise self.problem
        self.messages[message.sender, message.control] = message.hash
        self.taken.append(what)

    take_orders = take_reports = take_change = _take


@pytest.fixture
def desk():
    return Desk()


@pytest.fixture
def door(desk):
    return Hl7Door(department=desk, clock=FakeClock(), entropy=SeededEntropy())


def ask(door, raw):
    return read_message(door.answer(raw, "10.0.0.5"))


def test_an_acknowledgement_names_the_message_it_answers(door, desk):
    answer = ask(door, hl7.order("MSG-7"))
    assert answer.header.kind == "ACK^O01"
    msa = answer.first("MSA")
    assert (msa.text(1), msa.text(2)) == ("AA", "MSG-7")
    assert answer.first("ERR") is None
    head = answer.segments[0]
    assert (head.text(3), head.text(5), head.text(6)) == ("UNDISC", "RIS", "LAKESIDE")
    assert len(desk.taken) == 1


@pytest.mark.parametrize(
    ("raw", "code", "condition"),
    [
        (hl7.message(hl7.header("SIU^S12"), hl7.patient()), "AR", "200"),
        (hl7.message(hl7.header("ADT^A01"), hl7.patient()), "AR", "201"),
        (hl7.message(hl7.header("ADT^A08", processing="T"), hl7.patient()), "AR", "202"),
        (hl7.update().replace(b"|2.5\r", b"|3.0\r"), "AR", "203"),
        (hl7.message(hl7.header("ORM^O01"), hl7.patient()), "AE", "100"),
        (hl7.message(hl7.header("ORM^O01")), "AE", "100"),
        (b"nothing like it", "AR", "100"),
    ],
)
def test_a_refusal_says_why_in_the_words_of_hl7(door, desk, raw, code, condition):
    answer = ask(door, raw)
    assert answer.first("MSA").text(1) == code
    error = answer.first("ERR")
    assert (error.text(3), error.text(4)) == (condition, "E")
    assert error.text(8)
    assert desk.taken == []


def test_no_patient_is_named_in_a_refusal(door, caplog):
    """It ends up in the log of an interface engine; and ours must not have it either."""
    raw = hl7.report("", accession="").replace(b"FI-1", b"")
    said = door.answer(raw, "10.0.0.5").decode() + caplog.text
    assert "AE" in said
    assert "Doe" not in said
    assert "P-100" not in said


def test_a_full_disk_is_told_so_that_the_sender_keeps_it(door, desk):
    desk.problem = DiskFull("no room")
    answer = ask(door, hl7.order())
    assert answer.first("MSA").text(1) == "AR"
    assert answer.first("ERR").text(3) == "207"


def test_a_mistake_of_ours_is_an_answer_too(door, desk, caplog):
    """A sender without an answer sends the same bytes for ever, and nothing behind them."""
    desk.problem = ZeroDivisionError()
    assert ask(door, hl7.order()).first("MSA").text(1) == "AR"
    assert "Traceback" in caplog.text


def test_the_same_message_again_reaches_nobody(door, desk):
    first, again = ask(door, hl7.order()), ask(door, hl7.order())
    assert (first.first("MSA").text(1), again.first("MSA").text(1)) == ("AA", "AA")
    assert len(desk.taken) == 1


def test_another_message_under_the_same_id_is_noticed(door, desk):
    ask(door, hl7.order("1"))
    answer = ask(door, hl7.order("1", do="CA"))
    assert (answer.first("MSA").text(1), answer.first("ERR").text(3)) == ("AE", "205")


def test_the_answer_uses_the_separators_of_the_sender(door):
    raw = hl7.order().replace(b"|", b"$").replace(b"\\", b"@")
    assert door.answer(raw, "10.0.0.5").startswith(b"MSH$^~@&$UNDISC$")

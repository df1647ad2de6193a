"""Targets: what a RIS sends, or whoever stands where it stood."""

from __future__ import annotations

from fuzz.target import Target
from support import hl7_messages as hl7
from support.clock import FakeClock, SeededEntropy
from undisc_node.hl7.answering import acknowledge
from undisc_node.hl7.door import Hl7Door
from undisc_node.hl7.framing import END, START, Framer, frame
from undisc_node.hl7.message import Unreadable, read_header, read_message
from undisc_node.hl7.reading import (
    MERGES,
    ORDERS,
    REPORTS,
    UPDATES,
    read_change,
    read_orders,
    read_reports,
)
from undisc_node.services.errors import Invalid
from undisc_protocol.fields import UNSHOWABLE


def _read(data):
    """Whatever is read fits the catalog and steers no terminal."""
    message = read_message(data)
    said = []
    for order in read_orders(message, 1) if message.header.kind in ORDERS else ():
        said += [order.accession, order.description, order.patient.name, order.patient.id]
    for report in read_reports(message, 1) if message.header.kind in REPORTS else ():
        said += [report.accession, report.title, report.author, report.patient.name]
    if message.header.kind in UPDATES | MERGES:
        change = read_change(message)
        said += [change.former, change.patient.name, change.patient.id, *change.ids]
    for text in said:
        assert len(text) <= 5 * 256 + 4
        assert not UNSHOWABLE.search(text)


class _Desk:
    """Takes everything."""

    def known(self, message):
        return False

    def take_orders(self, *_):
        pass

    take_reports = take_change = take_orders


def _answer(data):
    """There is an answer to everything, it is a message itself, and breaks no frame."""
    door = Hl7Door(department=_Desk(), clock=FakeClock(), entropy=SeededEntropy())
    answer = door.answer(data, "10.0.0.5")
    assert answer[:3] == b"MSH"
    assert not {START, END} & set(answer)
    assert read_header(answer).kind.startswith("ACK")
    assert answer.count(b"\rMSA") == 1


def _frames(data):
    """Cut anywhere, the same messages come out."""
    whole, pieces, found = Framer(most=1_000), Framer(most=1_000), []
    expected = whole.feed(data)
    for place in range(len(data)):
        found += pieces.feed(data[place : place + 1])
    assert found == expected
    assert pieces.held == whole.held <= 1_000


def _messages():
    yield hl7.report("Line\\.br\\one \\X41\\\nLine two", pdf=hl7.PDF)
    yield hl7.order()
    yield hl7.update()
    yield hl7.merge()
    yield hl7.message(hl7.header("ADT^A08", charset="8859/1"), hl7.patient(), encoding="latin-1")
    yield acknowledge(None, "AR", now_ms=0, number="1", condition="100", text="no")


_WORDS = (b"|", b"^", b"~", b"\\", b"&", b"\r", b"OBX|1|ED|", b"^AP^PDF^Base64^", b"MSH|^~\\&|",
          b"\\X0D\\", b'""', b"ISO IR87", b"\x1b$B", b"|||||||")  # fmt: skip

TARGETS = [
    Target("hl7-message", _read, _messages, (Unreadable,), words=_WORDS),
    Target("hl7-answer", _answer, _messages, (), words=_WORDS),
    Target("mllp", _frames, lambda: [frame(b"MSH|a") + frame(b"MSH|b"), b"\x0bMSH|"], (Invalid,),
           words=(b"\x0b", b"\x1c", b"\x1c\r", b"\r\n"), longest=3_000),
]  # fmt: skip

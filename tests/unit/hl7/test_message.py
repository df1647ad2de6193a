"""What a message says: character sets, separators, escapes, and what is none."""

from __future__ import annotations

import pytest

from support import hl7_messages as hl7
from undisc_node.hl7 import message as parts
from undisc_node.hl7.message import Unreadable, read_message, unescape

SEPARATORS = "|^~\\&"


def name_in(raw):
    return read_message(raw).first("PID").text(5)


@pytest.mark.parametrize(
    ("charset", "encoding", "name"),
    [
        ("UNICODE UTF-8", "utf-8", "Müller"),
        ("8859/1", "latin-1", "Müller"),
        ("8859/15", "iso8859-15", "Šimůnek".replace("ů", "u")),
        ("8859/2", "iso8859-2", "Šimůnek"),
        ("8859/5", "iso8859-5", "Иванова"),
        ("8859/7", "iso8859-7", "Παπαδοπούλου"),
        ("GB 18030-2000", "gb18030", "王小东"),
        ("KS X 1001", "euc_kr", "김희중"),
        ("BIG-5", "big5", "王大文"),
        ("ISO IR6~ISO IR87", "iso2022_jp", "山田"),
        ("", "utf-8", "Müller"),
        ("", "latin-1", "Müller"),
    ],
)
def test_a_name_reads_right_in_its_character_set(charset, encoding, name):
    """What a message does not say is UTF-8 where that fits, else Latin 1."""
    raw = hl7.message(
        hl7.header("ADT^A08", charset=charset), hl7.patient(name=name), encoding=encoding
    )
    assert name_in(raw) == name


def test_a_message_with_bytes_outside_its_character_set_is_refused():
    """A name with holes in it would be compared with others and shown to people."""
    raw = hl7.message(hl7.header("ADT^A08", charset="UNICODE UTF-8"), hl7.patient(name="Mü"))
    with pytest.raises(Unreadable) as refused:
        read_message(raw.replace("ü".encode(), b"\xfc"))
    assert (refused.value.condition, refused.value.place) == ("102", "MSH^1^18")
    with pytest.raises(Unreadable) as refused:
        read_message(hl7.message(hl7.header("ADT^A08", charset="KLINGON"), hl7.patient()))
    assert refused.value.condition == "103"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (r"a\F\b\S\c\T\d\R\e\E\f", r"a|b^c&d~e\f"),
        (r"one\.br\two\.sp2\three", "one\ntwo\nthree"),
        (r"\X4D\\X6FC3\x", "MoÃx"),
        (r"\H\bold\N\ plain", "bold plain"),
        (r"50\ of", r"50\ of"),
        (r"\Zfoo\x", "x"),
        (r"\C2842\x", "\N{REPLACEMENT CHARACTER}x"),
        (r"C:\temp\x", r"C:\temp\x"),
        ("\\", "\\"),
        ("\\\\", "\\\\"),
    ],
)
def test_escape_sequences(written, meant):
    assert unescape(written, SEPARATORS, "latin-1") == meant


def test_other_separators_than_usual():
    raw = b"MSH$*!@%$RIS$F$$$$$ADT*A08$1$P$2.5\rPID$1$$P*1!P2***X*MR$$Doe*J@F@ane$\r"
    read = read_message(raw)
    assert (read.header.kind, read.header.control) == ("ADT^A08", "1")
    pid = read.first("PID")
    assert [pid.part(one, 1) for one in pid.repetitions(3)] == ["P", "P2"]
    assert pid.text(5, 2) == "J$ane"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"MSH",
        b"MSH|",
        b"MSH||||",
        b"MSH|^^^^|a",
        b"MSHH^~\\&H",
        b"MSH\r^~\\&\ra",
        b"MSH|^~\\&",
        b"BHS|^~\\&|batch",
        b"\xef\xbb\xbfMSH|^~\\&|a",
        b"GET / HTTP/1.1",
        b"\0" * 100,
    ],
)
def test_what_is_no_message_is_refused_as_such(raw):
    with pytest.raises(Unreadable) as refused:
        read_message(raw)
    assert refused.value.condition in ("100", "101")


def test_a_message_of_too_many_parts_is_refused_before_they_become_objects(monkeypatch):
    """A megabyte of separators would be half a gigabyte of objects."""
    monkeypatch.setattr(parts.hl7, "parse", lambda _: pytest.fail("it was taken apart"))
    for filling in ("|" * 60_000, "&" * 60_000, "\r" * 20_000):
        with pytest.raises(Unreadable) as refused:
            read_message(hl7.message(hl7.header("ADT^A08"), "PID|" + filling + "x"))
        assert refused.value.condition == "207"


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n"])
def test_segments_may_end_in_other_ways(end):
    raw = hl7.message(hl7.header("ADT^A08"), hl7.patient(), "PV1|1")
    assert name_in(raw.replace(b"\r", end)) == "Doe"


def test_text_from_outside_cannot_steer_a_terminal_or_a_name():
    raw = hl7.message(hl7.header("ADT^A08"), hl7.patient(name="Doe\x1b[2J\u202ex^Jane"))
    assert name_in(raw) == "Doe [2J x"


def test_the_library_writes_no_field_into_the_log(caplog):
    """Its own way of reading escapes would log the patient's name over a wrong sequence."""
    raw = hl7.message(hl7.header("ADT^A08"), hl7.patient(name="Doe\\Xzz\\\\q\\^Jane"))
    assert name_in(raw).startswith("Doe")
    assert caplog.records == []

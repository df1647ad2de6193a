"""Frames of MLLP: whole, byte by byte, several at once, and what is none."""

from __future__ import annotations

import pytest

from undisc_node.hl7.framing import Framer, frame
from undisc_node.services.errors import Invalid

TWO = frame(b"MSH|one\r") + b"\r\n" + frame(b"MSH|two\r")


@pytest.mark.parametrize("step", [1, 2, 7, len(TWO)])
def test_messages_come_out_however_they_arrive(step):
    framer, found = Framer(), []
    for start in range(0, len(TWO), step):
        found += framer.feed(TWO[start : start + step])
    assert found == [b"MSH|one\r", b"MSH|two\r"]
    assert (framer.held, framer.inside) == (0, False)


def test_the_carriage_return_behind_a_frame_may_be_missing():
    assert Framer().feed(b"\x0bone\x1c\x0btwo\x1c") == [b"one", b"two"]


@pytest.mark.parametrize("junk", [b"GET / HTTP/1.1\r\n", b"\x1c", b"\0", b"MSH|"])
def test_what_is_no_frame_is_refused(junk):
    with pytest.raises(Invalid):
        Framer().feed(junk)
    with pytest.raises(Invalid):
        Framer().feed(frame(b"fine") + junk)


def test_nothing_is_kept_of_a_message_that_is_too_large():
    """It ends when it passes the bound, not when its end comes."""
    framer = Framer(most=10)
    assert framer.feed(b"\x0b" + b"x" * 10) == []
    with pytest.raises(Invalid):
        framer.feed(b"x")
    assert framer.held == 0
    with pytest.raises(Invalid):
        Framer(most=10).feed(frame(b"x" * 11))
    assert Framer(most=10).feed(frame(b"x" * 10)) == [b"x" * 10]

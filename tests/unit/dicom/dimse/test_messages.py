"""Pieces become commands and data sets, in the right order and no other."""

from __future__ import annotations

import pytest

from undisc_node.dicom.dimse.commands import MAX_COMMAND, Command, Request, encode_command
from undisc_node.dicom.dimse.messages import CommandReceived, DataSetReceived, Messages
from undisc_node.dicom.upper_layer import DataReceived, RemoteViolation

STORE = encode_command(Command(Request.STORE, 1, has_data_set=True))
ECHO = encode_command(Command(Request.ECHO, 2))


def piece(data: bytes, *, command: bool = False, last: bool = False, context: int = 1):
    return DataReceived(context, command, last, memoryview(data))


def test_a_command_comes_whole_and_its_data_set_in_pieces():
    messages = Messages()
    assert messages.take(piece(STORE[:20], command=True)) is None
    assert messages.is_within_message
    received = messages.take(piece(STORE[20:], command=True, last=True))
    assert isinstance(received, CommandReceived)
    assert received.command.field == Request.STORE
    first, last = messages.take(piece(b"ab")), messages.take(piece(b"cd", last=True))
    assert isinstance(first, DataSetReceived)
    assert isinstance(last, DataSetReceived)
    assert (bytes(first.data), first.is_last) == (b"ab", False)
    assert (bytes(last.data), last.is_last) == (b"cd", True)
    assert not messages.is_within_message
    assert isinstance(messages.take(piece(ECHO, command=True, last=True, context=3)),
                      CommandReceived)  # fmt: skip
    assert not messages.is_within_message


@pytest.mark.parametrize(
    "pieces",
    [
        [piece(b"data before a command")],
        [piece(ECHO, command=True, last=True), piece(b"data that was not announced")],
        [piece(STORE, command=True, last=True), piece(ECHO, command=True, last=True)],
        [piece(STORE[:9], command=True), piece(b"data in a command")],
        [piece(STORE, command=True, last=True), piece(b"", context=3)],
        [piece(STORE[:9], command=True), piece(STORE[9:], command=True, context=3)],
        [piece(bytes(MAX_COMMAND), command=True), piece(b"x", command=True)],
        [piece(b"", command=True, last=True)],
    ],
    ids=range(8),
)
def test_what_does_not_belong_together_is_refused(pieces):
    messages = Messages()
    for one in pieces[:-1]:
        messages.take(one)
    with pytest.raises(RemoteViolation):
        messages.take(pieces[-1])

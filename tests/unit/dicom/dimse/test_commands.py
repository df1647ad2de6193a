"""Command sets encode and decode to the same, here and in another implementation."""

from __future__ import annotations

import struct
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pynetdicom.dimse_messages import C_ECHO_RSP, C_STORE_RQ
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.dsutils import decode, encode

from support.upper_layer import titles, uids
from undisc_node.dicom.dimse.commands import (
    MAX_ELEMENTS,
    Command,
    Counts,
    Request,
    decode_command,
    encode_command,
)
from undisc_node.dicom.upper_layer import RemoteViolation

shorts = st.integers(0, 65_535)
maybe_uids = st.one_of(st.just(""), uids)
requests = st.builds(
    Command,
    field=st.sampled_from(list(Request)).map(int),
    message=shorts,
    sop_class=maybe_uids,
    instance=maybe_uids,
    has_data_set=st.booleans(),
    destination=titles,
    originator=titles,
    originator_message=st.one_of(st.none(), shorts),
)
answers = st.builds(
    Command,
    field=st.sampled_from(list(Request)).map(lambda one: one | 0x8000),
    answered=shorts,
    sop_class=maybe_uids,
    instance=maybe_uids,
    has_data_set=st.booleans(),
    status=shorts,
    comment=titles.map(lambda text: text.replace("\\", "/")),
    counts=st.one_of(st.none(), st.builds(Counts, shorts, shorts, shorts, shorts)),
)


@given(st.one_of(requests, answers))
def test_a_command_decodes_to_what_was_encoded(command):
    assert decode_command(encode_command(command)) == command


@given(requests)
def test_a_cut_command_is_refused_or_lacks_its_end(command):
    encoded = encode_command(command)
    for cut in range(0, len(encoded), 5):
        try:
            assert decode_command(encoded[:cut]) != command or cut == len(encoded)
        except RemoteViolation:
            continue


def test_another_implementation_reads_our_answer_as_we_mean_it():
    request = Command(Request.STORE, 7, sop_class="1.2.3", instance="1.2.3.4", has_data_set=True)
    answer = request.answer(0xA700, "the disk is full")
    theirs = decode(BytesIO(encode_command(answer)), True, True)  # noqa: FBT003
    assert theirs.CommandField == 0x8001
    assert (theirs.MessageIDBeingRespondedTo, theirs.Status) == (7, 0xA700)
    assert (theirs.AffectedSOPClassUID, theirs.AffectedSOPInstanceUID) == ("1.2.3", "1.2.3.4")
    assert theirs.ErrorComment == "the disk is full"
    assert encode(theirs, True, True) == encode_command(answer)  # noqa: FBT003


def test_we_read_the_request_of_another_implementation():
    primitive = C_STORE()
    primitive.MessageID = 7
    primitive.AffectedSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    primitive.AffectedSOPInstanceUID = "1.2.3.4"
    primitive.MoveOriginatorApplicationEntityTitle = "PACS"
    primitive.MoveOriginatorMessageID = 9
    primitive.DataSet = BytesIO(b"\0\0")
    message = C_STORE_RQ()
    message.primitive_to_message(primitive)
    command = decode_command(encode(message.command_set, True, True))  # noqa: FBT003
    assert (command.field, command.message, command.has_data_set) == (Request.STORE, 7, True)
    assert (command.sop_class, command.instance) == ("1.2.840.10008.5.1.4.1.1.2", "1.2.3.4")
    assert (command.originator, command.originator_message) == ("PACS", 9)
    assert C_ECHO_RSP  # the other direction is tried by their echoscu


def element(tag: int, value: bytes, *, group: int = 0) -> bytes:
    return struct.pack("<HHL", group, tag, len(value)) + value


FIELD = element(0x0100, b"\x30\0")
TYPE = element(0x0800, b"\1\1")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        FIELD,
        TYPE,
        TYPE + FIELD,  # in the wrong order
        FIELD + FIELD + TYPE,
        FIELD + TYPE + element(0x0010, b"", group=8),
        element(0x0100, b"\x30") + TYPE,
        FIELD + TYPE[:-1],
        FIELD + TYPE + b"\0\0\0",
        FIELD + struct.pack("<HHL", 0, 0x0110, 0xFFFFFFFF) + TYPE,
        b"".join(element(tag, b"") for tag in range(MAX_ELEMENTS)) + FIELD + TYPE,
    ],
    ids=range(11),
)
def test_a_command_that_breaks_a_bound_or_the_standard_is_refused(data):
    with pytest.raises(RemoteViolation):
        decode_command(data)


def test_a_comment_is_cut_and_shown_in_plain_letters():
    answer = Command(Request.ECHO, 1).answer(0x0110, "f\u00fcr immer \\ " + "x" * 99)
    decoded = decode_command(encode_command(answer))
    assert decoded.comment == ("f?r immer / " + "x" * 99)[:64]

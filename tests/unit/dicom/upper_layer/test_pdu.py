"""PDUs encode and decode to the same, here and in another implementation."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from pynetdicom import build_context
from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import A_ASSOCIATE

from support.upper_layer import a_request, accepting, accepts, requests
from undisc_node.dicom.upper_layer import LocalViolation, RemoteViolation, limits, pdu
from undisc_node.dicom.upper_layer.user_information import Identity, UserInformation


def body(encoded: bytes) -> memoryview:
    assert len(encoded) == 6 + int.from_bytes(encoded[2:6], "big")
    return memoryview(encoded)[6:]


@given(requests())
def test_a_request_decodes_to_what_was_encoded(request_):
    assert pdu.decode_request(body(pdu.encode_request(request_))) == request_


@given(accepts())
def test_an_acceptance_decodes_to_what_was_encoded(accept):
    assert pdu.decode_accept(body(pdu.encode_accept(accept))) == accept


@given(requests())
def test_a_cut_request_is_refused_and_nothing_else(request_):
    encoded = pdu.encode_request(request_)
    for cut in range(6, len(encoded), 7):
        with pytest.raises(RemoteViolation):
            pdu.decode_request(memoryview(encoded)[6:cut])


@pytest.mark.parametrize(
    "value", [pdu.AssociateReject(1, 2, 2), pdu.AssociateReject(2, 3, 255), pdu.CONGESTION]
)
def test_a_rejection_decodes_to_what_was_encoded(value):
    assert pdu.decode_reject(body(pdu.encode_reject(value))) == value


def test_an_abort_decodes_to_what_was_encoded():
    value = pdu.Abort(2, 6)
    assert pdu.decode_abort(body(pdu.encode_abort(value))) == value


def test_another_implementation_reads_our_request_as_we_mean_it():
    theirs = A_ASSOCIATE_RQ()
    theirs.decode(pdu.encode_request(a_request()))
    assert (theirs.called_ae_title, theirs.calling_ae_title) == ("UNDISC", "CT1")
    assert [one.context_id for one in theirs.presentation_context] == [1, 3]
    assert theirs.encode() == pdu.encode_request(a_request())


def test_another_implementation_reads_our_acceptance_as_we_mean_it():
    theirs = A_ASSOCIATE_AC()
    theirs.decode(pdu.encode_accept(accepting(a_request())))
    assert [one.result for one in theirs.presentation_context] == [0, 0]
    assert theirs.user_information.maximum_length == 131_072


def test_we_read_the_request_of_another_implementation():
    primitive = A_ASSOCIATE()
    primitive.application_context_name = pdu.APPLICATION_CONTEXT
    primitive.calling_ae_title, primitive.called_ae_title = "CT1", "UNDISC"
    context = build_context("1.2.840.10008.1.1", ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1"])
    context.context_id = 5
    primitive.presentation_context_definition_list = [context]
    primitive.user_information = []
    request = A_ASSOCIATE_RQ()
    request.from_primitive(primitive)
    ours = pdu.decode_request(body(request.encode()))
    assert ours.contexts == (
        pdu.ProposedContext(5, "1.2.840.10008.1.1", ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1")),
    )
    assert (ours.called, ours.calling, ours.version) == ("UNDISC", "CT1", 1)


# --- Requests that break something ----------------------------------------------------------------


def raw_item(kind: int, content: bytes) -> bytes:
    return struct.pack(">BxH", kind, len(content)) + content


APPLICATION = raw_item(0x10, pdu.APPLICATION_CONTEXT.encode())
LENGTH = raw_item(0x51, struct.pack(">L", 16_384))
USER = raw_item(0x50, LENGTH)
ABSTRACT = raw_item(0x30, b"1.2.3")
TRANSFER = raw_item(0x40, b"1.2.840.10008.1.2")


def context(*items: bytes, number: int = 1) -> bytes:
    return raw_item(0x20, bytes((number, 0, 0, 0)) + b"".join(items))


def raw_request(*items: bytes) -> memoryview:
    return memoryview(struct.pack(">Hxx", 1) + b"A".ljust(16) + b"B".ljust(16) + bytes(32)
                      + b"".join(items))  # fmt: skip


@pytest.mark.parametrize(
    "items",
    [
        (APPLICATION,),
        (USER,),
        (APPLICATION, APPLICATION, USER),
        (APPLICATION, USER, USER),
        (APPLICATION, USER, b"\x20"),
        (APPLICATION, USER, b"\x20\0\xff\xff"),
        (APPLICATION, USER, context()),
        (APPLICATION, USER, context(ABSTRACT)),
        (APPLICATION, USER, context(TRANSFER)),
        (APPLICATION, USER, context(ABSTRACT, ABSTRACT, TRANSFER)),
        (APPLICATION, USER, context(raw_item(0x30, b"../../etc"), TRANSFER)),
        (APPLICATION, USER, context(raw_item(0x30, b"1" * 65), TRANSFER)),
        (APPLICATION, USER, context(raw_item(0x30, b""), TRANSFER)),
        (APPLICATION, USER, context(ABSTRACT, *[TRANSFER] * 129)),
        (APPLICATION, USER, *[context(ABSTRACT, TRANSFER)] * 129),
        (APPLICATION, raw_item(0x50, LENGTH * 2)),
        (APPLICATION, raw_item(0x50, raw_item(0x51, b"\0\0\1"))),
        (APPLICATION, raw_item(0x50, raw_item(0x51, b"\0\0\0\0\0"))),
        (APPLICATION, raw_item(0x50, raw_item(0x51, b"\0\0\0\7"))),  # an answer in 7-byte PDUs
        (APPLICATION, raw_item(0x50, raw_item(0x54, b"\xff\xff1.2\1\1"))),
        (APPLICATION, raw_item(0x50, raw_item(0x58, b"\1\0\xff\xffname"))),
        (APPLICATION, raw_item(0x50, raw_item(0x7F, b"") * 513)),
    ],
    ids=range(22),
)
def test_a_request_that_breaks_a_bound_or_the_standard_is_refused(items):
    with pytest.raises(RemoteViolation):
        pdu.decode_request(raw_request(*items))


def test_what_real_systems_do_beside_the_standard_is_understood():
    """Padded UIDs, unknown items, a version name that is too long, no maximum length."""
    request = pdu.decode_request(
        raw_request(
            raw_item(0x10, pdu.APPLICATION_CONTEXT.encode() + b"\0"),
            raw_item(0x99, b"whatever"),
            context(raw_item(0x30, b"1.2.3\0"), raw_item(0x99, b""), TRANSFER),
            raw_item(0x50, raw_item(0x99, b"?") + raw_item(0x55, b"A_VERY_LONG_NAME_2.0")),
        )
    )
    assert request.contexts[0].abstract_syntax == "1.2.3"
    assert request.user == UserInformation(0, version_name="A_VERY_LONG_NAME")


def test_a_passcode_is_not_shown():
    assert "secret" not in repr(Identity(2, True, b"secret name", b"secret word"))  # noqa: FBT003


def test_what_we_cannot_say_is_our_own_mistake():
    with pytest.raises(LocalViolation):
        pdu.encode_request(pdu.AssociateRequest("A" * 17, "B", (), UserInformation(0)))


def test_a_full_request_fits_its_bound():
    """128 contexts with 60 transfer syntaxes each, as workstations propose."""
    syntaxes = tuple(f"1.2.840.10008.1.2.4.{number}" for number in range(50, 110))
    contexts = tuple(
        pdu.ProposedContext(number, "1.2.840.10008.5.1.4.1.1.481.10", syntaxes)
        for number in range(1, 256, 2)
    )
    encoded = pdu.encode_request(pdu.AssociateRequest("A", "B", contexts, UserInformation(0)))
    assert len(encoded) - 6 <= limits.PduBounds().associate
    assert pdu.decode_request(body(encoded)).contexts == contexts

"""Receipts and their acknowledgement (SPEC.md §6.6)."""

from dataclasses import replace
from hashlib import sha256

import pytest

from support.damage import damaged, refused
from support.parties import (
    ASKER,
    HOLDER,
    INVOCATION_CID,
    NOW,
    RECEIPT,
    STORED,
    STRANGER,
    label,
    to_holder,
)
from undisc_protocol import limits
from undisc_protocol.answer import request_hash, sign_answer, sign_refusal
from undisc_protocol.capability import envelope
from undisc_protocol.capability.envelope import TAG_RECEIPT, TAG_REQUEST
from undisc_protocol.errors import (
    BadFields,
    BadSignature,
    Busy,
    CannotOpen,
    LocalProtocolError,
    NotYetValid,
    Oversize,
    Unreachable,
    WrongAnswer,
    WrongAudience,
)
from undisc_protocol.receipt import (
    acknowledge,
    open_receipt,
    read_acknowledgement,
    read_receipt,
    sign_receipt,
)

BODY = to_holder(RECEIPT)


def read(raw, *, to=HOLDER, now=NOW):
    return read_receipt(raw, to=to.identity.node_id, now=now)


def opened(body):
    return open_receipt(body, box=HOLDER.box, own=HOLDER.identity.node_id, now=NOW)


def signed(change=None, key=ASKER.key, tag=TAG_RECEIPT):
    payload = dict(envelope.read(RECEIPT, tag=TAG_RECEIPT, limit=limits.MAX_RECEIPT).payload)
    if change is not None:
        change(payload)
    return envelope.sign(payload, tag=tag, key=key)


def test_the_holder_reads_what_the_recipient_states():
    receipt = opened(BODY)
    assert receipt == read(RECEIPT)
    assert receipt.raw == RECEIPT
    assert receipt.id == sha256(RECEIPT).digest()
    assert receipt.sender == ASKER.identity
    assert receipt.stored == STORED
    assert receipt.stored.invocation == INVOCATION_CID


def test_a_receipt_is_as_good_after_a_year_as_on_the_day():
    """The holder was unreachable for a long time; the receipt still arrives."""
    assert read(RECEIPT, now=NOW + 400 * 86_400).stored == STORED


def test_a_receipt_about_the_future_is_refused():
    early = NOW - limits.CLOCK_SKEW - 1
    assert isinstance(refused(lambda raw: read(raw, now=early), RECEIPT), NotYetValid)


def test_a_tampered_receipt_is_refused():
    """Somebody makes two objects of one, to claim later that more was handed over."""
    for broken in damaged(RECEIPT, step=3):
        refused(read, broken)
    changed = signed(lambda payload: payload.update(objects=3), key=STRANGER.key)
    assert isinstance(refused(read, changed), BadSignature)


def test_a_sealed_receipt_that_was_changed_does_not_open():
    for broken in damaged(BODY, step=17):
        assert isinstance(refused(opened, broken), CannotOpen)


def test_a_receipt_to_another_node_is_refused():
    assert isinstance(refused(lambda raw: read(raw, to=STRANGER), RECEIPT), WrongAudience)


def test_a_receipt_under_another_nodes_name_is_refused():
    wrong = signed(lambda payload: payload.update({"from": STRANGER.identity.node_id}))
    assert isinstance(refused(read, wrong), BadFields)


def test_another_kind_of_signed_message_is_no_receipt():
    assert isinstance(refused(read, signed(tag=TAG_REQUEST)), BadFields)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("from", b""),
        ("to", None),
        ("inv", bytes(32)),
        ("study", bytes(15)),
        ("manifest", bytes(33)),
        ("objects", limits.MAX_OBJECTS + 1),
        ("size", -1),
        ("at", "now"),
        ("records", []),
        ("more", 0),
    ],
)
def test_a_receipt_with_a_wrong_field_is_refused_though_it_is_well_signed(name, value):
    assert isinstance(
        refused(read, signed(lambda payload: payload.update({name: value}))), BadFields
    )


def test_a_receipt_over_its_bound_is_refused_before_it_is_opened():
    assert isinstance(refused(opened, bytes(limits.MAX_RECEIPT + 1)), Oversize)


def test_a_receipt_that_the_holder_must_refuse_is_never_signed():
    with pytest.raises(LocalProtocolError):
        sign_receipt(
            ASKER.key,
            replace(STORED, study=b"short"),
            sender=ASKER.identity,
            to=HOLDER.identity.node_id,
        )


# --- Acknowledgement ----------------------------------------------------------------------------


def acknowledgement(key=HOLDER.key):
    return acknowledge(key, opened(BODY), request=request_hash(BODY), at=NOW)


def read_back(body, *, status=200, request=None, receipt=RECEIPT):
    read_acknowledgement(
        body,
        status=status,
        request=request or request_hash(BODY),
        receipt=receipt,
        holder=HOLDER.key.did,
    )


def test_the_recipient_learns_that_its_receipt_is_filed():
    read_back(acknowledgement())


def test_an_acknowledgement_of_somebody_else_is_refused():
    """Somebody on the way swallows receipts and acknowledges them."""
    assert isinstance(refused(read_back, acknowledgement(STRANGER.key)), BadSignature)


def test_an_acknowledgement_of_another_receipt_is_refused():
    other = {"request": label("another")}
    assert isinstance(
        refused(lambda body: read_back(body, **other), acknowledgement()), WrongAnswer
    )
    assert isinstance(
        refused(lambda body: read_back(body, receipt=b"another"), acknowledgement()), WrongAnswer
    )


def test_an_answer_that_acknowledges_nothing_is_refused():
    for ok in ({}, {"receipt": bytes(31)}, {"receipt": bytes(32), "more": 1}):
        body = sign_answer(HOLDER.key, request=request_hash(BODY), at=NOW, ok=ok)
        assert isinstance(refused(read_back, body), BadFields)


def test_a_refused_receipt_arrives_as_the_error_it_is():
    body = sign_refusal(HOLDER.key, request=request_hash(BODY), at=NOW, error=Busy("later"))
    assert type(refused(lambda raw: read_back(raw, status=503), body)) is Busy
    assert type(refused(lambda raw: read_back(raw, status=503), b"later")) is Unreachable


def test_damaged_acknowledgements_raise_only_our_errors():
    for broken in damaged(acknowledgement(), step=3):
        refused(read_back, broken)

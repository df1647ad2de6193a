"""Request and answer (SPEC.md §6.2, §6.3)."""

from dataclasses import replace
from hashlib import sha256

import pytest
from nacl.public import PrivateKey

from support.damage import damaged, refused, truncated
from support.parties import (
    ASKER,
    FETCH_KEY,
    GRANT,
    GRANTED,
    HOLDER,
    INVOCATION,
    INVOCATION_CID,
    MANIFEST,
    NOW,
    REQUEST,
    REQUEST_HASH,
    STRANGER,
    TICKET,
    answer,
    label,
    request,
    to_asker,
    to_holder,
)
from undisc_protocol import limits
from undisc_protocol.answer import sign_answer, sign_refusal
from undisc_protocol.boxes import box_open
from undisc_protocol.capability import envelope
from undisc_protocol.capability.envelope import TAG_ANSWER, TAG_RECEIPT, TAG_REQUEST
from undisc_protocol.dagcbor import Cid
from undisc_protocol.errors import (
    BadFields,
    BadSignature,
    Busy,
    CannotOpen,
    Expired,
    LifetimeTooLong,
    LocalProtocolError,
    Malformed,
    NotYetValid,
    Oversize,
    RemoteFault,
    Revoked,
    Unreachable,
    WrongAnswer,
    WrongAudience,
)
from undisc_protocol.exchange import read_answer, read_request


def read(body, *, own=HOLDER, now=NOW):
    return read_request(body, box=own.box, own=own.identity.node_id, now=now)


def signed_request(change=None, key=ASKER.key, tag=TAG_REQUEST):
    """Make a request with changed fields, properly signed and sealed."""
    opened = envelope.read(box_open(HOLDER.box, REQUEST), tag=TAG_REQUEST, limit=limits.MAX_REQUEST)
    payload = dict(opened.payload)
    if change is not None:
        change(payload)
    return to_holder(envelope.sign(payload, tag=tag, key=key))


def test_the_holder_reads_what_the_asker_wrote():
    have = [label("b", 16), label("a", 16)]
    body = request(have=have)
    read_back = read(body)
    assert read_back.hash == sha256(body).digest()
    assert read_back.sender == ASKER.identity
    assert (read_back.invocation, read_back.proofs) == (INVOCATION, (GRANT,))
    assert read_back.have == frozenset(have)
    assert (read_back.issued, read_back.expires) == (NOW, NOW + 300)


def test_nothing_of_a_request_is_visible_from_outside():
    for secret in (INVOCATION, GRANT, ASKER.identity.node_id, ASKER.identity.records[0]):
        assert secret not in REQUEST


def test_a_request_to_another_node_is_refused():
    """A stranger forwards to us what was said to somebody else, sealed again for us."""
    body = signed_request(lambda payload: payload.update(to=STRANGER.identity.node_id))
    assert isinstance(refused(read, body), WrongAudience)


def test_a_request_signed_by_somebody_else_is_refused():
    assert isinstance(refused(read, signed_request(key=STRANGER.key)), BadSignature)


def test_a_request_under_another_nodes_name_is_refused():
    """The sender claims another node id than that of its own records."""
    body = signed_request(lambda payload: payload.update({"from": STRANGER.identity.node_id}))
    assert isinstance(refused(read, body), BadFields)


def test_another_kind_of_signed_message_is_no_request():
    assert isinstance(refused(read, signed_request(tag=TAG_RECEIPT)), BadFields)


@pytest.mark.parametrize(
    ("now", "error"),
    [
        (NOW - limits.CLOCK_SKEW - 1, NotYetValid),
        (NOW - limits.CLOCK_SKEW, None),
        (NOW + 300 + limits.CLOCK_SKEW - 1, None),
        (NOW + 300 + limits.CLOCK_SKEW, Expired),
    ],
)
def test_a_request_is_good_for_its_minutes(now, error):
    """A recorded request is sent again later; clocks may differ by a minute."""
    if error is None:
        read(REQUEST, now=now)
    else:
        assert isinstance(refused(lambda body: read(body, now=now), REQUEST), error)


def test_a_request_that_lives_too_long_is_refused_on_both_sides():
    with pytest.raises(LocalProtocolError):
        request(expires=NOW + limits.REQUEST_LIFETIME + 1)
    body = signed_request(lambda payload: payload.update(exp=NOW + limits.REQUEST_LIFETIME + 1))
    assert isinstance(refused(read, body), LifetimeTooLong)


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("from", bytes(31), BadFields),
        ("to", "text", BadFields),
        ("records", [], BadFields),
        ("records", [b"", b""], Malformed),
        ("records", [bytes(limits.MAX_IDENTITY_RECORD + 1)], Oversize),
        ("inv", b"", BadFields),
        ("inv", bytes(limits.MAX_TOKEN + 1), BadFields),
        ("prf", [], BadFields),
        ("prf", [GRANT] * 3, Oversize),
        ("prf", [bytes(limits.MAX_TOKEN + 1)], Oversize),
        ("prf", ["text"], BadFields),
        ("have", [bytes(15)], BadFields),
        ("have", [b"b" * 16, b"a" * 16], BadFields),
        ("have", [b"a" * 16, b"a" * 16], BadFields),
        ("nonce", bytes(15), BadFields),
        ("iat", -1, BadFields),
        ("iat", True, BadFields),
        ("exp", NOW, BadFields),
        ("more", 1, BadFields),
    ],
)
def test_a_request_with_a_wrong_field_is_refused_though_it_is_well_signed(name, value, error):
    body = signed_request(lambda payload: payload.update({name: value}))
    assert isinstance(refused(read, body), error)


@pytest.mark.parametrize("name", sorted({"from", "to", "records", "inv", "prf", "have", "nonce"}))
def test_a_request_without_a_field_is_refused(name):
    assert isinstance(refused(read, signed_request(lambda payload: payload.pop(name))), BadFields)


def test_a_request_over_its_bound_is_refused_before_it_is_opened():
    assert isinstance(refused(read, bytes(limits.MAX_REQUEST + 1)), Oversize)


def test_a_request_of_very_many_items_is_refused_before_its_fields_are_read():
    """A stranger sends a megabyte of tiny values, to keep us decoding."""
    body = signed_request(lambda payload: payload.update(more=[0] * limits.MAX_REQUEST_ITEMS))
    assert isinstance(refused(read, body), Oversize)


def test_the_largest_request_is_accepted():
    """Everything but the last of the most objects that a study can have is here."""
    have = [number.to_bytes(16) for number in range(limits.MAX_OBJECTS)]
    assert len(read(request(have=have)).have) == limits.MAX_OBJECTS


def test_damaged_requests_raise_only_our_errors():
    for broken in damaged(REQUEST, step=7):
        assert isinstance(refused(read, broken), CannotOpen)


def test_damage_inside_the_seal_raises_only_our_errors():
    """The sender itself is hostile: it seals broken bytes properly."""
    signed = box_open(HOLDER.box, REQUEST)
    for broken in damaged(signed, step=11):
        refused(read, to_holder(broken))


def test_only_the_addressed_node_can_open_a_request():
    assert isinstance(refused(lambda body: read(body, own=STRANGER), REQUEST), CannotOpen)


# --- Answer -------------------------------------------------------------------------------------


def read_back(body, *, status=200, have=(), holder=HOLDER, fetch_key=FETCH_KEY, **changes):
    arguments = {"request": REQUEST_HASH, "invocation": INVOCATION_CID} | changes
    return read_answer(
        body,
        status=status,
        holder=holder.key.did,
        fetch_key=fetch_key,
        have=frozenset(have),
        **arguments,
    )


def signed_answer(key=HOLDER.key, request=REQUEST_HASH, at=NOW, **changes):
    """Make an answer with changed fields, properly signed and sealed."""
    ok = {
        "inv": INVOCATION_CID,
        "manifest": MANIFEST.to_value(),
        "ticket": TICKET,
        "until": NOW + limits.TICKET_LIFETIME,
        "checkpoint": GRANTED.checkpoint.to_value(),
    }
    return to_asker(sign_answer(key, request=request, at=at, ok=ok | changes))


def test_the_asker_reads_what_the_holder_wrote():
    assert read_back(answer()) == GRANTED
    assert read_back(answer(), have=[label("not in it", 16)]) == GRANTED


def test_nothing_of_an_answer_is_visible_from_outside():
    body = answer()
    for secret in (TICKET, MANIFEST.objects[0].key, "Müller".encode()):
        assert secret not in body


def test_no_ticket_is_in_what_python_shows_of_an_answer():
    assert repr(TICKET) not in repr(GRANTED)


def test_an_answer_to_another_request_is_refused():
    """Somebody on the way keeps an answer and gives it to our next request."""
    assert isinstance(refused(read_back, answer(request=label("another"))), WrongAnswer)


def test_an_answer_to_another_invocation_is_refused():
    other = answer(invocation=Cid(label("another")))
    assert isinstance(refused(read_back, other), WrongAnswer)


def test_an_answer_of_another_node_is_refused():
    """Another node, which can read our request's hash, answers in the holder's place."""
    assert isinstance(refused(read_back, answer(key=STRANGER.key)), BadSignature)


def test_an_answer_sealed_to_another_key_is_refused():
    other = PrivateKey(label("another"))
    body = answer(reply_to=bytes(other.public_key))
    assert isinstance(refused(read_back, body), CannotOpen)


def test_an_answer_that_grants_what_is_here_is_refused():
    have = [MANIFEST.objects[0].id]
    assert isinstance(refused(lambda body: read_back(body, have=have), answer()), WrongAnswer)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"inv": bytes(32)}, BadFields),
        ({"manifest": {}}, BadFields),
        ({"ticket": bytes(31)}, BadFields),
        ({"until": NOW}, BadFields),
        ({"checkpoint": None}, BadFields),
        ({"until": NOW + limits.TICKET_LIFETIME + 1}, LifetimeTooLong),
        ({"more": None}, BadFields),
    ],
)
def test_an_answer_with_a_wrong_field_is_refused_though_it_is_well_signed(changes, error):
    assert isinstance(refused(read_back, signed_answer(**changes)), error)


def test_every_changed_byte_of_an_answer_is_refused():
    for broken in damaged(answer(), step=7):
        assert isinstance(refused(read_back, broken), CannotOpen)


def test_damage_inside_the_seal_of_an_answer_raises_only_our_errors():
    signed = box_open(FETCH_KEY, answer())
    for broken in damaged(signed, step=13):
        refused(read_back, to_asker(broken))


def test_an_answer_over_its_bound_is_refused_before_it_is_opened(monkeypatch):
    body = answer()
    monkeypatch.setattr(limits, "MAX_ANSWER", len(body) - 1)
    assert isinstance(refused(read_back, body), Oversize)
    with pytest.raises(LocalProtocolError):
        answer()


def test_a_manifest_that_others_must_refuse_is_never_signed():
    twice = replace(MANIFEST, objects=(MANIFEST.objects[0],) * 2)
    with pytest.raises(LocalProtocolError):
        answer(replace(GRANTED, manifest=twice))


# --- Refusal ------------------------------------------------------------------------------------


def refusal(error, *, key=HOLDER.key, request=REQUEST_HASH):
    return sign_refusal(key, request=request, at=NOW, error=error)


def test_a_signed_refusal_arrives_as_the_error_it_is():
    """The people at the asking node read the holder's own words."""
    sent = Revoked("the grant was taken back")
    sent.hint = "call the practice"
    got = refused(lambda body: read_back(body, status=403), refusal(sent))
    assert (type(got), str(got), got.hint) == (Revoked, str(sent), "call the practice")
    assert Revoked.hint != "call the practice"


def test_a_code_of_a_later_version_is_a_fault_of_the_remote_side():
    later = Revoked("something new")
    later.code = "reason_of_2031"
    got = refused(lambda body: read_back(body, status=400), refusal(later))
    assert (type(got), str(got)) == (RemoteFault, "something new")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>502 Bad Gateway</html>",
        refusal(Revoked("no"), key=STRANGER.key),
        refusal(Revoked("no"), request=label("another")),
        refusal(Revoked("no"))[:-1],
        refusal(Revoked("no")) + b"\x00",
        envelope.sign(
            {"req": REQUEST_HASH, "at": NOW, "err": {"code": "revoked", "message": "no"}},
            tag=TAG_ANSWER,
            key=HOLDER.key,
        ),
        envelope.sign(
            {
                "req": REQUEST_HASH,
                "at": NOW,
                "err": {"code": "revoked", "message": "\x1b[2J", "hint": ""},
            },
            tag=TAG_ANSWER,
            key=HOLDER.key,
        ),
        sign_answer(HOLDER.key, request=REQUEST_HASH, at=NOW, ok={"receipt": bytes(32)}),
    ],
    ids=[
        "empty",
        "proxy page",
        "another signer",
        "another request",
        "cut",
        "longer",
        "no hint",
        "terminal control",
        "not a refusal",
    ],
)
def test_an_error_that_the_holder_did_not_sign_is_only_a_reason_to_retry(body):
    """Somebody on the way says "revoked" so that we give up; we try again instead."""
    assert type(refused(lambda raw: read_back(raw, status=403), body)) is Unreachable


def test_every_changed_byte_of_a_refusal_makes_it_a_reason_to_retry():
    for broken in truncated(refusal(Busy("later")), step=5):
        assert type(refused(lambda raw: read_back(raw, status=503), broken)) is Unreachable


def test_a_refusal_under_status_200_is_no_answer():
    assert isinstance(refused(read_back, refusal(Revoked("no"))), CannotOpen)
    body = to_asker(refusal(Revoked("no")))
    assert isinstance(refused(read_back, body), BadFields)


def test_what_cannot_be_shown_at_the_other_node_is_taken_out_of_a_refusal():
    """A message holds a line break and is very long; the refusal still arrives."""
    got = refused(
        lambda body: read_back(body, status=403), refusal(Revoked("line\nbreak " + "x" * 2000))
    )
    assert str(got).startswith("line break xxx")
    assert len(str(got)) == limits.MAX_ERROR_TEXT


def test_garbage_in_an_answers_seal_is_malformed():
    assert isinstance(refused(read_back, to_asker(b"\xff")), Malformed)

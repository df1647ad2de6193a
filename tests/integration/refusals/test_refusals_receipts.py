"""Receipts that say something else than what was answered, or come from somebody else."""

from __future__ import annotations

import secrets
from dataclasses import replace

import pytest

from support.hostile_peer import RECEIPT, HostileNode, now, resigned, speak
from support.refusing import Practice, prepared
from undisc_protocol import limits
from undisc_protocol.answer import request_hash
from undisc_protocol.boxes import box_seal
from undisc_protocol.dagcbor import Cid
from undisc_protocol.errors import RemoteProtocolError, Unreachable
from undisc_protocol.receipt import Stored, read_acknowledgement

pytestmark = pytest.mark.integration


@pytest.fixture
def stored(practice) -> Stored:
    """What the friend has really been answered."""
    sent = prepared(practice)
    granted = practice.friend.post(
        practice.node.url, practice.document, sent.body, Cid.of(sent.invocation), sent.key
    )
    return Stored(
        invocation=Cid.of(sent.invocation),
        study=bytes.fromhex(practice.study),
        manifest=granted.manifest.hash,
        objects=len(granted.manifest.objects),
        size=granted.manifest.size,
        at=now(),
    )


def outcome(practice: Practice, token: bytes, *, box: bytes | None = None) -> str:
    """Send a receipt; return the code that the holder signed, or `taken`."""
    key = box or practice.document.card.box
    body = box_seal(key, token, ephemeral=secrets.token_bytes(32))
    said = speak(practice.node.url, "POST", RECEIPT, body)
    try:
        read_acknowledgement(
            said.body,
            status=said.status,
            request=request_hash(body),
            receipt=token,
            holder=practice.document.identity.key,
        )
    except Unreachable:
        return "unsigned"
    except RemoteProtocolError as problem:
        return problem.code
    return "taken"


def filed(practice: Practice) -> list[str]:
    """List the receipts on file for the study."""
    receipts = practice.node.admin.get(f"studies/{practice.study}").raw["receipts"]
    return [one["id"] for one in receipts]


def test_an_honest_receipt_is_filed_once_however_often_it_comes(practice, stored):
    """The acknowledgement was lost on the way, so the receipt is sent again."""
    before, lines = filed(practice), len(practice.node.events("receipt.taken"))
    token = practice.friend.receipt(practice.document, stored)
    assert [outcome(practice, token) for _ in range(3)] == ["taken"] * 3
    assert len(filed(practice)) == len(before) + 1
    assert len(practice.node.events("receipt.taken")) == lines + 1


def test_a_receipt_about_something_else_is_not_filed(practice, stored):
    """Another study, manifest or invocation than was answered; a moment that is still to come."""
    before = filed(practice)
    for code, changes in (
        ("not_granted", {"study": secrets.token_bytes(16)}),
        ("not_granted", {"manifest": secrets.token_bytes(32)}),
        ("not_granted", {"invocation": Cid.of(b"another")}),
        ("not_yet_valid", {"at": now() + 1000}),
    ):
        token = practice.friend.receipt(practice.document, replace(stored, **changes))
        assert outcome(practice, token) == code, changes
    assert filed(practice) == before


def test_a_receipt_of_somebody_else_is_not_filed(practice, stored):
    """A peer confirms what another peer was given, in its own name and in the other's."""
    before, thief = filed(practice), practice.peer("Receipt thief")
    assert outcome(practice, thief.receipt(practice.document, stored)) == "not_granted"
    honest = practice.friend.receipt(practice.document, stored)
    assert outcome(practice, resigned(honest, thief.key)) == "bad_signature"
    own = {"records": thief.identity.records}
    assert outcome(practice, resigned(honest, thief.key, **own)) == "bad_fields"
    assert filed(practice) == before


def test_a_receipt_for_another_holder_is_not_filed(practice, stored):
    """A receipt that names another node, or is sealed to it, is passed on to us."""
    before, other = filed(practice), HostileNode("Other holder")
    honest = practice.friend.receipt(practice.document, stored)
    elsewhere = resigned(honest, practice.friend.key, to=other.identity.node_id)
    assert outcome(practice, elsewhere) == "wrong_audience"
    assert outcome(practice, honest, box=bytes(other.box.public_key)) == "cannot_open"
    assert filed(practice) == before


def test_every_changed_byte_of_a_receipt_is_noticed(practice, stored):
    """Sealed again by whoever changed it: the signature covers everything."""
    before = filed(practice)
    honest = practice.friend.receipt(practice.document, stored)
    for place in range(0, len(honest), 23):
        changed = honest[:place] + bytes([honest[place] ^ 1]) + honest[place + 1 :]
        assert outcome(practice, changed) not in ("taken", "unsigned", "busy")
    for cut in (b"", honest[:-1], honest + b"\x00", secrets.token_bytes(300)):
        assert outcome(practice, cut) == "malformed"
    assert filed(practice) == before


def test_more_objects_than_a_study_can_have_are_not_believed(practice, stored):
    """Numbers beyond every bound."""
    token = practice.friend.receipt(practice.document, stored)
    for objects in (limits.MAX_OBJECTS + 1, -1):
        assert outcome(practice, resigned(token, practice.friend.key, objects=objects)) == (
            "bad_fields"
        )

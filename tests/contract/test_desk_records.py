"""Sessions, what is asked, and patients' wishes: in memory and in SQLite."""

from __future__ import annotations

from dataclasses import replace

import pytest

from support import consents
from undisc_node.services.desk_rows import (
    Ask,
    Channel,
    ChannelKind,
    Passkey,
    SecondFactor,
    Signature,
    StaffSession,
    Stage,
    VisitPin,
)
from undisc_node.services.errors import Conflict
from undisc_node.services.link_rows import KeptPasscode
from undisc_node.services.staff_rows import Role, StaffMember

ANNA = StaffMember("anna", Role.ADMIN, b"s" * 16, b"h" * 32, 3, 2**26, 1_000, 2_000)
SESSION = StaffSession(b"1" * 32, "anna", Stage.CODE, 1_000, 1_000, 9_000)
ASK = Ask(b"a" * 16, b"h" * 32, b"", "anna", "{}", 1_000, 5_000)
PIN = VisitPin(b"", KeptPasscode(b"s" * 16, b"h" * 32, 3, 2**26))
CONSENT = consents.consent()
VISIT = consents.visit(CONSENT)
EMAIL = Channel(VISIT.id, ChannelKind.EMAIL, "jane@example.org", "es", 1_000, "anna", 1_000)


PASSKEY = Passkey(b"id", "anna", "phone", b"key", 0, 1_000, None)


@pytest.fixture
def desk(catalog):
    with catalog.change() as records:
        records.staff.put(ANNA)
        records.consents.add_text(consents.TEXT)
        records.consents.add(CONSENT)
        records.visits.put(VISIT)
    return catalog


def test_a_session_comes_back_as_it_was_put_and_ends(desk):
    later = replace(SESSION, id=b"2" * 32, created_ms=2_000, stage=Stage.IN, wrong=2)
    with desk.change() as records:
        records.desk.put_session(SESSION)
        records.desk.put_session(later)
        records.desk.put_session(replace(SESSION, seen_ms=1_500))
    with desk.look() as records:
        assert records.desk.session(SESSION.id) == replace(SESSION, seen_ms=1_500)
        assert records.desk.sessions("anna") == [later, replace(SESSION, seen_ms=1_500)]
        assert records.desk.sessions("ben") == []
    with desk.change() as records:
        records.desk.end_session(SESSION.id)
        records.desk.end_session(SESSION.id)
        assert records.desk.session(SESSION.id) is None
        assert records.desk.end_sessions("anna") == 1
        assert records.desk.end_sessions("anna") == 0


def test_nobody_has_a_session_without_an_account(desk):
    with pytest.raises(Conflict), desk.change() as records:
        records.desk.put_session(replace(SESSION, name="nobody"))


def test_a_time_step_is_used_once_and_never_backwards(desk):
    """The same one-time code, read over somebody's shoulder, does not work again."""
    factor = SecondFactor("anna", b"sealed", 0, None)
    with desk.change() as records:
        assert records.desk.factor("anna") is None
        assert not records.desk.use_step("anna", 10)
        records.desk.put_factor(factor)
        assert records.desk.use_step("anna", 10)
        assert not records.desk.use_step("anna", 10)
        assert not records.desk.use_step("anna", 9)
        assert records.desk.factor("anna") == replace(factor, last_step=10)
        records.desk.drop_factor("anna")
        assert records.desk.factor("anna") is None


def test_what_is_asked_is_found_by_handle_and_then_by_session(desk):
    with desk.change() as records:
        records.desk.put_ask(ASK)
        assert records.desk.ask_by_handle(ASK.handle) == ASK
        opened = replace(ASK, handle=b"", session=b"s" * 32)
        records.desk.put_ask(opened)
        assert records.desk.ask_by_handle(ASK.handle) is None
        assert records.desk.ask_by_session(b"s" * 32) == opened
        assert records.desk.ask(ASK.id) == opened
        assert records.desk.asks(1_000) == [opened]
        assert records.desk.asks(1_001) == []


def test_an_empty_name_finds_nothing(desk):
    """What was opened has no handle any more: nobody opens it with none."""
    with desk.change() as records:
        records.desk.put_ask(replace(ASK, handle=b""))
        assert records.desk.ask_by_handle(b"") is None
        assert records.desk.ask_by_session(b"") is None


def test_what_is_over_is_forgotten(desk):
    with desk.change() as records:
        records.desk.put_session(SESSION)
        records.desk.put_session(replace(SESSION, id=b"2" * 32, until_ms=9_001))
        records.desk.put_ask(ASK)
        assert records.desk.forget(9_000, 1_001) == 2
        assert records.desk.asks(0) == []
        assert [one.id for one in records.desk.sessions("anna")] == [b"2" * 32]


def test_attempts_at_a_pin_are_counted_to_their_end(desk):
    pin = replace(PIN, visit=VISIT.id, max_attempts=2)
    with desk.change() as records:
        assert records.wishes.pin(VISIT.id) is None
        assert not records.wishes.take_attempt(VISIT.id)
        records.wishes.put_pin(pin)
        assert records.wishes.take_attempt(VISIT.id)
        assert records.wishes.take_attempt(VISIT.id)
        assert not records.wishes.take_attempt(VISIT.id)
        records.wishes.give_back(VISIT.id)
        assert records.wishes.pin(VISIT.id) == replace(pin, attempts=1)
        records.wishes.reopen(VISIT.id)
        assert records.wishes.pin(VISIT.id) == pin
        records.wishes.give_back(VISIT.id)
        assert records.wishes.pin(VISIT.id) == pin


def test_a_pin_belongs_to_a_visit(desk):
    with pytest.raises(Conflict), desk.change() as records:
        records.wishes.put_pin(replace(PIN, visit=b"x" * 16))


def test_ways_of_delivery_are_one_of_each_kind(desk):
    print_out = replace(EMAIL, kind=ChannelKind.PRINT, address="", accepted_ms=None)
    with desk.change() as records:
        records.wishes.put_channel(EMAIL)
        records.wishes.put_channel(print_out)
        records.wishes.put_channel(replace(EMAIL, address="j@example.org"))
        assert records.wishes.channels(VISIT.id) == [
            replace(EMAIL, address="j@example.org"),
            print_out,
        ]
        records.wishes.drop_channel(VISIT.id, "print")
        records.wishes.drop_channel(VISIT.id, "print")
        assert len(records.wishes.channels(VISIT.id)) == 1


def test_a_signature_stays_as_it_was_drawn(desk):
    drawn = Signature(CONSENT.id, b"\x89PNG")
    with desk.change() as records:
        assert records.wishes.signature(CONSENT.id) is None
        records.wishes.add_signature(drawn)
    with pytest.raises(Conflict), desk.change() as records:
        records.wishes.add_signature(replace(drawn, image=b"other"))
    with desk.look() as records:
        assert records.wishes.signature(CONSENT.id) == drawn


def test_passkeys_come_back_and_are_forgotten_one_by_one_or_all(desk):
    other = replace(PASSKEY, id=b"other", created_ms=500)
    with desk.change() as records:
        records.desk.put_passkey(PASSKEY)
        records.desk.put_passkey(other)
        records.desk.put_passkey(replace(PASSKEY, count=7, used_ms=9))
    with desk.look() as records:
        assert records.desk.passkey(b"id") == replace(PASSKEY, count=7, used_ms=9)
        assert [one.id for one in records.desk.passkeys("anna")] == [b"other", b"id"]
        assert records.desk.passkeys("ben") == []
    with desk.change() as records:
        records.desk.drop_passkey(b"other")
        records.desk.drop_passkey(b"other")
    with desk.change() as records:
        assert records.desk.drop_passkeys("anna") == 1
        assert records.desk.passkey(b"id") is None


def test_a_passkey_is_somebodys(desk):
    with pytest.raises(Conflict), desk.change() as records:
        records.desk.put_passkey(replace(PASSKEY, name="nobody"))

"""Asking a patient: one device, one decision, everything recorded in one change."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest

from support.clock import FakeClock
from support.memory_network import MemoryNetwork
from support.practice import Practice, befriend
from undisc_node.services.ask_facts import Answer, AskFacts, check_pin, from_json, to_json
from undisc_node.services.asking import ANSWER_MS, OPEN_MS, Asking
from undisc_node.services.consent_rows import Covers, Decider, Decision, Method
from undisc_node.services.desk_rows import ChannelKind
from undisc_node.services.errors import Conflict, Invalid, NotFound
from undisc_node.services.model import Patient
from undisc_node.services.passcodes import Passcodes

JANE = Patient("Doe^Jane", "P-100", "", "19700102", "F")
FACTS = AskFacts(JANE, orders=("A-1",), language="es", about="CT")
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + struct.pack(">II", 600, 176) + bytes(40)
YES = Answer(
    Decision.YES,
    channels=((ChannelKind.EMAIL, " jane@Example.org "), (ChannelKind.PRINT, "")),
    accepted=True,
    pin="271828",
    drawn=PNG,
    language="es",
)


class Desk:
    def __init__(self):
        network, self.clock = MemoryNetwork(), FakeClock()
        self.practice = Practice("a", network, self.clock)
        self.hospital = Practice("b", network, self.clock)
        befriend(self.practice, self.hospital)
        self.catalog = self.practice.catalog
        self.passcodes = Passcodes(entropy=self.practice.entropy, passes=1, memory=8_192)
        self.asking = Asking(
            catalog=self.catalog,
            consenting=self.practice.consenting,
            clock=self.clock,
            entropy=self.practice.entropy,
            passcodes=self.passcodes,
            calling_code="+1",
        )

    def handed(self, facts=FACTS):
        return self.asking.hand_over(self.asking.prepare(facts, "anna").id)

    def records(self):
        return self.catalog.look()


@pytest.fixture
def desk():
    return Desk()


def test_a_yes_is_recorded_with_everything_that_belongs_to_it(desk):
    hospital = desk.asking.offered(FACTS)[0]
    secret = desk.handed(replace(FACTS, recipients=(hospital.id.hex(),)))
    consent, visit = desk.asking.answer(secret, replace(YES, recipients=(hospital.id.hex(),)))

    said = consent.statement
    assert (said.decision, said.method, said.witness) == (Decision.YES, Method.DRAWN, "anna")
    assert [one.node for one in said.recipients] == [hospital.id]
    with desk.records() as records:
        channels = records.wishes.channels(visit.id)
        assert [(one.kind, one.address, one.language) for one in channels] == [
            (ChannelKind.EMAIL, "jane@example.org", "es"),
            (ChannelKind.PRINT, "", "es"),
        ]
        assert channels[0].accepted_ms == desk.clock.now_ms()
        pin = records.wishes.pin(visit.id)
        assert desk.passcodes.fits(pin.kept, "271828")
        assert records.wishes.signature(consent.id).image == PNG
        assert records.desk.asks(0)[0].visit == visit.id


def test_after_the_answer_the_device_can_do_no_more(desk):
    secret = desk.handed()
    desk.asking.answer(secret, YES)
    assert desk.asking.of(secret) is None
    with pytest.raises(NotFound):
        desk.asking.answer(secret, replace(YES, decision=Decision.NO))


def test_a_no_needs_nothing_and_keeps_nothing(desk):
    consent, visit = desk.asking.answer(
        desk.handed(), Answer(Decision.NO, pin="123", language="es")
    )
    assert consent.statement.method is Method.PRESSED
    with desk.records() as records:
        assert records.wishes.pin(visit.id) is None
        assert records.wishes.channels(visit.id) == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"drawn": b""}, "not_signed"),
        ({"drawn": b"GIF89a"}, "bad_signature"),
        ({"drawn": PNG + bytes(65_536)}, "bad_signature"),
        ({"drawn": PNG.replace(struct.pack(">I", 600), struct.pack(">I", 9_000))}, "bad_signature"),
        ({"accepted": False}, "not_accepted"),
        ({"pin": ""}, "bad_pin"),
        ({"pin": "123456"}, "weak_pin"),
        ({"channels": ((ChannelKind.EMAIL, "jane@"),)}, "bad_email"),
        ({"channels": ((ChannelKind.TEXT, "12"),)}, "bad_telephone"),
        ({"recipients": ("00" * 32,)}, "no_peer"),
    ],
)
def test_a_yes_that_cannot_be_leaves_the_question_open(desk, change, code):
    secret = desk.handed()
    with pytest.raises((Invalid, NotFound)) as caught:
        desk.asking.answer(secret, replace(YES, **change))
    assert caught.value.reason == code
    with desk.records() as records:
        assert records.consents.list() == []
    desk.asking.answer(secret, YES)


def test_a_typed_name_signs_too_and_the_practices_country_is_put_in_front(desk):
    answer = replace(
        YES, drawn=b"", typed="Jane Doe", channels=((ChannelKind.TEXT, "206 555 0100"),)
    )
    consent, visit = desk.asking.answer(desk.handed(), answer)
    assert consent.statement.method is Method.TYPED
    assert consent.statement.evidence == "typed name: Jane Doe"
    with desk.records() as records:
        assert records.wishes.channels(visit.id)[0].address == "+12065550100"


def test_without_a_link_no_pin_is_asked_for(desk):
    _, visit = desk.asking.answer(desk.handed(), replace(YES, channels=(), pin=""))
    with desk.records() as records:
        assert records.wishes.pin(visit.id) is None


def test_a_handle_opens_once_on_one_device(desk):
    ask = desk.asking.prepare(FACTS, "anna")
    handle = desk.asking.handle(ask.id)
    secret = desk.asking.open(handle.lower().replace("-", " "))
    assert desk.asking.of(secret).facts == FACTS
    with pytest.raises(NotFound):
        desk.asking.open(handle)
    with pytest.raises(Conflict):
        desk.asking.handle(ask.id)
    with pytest.raises(Conflict):
        desk.asking.hand_over(ask.id)


def test_a_new_handle_ends_the_one_before(desk):
    ask = desk.asking.prepare(FACTS, "anna")
    first, second = desk.asking.handle(ask.id), desk.asking.handle(ask.id)
    with pytest.raises(NotFound):
        desk.asking.open(first)
    assert desk.asking.open(second)


def test_handles_and_devices_do_not_wait_for_ever(desk):
    handle = desk.asking.handle(desk.asking.prepare(FACTS, "anna").id)
    desk.clock.advance(OPEN_MS / 1000)
    with pytest.raises(NotFound):
        desk.asking.open(handle)
    secret = desk.handed()
    desk.clock.advance(ANSWER_MS / 1000)
    assert desk.asking.of(secret) is None


def test_what_was_dropped_cannot_be_answered(desk):
    ask = desk.asking.prepare(FACTS, "anna")
    secret = desk.asking.hand_over(ask.id)
    desk.asking.cancel(ask.id)
    desk.asking.cancel(ask.id)
    assert desk.asking.of(secret) is None


@pytest.mark.parametrize("handle", ["", "0", "0000-0000-0000-0", "Z" * 13, "U" * 13, "x" * 10_000])
def test_a_handle_of_nobody_opens_nothing(desk, handle):
    desk.asking.prepare(FACTS, "anna")
    with pytest.raises(NotFound):
        desk.asking.open(handle)


@pytest.mark.parametrize("secret", ["", "é", "A" * 43, "A" * 500])
def test_a_cookie_of_nobody_shows_nothing(desk, secret):
    desk.asking.prepare(FACTS, "anna")
    assert desk.asking.of(secret) is None


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        (replace(FACTS, patient=replace(JANE, id="")), "no_patient_id"),
        (replace(FACTS, patient=replace(JANE, birth_date="20200101")), "minor"),
        (replace(FACTS, decider=Decider.PARENT, decider_name="M", authority="x"), "of_age"),
        (replace(FACTS, decider=Decider.ATTORNEY), "no_authority"),
        (replace(FACTS, covers=Covers.DATES, first="20260101", last="20250101"), "bad_day"),
        (replace(FACTS, ends=1), "bad_end"),
        (replace(FACTS, recipients=("00" * 32,)), "no_peer"),
    ],
)
def test_what_could_not_be_recorded_is_said_before_the_patient_is_asked(desk, facts, code):
    with pytest.raises((Invalid, NotFound)) as caught:
        desk.asking.prepare(facts, "anna")
    assert caught.value.reason == code
    assert desk.asking.list() == []


def test_facts_come_back_as_they_were_written():
    facts = replace(
        FACTS,
        decider=Decider.GUARDIAN,
        decider_name="M",
        authority="7",
        covers=Covers.DATES,
        first="20260101",
        last="20260102",
        ends=9,
        recipients=("ab",),
    )
    assert from_json(to_json(facts)) == facts


@pytest.mark.parametrize(
    "pin", ["000000", "123456", "987654", "121212", "19700102", "02011970", "700102", "010270"]
)
def test_a_pin_is_not_what_anybody_would_try_first(pin):
    with pytest.raises(Invalid) as caught:
        check_pin(pin, "19700102")
    assert caught.value.reason == "weak_pin"


@pytest.mark.parametrize("pin", ["", "12345", "1234567890123", "27182a", "٢٧١٨٢٨"])
def test_a_pin_has_six_to_twelve_digits(pin):
    with pytest.raises(Invalid) as caught:
        check_pin(pin, "19700102")
    assert caught.value.reason == "bad_pin"


def test_neither_pin_nor_patient_is_in_what_is_printed(desk):
    assert "271828" not in repr(YES)
    assert "Jane" not in repr(desk.asking.prepare(FACTS, "anna"))


# --- Without a device -----------------------------------------------------------------------------


def test_a_yes_on_paper_is_recorded_with_everything_that_a_tablet_asks(desk):
    hospital = desk.hospital.own.id.hex()
    answer = replace(YES, drawn=b"", recipients=(hospital,))
    consent, visit = desk.asking.take_down(
        FACTS, answer, "anna", method=Method.PAPER, evidence=" folder 7, no. 12 "
    )
    said = consent.statement
    assert (said.method, said.evidence, said.witness) == (Method.PAPER, "folder 7, no. 12", "anna")
    assert [one.node.hex() for one in said.recipients] == [hospital]
    with desk.records() as records:
        channels = records.wishes.channels(visit.id)
        assert {(one.kind, one.by) for one in channels} == {
            (ChannelKind.EMAIL, "anna"),
            (ChannelKind.PRINT, "anna"),
        }
        assert records.wishes.pin(visit.id) is not None
        assert records.wishes.signature(consent.id) is None


def test_who_says_yes_on_the_telephone_gets_a_pin_later(desk):
    answer = replace(YES, drawn=b"", pin="")
    _, visit = desk.asking.take_down(
        FACTS, answer, "anna", method=Method.SPOKEN, evidence="telephone, 10:12"
    )
    with desk.records() as records:
        assert records.wishes.channels(visit.id)
        assert records.wishes.pin(visit.id) is None


@pytest.mark.parametrize(
    ("change", "method", "evidence", "code"),
    [
        ({}, Method.PAPER, " ", "no_evidence"),
        ({}, Method.DRAWN, "x", "bad_method"),
        ({"accepted": False}, Method.PAPER, "x", "not_accepted"),
        ({"pin": "123456"}, Method.PAPER, "x", "weak_pin"),
    ],
)
def test_what_the_desk_cannot_take_down(desk, change, method, evidence, code):
    with pytest.raises(Invalid) as caught:
        desk.asking.take_down(
            FACTS, replace(YES, **change), "anna", method=method, evidence=evidence
        )
    assert caught.value.reason == code
    with desk.records() as records:
        assert records.consents.list(patient="", limit=9) == []


def test_a_no_needs_neither_form_nor_address(desk):
    consent, _ = desk.asking.take_down(
        FACTS, Answer(Decision.NO, language="es"), "anna", method=Method.PAPER, evidence=""
    )
    assert (consent.statement.decision, consent.statement.method) == (Decision.NO, Method.PAPER)

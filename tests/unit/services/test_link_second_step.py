"""A link in two steps at the door between nodes: its code is sent to whom the patient named."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from support.browser import SECRET, Browser, shared
from support.memory_network import UNLOCK
from support.practice import befriend
from undisc_node.services.browsing_rows import Access
from undisc_node.services.desk_rows import Channel, ChannelKind
from undisc_node.services.errors import ServiceError
from undisc_node.services.model import FetchState
from undisc_node.services.one_time_codes import A_DAY, LIFETIME_MS, PAUSE_MS, TRIES
from undisc_node.services.patient_views import Wanted
from undisc_protocol.errors import (
    AttemptsUsedUp,
    Busy,
    CodeAsked,
    CodesUsedUp,
    Locked,
    Oversize,
    RemoteProtocolError,
    Replayed,
    UnknownRecipient,
    UsesUsedUp,
    WrongCode,
    WrongPasscode,
)
from undisc_protocol.keys import link_key
from undisc_protocol.link import write_link

PASSCODE = "blue horse"
TWO_STEP = Wanted("Dr. Ben", passcode=PASSCODE, contact="ben@hospital.example", uses=2)


class Door:
    """The hospital's side of a link in two steps, and what the practice has sent."""

    def __init__(self, patient, hospital):
        self.patient, self.practice, self.hospital = patient, patient.practice, hospital
        self.link = write_link(self.practice.url, SECRET)

    def fetch(self, passcode=PASSCODE, code="", node=None):
        node = node or self.hospital
        (fetch,) = node.link_fetching.start(self.link, passcode, "admin", code)
        return node.ended(fetch.id)

    def ask(self, passcode=PASSCODE):
        """Have a code sent, and return it."""
        with pytest.raises(CodeAsked):
            self.fetch(passcode)
        return self.practice.sent_codes[-1][1]

    def row(self):
        with self.practice.catalog.look() as records:
            return records.links.get(link_key(SECRET).did)


@pytest.fixture
def door(patient, found):
    hospital = found("hospital")
    befriend(patient.practice, hospital)
    shared(patient, TWO_STEP)
    return Door(patient, hospital)


def other(code, number=0):
    return f"{(int(code) + 1 + number) % 10**6:06}"


def test_the_same_link_opens_at_both_doors(door):
    """Passcode, code, study: the node asks for what a browser asks for, and counts as one use."""
    with pytest.raises(CodeAsked) as caught:
        door.fetch()
    assert str(caught.value) == "a code was sent to b***@h***"
    ((contact, code, language),) = door.practice.sent_codes
    assert (contact, language) == ("ben@hospital.example", "es")
    assert door.fetch(code=f" {code[:3]} {code[3:]} ").state is FetchState.DONE
    assert (door.row().uses, door.row().attempts) == (1, 0)
    kinds = door.practice.kinds()
    assert [one for one in kinds if one.startswith("link.")][-2:] == [
        "link.code_sent", "link.unlocked",
    ]  # fmt: skip
    rows = door.practice.patient_sharing.accesses(door.patient.session())
    assert {Access.OPENED, Access.COPIED} <= {row.kind for row in rows if row.node}


def test_the_message_is_in_the_language_of_the_patient(door):
    """An asking node has none; this patient was asked in Spanish, and wants messages in English."""
    visit = door.patient.session().row.visit
    chosen = Channel(visit, ChannelKind.EMAIL, "jane@example.org", "en", 5, "anna", 5)
    with door.practice.catalog.change() as records:
        records.wishes.put_channel(chosen)
    door.ask()
    assert door.practice.sent_codes[-1][2] == "en"


def test_what_was_unlocked_asks_for_no_further_code(door):
    """A transfer that is resumed within a day needs nobody who types."""
    door.fetch(code=door.ask())
    assert door.fetch("").state is FetchState.DONE
    assert len(door.practice.sent_codes) == 1


def test_no_code_is_sent_to_whoever_lacks_the_passcode(door):
    """Nobody's telephone rings because somebody has found a link."""
    with pytest.raises(Locked):
        door.fetch("")
    with pytest.raises(WrongPasscode):
        door.fetch("red horse")
    assert door.practice.sent_codes == []
    assert door.row().attempts == 1


def test_a_code_without_the_passcode_opens_nothing(door):
    code = door.ask()
    with pytest.raises(Locked):
        door.fetch("", code)
    with pytest.raises(WrongPasscode):
        door.fetch("red horse", code)
    assert door.fetch(code=code).state is FetchState.DONE, "a wrong passcode spends no code"


def test_a_link_may_ask_for_a_code_alone(patient, found):
    hospital = found("hospital")
    befriend(patient.practice, hospital)
    shared(patient, replace(TWO_STEP, passcode=""))
    door = Door(patient, hospital)
    code = door.ask("")
    assert door.fetch("", code).state is FetchState.DONE


def test_a_code_works_once(door, found):
    code = door.ask()
    door.fetch(code=code)
    third = found("third")
    befriend(door.practice, third)
    with pytest.raises(WrongCode):
        door.fetch(code=code, node=third)
    assert door.row().uses == 1


def test_a_code_that_a_browser_had_sent_opens_for_a_node(door):
    """A code belongs to link and contact, not to a door; and the other way about."""
    doctor = Browser.at(door.practice, door.link)
    assert door.fetch(code=doctor.send_code()).state is FetchState.DONE
    door.practice.clock.advance(PAUSE_MS // 1000)
    with door.practice.catalog.change() as records:
        records.links.forget_unlocks(2**53)
    assert doctor.open(PASSCODE, code=door.ask()).studies


def test_asking_again_within_half_a_minute_sends_nothing(door, clock):
    """Somebody who begins anew types the code that is on its way."""
    first = door.ask()
    assert door.ask() == first
    assert len(door.practice.sent_codes) == 1
    clock.advance(PAUSE_MS // 1000)
    assert door.ask() != first
    with pytest.raises(WrongCode):
        door.fetch(code=first)


def test_five_codes_a_day_are_sent_and_no_more(door, clock):
    """Attack: a telephone is flooded by whoever has link and passcode."""
    for _ in range(A_DAY):
        door.ask()
        clock.advance(PAUSE_MS // 1000)
    for _ in range(3):
        with pytest.raises(CodesUsedUp):
            door.fetch()
    assert len(door.practice.sent_codes) == A_DAY
    clock.advance(86_400)
    door.ask()


def test_500_parallel_wrong_codes_count_as_many_as_a_code_bears(door):
    """Attack: all guesses at once, so that each is compared before another is counted."""
    code = door.ask()

    def guess(number):
        try:
            door.fetch(code=other(code, number))
        except RemoteProtocolError as problem:
            return problem.code
        return "opened"

    with ThreadPoolExecutor(8) as pool:  # right passcodes in flight count, too: ten are borne
        codes = list(pool.map(guess, range(500)))
    assert codes.count("wrong_code") == TRIES
    assert codes.count("codes_used_up") == 500 - TRIES
    with pytest.raises(CodesUsedUp):
        door.fetch(code=code)
    assert (door.row().uses, door.row().attempts) == (0, 0)


def test_a_right_code_in_parallel_opens_once(door, found):
    """Attack: one code for many nodes at once; exactly one gets in."""
    code = door.ask()
    nodes = [found(f"other-{number}") for number in range(6)]
    for node in nodes:
        befriend(door.practice, node)

    def enter(node):
        try:
            return door.fetch(code=code, node=node).state.value
        except RemoteProtocolError as problem:
            return problem.code

    with ThreadPoolExecutor(6) as pool:
        results = list(pool.map(enter, nodes))
    assert results.count("done") == 1
    assert set(results) <= {"done", "wrong_code", "codes_used_up"}


def test_a_code_ends_after_ten_minutes(door, clock):
    code = door.ask()
    clock.advance(LIFETIME_MS // 1000)
    with pytest.raises(WrongCode) as caught:
        door.fetch(code=code)
    assert "new code" in caught.value.hint


@pytest.mark.parametrize("typed", ["31415", "3141592", "three", "31415\u0669"])
def test_what_is_no_code_is_not_counted(door, typed):
    code = door.ask()
    with pytest.raises(WrongCode):
        door.fetch(code=typed)
    for number in range(TRIES - 1):
        with pytest.raises(WrongCode):
            door.fetch(code=other(code, number))
    assert door.fetch(code=code).state is FetchState.DONE


def test_wrong_codes_are_written_down_and_shown_to_the_patient(door):
    with pytest.raises(WrongCode) as caught:
        door.fetch(code=other(door.ask()))
    assert "4" in caught.value.hint
    assert door.practice.kinds()[-1] == "link.wrong_code"
    rows = door.practice.patient_sharing.accesses(door.patient.session())
    assert rows[0].kind is Access.WRONG


def test_a_repeated_unlock_sends_no_further_code(door, network, clock):
    """Attack: somebody who saw the request repeats its bytes, to flood the telephone."""
    door.ask()
    body = next(said for path, said in network.asked if path == UNLOCK)
    clock.advance(PAUSE_MS // 1000)
    statuses = [door.practice.unlock(body).status for _ in range(9)]
    assert statuses == [Replayed.status] * 9
    assert len(door.practice.sent_codes) == 1


def test_a_code_that_cannot_be_sent_is_said_and_not_waited_for(door):
    """The mail server is down: the holder is busy, and the next try need not wait."""
    door.practice.mail_is_down = True
    with pytest.raises(Busy) as caught:
        door.fetch()
    assert "cannot be sent" in str(caught.value)
    door.practice.mail_is_down = False
    assert door.fetch(code=door.ask()).state is FetchState.DONE


def test_strangers_have_no_code_sent(door, found):
    """Whether a node may use links at all is looked at first."""
    stranger = found("stranger")
    stranger.add(door.practice)
    with pytest.raises(UnknownRecipient):
        door.fetch(node=stranger)
    assert door.practice.sent_codes == []


def test_uses_and_attempts_bind_before_a_code_is_sent(door):
    for _ in range(door.row().max_attempts):
        with pytest.raises(WrongPasscode):
            door.fetch("red horse")
    with pytest.raises(AttemptsUsedUp):
        door.fetch()
    door.practice.linking.reopen(door.row(), "admin")
    with door.practice.catalog.change() as records:
        for _ in range(2):
            records.links.take_use(link_key(SECRET).did)
    with pytest.raises(UsesUsedUp):
        door.fetch()
    assert door.practice.sent_codes == []


def test_a_code_too_long_asks_nobody(door, network):
    with pytest.raises(Oversize):
        door.fetch(code="3" * 17)
    assert not [path for path, _ in network.asked if path == UNLOCK]


def test_a_code_stands_in_no_log_and_no_row(door):
    code = door.ask()
    door.fetch(code=code)
    for node in (door.practice, door.hospital):
        with node.catalog.look() as records:
            shown = repr(records.links.list()) + repr(records.fetches.list()) + repr(node.events())
        assert code not in shown
        assert "ben@hospital" not in shown


def test_the_code_of_a_revoked_link_opens_nothing(door):
    code = door.ask()
    door.practice.linking.revoke(door.row(), "admin")
    with pytest.raises(RemoteProtocolError) as caught:
        door.fetch(code=code)
    assert caught.value.code == "revoked"
    assert not isinstance(caught.value, ServiceError)

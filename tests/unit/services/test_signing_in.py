"""Signing in at the desk: two steps, each with a new secret; and everything that ends it."""

from __future__ import annotations

import base64

import pytest

from support.clock import FakeClock, SeededEntropy
from support.memory_catalog import MemoryCatalog
from undisc_node.services import totp
from undisc_node.services.auditing import Auditing, Journal
from undisc_node.services.desk_rows import Stage
from undisc_node.services.errors import Conflict, NotSignedIn, Refused, TooManyAttempts
from undisc_node.services.signing_in import BETWEEN_MS, LONGEST_MS, MAX_SESSIONS, SigningIn
from undisc_node.services.staff import Staff
from undisc_node.services.staff_rows import Role

PASSWORD = "four words nobody guesses"
IDLE_MS = 15 * 60_000


class Desk:
    def __init__(self):
        self.clock, self.catalog = FakeClock(), MemoryCatalog()
        entropy = SeededEntropy()
        journal = Journal(clock=self.clock, entropy=entropy)
        self.staff = Staff(
            catalog=self.catalog,
            journal=journal,
            clock=self.clock,
            entropy=entropy,
            passes=1,
            memory=8_192,
        )
        self.signing = SigningIn(
            catalog=self.catalog,
            staff=self.staff,
            journal=journal,
            clock=self.clock,
            entropy=entropy,
            sealing_key=bytes(32),
            practice="Praxis",
            idle_ms=IDLE_MS,
        )
        self.staff.add("root", Role.ADMIN, PASSWORD, "setup")
        self.staff.add("anna", Role.DESK, PASSWORD, "root")
        self.secret = b""

    def code(self):
        self.clock.advance(60)  # a step is used once
        return totp.code_at(self.secret, self.clock.now_ms() // 30_000)

    def enrol(self, name="anna"):
        begun = self.signing.begin(name, PASSWORD)
        text = self.signing.enrolment(begun.session).text.replace(" ", "")
        self.secret = base64.b32decode(text + "=" * (-len(text) % 8))
        return self.signing.finish(begun.secret, self.code())

    def again(self):
        return self.signing.finish(self.signing.begin("anna", PASSWORD).secret, self.code())

    def stage(self, signed):
        session = self.signing.session_of(signed.secret)
        return session.stage if session else None

    def kinds(self):
        return [event.type for _, event in Auditing(catalog=self.catalog).list(-1, 100)]


@pytest.fixture
def desk():
    return Desk()


def test_the_first_time_an_authenticator_is_set_up_and_then_asked_for(desk):
    begun = desk.signing.begin("anna", PASSWORD)
    assert begun.session.stage is Stage.ENROL
    first = desk.signing.enrolment(begun.session)
    assert desk.signing.enrolment(begun.session) == first  # the page can be loaded again
    assert desk.stage(desk.enrol()) is Stage.IN
    assert desk.signing.begin("anna", PASSWORD).session.stage is Stage.CODE
    assert "staff.enrolled" in desk.kinds()
    assert desk.kinds()[-1] == "staff.signed_in"


def test_each_step_has_a_secret_of_its_own_and_the_one_before_is_worth_nothing(desk):
    """Whoever planted a cookie before the sign-in is not signed in by it."""
    desk.enrol()
    begun = desk.signing.begin("anna", PASSWORD)
    signed = desk.signing.finish(begun.secret, desk.code())
    assert begun.secret != signed.secret
    assert desk.stage(begun) is None
    replaced = desk.signing.begin("anna", PASSWORD, earlier=signed.secret)
    assert desk.stage(signed) is None
    assert desk.stage(replaced) is Stage.CODE


def test_a_password_alone_is_not_enough(desk):
    desk.enrol()
    begun = desk.signing.begin("anna", PASSWORD)
    assert begun.session.stage is Stage.CODE
    with pytest.raises(Refused):
        desk.signing.enrolment(begun.session)  # the second key cannot be seen or replaced with it


def test_a_code_works_once(desk):
    desk.enrol()
    code = desk.code()
    desk.signing.finish(desk.signing.begin("anna", PASSWORD).secret, code)
    with pytest.raises(Refused) as caught:
        desk.signing.finish(desk.signing.begin("anna", PASSWORD).secret, code)
    assert caught.value.reason == "wrong_code"


def test_codes_cannot_be_guessed_not_even_with_ever_new_sessions(desk):
    desk.enrol()
    for _ in range(5):
        with pytest.raises(Refused):
            desk.signing.finish(desk.signing.begin("anna", PASSWORD).secret, "000000")
    begun = desk.signing.begin("anna", PASSWORD)
    with pytest.raises(TooManyAttempts):
        desk.signing.finish(begun.secret, "000000")


def test_after_five_wrong_codes_the_password_is_asked_for_again(desk):
    desk.enrol()
    begun = desk.signing.begin("anna", PASSWORD)
    for _ in range(4):
        with pytest.raises(Refused):
            desk.signing.finish(begun.secret, "000000")
    with pytest.raises(NotSignedIn):
        desk.signing.finish(begun.secret, "000000")
    assert desk.stage(begun) is None


@pytest.mark.parametrize(
    "end",
    [
        lambda desk: desk.staff.disable("anna", "root"),
        lambda desk: desk.staff.reset("anna", PASSWORD + "!", "root"),
        lambda desk: desk.clock.advance(IDLE_MS / 1000),
    ],
    ids=["disabled", "new password", "idle"],
)
def test_what_ends_a_session_at_once(desk, end):
    signed = desk.enrol()
    assert desk.stage(signed) is Stage.IN
    end(desk)
    assert desk.stage(signed) is None


def test_use_keeps_a_session_from_idling_but_not_beyond_a_day(desk):
    signed = desk.enrol()
    for _ in range(LONGEST_MS // IDLE_MS * 2 - 1):
        desk.clock.advance(IDLE_MS / 2_000)
        assert desk.stage(signed) is Stage.IN
    desk.clock.advance(IDLE_MS / 2_000)
    assert desk.stage(signed) is None


def test_half_a_sign_in_does_not_wait_for_long(desk):
    desk.enrol()
    begun = desk.signing.begin("anna", PASSWORD)
    desk.clock.advance(BETWEEN_MS / 1000)
    with pytest.raises(NotSignedIn):
        desk.signing.finish(begun.secret, desk.code())


def test_a_reset_makes_the_second_key_anew(desk):
    """A lost telephone: an administrator gives a new password, and a new key is set up."""
    desk.enrol()
    desk.staff.reset("anna", PASSWORD, "root")
    assert desk.signing.begin("anna", PASSWORD).session.stage is Stage.ENROL


def test_signing_off_ends_it(desk):
    signed = desk.enrol()
    desk.signing.sign_off(signed.secret)
    desk.signing.sign_off(signed.secret)
    assert desk.stage(signed) is None
    assert desk.kinds()[-1] == "staff.signed_off"


def test_somebody_has_a_few_sessions_at_once_the_oldest_ends(desk):
    first = desk.enrol()
    others = [desk.again() for _ in range(MAX_SESSIONS)]
    assert desk.stage(first) is None
    assert {desk.stage(one) for one in others} == {Stage.IN}


@pytest.mark.parametrize("secret", ["", "x", "é", "A" * 43 + "=", "A" * 2_000, "\ud800"])
def test_a_cookie_of_nobody_is_nobodys(desk, secret):
    assert desk.signing.session_of(secret) is None
    desk.signing.sign_off(secret)


def test_no_secret_is_in_a_row_or_in_what_is_printed(desk):
    signed = desk.enrol()
    raw = base64.urlsafe_b64decode(signed.secret + "=")
    with desk.catalog.look() as records:
        assert records.desk.session(raw) is None
        assert desk.secret not in records.desk.factor("anna").sealed
    assert signed.secret not in repr(signed)


def test_the_last_administrator_stays(desk):
    with pytest.raises(Conflict):
        desk.staff.disable("root", "anna")


def test_what_is_over_is_forgotten(desk):
    desk.enrol()
    desk.clock.advance(LONGEST_MS / 1000)
    assert desk.signing.forget() == 1
    assert desk.signing.forget() == 0

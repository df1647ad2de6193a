"""Passkeys of staff: for one browser and once, for whom the device has verified, and no longer."""

from __future__ import annotations

import pytest

from support.clock import FakeClock
from support.memory_network import MemoryNetwork
from support.practice import Practice
from undisc_node.services.desk_rows import Stage
from undisc_node.services.errors import Conflict, NotFound, NotSignedIn, Refused
from undisc_node.services.passkeys import LASTS_MS, MAX_PASSKEYS, Passkeys, Read, Site, bad_passkey
from undisc_node.services.signing_in import SigningIn
from undisc_node.services.staff import Staff
from undisc_node.services.staff_rows import Role

SITE = Site("desk.example", "https://desk.example")
PASSWORD = "four words nobody guesses"


class Reader:
    """Answers are `id challenge`: an authenticator without mathematics."""

    def ask_new(self, site, practice, name, challenge, known):
        return challenge.hex()

    def ask(self, site, challenge):
        return challenge.hex()

    def read_new(self, answer, site, challenge):
        name, signed = answer.split()
        if signed != challenge.hex():
            raise bad_passkey()
        return Read(name.encode(), b"key", 0)

    def id_of(self, answer):
        return answer.split()[0].encode()

    def read(self, answer, site, challenge, known):
        if answer.split()[1] != challenge.hex():
            raise bad_passkey()
        return known.count + 1


class Desk:
    def __init__(self):
        self.clock = FakeClock()
        practice = Practice("a", MemoryNetwork(), self.clock)
        self.catalog = practice.catalog
        common = {
            "catalog": self.catalog,
            "journal": practice.journal,
            "clock": self.clock,
            "entropy": practice.entropy,
        }
        self.staff = Staff(**common, passes=1, memory=8_192)
        self.signing_in = SigningIn(
            **common,
            staff=self.staff,
            sealing_key=b"k" * 32,
            practice="Practice",
            idle_ms=900_000,
        )
        self.passkeys = Passkeys(
            **common, reader=Reader(), signing_in=self.signing_in, practice="Practice"
        )
        for name in ("anna", "ben"):
            self.staff.add(name, Role.ADMIN, PASSWORD, "root")

    def made(self, passkey="phone", name="anna"):
        challenge = self.passkeys.ask_new(name, "cookie", SITE)
        return self.passkeys.add(name, "cookie", f"{passkey} {challenge}", "my phone", SITE)

    def sign_in(self, passkey="phone", cookie="browser"):
        challenge = self.passkeys.ask(cookie, SITE)
        return self.passkeys.sign_in(cookie, f"{passkey} {challenge}", SITE)


@pytest.fixture
def desk():
    return Desk()


def test_a_passkey_signs_in_alone(desk):
    desk.made()
    signed = desk.sign_in()
    assert desk.signing_in.session_of(signed.secret).stage is Stage.IN
    (known,) = desk.passkeys.list("anna")
    assert (known.count, known.used_ms) == (1, desk.clock.now_ms())


def test_an_answer_is_good_once_in_one_browser_and_for_minutes(desk):
    desk.made()
    challenge = desk.passkeys.ask("browser", SITE)
    with pytest.raises(Refused):
        desk.passkeys.sign_in("another", f"phone {challenge}", SITE)
    desk.passkeys.sign_in("browser", f"phone {challenge}", SITE)
    with pytest.raises(Refused):
        desk.passkeys.sign_in("browser", f"phone {challenge}", SITE)
    challenge = desk.passkeys.ask("browser", SITE)
    desk.clock.advance(LASTS_MS / 1000)
    with pytest.raises(Refused):
        desk.passkeys.sign_in("browser", f"phone {challenge}", SITE)


def test_a_challenge_to_make_one_does_not_sign_in(desk):
    desk.made()
    challenge = desk.passkeys.ask_new("anna", "browser", SITE)
    with pytest.raises(Refused):
        desk.passkeys.sign_in("browser", f"phone {challenge}", SITE)


@pytest.mark.parametrize("end", ["disable", "reset", "remove"])
def test_what_ends_a_passkey(desk, end):
    made = desk.made()
    if end == "disable":
        desk.staff.disable("anna", "ben")
    elif end == "reset":
        desk.staff.reset("anna", PASSWORD, "ben")
    else:
        desk.passkeys.remove("anna", made.id)
    with pytest.raises((Refused, NotSignedIn)):
        desk.sign_in()


def test_passkeys_are_ones_own_and_bounded(desk):
    made = desk.made()
    with pytest.raises(NotFound):
        desk.passkeys.remove("ben", made.id)
    with pytest.raises(Conflict):
        desk.made(name="ben")
    for number in range(1, MAX_PASSKEYS):
        desk.made(f"phone{number}")
    with pytest.raises(Conflict):
        desk.made("one-more")

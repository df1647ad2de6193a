"""Accounts of the practice's own people: only the right password, and not by trying them all."""

from __future__ import annotations

import threading

import pytest

from undisc_node.services import staff as staff_module
from undisc_node.services.errors import Conflict, Invalid, NotFound, NotSignedIn, TooManyAttempts
from undisc_node.services.staff_rows import Role
from undisc_protocol import passwords

GOOD = "correct horse battery"


@pytest.fixture
def hashed(monkeypatch):
    """Count how often a password is hashed."""
    counted = []
    plain = passwords.hash_password

    def counting(*given, **named):
        counted.append(1)
        return plain(*given, **named)

    monkeypatch.setattr(staff_module.passwords, "hash_password", counting)
    return counted


@pytest.fixture
def anna(alone):
    return alone.staff.add("anna", Role.ADMIN, GOOD, "root")


def test_name_and_password_together_sign_in(alone, anna):
    assert alone.staff.sign_in("anna", GOOD) == anna
    assert alone.staff.sign_in("Anna", GOOD) == anna
    for name, password in (("anna", GOOD + "x"), ("ben", GOOD), ("", ""), ("anna", "x" * 9999)):
        with pytest.raises(NotSignedIn):
            alone.staff.sign_in(name, password)


def test_a_password_is_never_kept(alone, anna):
    assert GOOD.encode() not in repr(anna).encode() + anna.hash + anna.salt
    assert anna.hash.hex() not in repr(anna)


@pytest.mark.parametrize("name", ["", "Anna", "a b", "../x", "a" * 65, "-x"])
def test_names_that_are_none(alone, name):
    with pytest.raises(Invalid):
        alone.staff.add(name, Role.DESK, GOOD, "root")


@pytest.mark.parametrize("password", ["", "short", "x" * 257])
def test_passwords_that_are_none(alone, password):
    with pytest.raises(Invalid):
        alone.staff.add("anna", Role.DESK, password, "root")


def test_a_name_is_taken_once(alone, anna):
    with pytest.raises(Conflict):
        alone.staff.add("anna", Role.DESK, GOOD, "root")


def test_a_disabled_account_ends_with_the_very_next_request(alone, anna):
    """Also when its success is still remembered; a reset lets it in again."""
    alone.staff.add("ben", Role.DESK, GOOD, "root")
    alone.staff.sign_in("ben", GOOD)
    alone.staff.disable("ben", "root")
    alone.staff.disable("ben", "root")
    with pytest.raises(NotSignedIn):
        alone.staff.sign_in("ben", GOOD)
    alone.staff.reset("ben", GOOD + " again", "root")
    with pytest.raises(NotSignedIn):
        alone.staff.sign_in("ben", GOOD)
    assert alone.staff.sign_in("ben", GOOD + " again").name == "ben"


def test_the_last_administrator_cannot_be_disabled(alone, anna):
    with pytest.raises(Conflict):
        alone.staff.disable("anna", "root")


def test_accounts_that_are_not_there(alone):
    with pytest.raises(NotFound):
        alone.staff.disable("ben", "root")
    with pytest.raises(NotFound):
        alone.staff.reset("ben", GOOD, "root")


def test_guessing_is_braked_and_the_brake_does_not_shut_out_who_is_inside(alone, anna, clock):
    """Twenty wrong passwords in a row: after the fifth they are not even looked at."""
    alone.staff.sign_in("anna", GOOD)
    wrong = braked = 0
    for number in range(20):
        try:
            alone.staff.sign_in("anna", f"guess number {number}")
        except TooManyAttempts:
            braked += 1
        except NotSignedIn:
            wrong += 1
    assert (wrong, braked) == (5, 15)
    assert alone.staff.sign_in("anna", GOOD) == anna
    clock.advance(61)
    assert alone.staff.sign_in("anna", GOOD) == anna  # the wait was two seconds


def test_a_viewer_with_thirty_requests_hashes_once(alone, anna, hashed):
    threads = [threading.Thread(target=alone.staff.sign_in, args=("anna", GOOD)) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(hashed) == 1


def test_a_success_is_remembered_for_a_minute(alone, anna, hashed, clock):
    alone.staff.sign_in("anna", GOOD)
    clock.advance(59)
    alone.staff.sign_in("anna", GOOD)
    assert len(hashed) == 1
    clock.advance(2)
    alone.staff.sign_in("anna", GOOD)
    assert len(hashed) == 2

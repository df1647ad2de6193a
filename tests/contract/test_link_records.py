"""Links, what protects them and who passed it, in memory and in SQLite."""

from __future__ import annotations

from dataclasses import replace

import pytest

from support.parties import label
from undisc_node.services.errors import Conflict
from undisc_node.services.link_rows import KeptPasscode, LinkRow
from undisc_protocol.keys import link_key

DID, OTHER = link_key(label("link")).did, link_key(label("other link")).did
KEPT = KeptPasscode(b"s" * 16, b"h" * 32, 3, 2**26)
LINK = LinkRow(DID, KEPT, max_uses=2, uses=0, max_attempts=3, attempts=0, created_ms=1_000)
OPEN = LinkRow(OTHER, None, max_uses=None, uses=0, max_attempts=10, attempts=0, created_ms=2_000)
NODE = b"n" * 32


@pytest.fixture
def links(catalog):
    with catalog.change() as records:
        records.links.add(LINK)
        records.links.add(OPEN)
    return catalog


def test_a_link_comes_back_as_it_was_made(links):
    with links.look() as records:
        assert records.links.list() == [OPEN, LINK]
        assert records.links.get(DID) == LINK
        assert records.links.get(link_key(label("nobody's")).did) is None


def test_a_link_is_made_once(links):
    with links.change() as records, pytest.raises(Conflict):
        records.links.add(replace(LINK, passcode=None))


def test_attempts_end_at_their_limit_and_begin_anew_when_reopened(links):
    with links.change() as records:
        assert [records.links.take_attempt(DID) for _ in range(5)] == [True] * 3 + [False] * 2
        records.links.give_back(DID)
        assert records.links.take_attempt(DID)
        assert records.links.get(DID).attempts_used_up
        records.links.reopen(DID)
        assert records.links.get(DID) == LINK


def test_uses_end_at_their_limit(links):
    with links.change() as records:
        assert [records.links.take_use(DID) for _ in range(3)] == [True, True, False]
        assert all(records.links.take_use(OTHER) for _ in range(3))
        assert records.links.get(DID).uses_used_up
        assert not records.links.get(OTHER).uses_used_up


def test_a_revocation_is_final(links):
    with links.change() as records:
        records.links.revoke(DID, 5)
        records.links.revoke(DID, 6)
        assert records.links.get(DID).revoked_ms == 5


def test_an_unlock_is_of_one_node_and_ends(links):
    with links.change() as records:
        records.links.unlock(DID, NODE, 50)
        records.links.unlock(DID, NODE, 60)
        assert records.links.unlocked_until(DID, NODE) == 60
        assert records.links.unlocked_until(OTHER, NODE) == 0
        assert records.links.unlocked_until(DID, b"m" * 32) == 0
        records.links.forget_unlocks(59)
        assert records.links.unlocked_until(DID, NODE) == 60
        records.links.forget_unlocks(60)
        assert records.links.unlocked_until(DID, NODE) == 0


def test_the_secret_of_a_link_that_was_given_is_kept_sealed(links):
    with links.change() as records:
        assert records.links.kept(b"c" * 32) is None
        records.links.keep(b"c" * 32, b"sealed")
        records.links.keep(b"c" * 32, b"sealed again")
        assert records.links.kept(b"c" * 32) == b"sealed again"


def test_a_look_cannot_count(links):
    with links.look() as records, pytest.raises(RuntimeError):
        records.links.take_use(OTHER)

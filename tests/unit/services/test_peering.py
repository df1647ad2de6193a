"""Other nodes: looked up, compared, trusted, suspended, revoked."""

from dataclasses import replace

import pytest

from support.memory_reader import instance
from undisc_node.services.errors import Conflict, Invalid, NotFound, Refused
from undisc_node.services.identity import Cards
from undisc_node.services.model import PeerState
from undisc_protocol.errors import BadSignature, Expired, Malformed, Unreachable
from undisc_protocol.identity import read_node_document
from undisc_protocol.tree import Frontier


@pytest.fixture
def two(found):
    """Two practices that do not know each other."""
    return found("one"), found("two")


def moved(practice, clock, **changes):
    """Let a practice show a newer card with other contents."""
    clock.advance(1)
    own = replace(practice.own, **changes)
    practice.peering._cards = Cards(own=own, catalog=practice.catalog, clock=clock)


# --- Looking and adding ---------------------------------------------------------------------------


def test_looking_changes_nothing(two):
    """First trust is never silent: what answers is only reported."""
    one, two_ = two
    seen = one.peering.look(two_.url)
    assert (seen.id, seen.did, seen.name) == (two_.own.id, two_.own.key.did, "Practice two")
    assert (seen.urls, seen.known) == ((two_.url,), None)
    assert one.peering.list() == []
    assert one.kinds() == []
    one.add(two_, trust=False)
    assert one.peering.look(two_.url).known is PeerState.PENDING


def test_nobody_answers(two):
    with pytest.raises(Unreachable):
        two[0].peering.look("https://nobody.example")


@pytest.mark.parametrize(
    ("trust", "state", "kinds"),
    [
        (True, PeerState.TRUSTED, ["peer.added", "peer.trusted"]),
        (False, PeerState.PENDING, ["peer.added"]),
    ],
)
def test_a_compared_node_is_added(two, clock, trust, state, kinds):
    one, other = two
    one.add(other, trust=trust)
    peer = one.peer(other)
    assert (peer.state, peer.scopes, peer.urls) == (state, ("fetch", "offer"), (other.url,))
    assert (peer.did, peer.box) == (other.own.key.did, bytes(other.own.box.public_key))
    assert (peer.records, peer.added_ms) == (other.own.identity.records, clock.now_ms())
    assert one.kinds() == kinds
    assert one.events()[0].detail == {"name": "Practice two"}


def test_another_node_at_the_address_is_refused(two, found):
    """Attack: between the comparison and the adding, somebody else answers."""
    one, other = two
    with pytest.raises(Refused) as refused:
        one.peering.add(other.url, found("three").own.id, trust=True, scopes=(), actor="alice")
    assert refused.value.reason == "wrong_node"
    assert one.peering.list() == []


def test_the_own_address_is_refused(two):
    one, _ = two
    with pytest.raises(Refused) as refused:
        one.add(one)
    assert refused.value.reason == "own_address"


def test_an_unknown_scope_is_refused(two):
    one, other = two
    with pytest.raises(Invalid):
        one.add(other, scopes=("fetch", "everything"))


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (lambda _: b"<html>", Malformed),
        (lambda document: document[:-1], Malformed),
        (lambda document: document.replace(b"Practice two", b"Practice 222"), BadSignature),
    ],
    ids=["a page", "cut", "changed"],
)
def test_what_is_no_document_of_a_node_is_refused(two, spoil, error):
    one, other = two
    document = spoil(other.document())
    other.document = lambda: document
    with pytest.raises(error):
        one.add(other)


def test_an_old_document_is_refused(two, clock):
    """Attack: somebody repeats a card that has expired, to lead us to an old address."""
    one, other = two
    document = other.document()
    other.document = lambda: document
    clock.advance(31 * 86_400)
    with pytest.raises(Expired):
        one.add(other)


def test_adding_again_takes_the_newer_card_over(two, clock):
    """New address, new name; the state and the day of the first adding stay."""
    one, other = two
    one.add(other)
    added = one.peer(other).added_ms
    moved(other, clock, name="Practice two, new house", urls=("https://new.example",))
    one.add(other, trust=False, scopes=("offer",))
    peer = one.peer(other)
    assert (peer.name, peer.urls) == ("Practice two, new house", ("https://new.example",))
    assert (peer.state, peer.scopes, peer.added_ms) == (PeerState.TRUSTED, ("offer",), added)


def test_adding_again_does_not_take_an_older_card_over(two, clock):
    """Attack: an old answer, still valid, is repeated to bring back an old address."""
    one, other = two
    old = other.document()
    clock.advance(1)
    one.add(other)
    before = one.peer(other)
    other.document = lambda: old
    with pytest.raises(Refused) as refused:
        one.add(other)
    assert refused.value.reason == "old_card"
    assert one.peer(other) == before


def test_a_node_without_addresses_is_reached_where_it_answered(two, network, clock):
    one, other = two
    moved(other, clock, urls=())
    one.add(other)
    assert one.peer(other).urls == (other.url,)


# --- Cards that travel in offers ------------------------------------------------------------------


def test_a_newer_card_is_taken_over_and_an_older_one_is_not(two, clock):
    one, other = two
    old = read_node_document(other.document(), now=clock.now_ms() // 1000)
    clock.advance(1)
    one.add(other)
    peer = one.peer(other)
    assert one.peering.refresh(peer, old) == peer
    moved(other, clock, urls=("https://new.example",))
    new = read_node_document(other.document(), now=clock.now_ms() // 1000)
    refreshed = one.peering.refresh(peer, new)
    assert refreshed.urls == ("https://new.example",)
    assert one.peer(other) == refreshed
    assert one.peering.refresh(peer, new) == refreshed  # the row was newer than what was looked up
    assert (refreshed.state, refreshed.scopes) == (peer.state, peer.scopes)


def test_a_card_of_another_node_changes_nothing(two, found, clock):
    one, other = two
    one.add(other)
    foreign = read_node_document(found("three").document(), now=clock.now_ms() // 1000)
    assert one.peering.refresh(one.peer(other), foreign) == one.peer(other)


# --- What peers show of their logs ----------------------------------------------------------------


def test_the_newest_head_of_a_peers_log_is_remembered(two, clock):
    one, other = two
    one.add(other)
    other.store(instance(1))
    clock.advance(1)
    one.add(other)
    with other.catalog.look() as records:
        assert one.peer(other).checkpoint == records.log.frontier().checkpoint()
    assert "peer.log_differs" not in one.kinds()


@pytest.mark.parametrize(
    ("change", "alert"),
    [
        ({"root": bytes(32)}, True),
        ({"origin": b"another log 1234"}, True),
        ({"size": 0}, False),
    ],
    ids=["rewritten", "another log", "older"],
)
def test_a_log_that_contradicts_itself_is_an_alert(two, clock, change, alert):
    """Attack: a peer rewrites its log; whoever saw an earlier head notices."""
    one, other = two
    other.store(instance(1))
    one.add(other)
    known = one.peer(other).checkpoint
    assert known.size == 1  # so that its one node is the root
    told = replace(known, **change)
    clock.advance(1)
    rewritten = Frontier(told.origin, told.size, (told.root,) if told.size else ())
    other.catalog._tables.frontier = rewritten
    one.add(other)
    assert ("peer.log_differs" in one.kinds()) == alert
    expected = told if "origin" in change else known
    assert one.peer(other).checkpoint == expected


# --- States ---------------------------------------------------------------------------------------


def test_states_change_and_are_logged(two):
    one, other = two
    one.add(other, trust=False)
    for state in (PeerState.TRUSTED, PeerState.SUSPENDED, PeerState.TRUSTED, PeerState.REVOKED):
        assert one.peering.set_state(other.own.id, state, "alice").state is state
        assert one.kinds()[-1] == f"peer.{state}"
    assert one.events()[-1].who[0].user == "alice"


def test_the_same_state_again_changes_nothing(two):
    one, other = two
    one.add(other)
    before = one.kinds()
    one.peering.set_state(other.own.id, PeerState.TRUSTED, "alice")
    assert one.kinds() == before


def test_a_revocation_is_final(two):
    """Neither by trusting nor by adding does a revoked node come back."""
    one, other = two
    one.add(other)
    one.peering.set_state(other.own.id, PeerState.REVOKED, "alice")
    for state in (PeerState.TRUSTED, PeerState.SUSPENDED):
        with pytest.raises(Conflict):
            one.peering.set_state(other.own.id, state, "alice")
    with pytest.raises(Conflict) as refused:
        one.add(other)
    assert refused.value.reason == "peer_revoked"
    assert one.peer(other).state is PeerState.REVOKED


def test_a_peer_is_found_by_name_or_the_beginning_of_its_id(two, network, clock):
    one, other = two
    one.add(other)
    peer = one.peer(other)
    assert one.peering.find("Practice two") == peer
    assert one.peering.find(peer.id.hex()[:8]) == peer
    for name in ("practice two", "Practice", "", peer.id.hex()[:3]):
        with pytest.raises(NotFound):
            one.peering.find(name)
    with pytest.raises(NotFound):
        one.peering.set_state(bytes(32), PeerState.TRUSTED, "alice")


def test_two_peers_of_one_name_are_told_apart_by_id(found, clock):
    """Attack: a node calls itself like another, to be granted what was meant for that one."""
    one, other, twin = found("one"), found("two"), found("three")
    moved(twin, clock, name="Practice two")
    one.add(other)
    one.add(twin)
    with pytest.raises((NotFound, Conflict)):
        one.peering.find("Practice two")
    assert one.peering.find(twin.own.id.hex()) == one.peer(twin)


def test_the_document_is_fresh_each_time(two, clock):
    """Two cards never have the same number, even within a millisecond."""
    one, _ = two
    numbers = [
        read_node_document(one.document(), now=clock.now_ms() // 1000).card.seq for _ in range(3)
    ]
    assert len(set(numbers)) == 3
    assert numbers == sorted(numbers)

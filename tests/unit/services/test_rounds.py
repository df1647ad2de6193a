"""Peers greet each other: new keys and addresses travel, cut and rewritten logs are found."""

from dataclasses import replace

import pytest

from support.memory_network import GREETING
from support.succession import become, replace_key
from undisc_node.services import auditing, growth, rounds
from undisc_node.services.model import PeerState
from undisc_node.services.round_rows import AlertKind
from undisc_node.services.rounds import EVERY_MS, FIRST_MS
from undisc_protocol.identity import read_card
from undisc_protocol.log import Frontier
from undisc_protocol.tree import consistency_proof

DAY_MS = 86_400_000


def kinds(practice, kind):
    return [event for event in practice.events() if event.type == kind]


def made(practice, peer):
    with practice.catalog.look() as records:
        return records.rounds.get(peer.own.id)


def alerts(practice):
    return [one.kind for one in practice.rounds.facts().alerts]


def greetings(practice):
    return sum(path == GREETING for path, _ in practice.network.asked)


def grow(practice, lines):
    for _ in range(lines):
        with practice.catalog.change() as records:
            practice.journal.note(records, "node.started", who=auditing.user("test"))


def rewrite(practice, keep, *, then=0):
    """Cut a log as somebody with the disk could, and let it go on."""
    with practice.catalog.change() as records:
        rows = list(records.log.list(limit=10_000))[:keep]
        tables = records.log._new
        tables.log = rows
        tree = Frontier(tables.frontier.origin, 0, ())
        for row in rows:
            tree = tree.append(row.leaf)
        tables.frontier = tree
    grow(practice, then)


def test_a_peer_is_greeted_at_once_and_then_some_times_a_day(served, clock):
    holder, asker = served
    assert asker.rounds.make() == 1
    round_ = made(asker, holder)
    assert (round_.knows, round_.attempts, round_.problem) == (0, 0, "")
    assert round_.heard_ms == clock.now_ms()
    assert EVERY_MS * 3 // 4 <= round_.next_ms - clock.now_ms() <= EVERY_MS * 5 // 4
    assert asker.rounds.make() == 0
    clock.advance(EVERY_MS * 5 // 4000 + 1)
    assert asker.rounds.make() == 1


def test_who_does_not_answer_is_asked_after_pauses_that_grow_up_to_a_bound(served, clock):
    holder, asker = served
    asker.network.faults.unreachable.update(holder.own.urls)
    pauses = []
    for attempt in range(14):
        assert asker.rounds.make() == 0
        round_ = made(asker, holder)
        assert round_.attempts == attempt + 1
        pauses.append(round_.next_ms - clock.now_ms())
        clock.advance(pauses[-1] // 1000 + 1)
    assert FIRST_MS * 3 // 4 <= pauses[0] <= FIRST_MS * 5 // 4
    assert pauses[4] > 4 * pauses[0]
    assert max(pauses) <= EVERY_MS * 5 // 4
    assert made(asker, holder).problem.startswith("unreachable")


def test_a_node_that_moved_is_found_although_its_old_address_is_dead(served, clock):
    """It goes to its peers itself, and its card says where it is now."""
    holder, asker = served
    asker.rounds.make()
    old, new = asker.own.urls[0], "https://moved.example"
    asker.network.nodes[new] = asker.network.nodes.pop(old)
    clock.advance(1)
    become(asker, replace(asker.own, urls=(new,)))
    assert asker.rounds.make() == 1, "it does not wait for the next round"
    assert holder.peer(asker).urls == (new,)
    assert holder.rounds.greet(holder.peer(asker))
    assert asker.rounds.make() == 0, "told once"


def test_a_new_key_is_told_at_once(served):
    holder, asker = served
    asker.rounds.make()
    replace_key(asker)
    assert asker.rounds.make() == 1
    assert holder.peer(asker).did == asker.own.key.did
    assert made(asker, holder).knows == 1


def test_a_stranger_gets_the_same_answer_as_a_pending_peer(served, found):
    holder, _ = served
    other = found("other")
    other.add(holder)
    assert other.rounds.make() == 0
    unknown = made(other, holder).problem
    holder.add(other)
    holder.peering.set_state(other.own.id, PeerState.SUSPENDED, "anna")
    assert other.rounds.greet(other.peer(holder)), "a suspended peer is answered"
    assert unknown.startswith("unknown_recipient")


def test_a_log_that_grew_is_proved_to_have_only_grown(served, clock):
    holder, asker = served
    asker.rounds.make()
    kept = asker.peer(holder).checkpoint
    grow(holder, 5)
    clock.advance(86_400)
    asker.rounds.make()
    assert made(asker, holder).proved_ms == clock.now_ms()
    assert asker.peer(holder).checkpoint.size > kept.size
    assert alerts(asker) == []


@pytest.mark.parametrize(
    ("keep", "then", "kind"),
    [(2, 0, AlertKind.LOG_SHRANK), (2, 40, AlertKind.LOG_FORKED)],
    ids=["cut", "rewritten"],
)
def test_a_log_that_was_cut_or_rewritten_is_found_by_its_peer(served, clock, keep, then, kind):
    """Attack: an administrator with the disk makes lines of the log disappear."""
    holder, asker = served
    grow(holder, 20)
    asker.rounds.make()
    kept = asker.peer(holder).checkpoint
    rewrite(holder, keep, then=then)
    clock.advance(86_400)
    asker.rounds.make()
    assert alerts(asker) == [kind]
    assert asker.peer(holder).checkpoint == kept, "the evidence stays"
    assert len(kinds(asker, "peer.log_differs")) == 1
    clock.advance(86_400)
    asker.rounds.make()
    assert len(kinds(asker, "peer.log_differs")) == 1, "told once"
    # A person called, compared the words, and takes the log as it is from here.
    asker.peering.set_state(holder.own.id, PeerState.TRUSTED, "anna")
    clock.advance(86_400)
    asker.rounds.make()
    assert alerts(asker) == []
    assert asker.peer(holder).checkpoint != kept


@pytest.mark.parametrize(("keep", "then"), [(2, 0), (2, 40)], ids=["cut", "rewritten"])
def test_the_node_itself_hears_it_from_its_witnesses(served, clock, keep, then):
    holder, asker = served
    grow(holder, 20)
    asker.rounds.make()
    (sound,) = holder.rounds.witnesses()
    assert (sound.answered, sound.differs, sound.other_log) == (True, "", False)
    assert sound.seen.size > 2
    rewrite(holder, keep, then=then)
    (wrong,) = holder.rounds.witnesses()
    assert wrong.differs
    assert kinds(holder, "log.differs")[0].why == wrong.differs
    with holder.catalog.look() as records:
        assert growth.own_log_is_shorter(records) == (then == 0)


def test_a_witness_that_does_not_answer_is_compared_by_what_it_said_before(served):
    holder, asker = served
    asker.rounds.make()
    holder.rounds.witnesses()
    asker.network.faults.unreachable.update(asker.own.urls)
    (silent,) = holder.rounds.witnesses()
    assert (silent.answered, silent.differs) == (False, "")
    assert silent.seen is not None


def test_a_proof_is_made_once_in_a_while(served, clock, monkeypatch):
    """Attack: a peer asks for proofs without end; each is a look at the whole log."""
    holder, asker = served
    asker.rounds.make()
    made_proofs = []
    monkeypatch.setattr(rounds, "proof_of_growth", lambda *asked: made_proofs.append(asked) or ())
    for _ in range(5):
        asker.rounds.greet(asker.peer(holder))
    assert len(made_proofs) <= 1


def test_proofs_made_from_pages_are_those_made_from_all_leaves(served, monkeypatch):
    holder, _ = served
    grow(holder, 10)
    monkeypatch.setattr(growth, "_PAGE", 3)
    with holder.catalog.look() as records:
        leaves = [row.leaf for row in records.log.list(limit=10_000)]
        now = records.log.frontier().checkpoint()
    for size in range(1, len(leaves)):
        seen = replace(now, size=size)
        assert growth.proof_of_growth(holder.catalog, seen, now) == consistency_proof(leaves, size)


def test_a_peer_of_whom_nothing_is_heard_is_stopped_and_comes_back_by_itself(served, clock):
    holder, asker = served
    holder.rounds.make()
    offer = holder.grant(holder.study().id, asker).offer
    ends_ms = read_card(holder.peer(asker).card).expires * 1000
    holder.network.faults.unreachable.update(asker.own.urls)
    clock.advance((ends_ms - clock.now_ms()) // 1000 + 86_400)
    holder.rounds.make()
    assert holder.peer(asker).state is PeerState.TRUSTED, "a day after its card there is a warning"
    clock.advance(30 * 86_400)
    holder.rounds.make()
    assert holder.peer(asker).state is PeerState.SUSPENDED
    assert alerts(holder) == [AlertKind.STALE]
    assert len(kinds(holder, "peer.stale")) == 1
    holder.network.faults.unreachable.clear()
    assert asker.rounds.greet(asker.peer(holder))
    assert holder.peer(asker).state is PeerState.TRUSTED
    assert alerts(holder) == []
    assert len(kinds(holder, "peer.fresh")) == 1
    assert offer


def test_what_a_person_suspended_does_not_come_back_by_itself(served, clock):
    holder, asker = served
    holder.rounds.make()
    clock.advance(60 * 86_400)
    holder.network.faults.unreachable.update(asker.own.urls)
    holder.rounds.make()
    assert holder.peer(asker).state is PeerState.SUSPENDED
    holder.peering.set_state(asker.own.id, PeerState.SUSPENDED, "anna")
    holder.network.faults.unreachable.clear()
    asker.rounds.greet(asker.peer(holder))
    assert holder.peer(asker).state is PeerState.SUSPENDED

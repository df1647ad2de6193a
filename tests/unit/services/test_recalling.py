"""A node that came back from a backup learns from its peers what it forgot."""

import pytest
from nacl.public import PrivateKey

from support.asking import fresh
from support.memory_network import RECALL
from support.practice import befriend
from support.succession import backup, become, replace_key, restore
from undisc_node.services.model import PeerState, Recalled
from undisc_node.services.ports import Reply
from undisc_protocol import limits
from undisc_protocol.answer import request_hash
from undisc_protocol.errors import OutdatedIdentity, UnknownRecipient
from undisc_protocol.identity import NodeId, read_node_document
from undisc_protocol.recall import make_recall, read_memory


def kinds(practice, kind):
    return [event for event in practice.events() if event.type == kind]


def receipts(practice, other):
    with practice.catalog.look() as records:
        return records.fetches.receipts_with(other.own.id, skip=0, limit=1000)


def see_card(practice, other):
    """Let a practice see the other one's newest card, with the head of its log."""
    now = practice.clock.now_ms() // 1000
    practice.peering.refresh(practice.peer(other), read_node_document(other.document(), now=now))


def test_what_was_given_after_the_backup_comes_back_as_receipts(served):
    """The restored holder learns who has a copy, and how much of its log is lost."""
    holder, asker = served
    copied = backup(holder)
    before = len(holder.events())
    asker.bring(holder.grant(holder.study().id, asker).offer)
    see_card(asker, holder)
    after = len(holder.events())
    filed = receipts(holder, asker)
    restore(holder, copied)
    assert receipts(holder, asker) == []
    (recalled,) = holder.recalling.recall_all("alice")
    assert recalled == Recalled(
        peer=asker.own.id,
        at_ms=holder.clock.now_ms(),
        seen_lines=after,
        own_lines=before,
        stored=1,
        fetched=0,
        problem="",
    )
    assert recalled.missing_lines == after - before > 0
    assert [one.token for one in receipts(holder, asker)] == [one.token for one in filed]
    assert holder.recalling.recalled() == [recalled]
    (event,) = kinds(holder, "peer.recalled")
    assert event.who[0].user == "alice"
    assert (event.detail["missing_lines"], event.detail["stored"]) == (after - before, 1)


def test_what_was_fetched_after_the_backup_is_told_too(served):
    """The restored asker lost a study that it had stored and acknowledged."""
    holder, asker = served
    copied = backup(asker)
    asker.bring(holder.grant(holder.study().id, asker).offer)
    filed = receipts(asker, holder)
    restore(asker, copied)
    (recalled,) = asker.recalling.recall_all()
    assert (recalled.stored, recalled.fetched, recalled.problem) == (0, 1, "")
    assert [one.token for one in receipts(asker, holder)] == [one.token for one in filed]


def test_asking_again_finds_nothing_new(served):
    holder, asker = served
    copied = backup(holder)
    asker.bring(holder.grant(holder.study().id, asker).offer)
    see_card(asker, holder)
    restore(holder, copied)
    (first,) = holder.recalling.recall_all()
    see_card(asker, holder)
    (again,) = holder.recalling.recall_all()
    assert (first.stored, again.stored) == (1, 0)
    assert again.missing_lines == first.missing_lines
    assert len(receipts(holder, asker)) == 1
    assert holder.recalling.recalled() == [again]


def test_an_alert_about_the_other_log_does_not_lose_the_earlier_head(served):
    """The peer sees the restored node's new log first, and still knows the old one."""
    holder, asker = served
    copied = backup(holder)
    asker.bring(holder.grant(holder.study().id, asker).offer)
    see_card(asker, holder)
    seen = asker.peer(holder).checkpoint
    restore(holder, copied)
    see_card(asker, holder)
    assert asker.peer(holder).checkpoint.origin != seen.origin
    assert len(kinds(asker, "peer.log_differs")) == 1
    (recalled,) = holder.recalling.recall_all()
    assert recalled.seen_lines == seen.size


def test_a_second_restore_counts_what_was_lost_since_the_first(served):
    """Lines that were lost before were told then."""
    holder, asker = served
    first = backup(holder)
    for _ in range(3):
        holder.grant(holder.study().id, asker)
    see_card(asker, holder)
    restore(holder, first)
    see_card(asker, holder)
    second = backup(holder)
    holder.grant(holder.study().id, asker)
    holder.clock.advance(1)
    see_card(asker, holder)
    restore(holder, second)
    (recalled,) = holder.recalling.recall_all()
    assert recalled.missing_lines == 1


def test_a_node_that_never_came_back_misses_nothing(served):
    holder, asker = served
    see_card(asker, holder)
    (recalled,) = holder.recalling.recall_all()
    assert (recalled.missing_lines, recalled.stored, recalled.fetched) == (0, 0, 0)
    assert recalled.seen_lines > 0


def test_the_peer_replaced_its_key_as_well(served):
    """Both were restored: the one that asks looks first who the peer is now."""
    holder, asker = served
    copied = backup(holder)
    asker.bring(holder.grant(holder.study().id, asker).offer)
    restore(holder, copied)
    replace_key(asker)
    (recalled,) = holder.recalling.recall_all()
    assert (recalled.stored, recalled.problem) == (1, "")
    assert holder.peer(asker).did == asker.own.key.did
    assert asker.peer(holder).did == holder.own.key.did


@pytest.mark.parametrize("state", [PeerState.TRUSTED, PeerState.SUSPENDED])
def test_suspended_peers_are_asked_and_answered_too(served, state):
    """Suspending stops new permissions; what was stored stays a fact."""
    holder, asker = served
    asker.bring(holder.grant(holder.study().id, asker).offer)
    asker.peering.set_state(holder.own.id, state, "admin")
    holder.peering.set_state(asker.own.id, state, "admin")
    (recalled,) = holder.recalling.recall_all()
    assert recalled.problem == ""


def test_a_peer_that_does_not_answer_is_on_record(served, network, found):
    """Every other one is asked all the same."""
    holder, asker = served
    third = found("third")
    befriend(holder, third)
    asker.bring(holder.grant(holder.study().id, asker).offer)
    network.faults.unreachable.add(asker.url)
    recalled = {one.peer: one for one in holder.recalling.recall_all()}
    assert recalled[asker.own.id].problem.startswith("unreachable: ")
    assert recalled[third.own.id].problem == ""
    outcomes = {event.detail["name"]: event.outcome for event in kinds(holder, "peer.recalled")}
    assert outcomes == {"Practice asker": 4, "Practice third": 0}


def test_nobody_to_ask(alone):
    assert list(alone.recalling.recall_all()) == []


def test_many_receipts_come_in_several_answers(served, network, monkeypatch):
    """Newest first, until there are no older ones."""
    monkeypatch.setattr(limits, "MAX_RECALLED", 2)
    holder, asker = served
    copied = backup(holder)
    study = holder.study().id
    for _ in range(5):
        holder.clock.advance(1)
        asker.bring(holder.grant(study, asker).offer)
    assert len(receipts(holder, asker)) == 5
    restore(holder, copied)
    network.asked.clear()
    (recalled,) = holder.recalling.recall_all()
    assert [path for path, _ in network.asked] == [RECALL] * 3
    assert len(receipts(holder, asker)) == 5
    assert recalled.stored == 1


# --- Strangers and liars --------------------------------------------------------------------------


def ask(practice, peer, *, skip=0):
    """Ask by hand; return what the peer says, or raise its refusal."""
    own, now = practice.own, practice.clock.now_ms() // 1000
    private = PrivateKey(fresh(32))
    body = make_recall(
        own.key,
        sender=own.identity,
        to=NodeId(peer.own.id),
        box=bytes(peer.own.box.public_key),
        reply_to=bytes(private.public_key),
        skip=skip,
        nonce=fresh(16),
        ephemeral=fresh(32),
        issued=now,
        expires=now + 300,
    )
    reply = peer.remember(body)
    return read_memory(
        reply.body,
        status=reply.status,
        request=request_hash(body),
        peer=NodeId(peer.own.id),
        peer_key=peer.own.key.did,
        own=own.id,
        recall_key=private,
        now=now,
    )


def refusal(practice, peer):
    with pytest.raises(UnknownRecipient) as refused:
        ask(practice, peer)
    return str(refused.value), refused.value.hint


def test_strangers_pending_and_revoked_nodes_get_one_and_the_same_answer(served, found):
    """Attack: a node wants to find out whether it is known here, and how."""
    holder, asker = served
    stranger, pending = found("stranger"), found("pending")
    holder.add(pending, trust=False)
    holder.peering.set_state(asker.own.id, PeerState.REVOKED, "admin")
    before = len(holder.events())
    answers = {refusal(one, holder) for one in (stranger, pending, asker)}
    assert len(answers) == 1
    assert len(holder.events()) == before
    assert holder.refusals.counts() == {"unknown_recipient": 3}


def test_only_what_is_between_the_two_is_told(served, found):
    """Attack: a peer asks for what others have stored."""
    holder, asker = served
    third = found("third")
    befriend(holder, third)
    asker.bring(holder.grant(holder.study().id, asker).offer)
    assert ask(third, holder).receipts == ()
    assert len(ask(asker, holder).receipts) == 1
    assert ask(asker, holder, skip=1).receipts == ()


def test_a_thief_of_the_former_key_is_told_nothing(served):
    holder, asker = served
    asker.bring(holder.grant(holder.study().id, asker).offer)
    former = replace_key(asker)
    ask(asker, holder)
    become(asker, former)
    with pytest.raises(OutdatedIdentity):
        ask(asker, holder)


def test_asking_in_a_loop_does_not_fill_the_log(served, clock):
    """Attack: a peer asks without end."""
    holder, asker = served
    for _ in range(20):
        ask(asker, holder)
    assert len(kinds(holder, "recall.answered")) == 1
    clock.advance(3_601)
    ask(asker, holder)
    assert len(kinds(holder, "recall.answered")) == 2


def test_a_peer_that_tells_without_end_is_left(served, network, monkeypatch):
    """Attack: always one more page, always the same receipts."""
    monkeypatch.setattr(limits, "MAX_RECALLED", 1)
    monkeypatch.setattr("undisc_node.services.recalling.MAX_PAGES", 3)
    holder, asker = served
    for _ in range(9):
        holder.clock.advance(1)
        asker.bring(holder.grant(holder.study().id, asker).offer)
    network.asked.clear()
    (recalled,) = holder.recalling.recall_all()
    assert recalled.problem.startswith("oversize: ")
    assert [path for path, _ in network.asked] == [RECALL] * 3


def test_an_answer_that_nobody_signed_is_no_answer(served, network):
    holder, _ = served
    network.faults.replies[RECALL] = lambda _: Reply(503, b"<html>")
    (recalled,) = holder.recalling.recall_all()
    assert recalled.problem.startswith("unreachable: ")

"""Peers whose key was replaced: followed without a manual act, and nobody else in their name."""

from dataclasses import replace

import pytest

from support.asking import Asked, give_receipt
from support.memory_network import FETCH, RECEIPT
from support.succession import become, replace_key, successor
from undisc_node.services.model import FetchState, PeerState
from undisc_node.web.rendering import Names
from undisc_protocol.errors import (
    BadTicket,
    ForkedIdentity,
    NotGranted,
    OutdatedIdentity,
    Unreachable,
    WrongAudience,
)
from undisc_protocol.identity import read_card, read_node_document


def kinds(practice, kind):
    return [event for event in practice.events() if event.type == kind]


def asked_directly(holder, asker):
    """Make a request on a grant that the asker's present key was given."""
    study = holder.study().id
    return Asked(holder, asker, [holder.grant(study, asker).grant.token], study)


def document(practice, clock):
    return read_node_document(practice.document(), now=clock.now_ms() // 1000)


# --- The asker has replaced its key ---------------------------------------------------------------


def test_a_request_under_the_next_key_is_answered_and_the_key_is_pinned(served):
    """The asker was restored from its kit: nobody at the holder has to do anything."""
    holder, asker = served
    offer = holder.grant(holder.study().id, asker).offer
    former = replace_key(asker)
    assert asker.bring(offer).state is FetchState.DONE
    peer = holder.peer(asker)
    assert (peer.did, peer.records) == (asker.own.key.did, asker.own.identity.records)
    assert peer.did != former.key.did
    (event,) = kinds(holder, "peer.key_changed")
    assert event.detail == {"name": "Practice asker", "number": 1}
    assert event.who[0].user == asker.own.id.hex()
    with holder.catalog.look() as records:
        assert records.peers.find_did(asker.own.key.did) == peer
        assert records.peers.find_did(former.key.did) is None


def test_a_share_to_the_former_key_is_used_by_the_next(served):
    """The patient named the practice, not one of its keys."""
    holder, asker = served
    link = holder.grant(holder.study().id, None)
    shared = holder.share(link, asker)
    replace_key(asker)
    fetch = asker.bring(shared.offer)
    assert (fetch.state, fetch.objects) == (FetchState.DONE, 3)
    assert [one.peer for one in holder.studies.detail(holder.study().id).receipts] == [asker.own.id]


@pytest.mark.parametrize("learnt", ["by request", "by document", "by receipt"])
def test_the_former_key_is_refused_from_then_on(served, clock, learnt):
    """Attack: a thief of the old disk signs requests and receipts, all good but for the key."""
    holder, asker = served
    study = holder.study().id
    token = holder.grant(study, asker).grant.token
    earlier = Asked(holder, asker, [token], study)
    granted = earlier.send()
    former = replace_key(asker)
    if learnt == "by request":
        asker.bring(holder.grant(study, asker).offer)
    elif learnt == "by document":
        holder.peering.refresh(holder.peer(asker), document(asker, clock))
    else:
        give_receipt(earlier.stored(granted), sender=asker, holder=holder)
    become(asker, former)
    for _ in range(3):
        with pytest.raises(OutdatedIdentity):
            Asked(holder, asker, [token], study).send()
    with pytest.raises(OutdatedIdentity):
        give_receipt(earlier.stored(granted), sender=asker, holder=holder)
    (event,) = kinds(holder, "peer.identity_differs")
    assert event.detail["code"] == "outdated_identity"
    assert event.detail["suspended"] == 0
    assert holder.peer(asker).state is PeerState.TRUSTED
    assert holder.refusals.counts()["outdated_identity"] == 4


def test_a_thief_of_the_disk_cannot_get_the_peer_suspended(served):
    """Attack: old records are shown again and again, to shut the real practice out."""
    holder, asker = served
    former, restored = replace_key(asker), asker.own
    offer = holder.grant(holder.study().id, asker).offer
    holder.peering.refresh(holder.peer(asker), document(asker, asker.clock))
    become(asker, former)
    with pytest.raises(OutdatedIdentity):
        asked_directly(holder, asker).send()
    become(asker, restored)
    assert asker.bring(offer).state is FetchState.DONE


def test_an_invocation_of_another_node_is_not_spent(served, found):
    """Attack: a trusted node with a new key uses what somebody else was given."""
    holder, asker = served
    other = found("other")
    holder.add(other)
    study = holder.study().id
    stolen = Asked(holder, asker, [holder.grant(study, asker).grant.token], study)
    replace_key(other)
    with pytest.raises(WrongAudience):
        stolen.read(holder.answer(body := stolen.sealed(by=other)), body=body)


# --- Two who claim to be one ----------------------------------------------------------------------


def test_a_fork_suspends_the_peer_and_is_reported_once(served, clock):
    """The recovery kit was used twice, or stolen: a person has to ask the other practice."""
    holder, asker = served
    study = holder.study().id
    token = holder.grant(study, asker).grant.token
    granted = Asked(holder, asker, [token], study).send()
    former = asker.own
    replace_key(asker)
    holder.peering.refresh(holder.peer(asker), document(asker, clock))
    right = asker.own
    holder.streams.open(granted.ticket, 0, None).close()
    become(asker, successor(former, now=clock.now_ms() // 1000, branch="thief"))
    for _ in range(2):
        with pytest.raises(ForkedIdentity):
            Asked(holder, asker, [token], study).send()
    peer = holder.peer(asker)
    assert (peer.state, peer.records) == (PeerState.SUSPENDED, right.identity.records)
    with pytest.raises(BadTicket):
        holder.streams.open(granted.ticket, 0, None)
    (event,) = kinds(holder, "peer.identity_differs")
    assert (event.detail["code"], event.detail["suspended"]) == ("forked_identity", 1)


def test_after_the_administrator_decided_a_known_fork_is_only_refused(served, clock):
    """Trusted again, the right one works; the other one is refused and suspends nobody."""
    holder, asker = served
    former, study = asker.own, holder.study().id
    offer = holder.grant(study, asker).offer
    replace_key(asker)
    holder.peering.refresh(holder.peer(asker), document(asker, clock))
    right = asker.own
    fork = successor(former, now=clock.now_ms() // 1000, branch="thief")
    become(asker, fork)
    with pytest.raises(ForkedIdentity):
        asked_directly(holder, asker).send()
    holder.peering.set_state(asker.own.id, PeerState.TRUSTED, "admin")
    with pytest.raises(ForkedIdentity):
        asked_directly(holder, asker).send()
    assert holder.peer(asker).state is PeerState.TRUSTED
    become(asker, right)
    assert asker.bring(offer).state is FetchState.DONE


def test_alerts_about_one_peer_are_bounded(served, clock):
    """Attack: the thief of a recovery kit makes a new fork for every request, to fill the log."""
    holder, asker = served
    former = asker.own
    replace_key(asker)
    holder.peering.refresh(holder.peer(asker), document(asker, clock))
    for number in range(12):
        become(asker, successor(former, now=clock.now_ms() // 1000, branch=f"fork {number}"))
        with pytest.raises(ForkedIdentity):
            holder.peering.refresh(holder.peer(asker), document(asker, clock))
    assert len(kinds(holder, "peer.identity_differs")) == 8


@pytest.mark.parametrize("wrong", ["former", "fork"])
def test_adding_again_does_not_take_over_other_records(pair, clock, wrong):
    """Attack: the thief answers at the address that the administrator types in."""
    one, other = pair
    former = replace_key(other)
    one.add(other)
    known = one.peer(other)
    fork = successor(former, now=clock.now_ms() // 1000, branch="thief")
    become(other, former if wrong == "former" else fork)
    with pytest.raises(OutdatedIdentity if wrong == "former" else ForkedIdentity):
        one.add(other)
    assert one.peer(other).records == known.records


def test_a_revoked_peer_stays_as_it_was(pair):
    """Revoked is final: no key brings it back, and nothing more is written about it."""
    one, other = pair
    one.peering.set_state(other.own.id, PeerState.REVOKED, "admin")
    before = one.peer(other)
    replace_key(other)
    one.peering.refresh(before, document(other, other.clock))
    assert replace(one.peer(other), card=b"", seq=0, box=b"", checkpoint=None) == replace(
        before, card=b"", seq=0, box=b"", checkpoint=None
    )


# --- The holder has replaced its key --------------------------------------------------------------


def test_a_card_of_the_next_key_outranks_any_time(pair, clock):
    """The restored node's clock was set back; its new card counts all the same."""
    one, other = pair
    before = one.peer(other)
    replace_key(other)
    clock.advance(-3600)
    one.peering.refresh(before, document(other, clock))
    peer = one.peer(other)
    assert peer.seq < before.seq
    assert (peer.did, peer.box) == (other.own.key.did, bytes(other.own.box.public_key))
    assert read_card(peer.card).number == 1


@pytest.mark.parametrize("kind", ["grant", "share"])
def test_what_the_former_key_gave_still_works(served, kind, network):
    """An offer from before; the asker learns of the new key from the holder's answer."""
    holder, asker = served
    study = holder.study().id
    if kind == "grant":
        offer = holder.grant(study, asker).offer
    else:
        offer = holder.share(holder.grant(study, None), asker).offer
    replace_key(holder)
    fetch = asker.bring(offer)
    assert (fetch.state, fetch.objects) == (FetchState.DONE, 3)
    assert not asker.fetch(fetch.id).receipt_due
    assert asker.peer(holder).did == holder.own.key.did
    assert [event.type for event in asker.events()].count("peer.key_changed") == 1
    assert [path for path, _ in network.asked] == [FETCH, FETCH, RECEIPT]


def test_a_key_that_was_learnt_from_a_request_does_not_hide_the_new_box(served, clock):
    """The holder asked first: its key is pinned already, and its card is still the former one."""
    holder, asker = served
    offer = holder.grant(holder.study().id, asker).offer
    replace_key(holder)
    holder.recalling.recall_all()
    peer = asker.peer(holder)
    assert peer.did == holder.own.key.did
    assert peer.box != bytes(holder.own.box.public_key)
    assert asker.bring(offer).state is FetchState.DONE
    assert asker.peer(holder).box == bytes(holder.own.box.public_key)


def test_an_old_offer_is_a_carrier_when_the_new_key_is_known(served, clock):
    """It was made before the change; nothing but its capability is taken from it."""
    holder, asker = served
    offer = holder.grant(holder.study().id, asker).offer
    former = replace_key(holder)
    asker.peering.refresh(asker.peer(holder), document(holder, clock))
    assert asker.bring(offer).state is FetchState.DONE
    assert asker.peer(holder).did == holder.own.key.did
    right, study = holder.own, holder.study().id
    become(holder, former)
    clock.advance(1)
    made_later = holder.grant(study, asker).offer
    become(holder, right)
    with pytest.raises(OutdatedIdentity):
        asker.fetching.start(made_later, "admin")


def test_a_fetch_that_was_running_goes_on_with_the_next_key(served, network):
    """The holder is restored between an answer and the end of its stream."""
    holder, asker = served
    offer = holder.grant(holder.study().id, asker).offer
    network.faults.breaks = [100, 100]
    network.faults.on_bytes = lambda _: None
    replaced = []

    def restore(_):
        if not replaced:
            replaced.append(replace_key(holder))

    network.faults.on_bytes = restore
    fetch = asker.bring(offer)
    assert fetch.state is FetchState.DONE
    assert replaced


def test_an_answer_by_the_former_key_is_no_answer(served, clock, network):
    """Attack: a thief of the old disk answers at the holder's address."""
    holder, asker = served
    offer = holder.grant(holder.study().id, asker).offer
    former = replace_key(holder)
    asker.peering.refresh(asker.peer(holder), document(holder, clock))
    become(holder, former)
    fetch = asker.bring(offer)
    assert (fetch.state, fetch.problem.split(":")[0]) == (FetchState.PAUSED, "unreachable")
    assert len(kinds(asker, "peer.identity_differs")) == 1


def test_a_receipt_that_is_still_due_is_signed_by_the_next_key(served, network):
    """The asker stored, and was restored before the holder had its receipt."""
    holder, asker = served
    study = holder.study().id
    offer = holder.grant(study, asker).offer

    def cut():
        raise Unreachable("the line is cut")

    network.faults.on_ask[RECEIPT] = cut
    fetch = asker.bring(offer)
    network.faults.on_ask.clear()
    assert asker.fetch(fetch.id).receipt_due
    assert not holder.studies.detail(study).receipts
    replace_key(asker)
    asker.resume(fetch)
    assert not asker.fetch(fetch.id).receipt_due
    assert len(holder.studies.detail(study).receipts) == 1


def test_a_receipt_signed_anew_is_acknowledged_and_not_filed_twice(served):
    """The holder had filed it, and its acknowledgement was lost in the accident."""
    holder, asker = served
    study = holder.study().id
    asked = Asked(holder, asker, [holder.grant(study, asker).grant.token], study)
    stored = asked.stored(asked.send())
    give_receipt(stored, sender=asker, holder=holder)
    replace_key(asker)
    give_receipt(stored, sender=asker, holder=holder)
    assert len(holder.studies.detail(study).receipts) == 1
    with pytest.raises(NotGranted):
        give_receipt(replace(stored, objects=1), sender=asker, holder=holder)


def test_the_names_of_a_peer_are_those_of_all_its_keys(pair):
    """A share made to a former key is listed under the practice's name."""
    one, other = pair
    former = replace_key(other)
    one.peering.refresh(one.peer(other), document(other, other.clock))
    names = Names(one.peering.list())
    assert names.of_did(former.key.did) == names.of_did(other.own.key.did) == "Practice asker"

"""Receipts: filed once, for what was answered, from whom it was answered to."""

import pytest

from support.asking import Asked, give_receipt
from support.fate import Fate
from support.memory_reader import instance
from support.practice import DAY, befriend
from undisc_node.services.errors import Unavailable
from undisc_node.services.model import PeerState
from undisc_protocol.dagcbor import Cid
from undisc_protocol.errors import Busy, NotGranted, NotYetValid


@pytest.fixture
def answered(pair):
    """A holder that has answered the asker, what was asked, and the answer."""
    holder, asker = pair
    study = holder.store(instance(1)).study
    asked = Asked(holder, asker, [holder.grant(study, asker).grant.token], study)
    return holder, asker, asked, asked.send()


def filed(holder, study):
    with holder.catalog.look() as records:
        return records.fetches.receipts(study)


def test_a_receipt_is_filed_logged_and_acknowledged(answered, clock):
    holder, asker, asked, granted = answered
    stored = asked.stored(granted)
    give_receipt(stored, sender=asker, holder=holder)
    (receipt,) = filed(holder, asked.study)
    assert (receipt.peer, receipt.invocation) == (asker.own.id, Cid.of(asked.invocation).digest)
    assert (receipt.objects, receipt.size) == (1, instance(1).size)
    assert receipt.at_ms == clock.now_ms()
    event = holder.events()[-1]
    assert (event.type, event.who[0].user) == ("receipt.taken", asker.own.id.hex())
    assert event.detail == {"objects": 1, "bytes": instance(1).size}
    assert [one.id for one in holder.studies.detail(asked.study).receipts] == [receipt.id]


def test_the_same_receipt_again_changes_nothing(answered, clock):
    """The acknowledgement was lost: it is given again."""
    holder, asker, asked, granted = answered
    stored = asked.stored(granted)
    give_receipt(stored, sender=asker, holder=holder)
    before = filed(holder, asked.study)
    clock.advance(5)
    give_receipt(stored, sender=asker, holder=holder)
    assert filed(holder, asked.study) == before
    assert holder.kinds().count("receipt.taken") == 1


def test_another_receipt_for_the_same_answer_is_refused(answered, clock):
    """Attack: one ticket, and a flood of different receipts into rows and log."""
    holder, asker, asked, granted = answered
    give_receipt(asked.stored(granted), sender=asker, holder=holder)
    for objects in range(2, 5):
        with pytest.raises(NotGranted):
            give_receipt(asked.stored(granted, objects=objects), sender=asker, holder=holder)
    assert len(filed(holder, asked.study)) == 1
    assert holder.kinds().count("receipt.taken") == 1


def test_a_receipt_of_another_peer_is_refused(answered, found):
    """Attack: a peer claims to have what another one fetched."""
    holder, _, asked, granted = answered
    other = found("other")
    befriend(holder, other)
    with pytest.raises(NotGranted):
        give_receipt(asked.stored(granted), sender=other, holder=holder)
    assert filed(holder, asked.study) == []


@pytest.mark.parametrize(
    "changes", [{"manifest": bytes(32)}, {"study": bytes(16)}, {"invocation": Cid.of(b"other")}]
)
def test_a_receipt_about_something_else_is_refused(answered, changes):
    holder, asker, asked, granted = answered
    kinds = holder.kinds()
    with pytest.raises(NotGranted):
        give_receipt(asked.stored(granted, **changes), sender=asker, holder=holder)
    assert holder.kinds() == kinds
    assert holder.refusals.counts() == {"not_granted": 1}


def test_a_receipt_of_the_future_is_refused(answered, clock):
    holder, asker, asked, granted = answered
    with pytest.raises(NotYetValid):
        give_receipt(
            asked.stored(granted, at=clock.now_ms() // 1000 + DAY), sender=asker, holder=holder
        )


@pytest.mark.parametrize("days", [0.1, 29])
def test_a_late_receipt_is_taken(answered, clock, days):
    """Long after the ticket: the copy exists, so it must be on record."""
    holder, asker, asked, granted = answered
    stored = asked.stored(granted)
    clock.advance(days * DAY)
    with holder.catalog.change() as records:
        records.tickets.forget_expired(clock.now_ms())
    give_receipt(stored, sender=asker, holder=holder)
    assert len(filed(holder, asked.study)) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda holder, asker, study: holder.studies.withdraw(study, "why", "alice"),
        lambda holder, asker, study: holder.studies.delete(study, "alice"),
        lambda holder, asker, study: holder.peering.set_state(
            asker.own.id, PeerState.REVOKED, "alice"
        ),
    ],
    ids=["withdrawn", "deleted", "revoked"],
)
def test_a_receipt_is_taken_whatever_happened_since(answered, change):
    """Who has a copy is needed most of all when something went wrong."""
    holder, asker, asked, granted = answered
    change(holder, asker, asked.study)
    give_receipt(asked.stored(granted), sender=asker, holder=holder)
    assert len(filed(holder, asked.study)) == 1


def test_noise_is_counted_and_not_logged(answered):
    holder = answered[0]
    kinds = holder.kinds()
    assert [holder.take(body).status for body in (b"", b"noise", bytes(9_000))] == [400, 400, 413]
    assert holder.kinds() == kinds
    assert holder.refusals.counts() == {"cannot_open": 2, "oversize": 1}


def test_a_receipt_that_cannot_be_filed_now_is_worth_a_retry(answered):
    """The database fails: the answer is signed, says so, and the next attempt succeeds."""
    holder, asker, asked, granted = answered
    holder.meet(fate := Fate())
    fate.errors["before commit"] = [Unavailable("the database is gone")]
    stored = asked.stored(granted)
    with pytest.raises(Busy):
        give_receipt(stored, sender=asker, holder=holder)
    give_receipt(stored, sender=asker, holder=holder)
    assert len(filed(holder, asked.study)) == 1

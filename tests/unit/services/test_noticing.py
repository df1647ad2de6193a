"""A late report reaches who has the study; so does a corrected identity."""

from __future__ import annotations

from dataclasses import replace

import pytest

from support import hl7_messages as hl7
from support.memory_network import NOTICE
from support.memory_reader import JANE, STUDY_UID, instance
from support.practice import befriend
from undisc_node.services.model import PeerState, StudyState
from undisc_node.services.telling import queue_notice
from undisc_protocol.notice import NoticeKind

WEEK = 7 * 86_400


def report(holder, control="1", **more):
    """Let a report arrive and the study settle again."""
    raw = hl7.report(f"Text {control}", control=control, **more)
    assert b"MSA|AA" in holder.hl7.answer(raw, "10.0.0.5")
    holder.settling.settle(holder.study().id, "")


@pytest.fixture
def reported(found, clock):
    """A holder whose study has an accession number, and an asker that has fetched it."""
    holder, asker = found("holder"), found("asker")
    befriend(holder, asker)
    for number in (1, 2):
        holder.store(instance(number, accession="A-7"))
    holder.settling.settle(holder.study().id, "")
    end = clock.now_ms() // 1000 + WEEK
    granted = holder.grant(holder.study().id, asker, expires=end)
    asker.bring(granted.offer)
    clock.advance(2 * 86_400)
    return holder, asker, granted


def told(holder):
    notices = holder.noticing.of_study(holder.study().id)
    return [(one.kind, one.outcome, one.attempts) for one in notices]


def settle_fetches(asker):
    for fetch in asker.fetching.list():
        asker.ended(fetch.id)


def test_a_report_two_days_later_reaches_the_node_that_fetched(reported):
    """Nobody does anything: a notice goes out, the node asks, and has the difference."""
    holder, asker, _ = reported
    report(holder)
    assert asker.study().instances == 2
    assert holder.noticing.send_due() == 1
    settle_fetches(asker)
    assert asker.bytes_of() == holder.bytes_of()
    (shown,) = asker.reporting.of_study(asker.study().id)
    assert shown.facts.state == "final"
    assert told(holder) == [("grown", "asks for the difference", 1)]
    with holder.catalog.look() as records:
        assert len(records.fetches.receipts(holder.study().id)) == 2
    assert "notice.taken" in asker.kinds()
    assert holder.noticing.send_due() == 0


def test_a_card_that_has_aged_since_does_not_keep_the_difference_away(reported, clock):
    """The offer names a status card of a month; the capability is good for longer."""
    holder, asker, _ = reported
    grant = holder.grant(holder.study().id, asker, expires=clock.now_ms() // 1000 + 300 * 86_400)
    asker.bring(grant.offer)
    clock.advance(90 * 86_400)
    report(holder)
    holder.noticing.send_due()
    settle_fetches(asker)
    assert asker.study().instances == 3


def test_who_was_given_everything_is_not_told(reported):
    holder, _, _ = reported
    holder.settling.settle(holder.study().id, "")
    assert told(holder) == []


def test_who_may_not_ask_any_more_is_not_told(reported):
    holder, _, granted = reported
    report(holder)
    holder.revoking.grant(granted.grant.id, "alice")
    holder.noticing.send_due()
    assert sorted(told(holder)) == [
        ("ended", "a person there decides", 1),
        ("grown", "not told: it has no permission any more", 1),
    ]
    report(holder, "2")
    assert len(told(holder)) == 2


def test_a_node_that_is_away_is_told_when_it_is_back(reported, clock):
    """Pauses grow; the notice is signed anew each time, because it lives for minutes."""
    holder, asker, _ = reported
    report(holder)
    address = holder.network.nodes.pop(asker.url)
    for _ in range(4):
        assert holder.noticing.send_due() == 0
        clock.advance(3_600)
    ((kind, outcome, attempts),) = told(holder)
    assert (kind, attempts) == ("grown", 4)
    assert outcome.startswith("unreachable: ")
    holder.network.nodes[asker.url] = address
    assert holder.noticing.send_due() == 1
    settle_fetches(asker)
    assert asker.study().instances == 3


def test_a_lost_answer_is_told_again_and_brings_nothing_twice(reported, clock):
    holder, asker, _ = reported
    report(holder)
    holder.network.faults.silent.add(NOTICE)
    assert holder.noticing.send_due() == 0
    holder.network.faults.silent.clear()
    settle_fetches(asker)
    clock.advance(3_600)
    assert holder.noticing.send_due() == 1
    settle_fetches(asker)
    assert asker.study().instances == 3


def test_two_reports_before_the_notice_are_one_notice(reported):
    holder, _, _ = reported
    report(holder, "1")
    report(holder, "2")
    assert len(told(holder)) == 1


def test_a_held_study_is_told_of_when_it_is_released(reported, clock):
    holder, asker, _ = reported
    report(holder)
    holder.studies.hold(holder.study().id, "wrong side", "bob")
    assert holder.noticing.send_due() == 1, "that it is held"
    assert {one[0]: one[1] for one in told(holder)}["grown"] == "the study is held"
    holder.studies.release(holder.study().id, "bob")
    clock.advance(120)
    assert holder.noticing.send_due() == 2, "that it is released, and that there is more of it"
    settle_fetches(asker)
    assert asker.study().instances == 3


def test_a_node_that_is_not_trusted_there_is_refused_and_it_shows(reported):
    holder, asker, _ = reported
    report(holder)
    asker.peering.set_state(holder.own.id, PeerState.SUSPENDED, "carol")
    holder.noticing.send_due()
    assert told(holder) == [("grown", "refused: unknown_recipient", 1)]
    assert holder.events()[-1].type == "notice.sent"


def test_a_study_that_is_gone_there_needs_nothing(reported):
    holder, asker, _ = reported
    report(holder)
    asker.studies.delete(asker.study().id, "carol")
    holder.noticing.send_due()
    settle_fetches(asker)
    assert told(holder) == [("grown", "has nothing to do", 1)]
    assert not asker.has_study(STUDY_UID)


def test_a_merge_after_sharing_stops_both_until_both_have_decided(reported):
    """Applied here, it is put before a person there; and no byte changes anywhere."""
    holder, asker, _ = reported
    before = asker.bytes_of()
    assert b"MSA|AA" in holder.hl7.answer(hl7.merge(), "10.0.0.5")
    assert told(holder) == []
    (row,) = holder.queueing.list()
    holder.queueing.resolve(row.id, "apply", "", "alice")
    assert holder.noticing.send_due() == 1
    assert told(holder) == [("patient", "a person there decides", 1)]
    study = asker.study()
    assert (study.state, study.patient) == (StudyState.HELD, JANE)
    (there,) = asker.queueing.list()
    sides = {fact.name: (fact.here, fact.there) for fact in there.facts}
    assert sides["patient id"] == ("P-100", "P-900")
    assert sides["source"][0] == "peer:Practice holder"
    asker.queueing.resolve(there.id, "apply", "", "carol")
    assert asker.study().patient == replace(JANE, id="P-900")
    assert asker.study().state is StudyState.ACTIVE
    assert asker.bytes_of() == before


def test_a_corrected_identity_reaches_those_without_permission_too(reported):
    """It is about whose images they have."""
    holder, asker, granted = reported
    holder.revoking.grant(granted.grant.id, "alice")
    holder.hl7.answer(hl7.update(name="Smith^Jane"), "10.0.0.5")
    (row,) = holder.queueing.list()
    holder.queueing.resolve(row.id, "apply", "", "alice")
    holder.noticing.send_due()
    assert asker.study().state is StudyState.HELD


def test_a_kept_identity_is_told_to_nobody(reported):
    holder, _, _ = reported
    holder.hl7.answer(hl7.update(name="Smith^Jane"), "10.0.0.5")
    (row,) = holder.queueing.list()
    holder.queueing.resolve(row.id, "keep", "", "alice")
    assert told(holder) == []


def test_a_stranger_learns_nothing_with_a_notice(reported, found):
    """Known study or not, the answer to a node that is no trusted peer is the same."""
    _, asker, _ = reported
    stranger = found("stranger")
    stranger.add(asker)
    stranger.store(instance(1))
    with stranger.catalog.change() as records:
        stranger.noticing.renamed(records, stranger.study())
        peer = records.peers.get(asker.own.id)
        queue_notice(
            records, peer.id, stranger.study().id, NoticeKind.GROWN, stranger.clock.now_ms()
        )
    stranger.noticing.send_due()
    outcomes = {one.outcome for one in stranger.noticing.of_study(stranger.study().id)}
    assert outcomes <= {"refused: unknown_recipient", "not told: it has no permission any more"}
    assert asker.study().instances == 2

"""A permission ends: who has a copy is told, does what its rules say, and its answer comes back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from support.asking import Asked
from support.memory_reader import STUDY_UID, instance
from support.practice import befriend
from undisc_node.services.archive_model import Delivery, DeliveryState
from undisc_node.services.ended_permissions import PERMISSION_ENDED, WhenEnded
from undisc_node.services.ending_rows import Given
from undisc_node.services.errors import Invalid
from undisc_node.services.model import NOBODY, FetchState, PeerState, StudyState
from undisc_node.services.noticing import NOT_TOLD
from undisc_protocol.errors import Unreachable
from undisc_protocol.notice import Does

DAY = 86_400
WEEK = 7 * DAY


@pytest.fixture
def given(found, clock):
    """A holder, and an asker that has fetched its study with a grant."""
    holder, asker = found("holder"), found("asker")
    befriend(holder, asker)
    holder.store(instance(1))
    holder.settling.settle(holder.study().id, "")
    grant = holder.grant(holder.study().id, asker, expires=clock.now_ms() // 1000 + 300 * DAY)
    asker.bring(grant.offer)
    return holder, asker, grant


def told(holder, kind="ended"):
    """Return what the holder knows of its notices of a kind, oldest first."""
    notices = reversed(holder.noticing.of_study(holder.study().id))
    return [(one.does, one.why, one.passed, one.outcome) for one in notices if one.kind == kind]


def revoke(holder, grant):
    holder.revoking.grant(grant.grant.id, "alice")
    return holder.noticing.send_due()


def decide(practice, decision, value=""):
    (row,) = practice.queueing.list(PERMISSION_ENDED)
    return practice.queueing.resolve(row.id, decision, value, "carol")


def rebuilt(practice, when):
    practice.when_ended = when
    practice.restart()


def delivered(practice):
    """Let a study have gone into an archive."""
    with practice.catalog.change() as records:
        records.deliveries.put(
            Delivery(
                id=bytes(16),
                study=practice.study().id,
                pacs="main",
                state=DeliveryState.DONE,
                patient=NOBODY,
                accession="",
                problem="",
                attempts=0,
                next_ms=0,
                created_ms=0,
                ended_ms=1,
            )
        )


# --- The answers ----------------------------------------------------------------------------------


def test_who_decides_later_is_asked_again_until_the_last_word(given, clock):
    """The recipient has nothing to deliver: the holder comes again, ever more slowly."""
    holder, asker, grant = given
    assert revoke(holder, grant) == 0
    assert told(holder) == [("decides", "", False, "a person there decides")]
    clock.advance(4_000)
    assert holder.noticing.send_due() == 0
    decide(asker, "keep", "treatment")
    assert asker.study().state is StudyState.ACTIVE
    clock.advance(2 * 3_600)
    assert holder.noticing.send_due() == 1
    assert told(holder) == [("kept", "treatment", False, "keeps its copy")]
    clock.advance(30 * DAY)
    assert holder.noticing.send_due() == 0


def test_purged_means_that_the_bytes_are_gone(given, clock):
    holder, asker, grant = given
    with asker.catalog.look() as records:
        (pack,) = [one.id for one in records.studies.packs(asker.study().id)]
    revoke(holder, grant)
    assert pack in asker.packs.ids()
    decide(asker, "purge")
    assert not asker.has_study(STUDY_UID)
    assert pack not in asker.packs.ids()
    with asker.catalog.look() as records:
        assert pack in records.studies.tombstones()
    assert "study.deleted" in asker.kinds()
    clock.advance(DAY)
    holder.noticing.send_due()
    assert told(holder) == [("purged", "", False, "has erased its copy")]


def test_a_copy_in_an_archive_is_not_erased_and_that_is_said(given, clock):
    holder, asker, grant = given
    delivered(asker)
    revoke(holder, grant)
    (row,) = asker.queueing.list()
    assert {one.name: one.here for one in row.facts}["copies elsewhere"] == "archive main"
    decide(asker, "purge")
    clock.advance(DAY)
    holder.noticing.send_due()
    assert told(holder) == [("purged", "", True, "has erased its copy")]


def test_a_copy_that_is_locked_is_a_copy_that_is_kept(given, clock):
    holder, asker, grant = given
    revoke(holder, grant)
    decide(asker, "withdraw")
    assert asker.study().state is StudyState.WITHDRAWN
    clock.advance(DAY)
    holder.noticing.send_due()
    assert told(holder) == [("kept", "locked", False, "keeps its copy")]


def test_a_reason_is_one_of_the_few_that_are_told(given):
    holder, asker, grant = given
    revoke(holder, grant)
    with pytest.raises(Invalid, match="treatment, law, claim"):
        decide(asker, "keep", "because")
    assert len(asker.queueing.list()) == 1


def test_a_copy_that_was_erased_before_is_purged_and_nobody_is_asked(given):
    holder, asker, grant = given
    asker.studies.delete(asker.study().id, "carol")
    assert revoke(holder, grant) == 1
    assert told(holder) == [("purged", "", False, "has erased its copy")]
    assert not asker.queueing.list()


def test_who_got_keys_and_never_sent_a_receipt_is_told(pair):
    """It may have everything; it answers that it has nothing, and signs that."""
    holder, asker = pair
    study = holder.store(instance(1)).study
    grant = holder.grant(study, asker).grant
    assert Asked(holder, asker, [grant.token], study).send().ticket
    holder.revoking.grant(grant.id, "alice")
    assert holder.noticing.send_due() == 1
    assert told(holder) == [("not-fetched", "", False, "has no copy")]


def test_who_was_given_it_half_a_year_ago_is_told(given, clock):
    """Tickets are forgotten after a month; who has the keys is not."""
    holder, _asker, grant = given
    clock.advance(180 * DAY)
    with holder.catalog.change() as records:
        records.tickets.forget_expired(clock.now_ms())
    revoke(holder, grant)
    assert told(holder) == [("decides", "", False, "a person there decides")]


def test_a_fetch_that_rests_is_ended_and_its_bytes_go(given, clock):
    holder, asker, _grant = given
    second = holder.store(instance(2, study_uid="1.2.9")).study
    again = holder.grant(second, asker, expires=clock.now_ms() // 1000 + WEEK)
    address = holder.network.nodes.pop(holder.url)
    fetch = asker.bring(again.offer)
    assert fetch.state is FetchState.PAUSED
    holder.network.nodes[holder.url] = address
    with holder.catalog.change() as records:
        records.endings.note_given(
            Given(asker.own.id, second, again.grant.id, None, clock.now_ms())
        )
    holder.revoking.grant(again.grant.id, "alice")
    holder.noticing.send_due()
    assert asker.fetch(fetch.id).state is FetchState.FAILED
    assert asker.fetch(fetch.id).problem.startswith("revoked: ")


# --- Who is told ----------------------------------------------------------------------------------


def test_who_has_another_permission_is_told_when_the_last_one_ends(given, clock):
    """It fetched with the first one only, and must hear of the second all the same."""
    holder, asker, grant = given
    other = holder.grant(holder.study().id, asker, expires=clock.now_ms() // 1000 + WEEK)
    revoke(holder, grant)
    assert told(holder) == [("", "", False, "not told: it has another permission")]
    revoke(holder, other)
    assert told(holder)[-1] == ("decides", "", False, "a person there decides")
    with asker.catalog.look() as records:
        (ending,) = records.endings.kept(holder.own.id)
    assert grant.grant.id in ending.token
    assert other.grant.id in ending.token


def test_a_permission_for_a_part_is_said_and_nothing_is_erased_by_rule(given, clock):
    holder, asker, grant = given
    rebuilt(asker, WhenEnded.PURGE)
    link = holder.grant(holder.study().id, None, expires=clock.now_ms() // 1000 + WEEK)
    (name,) = holder.studies.detail(holder.study().id).series_names.values()
    holder.share(link, asker, series=(name,))
    revoke(holder, grant)
    (row,) = asker.queueing.list(PERMISSION_ENDED)
    facts = {one.name: one.here for one in row.facts}
    assert facts["still permitted"] == "a part of the study"
    assert asker.has_study()


def test_a_node_that_was_away_for_too_long_is_put_before_a_person_and_tried_again(given, clock):
    holder, asker, grant = given
    address = holder.network.nodes.pop(asker.url)
    revoke(holder, grant)
    holder.restart()
    clock.advance(61 * DAY)
    assert holder.noticing.send_due() == 1
    (row,) = holder.queueing.list(NOT_TOLD)
    facts = {one.name: one.here for one in row.facts}
    assert facts["practice"] == "Practice asker"
    assert facts["problem"] == f"given up: {Unreachable.code}"
    holder.queueing.resolve(row.id, "retry", "", "alice")
    holder.network.nodes[asker.url] = address
    holder.noticing.send_due()
    assert told(holder)[-1] == ("decides", "", False, "a person there decides")


def test_a_node_that_refuses_to_listen_is_tried_again_and_then_put_before_a_person(given, clock):
    holder, asker, grant = given
    asker.peering.set_state(holder.own.id, PeerState.REVOKED, "carol")
    revoke(holder, grant)
    assert told(holder) == [("", "", False, "refused: unknown_recipient")]
    for _ in range(70):
        clock.advance(DAY)
        holder.noticing.send_due()
    (row,) = holder.queueing.list(NOT_TOLD)
    closed = holder.queueing.resolve(row.id, "told", "", "alice")
    assert closed.outcome == "told in another way"


def test_a_study_that_is_gone_here_does_not_keep_the_notice_back(given):
    holder, asker, grant = given
    study = holder.study().id
    holder.network.nodes.pop(asker.url)
    revoke(holder, grant)
    holder.network.nodes[asker.url] = asker
    holder.studies.delete(study, "alice")
    holder.clock.advance(3_600)
    holder.noticing.send_due()
    (notice,) = holder.noticing.of_study(study)
    assert notice.does == Does.DECIDES


# --- The rule of the recipient --------------------------------------------------------------------


def test_a_node_that_purges_by_rule_has_erased_when_it_answers(given):
    holder, asker, grant = given
    rebuilt(asker, WhenEnded.PURGE)
    assert revoke(holder, grant) == 1
    assert told(holder) == [("purged", "", False, "has erased its copy")]
    assert not asker.has_study()
    assert not asker.queueing.list()


def test_what_is_here_in_another_right_is_not_erased_by_rule(given):
    """Its own modality sent an image of the study, or somebody said that it stays."""
    holder, asker, grant = given
    rebuilt(asker, WhenEnded.PURGE)
    asker.store(instance(7))
    assert revoke(holder, grant) == 0
    assert told(holder) == [("decides", "", False, "a person there decides")]
    assert asker.study().instances == 2


def test_a_holder_that_is_not_trusted_cannot_have_anything_erased_by_rule(given):
    holder, asker, grant = given
    rebuilt(asker, WhenEnded.PURGE)
    asker.peering.set_state(holder.own.id, PeerState.SUSPENDED, "carol")
    revoke(holder, grant)
    assert told(holder) == [("decides", "", False, "a person there decides")]
    assert asker.has_study()


def test_a_node_that_keeps_by_rule_says_why(given):
    holder, asker, grant = given
    rebuilt(asker, WhenEnded.KEEP)
    assert revoke(holder, grant) == 1
    assert told(holder) == [("kept", "treatment", False, "keeps its copy")]
    assert asker.has_study()


# --- Studies that are wrong -----------------------------------------------------------------------


def test_a_withdrawn_study_is_told_to_all_who_have_it(given, clock):
    holder, asker, _ = given
    holder.studies.withdraw(holder.study().id, "another patient's images", "alice")
    assert holder.noticing.send_due() == 0
    (row,) = asker.queueing.list(PERMISSION_ENDED)
    facts = {one.name: one.here for one in row.facts}
    assert facts["what"] == "the practice has withdrawn the study: it may be wrong"
    decide(asker, "purge")
    clock.advance(DAY)
    holder.noticing.send_due()
    assert told(holder, "withdrawn") == [("purged", "", False, "has erased its copy")]


def test_a_held_study_can_be_held_there_and_is_released_with_it(given):
    holder, asker, _ = given
    holder.studies.hold(holder.study().id, "wrong side?", "alice")
    assert holder.noticing.send_due() == 1
    (row,) = asker.queueing.list()
    asker.queueing.resolve(row.id, "hold", "", "carol")
    assert asker.study().state is StudyState.HELD
    holder.studies.release(holder.study().id, "alice")
    assert holder.noticing.send_due() == 1
    assert asker.study().state is StudyState.ACTIVE


def test_a_hold_that_ends_before_anybody_heard_is_told_to_nobody(given):
    holder, asker, _ = given
    holder.studies.hold(holder.study().id, "wrong side?", "alice")
    holder.studies.release(holder.study().id, "alice")
    assert holder.noticing.send_due() == 0
    assert not asker.queueing.list()


# --- A peer that is revoked -----------------------------------------------------------------------


def test_a_revoked_peer_loses_every_permission_and_hears_so_once(given, clock):
    holder, asker, grant = given
    link = holder.grant(holder.study().id, None, expires=clock.now_ms() // 1000 + WEEK)
    share = holder.share(link, asker).share
    holder.peering.set_state(asker.own.id, PeerState.REVOKED, "alice")
    with holder.catalog.look() as records:
        assert records.grants.get(grant.grant.id).revoked_ms is not None
        assert records.shares.get(share.id).revoked_ms is not None
        assert records.grants.get(link.grant.id).revoked_ms is None, "it is the patient's"
    assert len(told(holder)) == 1
    holder.noticing.send_due()
    assert told(holder) == [("decides", "", False, "a person there decides")]
    decide(asker, "purge")
    clock.advance(DAY)
    holder.noticing.send_due()
    assert told(holder) == [("purged", "", False, "has erased its copy")]


def test_what_rests_from_a_revoked_peer_ends(given, clock):
    holder, asker, _ = given
    second = holder.store(instance(2, study_uid="1.2.9")).study
    again = holder.grant(second, asker, expires=clock.now_ms() // 1000 + WEEK)
    address = holder.network.nodes.pop(holder.url)
    fetch = asker.bring(again.offer)
    holder.network.nodes[holder.url] = address
    asker.peering.set_state(holder.own.id, PeerState.REVOKED, "carol")
    ended = asker.fetch(fetch.id)
    assert (ended.state, ended.pack) == (FetchState.FAILED, None)


def test_a_revoked_peer_is_told_of_nothing_else(given):
    holder, asker, _ = given
    with holder.catalog.change() as records:
        holder.noticing.renamed(records, holder.study())
    holder.peering.set_state(asker.own.id, PeerState.REVOKED, "alice")
    assert told(holder, "patient") == [("", "", False, "not told: the peer was revoked")]


# --- A holder that came back from a backup --------------------------------------------------------


def test_a_revocation_that_a_backup_forgot_comes_back(given):
    """The peer returns the holder's own signed notice, and the holder ends it again."""
    holder, _asker, grant = given
    revoke(holder, grant)
    row = grant.grant
    with holder.catalog.change() as records:  # as a backup from before has it
        records.grants._new.grants[row.id] = replace(row, revoked_ms=None)
    (recalled,) = holder.recalling.recall_all("alice")
    assert (recalled.problem, recalled.ended) == ("", 1)
    with holder.catalog.look() as records:
        assert records.grants.get(row.id).revoked_ms is not None
    assert holder.recalling.recall_all("alice")[0].ended == 0


def test_a_notice_that_is_told_ten_times_is_kept_once(given, clock):
    holder, asker, grant = given
    revoke(holder, grant)
    for _ in range(10):
        clock.advance(2 * DAY)
        holder.noticing.send_due()
    with asker.catalog.look() as records:
        assert len(records.endings.kept(holder.own.id)) == 1
    assert asker.kinds().count("notice.taken") == 1

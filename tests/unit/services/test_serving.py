"""Answers to requests: who gets a ticket, for what, and only once."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from support.asking import Asked, direct, shared
from support.fate import Fate
from support.memory_reader import STUDY_UID, instance
from undisc_node.services.errors import Unavailable
from undisc_protocol import limits
from undisc_protocol.errors import (
    Busy,
    CommandNotGranted,
    Replayed,
    Revoked,
    StudyUnavailable,
    WrongAudience,
)
from undisc_protocol.keys import link_key


def sops(granted):
    return [one.sop_uid for one in granted.manifest.objects]


ALL = [f"{STUDY_UID}.1.1", f"{STUDY_UID}.1.2", f"{STUDY_UID}.2.1"]


# --- What is granted ------------------------------------------------------------------------------


def test_a_direct_grant_gets_the_whole_study(served):
    """Manifest, ticket and end; the log names grant, peer and reason."""
    asked, grant = direct(served)
    granted = asked.send()
    holder = served[0]
    assert sops(granted) == ALL
    assert granted.manifest.study.uid == STUDY_UID
    assert granted.until == granted.at + limits.TICKET_LIFETIME
    event = holder.events()[-1]
    assert (event.type, event.why, event.detail) == ("fetch.answered", "TREAT", {"objects": 3})
    assert event.who[0].user == served[1].own.id.hex()
    assert ("grant", grant.id.hex()) in {(one.idtype, one.id) for one in event.what}


def test_a_share_gets_the_whole_study(served):
    asked, _, _ = shared(served)
    assert sops(asked.send()) == ALL


def test_a_share_that_nobody_registered_is_registered_by_its_first_use(served):
    """The patient shared without telling us: revocable from now on, and logged once."""
    asked, link, token = shared(served, register=False)
    holder, asker = served
    asked.send()
    (share,) = holder.sharing.list(holder.study().id)
    assert (share.token, share.grant) == (token, link.grant.id)
    registered = next(event for event in holder.events() if event.type == "share.registered")
    assert registered.who[0].user == asker.own.id.hex()
    Asked(holder, asker, asked.proofs, asked.study).send()
    assert holder.kinds().count("share.registered") == 1


def test_a_share_of_one_series_gets_that_series(served):
    names = served[0].studies.detail(served[0].study().id).series_names
    asked, _, _ = shared(served, series=(names[f"{STUDY_UID}.2"],))
    assert sops(asked.send()) == [f"{STUDY_UID}.2.1"]


def test_an_asker_may_name_fewer_series_than_it_was_given(served):
    holder, asker = served
    names = holder.studies.detail(holder.study().id).series_names
    asked, _, _ = shared(served, series=tuple(sorted(names.values())))
    one = Asked(holder, asker, asked.proofs, asked.study, series=(names[f"{STUDY_UID}.1"],))
    assert sops(one.send()) == ALL[:2]


def test_what_the_asker_has_is_left_out(served):
    """A second fetch brings the difference; with everything there, nothing is left."""
    asked, _ = direct(served)
    ids = [one.id for one in asked.send().manifest.objects]
    holder, asker = served
    some = Asked(holder, asker, asked.proofs, asked.study, have=frozenset(ids[:2]))
    assert sops(some.send()) == ALL[2:]
    every = Asked(holder, asker, asked.proofs, asked.study, have=frozenset(ids))
    assert sops(every.send()) == []


def test_what_the_asker_claims_to_have_tells_it_nothing(served):
    """Attack: guess ids of objects and see what is left out; unknown ids change nothing."""
    asked, _ = direct(served, have=frozenset({bytes(16), b"x" * 16}))
    assert sops(asked.send()) == ALL


def test_superseded_and_waiting_instances_are_not_served(served):
    holder = served[0]
    holder.store(instance(1, version="corrected"))
    holder.store(instance(2, version="other"), "dicom:CT2")
    asked, _ = direct(served)
    manifest = asked.send().manifest
    assert sorted(one.sop_uid for one in manifest.objects) == ALL
    by_sop = {one.sop_uid: one.size for one in manifest.objects}
    assert by_sop[ALL[0]] == instance(1, version="corrected").size
    assert by_sop[ALL[1]] == instance(2).size


def test_a_ticket_ends_with_its_capability(served, clock):
    """A grant that ends in ten seconds gives no ticket of ten minutes."""
    holder, asker = served
    now = clock.now_ms() // 1000
    made = holder.grant(holder.study().id, asker, expires=now + 10)
    granted = Asked(holder, asker, [made.grant.token], holder.study().id).send()
    assert granted.until == now + 10 + limits.CLOCK_SKEW


def test_objects_of_several_packs_are_one_stream(pair):
    """A study that came by two fetches lies in two packs; its ticket covers both."""
    holder, asker = pair
    holder.store(instance(1, size=100))
    asker.bring(holder.grant(holder.study().id, asker).offer)
    holder.store(instance(2, size=100))
    asker.bring(holder.grant(holder.study().id, asker).offer)
    with asker.catalog.look() as records:
        assert len(records.studies.packs(asker.study().id)) == 2
    again = asker.grant(asker.study().id, holder)
    asked = Asked(asker, holder, [again.grant.token], asker.study().id)
    granted = asked.send()
    stream = asker.open(granted.ticket, 0, None)
    assert len({piece.file for batch in stream.batches() for piece in batch}) == 2
    assert stream.total == granted.manifest.stored
    stream.close()


# --- Replay ---------------------------------------------------------------------------------------


def test_an_invocation_is_used_once(served):
    """Also in a fresh envelope, and also after a restart of the holder."""
    asked, _ = direct(served)
    holder = served[0]
    asked.send()
    for body in (asked.body, asked.sealed()):
        with pytest.raises(Replayed):
            asked.read(holder.answer(body), body=body)
    holder.restart()
    with pytest.raises(Replayed):
        asked.send()
    assert holder.kinds().count("fetch.answered") == 1


def test_an_invocation_sent_many_times_at_once_is_used_once(served):
    """Attack: eight copies race each other; one gets the ticket."""
    asked, _ = direct(served)
    holder, start = served[0], Barrier(8)

    def send(_number):
        start.wait()
        return holder.answer(asked.body).status

    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(pool.map(send, range(8)))
    assert statuses == [200] + [409] * 7
    assert holder.kinds().count("fetch.answered") == 1


def test_a_refused_invocation_does_not_become_good_later(served):
    """Refused while the study was held, sent again after its release: ask anew."""
    asked, _ = direct(served)
    holder, asker = served
    holder.studies.hold(asked.study, "wrong side marked", "alice")
    with pytest.raises(StudyUnavailable):
        asked.send()
    holder.studies.release(asked.study, "alice")
    with pytest.raises(Replayed):
        asked.send()
    Asked(holder, asker, asked.proofs, asked.study).send()


# --- In between -----------------------------------------------------------------------------------


def test_a_crash_or_failure_gives_no_ticket_without_its_log_line(served):
    """The change fails: no ticket, no log line, and the invocation is not used up."""
    asked, _ = direct(served)
    holder = served[0]
    kinds = holder.kinds()
    holder.meet(fate := Fate())
    fate.errors["before commit"] = [Unavailable("the database is gone")]
    with pytest.raises(Busy):
        asked.send()
    assert holder.kinds() == kinds
    asked.send()


def test_a_revocation_in_the_middle_of_a_request_counts(served):
    """Revoked after the rows were looked at and before the ticket is written: no ticket."""
    asked, grant = direct(served)
    holder = served[0]
    keep = holder.serving._keep

    def revoke_first(*arguments):
        holder.revoking.grant(grant.id, "alice")
        return keep(*arguments)

    holder.serving._keep = revoke_first
    with pytest.raises(Revoked):
        asked.send()
    assert holder.catalog._tables.tickets == {}


def test_a_correction_in_the_middle_of_a_request_counts(served):
    """Superseded after the manifest was made: asked again, and not served on the older ticket."""
    asked, _ = direct(served)
    holder, asker = served
    keep = holder.serving._keep

    def correct_first(*arguments):
        holder.store(instance(1, version="corrected"))
        return keep(*arguments)

    holder.serving._keep = correct_first
    with pytest.raises(Busy):
        asked.send()
    assert holder.catalog._tables.tickets == {}
    holder.serving._keep = keep
    granted = Asked(holder, asker, asked.proofs, asked.study).send()
    sizes = {one.sop_uid: one.size for one in granted.manifest.objects}
    assert sizes[ALL[0]] == instance(1, version="corrected").size


def test_a_link_key_cannot_ask_as_a_node(served):
    """The key of a patient's link signs the invocation, a node carries it: not in this version."""
    holder, asker = served
    link = holder.grant(holder.study().id, None)
    key = link_key(link.link_secret)
    with pytest.raises((WrongAudience, CommandNotGranted)):
        Asked(holder, asker, [link.grant.token], link.grant.study, key=key).send()

"""Uses of which patients want to hear, and messages that are forgotten; in memory and in SQLite."""

from __future__ import annotations

from dataclasses import replace

import pytest

from contract.test_message_records import JANE, MESSAGE, add_visit, release
from support import samples
from undisc_node.services.browsing_rows import Access, AccessRow, Kind, SessionRow
from undisc_node.services.message_rows import MessageKind, MessageState
from undisc_node.services.patient_rows import KeyKind, PatientKey
from undisc_node.services.use_notice_rows import UseNotice
from undisc_protocol.did import Did

STUDY = samples.name("study", 16)
DOCTOR = Did("did:key:z6MkpTHR8VNsBxYAAWHut2Geadd9jSwuBV8xRoAnwWsdvktH")
PATIENT = Did("did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK")


@pytest.fixture
def wishing(catalog):
    """A visit of one study whose patient wants to hear of uses since 100 ms."""
    with catalog.change() as records:
        made = add_visit(records)
        release(records, made, STUDY)
        records.patients.add_key(
            PatientKey(PATIENT, made.id, KeyKind.BROWSER, None, None, software=False, created_ms=1)
        )
        records.use_notices.put(
            UseNotice(made.id, wanted=True, by="patient", at_ms=100, told_ms=0, until_ms=100)
        )
    return catalog, made.id


def note(catalog, at_ms, kind=Access.VIEWED, *, link=DOCTOR, study=STUDY, session=None):
    with catalog.change() as records:
        records.browsing.note(AccessRow(at_ms, kind, link, study, session, "", None))


def due(catalog, told_ms=0):
    with catalog.look() as records:
        return list(records.use_notices.due(told_ms, limit=10))


def test_a_wish_comes_back_as_it_was_put(wishing):
    catalog, visit = wishing
    with catalog.change() as records:
        other = UseNotice(visit, wanted=False, by="anna", at_ms=5, told_ms=6, until_ms=7)
        records.use_notices.put(other)
        assert records.use_notices.get(visit) == other
        assert records.use_notices.get(bytes(16)) is None


def test_the_newest_use_since_the_last_message_is_due(wishing):
    catalog, visit = wishing
    note(catalog, 100)
    assert due(catalog) == []
    note(catalog, 101)
    note(catalog, 105, Access.COPIED)
    assert due(catalog) == [(visit, 105)]
    with catalog.change() as records:
        records.use_notices.put(
            UseNotice(visit, wanted=True, by="patient", at_ms=100, told_ms=500, until_ms=105)
        )
    note(catalog, 106)
    assert due(catalog, 499) == [], "told a moment ago"
    assert due(catalog, 500) == [(visit, 106)]


@pytest.mark.parametrize(
    "changes",
    [
        {"link": PATIENT},
        {"study": samples.name("another", 16)},
        {"study": None},
        {"kind": Access.OPENED},
        {"kind": Access.TESTED},
    ],
    ids=str,
)
def test_other_accesses_are_no_use(wishing, changes):
    catalog, _ = wishing
    note(catalog, 200, **changes)
    assert due(catalog) == []


def test_what_the_patient_tries_is_no_use(wishing):
    catalog, visit = wishing
    for name, test in (("trying", True), ("reading", False)):
        row = SessionRow(
            samples.name(name, 32), Kind.SHARE, DOCTOR, None, 1, "", test, 150, 160
        )  # fmt: skip
        with catalog.change() as records:
            records.browsing.add(row)
    note(catalog, 200, session=samples.name("trying", 32))
    assert due(catalog) == []
    note(catalog, 201, session=samples.name("reading", 32))
    assert due(catalog) == [(visit, 201)]


def test_nothing_is_due_for_whoever_does_not_want_it_and_of_closed_visits(wishing):
    catalog, visit = wishing
    note(catalog, 200)
    with catalog.change() as records:
        records.use_notices.put(
            UseNotice(visit, wanted=False, by="patient", at_ms=100, told_ms=0, until_ms=100)
        )
    assert due(catalog) == []
    with catalog.change() as records:
        records.use_notices.put(
            UseNotice(visit, wanted=True, by="patient", at_ms=100, told_ms=0, until_ms=100)
        )
        records.visits.put(replace(records.visits.get(visit), closed_ms=9))
    assert due(catalog) == []


# --- Finished messages ----------------------------------------------------------------------------


def ended(name, kind, subject, ended_ms=1_000, state=MessageState.SENT):
    return replace(
        MESSAGE,
        id=samples.name(name, 16),
        kind=kind,
        subject=subject,
        contact=JANE,
        state=state,
        ended_ms=ended_ms,
    )


def test_finished_messages_are_forgotten_unless_they_could_become_due_again(catalog):
    """The link of an open visit would be announced a second time, and an end reminded of twice."""
    with catalog.change() as records:
        open_, closed = add_visit(records, "1"), add_visit(records, "2")
        records.visits.put(replace(closed, closed_ms=9))
        records.grants.add(samples.grant())
        lapsed = samples.share("lapsed", grant=samples.grant().id, expires=50)
        records.shares.add(lapsed)
        kept = [
            ended("link", MessageKind.LINK, open_.id),
            ended("young", MessageKind.USED, b"1", ended_ms=1_001),
            replace(MESSAGE, id=samples.name("waits", 16), subject=b"2"),
        ]
        gone = [
            ended("used", MessageKind.USED, b"3"),
            ended("failed", MessageKind.EMERGENCY, b"4", state=MessageState.FAILED),
            ended("closed", MessageKind.LINK, closed.id),
            ended("reminder", MessageKind.REMINDER, lapsed.id),
        ]
        for row in (*kept, *gone):
            assert records.messages.add(row)
    with catalog.change() as records:
        assert records.messages.forget(1_000, 49) == 3, "what still lapses is remembered"
        assert records.messages.forget(1_000, 50) == 1
        assert {one.id for one in records.messages.list()} == {one.id for one in kept}

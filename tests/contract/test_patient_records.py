"""Browser sessions, and the keys, PINs and shares of patients, in memory and in SQLite."""

from __future__ import annotations

from dataclasses import replace

import pytest

from support import samples
from support.consents import TEXT, consent, visit
from support.parties import label
from undisc_node.services.browsing_rows import Access, AccessRow, Kind, SessionRow
from undisc_node.services.consent_rows import Decision, VisitStudy
from undisc_node.services.errors import Conflict
from undisc_node.services.patient_rows import KeyKind, PatientGrant, PatientKey, PatientShare
from undisc_protocol.keys import link_key

DID, OTHER = link_key(label("patient")).did, link_key(label("other patient")).did
READER = link_key(label("reader")).did
CONSENT = consent()
VISIT = visit(CONSENT)
SESSION = SessionRow(
    b"h" * 32, Kind.SHARE, DID, None, 1, "Dr. Ann", test=False, created_ms=1_000, until_ms=2_000
)
KEY = PatientKey(
    DID, VISIT.id, KeyKind.LINK, b"sealed", b"c" * 32, software=False, created_ms=1_000
)
BROWSER = PatientKey(OTHER, VISIT.id, KeyKind.BROWSER, None, None, software=True, created_ms=2_000)
SEEN = AccessRow(1_500, Access.VIEWED, DID, b"s" * 16, SESSION.hash, "Dr. Ann", None)


@pytest.fixture
def people(catalog):
    with catalog.change() as records:
        records.consents.add_text(TEXT)
        records.consents.add(CONSENT)
        records.visits.put(VISIT)
    return catalog


def test_a_session_comes_back_and_ends_once(catalog):
    with catalog.change() as records:
        records.browsing.add(SESSION)
        assert records.browsing.get(SESSION.hash) == SESSION
        assert records.browsing.get(b"x" * 32) is None
        records.browsing.close(SESSION.hash, 1_200)
        records.browsing.close(SESSION.hash, 1_300)
        assert records.browsing.get(SESSION.hash) == replace(SESSION, ended_ms=1_200)


def test_the_sessions_of_a_key_end_together(catalog):
    with catalog.change() as records:
        records.browsing.add(SESSION)
        records.browsing.add(replace(SESSION, hash=b"i" * 32))
        records.browsing.add(replace(SESSION, hash=b"j" * 32, link=OTHER))
        records.browsing.add(replace(SESSION, hash=b"k" * 32, until_ms=1_100))
        assert records.browsing.close_of_link(DID, 1_200) == 2
        assert records.browsing.close_of_link(DID, 1_200) == 0
        assert records.browsing.get(b"j" * 32).ended_ms is None


def test_sessions_that_are_over_are_forgotten(catalog):
    with catalog.change() as records:
        records.browsing.add(SESSION)
        records.browsing.forget(1_999)
        assert records.browsing.get(SESSION.hash)
        records.browsing.forget(2_000)
        assert records.browsing.get(SESSION.hash) is None


def test_an_access_of_a_session_is_noted_once(catalog):
    with catalog.change() as records:
        assert not records.browsing.noted(SESSION.hash, Access.VIEWED, b"s" * 16)
        assert records.browsing.note(SEEN)
        assert not records.browsing.note(replace(SEEN, at_ms=1_600))
        assert records.browsing.note(replace(SEEN, kind=Access.COPIED))
        assert records.browsing.note(replace(SEEN, study=b"t" * 16))
        assert records.browsing.noted(SESSION.hash, Access.VIEWED, b"s" * 16)
        opened = replace(SEEN, kind=Access.OPENED, study=None)
        assert records.browsing.note(opened)
        assert not records.browsing.note(opened)


def test_accesses_of_nodes_are_noted_each_time(catalog):
    fetched = replace(SEEN, session=None, node=b"n" * 32, link=OTHER)
    with catalog.change() as records:
        assert records.browsing.note(fetched)
        assert records.browsing.note(fetched)
        records.browsing.note(SEEN)
        assert records.browsing.accesses([DID]) == [SEEN]
        assert records.browsing.accesses([DID, OTHER], limit=2) == [SEEN, fetched]
        assert records.browsing.accesses([]) == []
        assert len(records.browsing.accesses_of([b"s" * 16])) == 3
        assert records.browsing.accesses_of([b"t" * 16]) == []


def test_a_key_comes_back_by_its_did_its_visit_and_its_code(people):
    with people.change() as records:
        records.patients.add_key(BROWSER)
        records.patients.add_key(KEY)
        assert records.patients.key(DID) == KEY
        assert records.patients.keys(VISIT.id) == [KEY, BROWSER]
        assert records.patients.by_handle(b"c" * 32) == KEY
        assert records.patients.by_handle(b"d" * 32) is None


def test_a_key_is_made_once(people):
    with people.change() as records:
        records.patients.add_key(KEY)
    with people.change() as records, pytest.raises(Conflict):
        records.patients.add_key(KEY)


def test_a_key_that_was_replaced_forgets_its_secret_and_one_that_was_ended_its_code(people):
    with people.change() as records:
        records.patients.add_key(KEY)
        records.patients.retire(DID, 3_000, ended=False)
        replaced = replace(KEY, sealed=None, retired_ms=3_000)
        assert records.patients.key(DID) == replaced
        records.patients.retire(DID, 4_000, ended=True)
        assert records.patients.key(DID) == replace(replaced, handle=None, ended_ms=4_000)
        records.patients.retire(DID, 5_000, ended=True)
        assert records.patients.key(DID).ended_ms == 4_000


def released(study=b"s" * 16, **changes):
    row = VisitStudy(VISIT.id, study, belongs=True, by="", at_ms=1, released_ms=5)
    return replace(row, **changes)


def test_released_studies_ask_for_a_link_and_for_grants(people):
    grant = samples.grant()
    with people.change() as records:
        records.visits.put_study(released(released_ms=None))
        assert records.patients.keyless(limit=9) == []
        records.visits.put_study(released())
        records.visits.put_study(released(b"t" * 16))
        records.visits.put_study(released(b"u" * 16, belongs=False))
        assert records.patients.keyless(limit=9) == [VISIT.id]
        assert records.patients.ungranted(limit=9) == []
        records.patients.add_key(KEY)
        records.patients.add_key(replace(BROWSER, retired_ms=9))
        assert records.patients.keyless(limit=9) == []
        wanted = records.patients.ungranted(limit=9)
        assert sorted(wanted) == [(DID, b"s" * 16), (DID, b"t" * 16)]
        records.grants.add(grant)
        records.patients.add_grant(PatientGrant(DID, b"s" * 16, grant.id))
        assert records.patients.ungranted(limit=9) == [(DID, b"t" * 16)]
        assert records.patients.grants(DID) == [PatientGrant(DID, b"s" * 16, grant.id)]


def test_a_grant_to_a_key_is_made_once(people):
    grant = samples.grant()
    with people.change() as records:
        records.patients.add_key(KEY)
        records.grants.add(grant)
        records.patients.add_grant(PatientGrant(DID, b"s" * 16, grant.id))
        with pytest.raises(Conflict):
            records.patients.add_grant(PatientGrant(DID, b"s" * 16, grant.id))


def test_a_withdrawn_visit_asks_for_nothing(people):
    with people.change() as records:
        records.visits.put_study(released())
        records.visits.put(replace(VISIT, closed_ms=9))
        assert records.patients.keyless(limit=9) == []


def test_a_visit_of_a_no_asks_for_nothing(catalog):
    refused = consent("2", decision=Decision.NO, ends=None)
    with catalog.change() as records:
        records.consents.add_text(TEXT)
        records.consents.add(refused)
        records.visits.put(visit(refused))
        records.visits.put_study(released())
        assert records.patients.keyless(limit=9) == []


def test_what_was_shared_comes_back_with_its_parts(people):
    grant, first = samples.grant(), samples.share()
    second = replace(first, id=b"2" * 32)
    shared = PatientShare(
        b"p" * 16, VISIT.id, READER, "Dr. Ann", "ann@example.org", (second.id, first.id), 5
    )
    with people.change() as records:
        records.grants.add(grant)
        for share in (first, second):
            records.shares.add(replace(share, grant=grant.id))
        records.patients.add_share(shared)
        kept = replace(shared, parts=tuple(sorted(shared.parts)))
        assert records.patients.share(shared.id) == kept
        assert records.patients.shares(VISIT.id) == [kept]
        assert records.patients.shares_to(READER) == [kept]
        assert records.patients.shares_to(DID) == []
        third = replace(first, id=b"3" * 32, grant=grant.id)
        records.shares.add(third)
        records.patients.add_part(shared.id, third.id)
        assert third.id in records.patients.share(shared.id).parts
        records.patients.tested(shared.id, 77)
        assert records.patients.share(shared.id).tested_ms == 77

"""Patients who want to hear of each use: told soon, never often, and of nothing they did."""

from __future__ import annotations

import pytest

from support.browser import shared
from support.practice import befriend
from support.uses import Uses
from undisc_node.notify.wording import PackagedWording, languages
from undisc_node.services.browsing_rows import Access
from undisc_node.services.errors import NotFound
from undisc_node.services.message_rows import Facts, MessageKind
from undisc_node.services.use_notices import PAUSE_MS
from undisc_protocol.link import write_link

MINUTE = 60
HOUR = 3_600


@pytest.fixture
def watched(patient):
    """A patient who wants to hear of uses, and a doctor with a link."""
    uses = Uses(patient.practice)
    visit = patient.session().row.visit
    uses.notices.want(visit, "patient", wanted=True)
    _, doctor = shared(patient)
    patient.practice.clock.advance(1)
    return uses, visit, patient, doctor


def look(doctor, what=Access.VIEWED):
    session = doctor.open("blue horse", name="Dr. Ann")
    (study,) = session.studies
    doctor.practice.browsing.note(session, what, study)


@pytest.mark.parametrize("what", [Access.VIEWED, Access.COPIED])
def test_a_use_is_told_once(watched, what):
    uses, visit, _, doctor = watched
    assert uses.notices.tell() == 0
    look(doctor, what)
    assert [uses.notices.tell(), uses.notices.tell()] == [1, 0]
    assert [(kind, told) for kind, _, told in uses.told] == [(MessageKind.USED, visit)]


def test_another_practice_that_fetches_is_told_of(watched, found):
    uses, _, patient, doctor = watched
    hospital = found("hospital")
    befriend(patient.practice, hospital)
    link = write_link(patient.practice.url, b"secret of the doctor's link, 32b")
    (fetch,) = hospital.link_fetching.start(link, "blue horse", "admin")
    hospital.ended(fetch.id)
    assert doctor.key
    assert uses.notices.tell() == 1


def test_many_uses_make_four_messages_in_an_hour_at_most(watched, clock):
    """A ward round: what happens meanwhile is told with the next message, and nothing is lost."""
    uses, _, _, doctor = watched
    for _ in range(60):
        look(doctor)
        uses.notices.tell()
        clock.advance(MINUTE)
    assert len(uses.told) <= HOUR * 1000 // PAUSE_MS
    clock.advance(PAUSE_MS // 1000)
    before = len(uses.told)
    uses.notices.tell()
    assert len(uses.told) == before + 1, "the last ones are told, too"
    assert len({subject for _, subject, _ in uses.told}) == len(uses.told)


def test_what_the_patient_does_is_no_use(watched):
    """Their own looking and downloading, and trying what they shared."""
    uses, _, patient, doctor = watched
    session = patient.session()
    (study,) = session.studies
    for what in (Access.VIEWED, Access.COPIED):
        patient.practice.browsing.note(session, what, study)
    tried = doctor.open("blue horse", tester=patient)
    patient.practice.browsing.note(tried, Access.VIEWED, study)
    assert uses.notices.tell() == 0


def test_opening_alone_and_wrong_passcodes_are_no_use(watched):
    uses, _, _, doctor = watched
    doctor.open("blue horse")
    assert uses.notices.tell() == 0


def test_nobody_is_told_who_does_not_want_it(watched, clock):
    """Turned off and on again: what happened meanwhile is not told afterwards."""
    uses, visit, patient, doctor = watched
    uses.notices.want(visit, "patient", wanted=False)
    look(doctor)
    assert uses.notices.tell() == 0
    clock.advance(1)
    uses.notices.want(visit, "anna", wanted=True)
    assert uses.notices.tell() == 0
    clock.advance(1)
    look(doctor)
    assert uses.notices.tell() == 1
    assert patient.practice.kinds().count("visit.use_notices") == 3


def test_wanting_it_twice_changes_nothing(watched):
    uses, visit, patient, _ = watched
    before = len(patient.practice.kinds())
    uses.notices.want(visit, "patient", wanted=True)
    assert len(patient.practice.kinds()) == before
    assert uses.notices.wish(visit).wanted
    with pytest.raises(NotFound):
        uses.notices.want(b"v" * 16, "patient", wanted=True)


def test_a_visit_that_was_closed_is_told_of_no_more(watched):
    uses, _, patient, doctor = watched
    look(doctor)
    visit = patient.session().row.visit
    practice = patient.practice
    with practice.catalog.look() as records:
        consent = records.visits.get(visit).consent
    practice.consenting.withdraw(consent, "", "anna")
    assert uses.notices.tell() == 0


@pytest.mark.parametrize("language", languages())
def test_the_message_says_that_it_happened_and_nothing_else(language):
    """No name, no finding, no link: whoever reads it learns that somebody has images there."""
    facts = Facts(practice="Riverside", phone="555-0100", link="LINK", code="CODE", staff="STAFF")
    words = PackagedWording().words(MessageKind.USED, language, facts)
    for text in (words.subject, words.text, words.html, words.short):
        assert "Riverside" in text
        assert not any(secret in text for secret in ("LINK", "CODE", "STAFF"))
    assert len(words.short) <= 160

"""What a patient shares: how it opens, who is told what, and how it is taken back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from support.browser import OTHER_SECRET, PIN, SECRET, shared
from support.memory_reader import instance
from support.practice import befriend
from undisc_node.services.browsing_rows import Access, Kind
from undisc_node.services.errors import Conflict, Invalid, NotFound, Refused, ServiceError
from undisc_node.services.model import FetchState, StudyState
from undisc_node.services.patient_views import Wanted
from undisc_protocol.capability.delegation import COMMAND_VIEW, read_delegation
from undisc_protocol.errors import (
    Expired,
    Locked,
    RemoteProtocolError,
    Revoked,
    StudyUnavailable,
    UsesUsedUp,
    WrongPasscode,
)
from undisc_protocol.keys import link_key
from undisc_protocol.link import write_link

# --- Shared ---------------------------------------------------------------------------------------


def test_a_share_opens_with_its_passcode(patient):
    made, doctor = shared(patient)
    looked = doctor.look()
    assert (looked.kind, looked.passcode, looked.problem) == (Kind.SHARE, True, "")
    with pytest.raises(WrongPasscode):
        doctor.open("wrong horse")
    session = doctor.open("blue horse", name="Dr. Ann Smith")
    assert session.studies == patient.session().studies
    (one,) = patient.overview().shares
    assert (one.state, one.link.uses, one.shared.id) == ("active", 1, made.id)


def test_a_cookie_is_useless_after_the_share_was_revoked(patient):
    made, doctor = shared(patient)
    session = doctor.open("blue horse")
    patient.practice.patient_sharing.revoke(patient.session(), made.id)
    assert not patient.practice.browsing.stands(session)
    with pytest.raises((RemoteProtocolError, Refused)):
        doctor.session()
    with pytest.raises(Revoked):
        doctor.open("blue horse")
    assert doctor.look().problem == "revoked"
    (one,) = patient.overview().shares
    assert one.state == "revoked"


def test_everything_is_taken_back_at_once(patient):
    _made, doctor = shared(patient)
    _, other = shared(patient, Wanted("Dr. Ben"), OTHER_SECRET)
    other.open()
    assert patient.practice.patient_sharing.revoke_all(patient.session()) == 2
    for browser in (doctor, other):
        with pytest.raises((RemoteProtocolError, Refused)):
            browser.open("blue horse")
    assert patient.session().studies, "the patient's own stays"
    assert patient.practice.patient_sharing.revoke_all(patient.session()) == 0


def test_a_share_of_one_series_and_for_viewing_says_so(patient):
    series = (b"a" * 16, b"b" * 16)
    _, doctor = shared(patient, Wanted("Dr. Ben"), command=COMMAND_VIEW, series=series)
    session = doctor.open()
    study = patient.practice.study().id
    assert session.series == {study: frozenset(series)}
    assert not session.may_copy(study)


def test_a_patient_chooses_among_the_series_of_a_study(patient):
    """Attack: the share of one series does not open another, which the session says by name."""
    practice = patient.practice
    practice.store(instance(2, accession="A-7", series=2))
    (one,) = patient.overview().studies
    assert [(part.modality, part.images) for part in one.parts] == [("CT", 1), ("CT", 1)]
    chosen = one.parts[1].name
    _, doctor = shared(patient, series=(chosen,))
    assert doctor.open("blue horse").series == {one.study.id: frozenset({chosen})}


def test_a_share_for_one_use_opens_once(patient):
    _, doctor = shared(patient, Wanted("Dr. Ben", uses=1))
    assert doctor.open().row.use == 1
    with pytest.raises(UsesUsedUp):
        doctor.open()
    assert doctor.look().problem == "uses_used_up"
    assert doctor.session().studies, "what was opened goes on"


def test_a_share_ends_by_itself(patient, clock):
    _, doctor = shared(patient, expires=clock.now_ms() // 1000 + 60)
    doctor.open("blue horse")
    clock.advance(61)
    with pytest.raises(Expired):
        doctor.session()
    assert doctor.look().problem == "expired"


def test_a_share_of_a_held_study_says_so(patient):
    _, doctor = shared(patient)
    doctor.open("blue horse")
    patient.practice.studies.hold(patient.practice.study().id, "mixed up", "anna")
    with pytest.raises(StudyUnavailable):
        doctor.session()


def test_the_patient_tries_a_share_as_the_doctor_would(patient):
    """The real way, the passcode included; it spends no use, and the page says when it was."""
    _made, doctor = shared(patient, Wanted("Dr. Ben", passcode="blue horse", uses=1))
    with pytest.raises(WrongPasscode):
        doctor.open("wrong", tester=patient)
    assert doctor.open("blue horse", tester=patient).row.test
    (one,) = patient.overview().shares
    assert (one.link.uses, one.shared.tested_ms) == (0, patient.practice.clock.now_ms())
    assert patient.practice.kinds()[-1] == "link.tested"
    assert doctor.open("blue horse").row.use == 1


def test_a_reader_is_no_patient(patient):
    made, doctor = shared(patient)
    session = doctor.open("blue horse")
    sharing = patient.practice.patient_sharing
    for attempt in (
        lambda: sharing.overview(session),
        lambda: sharing.accesses(session),
        lambda: sharing.revoke(session, made.id),
        lambda: sharing.revoke_all(session),
        lambda: sharing.share(session, patient.tokens(doctor.key.did), Wanted("me")),
    ):
        with pytest.raises(Refused):
            attempt()


def test_a_visit_cannot_touch_the_shares_of_another(patient, found):
    made, _ = shared(patient)
    with pytest.raises(NotFound):
        patient.practice.patient_sharing.revoke(
            replace(patient.session(), row=replace(patient.session().row, visit=b"o" * 16)),
            made.id,
        )


@pytest.mark.parametrize("wanted", [Wanted(""), Wanted("x" * 65), Wanted("x", passcode="123")])
def test_what_cannot_be_shared_is_said(patient, wanted):
    with pytest.raises(Invalid):
        shared(patient, wanted)
    assert patient.overview().shares == []


def test_a_link_is_shared_with_once(patient):
    shared(patient)
    with pytest.raises(Conflict):
        shared(patient, nonce=b"another one.")


def test_a_share_goes_straight_to_a_connected_practice(visited, patient, found):
    practice, *_ = visited
    hospital = found("hospital")
    befriend(practice, hospital)
    tokens = patient.tokens(hospital.own.key.did)
    _, offers = practice.patient_sharing.share(patient.session(), tokens, Wanted("Hospital"))
    assert hospital.bring(offers[0]).state is FetchState.DONE
    (one,) = patient.overview().shares
    assert one.peer.id == hospital.own.id
    with practice.catalog.look() as records:
        (offer,) = records.offers.due(practice.clock.now_ms())
    assert (offer.id, offer.peer) == (one.parts[0].id, hospital.own.id)


def test_a_doctors_link_has_two_doors(visited, patient, found):
    """The same link in another practice's node."""
    practice, *_ = visited
    hospital = found("hospital")
    befriend(practice, hospital)
    shared(patient)
    link = write_link(practice.url, SECRET)
    (fetch,) = hospital.link_fetching.start(link, "blue horse", "admin")
    assert hospital.ended(fetch.id).state is FetchState.DONE
    found_rows = practice.patient_sharing.accesses(patient.session())
    assert [(row.kind, row.who) for row in found_rows if row.node] == [
        (Access.STORED, "Practice hospital"),
        (Access.COPIED, "Practice hospital"),
        (Access.OPENED, "Practice hospital"),
    ]


def test_the_patient_reads_who_did_what(patient, clock):
    practice, study = patient.practice, patient.practice.study().id
    _, doctor = shared(patient)
    with pytest.raises(WrongPasscode):
        doctor.open("wrong", name="Dr. Who")
    clock.advance(1)
    session = doctor.open("blue horse", name="Dr. Ann")
    for what in (Access.VIEWED, Access.VIEWED, Access.COPIED):
        clock.advance(1)
        practice.browsing.note(session, what, study)
    rows = practice.patient_sharing.accesses(patient.session())
    assert [(row.kind, row.who) for row in rows if row.link == doctor.key.did] == [
        (Access.COPIED, "Dr. Ann"),
        (Access.VIEWED, "Dr. Ann"),
        (Access.OPENED, "Dr. Ann"),
        (Access.WRONG, "Dr. Who"),
    ]
    assert practice.kinds()[-2:] == ["study.viewed", "study.copied"]


TWO_STEP = Wanted("Dr. Ben", passcode="blue horse", contact=" Ben@Hospital.example ", uses=1)


def test_two_steps_are_a_passcode_and_a_code_that_is_sent(patient):
    """Only to whom the patient named; the door shows a little of the address."""
    _, doctor = shared(patient, TWO_STEP)
    assert doctor.look().contact == "B***@h***"
    with pytest.raises(Locked):
        doctor.open("blue horse")
    code = doctor.send_code()
    assert patient.practice.sent_codes == [("Ben@hospital.example", code, "es")]
    with pytest.raises(WrongPasscode):
        doctor.open("red horse", code=code)
    wrong = f"{(int(code) + 1) % 10**6:06}"
    with pytest.raises(Refused):
        doctor.open("blue horse", code=wrong)
    assert doctor.open("blue horse", code=code).studies
    (one,) = patient.overview().shares
    assert (one.link.uses, one.link.attempts) == (1, 1), "only the wrong passcode counts"


def test_five_wrong_codes_end_a_code(patient):
    _, doctor = shared(patient, replace(TWO_STEP, uses=None))
    code = doctor.send_code()
    for number in range(5):
        with pytest.raises(Refused):
            doctor.open("blue horse", code=f"{(int(code) + 1 + number) % 10**6:06}")
    with pytest.raises(ServiceError):
        doctor.open("blue horse", code=code)


def test_a_code_is_sent_for_a_link_that_asks_for_one_only(patient):
    _, doctor = shared(patient)
    with pytest.raises(Refused):
        doctor.send_code()
    assert patient.practice.sent_codes == []


@pytest.mark.parametrize("contact", ["nobody", "@", "a@b@", "12", "x@y"])
def test_a_contact_that_cannot_be_reached_is_refused(patient, contact):
    with pytest.raises(Invalid):
        shared(patient, Wanted("Dr. Ben", contact=contact))


@pytest.fixture
def fetched(patient, found):
    """A hospital that has fetched with a doctor's link."""
    practice, hospital = patient.practice, found("hospital")
    befriend(practice, hospital)
    made, _ = shared(patient)
    link = write_link(practice.url, SECRET)
    (fetch,) = hospital.link_fetching.start(link, "blue horse", "admin")
    assert hospital.ended(fetch.id).state is FetchState.DONE
    return practice, hospital, made


@pytest.mark.parametrize(
    ("decision", "value", "says"), [("keep", "claim", "claim"), ("withdraw", "", "locked")]
)
def test_who_has_a_copy_is_told_that_the_permission_ended_and_decides(
    fetched, patient, clock, decision, value, says
):
    """The patient reads what the hospital decided, in its own words."""
    practice, hospital, made = fetched
    practice.patient_sharing.revoke(patient.session(), made.id)
    assert practice.noticing.send_due() == 0, "it is asked again"
    (told,) = practice.noticing.of_study(practice.study().id)
    assert (told.kind, told.outcome) == ("ended", "a person there decides")
    (row,) = hospital.queueing.list("permission-ended")
    assert row.facts[0].here == practice.own.name
    hospital.queueing.resolve(row.id, decision, value, "anna")
    assert hospital.queueing.list("permission-ended") == []
    assert (hospital.study().state is StudyState.WITHDRAWN) == (decision == "withdraw")
    clock.advance(7_200)
    assert practice.noticing.send_due() == 1
    patient.open(PIN)
    (copy,) = patient.overview().shares[0].copies
    assert (copy.name, copy.does, copy.why) == (hospital.own.name, "kept", says)
    practice.patient_sharing.revoke(patient.session(), made.id)
    assert practice.noticing.send_due() == 0, "once"


def test_who_has_another_permission_is_not_told(fetched, patient):
    practice, hospital, made = fetched
    tokens = patient.tokens(hospital.own.key.did)
    practice.patient_sharing.share(patient.session(), tokens, Wanted("Hospital"))
    practice.patient_sharing.revoke(patient.session(), made.id)
    practice.noticing.send_due()
    (told,) = practice.noticing.of_study(practice.study().id)
    assert told.outcome == "not told: it has another permission"
    assert hospital.queueing.list("permission-ended") == []


def later(practice, clock):
    """Let a second study join the visit."""
    practice.store(instance(1, study_uid="1.2.3.99", accession="A-7"))
    practice.settling.settle(practice.study("1.2.3.99").id, "")
    clock.advance(30 * 60)
    practice.releasing.release_due()
    practice.patient_links.make_due()
    return practice.study("1.2.3.99").id


def test_a_study_that_comes_later_is_added_to_the_same_link(patient, clock):
    practice, (made, doctor) = patient.practice, shared(patient)
    doctor.open("blue horse")
    new = later(practice, clock)
    patient.open(PIN)
    (end,) = {part.expires for part in patient.overview().shares[0].parts}
    added = next(
        one
        for one in patient.tokens(doctor.key.did, nonce=b"another one.", expires=end)
        if read_delegation(one).policy.study == new
    )
    practice.patient_sharing.extend(patient.session(), made.id, [added])
    doctor.open("blue horse")
    assert doctor.session().studies == {new, practice.study().id}
    practice.patient_sharing.revoke(patient.session(), made.id)
    with pytest.raises((RemoteProtocolError, Refused)):
        doctor.session()


def test_nothing_else_is_added_to_a_share(patient, clock):
    """Another recipient, another command, the same study again, or a share that was ended."""
    practice, (made, doctor) = patient.practice, shared(patient)
    sharing = practice.patient_sharing
    again = patient.tokens(doctor.key.did, nonce=b"another one.")
    with pytest.raises(Conflict):
        sharing.extend(patient.session(), made.id, again)
    new = later(practice, clock)
    patient.open(PIN)

    def tokens(audience=doctor.key.did, **changes):
        made = patient.tokens(audience, nonce=b"another one.", **changes)
        return [one for one in made if read_delegation(one).policy.study == new]

    for wrong in (
        tokens(link_key(OTHER_SECRET).did),
        tokens(command=COMMAND_VIEW),
        [],
    ):
        with pytest.raises(Conflict):
            sharing.extend(patient.session(), made.id, wrong)
    sharing.revoke(patient.session(), made.id)
    with pytest.raises(Conflict):
        sharing.extend(patient.session(), made.id, tokens())
    with pytest.raises(NotFound):
        sharing.extend(patient.session(), b"x" * 16, tokens())


def test_the_node_sends_a_link_for_the_patient_and_keeps_it_nowhere(patient):
    practice, (made, _) = patient.practice, shared(patient)
    link, session = write_link(practice.url, SECRET), patient.session()
    practice.patient_sharing.send(session, made.id, link, "Ben@Hospital.example", "es")
    ((to, sent, ends, language),) = practice.sent_links
    assert (to, sent, language) == ("Ben@hospital.example", link, "es")
    assert ends == patient.overview().shares[0].parts[0].expires
    assert practice.patient_sharing.accesses(session)[0].who == "B***@h***"
    assert link.split("#")[1] not in str(practice.events())
    assert "Ben@" not in str(practice.events())
    for _ in range(4):
        practice.patient_sharing.send(session, made.id, link, "+1 212 555 0100", "en")
    with pytest.raises(Conflict):
        practice.patient_sharing.send(session, made.id, link, "x@hospital.example", "en")


def test_only_the_link_of_the_share_is_sent_and_only_while_it_opens_something(patient):
    """Attack: the practice's name under a link of somebody else."""
    practice, (made, _) = patient.practice, shared(patient)
    sharing, link = practice.patient_sharing, write_link(practice.url, SECRET)
    other = write_link(practice.url, OTHER_SECRET)
    with pytest.raises(NotFound):
        sharing.send(patient.session(), made.id, other, "x@hospital.example", "en")
    with pytest.raises(Invalid):
        sharing.send(patient.session(), made.id, link, "nobody", "en")
    elsewhere = write_link("https://evil.example", SECRET)
    sharing.send(patient.session(), made.id, elsewhere, "x@hospital.example", "en")
    assert practice.sent_links.pop()[1] == link
    sharing.revoke(patient.session(), made.id)
    with pytest.raises(Revoked):
        sharing.send(patient.session(), made.id, link, "x@hospital.example", "en")
    assert practice.sent_links == []

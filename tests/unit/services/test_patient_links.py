"""The link of a patient: made at release, opened with a PIN, claimed once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from support.browser import OTHER_SECRET, PIN, Browser, shared
from support.memory_reader import instance
from support.practice import DAY
from undisc_node.services.browsing_rows import Kind
from undisc_node.services.desk_rows import Channel, ChannelKind
from undisc_node.services.errors import Conflict, NotFound, Refused, ServiceError
from undisc_node.services.patient_views import Wanted
from undisc_protocol.errors import (
    AttemptsUsedUp,
    Locked,
    NotGranted,
    RemoteProtocolError,
    Replayed,
    Revoked,
    WrongAudience,
    WrongPasscode,
)
from undisc_protocol.keys import link_key
from unit.services.test_consenting import record

HOUR = 3_600


def grants_to(practice, did):
    return [one for one in practice.granting.list(None) if one.audience == did]


# --- Made -----------------------------------------------------------------------------------------


def test_a_released_visit_gets_one_link_and_a_grant_on_its_study(visited):
    practice, visit, consent = visited
    (key,) = practice.patient_links.access(visit.id).keys
    (grant,) = grants_to(practice, key.did)
    assert (grant.command, grant.expires) == ("/img", consent.statement.ends)
    assert practice.patient_links.make_due() == 0, "once"
    handout = practice.patient_links.handout(visit.id)
    assert handout.link.startswith("https://alone.example/l#")
    assert practice.patient_links.handout(visit.id) == handout, "can be printed again"
    assert handout.link.split("#")[1] not in str(practice.events())


def test_before_the_release_there_is_no_link(alone):
    _, visit = record(alone)
    assert alone.patient_links.make_due() == 0
    with pytest.raises(NotFound) as caught:
        alone.patient_links.handout(visit.id)
    assert caught.value.reason == "no_link"


def test_a_study_that_joins_later_joins_the_link(visited, clock, patient):
    practice, *_ = visited
    practice.store(instance(1, study_uid="1.2.3.99", accession="A-7"))
    practice.settling.settle(practice.study("1.2.3.99").id, "")
    assert len(patient.session().studies) == 1
    clock.advance(30 * 60)
    practice.releasing.release_due()
    assert practice.patient_links.make_due() == 1
    assert len(patient.session().studies) == 2


def test_a_secret_is_worth_nothing_without_the_key_encryption_key(visited):
    practice, visit, _ = visited
    (key,) = practice.patient_links.access(visit.id).keys
    secret = practice.patient_links.handout(visit.id).link.split("#")[1]
    assert secret.encode() not in key.sealed
    practice.patient_links._kek = b"k" * 32
    with pytest.raises(RemoteProtocolError):
        practice.patient_links.handout(visit.id)


# --- Opened ---------------------------------------------------------------------------------------


def test_to_look_spends_nothing_and_tells_nothing_of_the_patient(visited):
    """A mail scanner that runs scripts looks as often as it likes."""
    practice, visit, _ = visited
    browser = Browser.at(practice, practice.patient_links.handout(visit.id).link)
    before = practice.kinds()
    for _ in range(20):
        looked = browser.look()
    assert (looked.kind, looked.problem, looked.attempts) == (Kind.PATIENT, "", 5)
    assert "Doe" not in str(looked)
    assert practice.kinds() == before
    with practice.catalog.look() as records:
        assert records.patients.key(browser.key.did).retired_ms is None


def test_link_and_pin_open_the_visit(visited, patient):
    practice, *_ = visited
    session = patient.session()
    assert (session.kind, session.studies) == (Kind.PATIENT, {practice.study().id})
    assert session.may_copy(practice.study().id)
    assert practice.kinds()[-1] == "patient_link.opened"


def test_the_code_and_the_pin_open_it_as_well(visited):
    practice, visit, _ = visited
    code = practice.patient_links.handout(visit.id).code
    assert practice.opening.look_code(code.lower()).problem == ""
    cookie, _row = practice.opening.open_code(code.replace("-", " "), PIN)
    assert practice.browsing.session_of(cookie).studies == {practice.study().id}
    with pytest.raises(WrongPasscode):
        practice.opening.open_code(code, "wrong")


def test_a_code_that_was_never_made_opens_nothing(visited):
    practice, *_ = visited
    with pytest.raises(NotGranted):
        practice.opening.open_code("0000-0000-0000", PIN)


def test_wrong_pins_lock_a_visit_until_the_desk_reopens_it(visited):
    practice, visit, _ = visited
    browser = Browser.at(practice, practice.patient_links.handout(visit.id).link)
    for left in (4, 3, 2, 1):
        with pytest.raises(WrongPasscode) as caught:
            browser.open("wrong")
        assert f"attempts left: {left}" in caught.value.hint
    with pytest.raises(WrongPasscode):
        browser.open("wrong")
    for _ in range(2):
        with pytest.raises(AttemptsUsedUp):
            browser.open(PIN)
    assert browser.look().problem == "attempts_used_up"
    assert practice.kinds().count("patient_link.wrong_pin") == 5
    practice.patient_links.reopen(visit.id, "anna")
    assert browser.open(PIN).studies
    with pytest.raises(WrongPasscode) as caught:
        browser.open("wrong")
    assert "attempts left: 4" in caught.value.hint, "a right one costs nothing"


def test_500_parallel_wrong_pins_count_exactly_5_and_the_right_one_is_refused(visited):
    """Attack: all at once, so that each is compared before another is counted."""
    practice, visit, _ = visited
    link = practice.patient_links.handout(visit.id).link

    def guess(number):
        try:
            Browser.at(practice, link).open(f"guess {number}")
        except RemoteProtocolError as problem:
            return problem.code
        return "opened"

    with ThreadPoolExecutor(32) as pool:
        codes = list(pool.map(guess, range(500)))
    assert codes.count("wrong_passcode") == 5
    assert codes.count("attempts_used_up") == 495
    assert practice.patient_links.access(visit.id).pin.attempts == 5
    with pytest.raises(AttemptsUsedUp):
        Browser.at(practice, link).open(PIN)


def test_without_a_pin_nobody_gets_in(visited):
    practice, visit, _ = visited
    browser = Browser.at(practice, practice.patient_links.handout(visit.id).link)
    with pytest.raises(Locked):
        browser.open(None)
    assert practice.patient_links.access(visit.id).pin.attempts == 0


def test_a_request_is_good_for_once_and_for_one_node(visited, found):
    practice, visit, _ = visited
    browser = Browser.at(practice, practice.patient_links.handout(visit.id).link)
    from undisc_protocol.browser import Act  # noqa: PLC0415

    raw = browser.signed(Act.OPEN, passcode=PIN, code=None, name="")
    practice.opening.open(raw)
    with pytest.raises(Replayed):
        practice.opening.open(raw)
    with pytest.raises(WrongAudience):
        found("elsewhere").opening.open(raw)
    with pytest.raises(RemoteProtocolError):
        practice.opening.look(raw)


def test_a_session_ends_after_an_hour(patient, clock):
    clock.advance(HOUR - 1)
    assert patient.session().studies
    clock.advance(1)
    with pytest.raises(Refused) as caught:
        patient.session()
    assert caught.value.reason == "session_over"


@pytest.mark.parametrize("cookie", ["", "x", "A" * 43, "A" * 42 + "B", "é" * 43, "A" * 44])
def test_a_cookie_that_nobody_got_is_no_session(visited, cookie):
    practice, *_ = visited
    with pytest.raises(Refused):
        practice.browsing.session_of(cookie)


def test_a_session_that_was_closed_is_over(patient):
    patient.practice.browsing.end(patient.cookie)
    with pytest.raises(Refused):
        patient.session()


def test_a_held_study_is_not_seen_any_more(patient):
    practice = patient.practice
    practice.studies.hold(practice.study().id, "mixed up", "anna")
    assert patient.session().studies == frozenset()


def test_a_withdrawn_consent_closes_the_images_and_leaves_the_list(visited, patient):
    practice, _visit, consent = visited
    practice.consenting.withdraw(consent.id, "", "anna")
    assert patient.session().studies == frozenset()
    assert patient.overview().shares == []


# --- Claimed --------------------------------------------------------------------------------------


def test_a_claim_puts_the_browsers_key_in_the_links_place(visited, patient):
    practice, visit, _ = visited
    claimed = patient.claim(PIN)
    assert claimed.session().studies == {practice.study().id}
    with practice.catalog.look() as records:
        old, new = records.patients.keys(visit.id)
    assert (old.sealed, old.retired_ms is None, new.did) == (None, False, claimed.key.did)
    (grant,) = grants_to(practice, old.did)
    assert grant.revoked_ms is not None
    with pytest.raises(Conflict) as caught:
        practice.patient_links.handout(visit.id)
    assert caught.value.reason == "link_claimed"
    with pytest.raises(Refused):
        patient.session()
    assert patient.look().problem == "claimed"


def test_of_claims_at_once_one_wins(visited):
    """Attack: ten browsers with the same link and PIN."""
    practice, visit, _ = visited
    link = practice.patient_links.handout(visit.id).link

    def claim(number):
        try:
            Browser.at(practice, link).claim(PIN, f"browser {number}")
        except (ServiceError, RemoteProtocolError) as problem:
            return getattr(problem, "reason", "") or problem.code
        return "claimed"

    with ThreadPoolExecutor(10) as pool:
        results = list(pool.map(claim, range(10)))
    assert results.count("claimed") == 1
    with practice.catalog.look() as records:
        assert len(records.patients.keys(visit.id)) == 2


def test_a_claim_needs_the_pin(visited, patient):
    with pytest.raises(WrongPasscode):
        patient.claim("wrong")
    assert patient.session().studies


def test_the_code_claims_as_well(visited):
    practice, visit, _ = visited
    code = practice.patient_links.handout(visit.id).code
    did = link_key(b"n" * 32).did
    cookie, _ = practice.opening.claim_code(code, PIN, did, software=True)
    assert practice.browsing.session_of(cookie).studies
    with pytest.raises(Conflict):
        practice.opening.claim_code(code, PIN, link_key(b"m" * 32).did, software=False)


def test_a_code_to_the_patient_lets_a_new_device_take_the_place_of_a_lost_one(visited, patient):
    """Link, PIN and what was sent to the address that the practice has; shares stay alive."""
    practice, visit, _ = visited
    with practice.catalog.change() as records:
        records.wishes.put_channel(
            Channel(visit.id, ChannelKind.EMAIL, "jane@example.org", "es", 1, "anna", 1)
        )
    lost = patient.claim(PIN)
    _, doctor = shared(lost)
    doctor.open("blue horse")
    letter = Browser(practice, patient.key)
    assert letter.look().contact == "j***@e***"
    with pytest.raises(Conflict):
        letter.claim(PIN, "another phone")
    code = letter.send_code()
    assert practice.sent_codes[0][0] == "jane@example.org"
    with pytest.raises(Refused):
        letter.claim(PIN, "another phone", code=f"{(int(code) + 1) % 10**6:06}")
    found = letter.claim(PIN, "another phone", code=code)
    assert found.session().studies == {practice.study().id}
    assert doctor.session().studies
    with pytest.raises(ServiceError):
        letter.claim(PIN, "a third phone", code=code)
    with pytest.raises(Refused):
        lost.session()


def test_a_lost_phone_never_blocks_revocation(visited, patient):
    """The letter and the PIN still list and end what the lost phone has shared."""
    practice, *_ = visited
    claimed = patient.claim(PIN)
    made, doctor = shared(claimed)
    assert doctor.open("blue horse").studies
    letter = Browser(practice, patient.key)
    session = letter.open(PIN)
    assert session.studies == frozenset(), "it shows no images any more"
    assert [one.shared.id for one in letter.overview().shares] == [made.id]
    practice.patient_sharing.revoke(session, made.id)
    with pytest.raises(RemoteProtocolError):
        doctor.session()


def test_the_desk_makes_a_new_link_and_shares_stay_alive(visited, patient):
    """A lost phone: the new link is claimed, the old key is worth nothing, the doctor reads on."""
    practice, visit, _ = visited
    lost = patient.claim(PIN)
    _, doctor = shared(lost)
    doctor.open("blue horse")
    again = Browser.at(practice, practice.patient_links.reissue(visit.id, "anna").link)
    assert lost.session().studies, "until somebody claims"
    found = again.claim(PIN, "another phone")
    assert found.session().studies == {practice.study().id}
    assert doctor.session().studies == {practice.study().id}
    with pytest.raises(Refused):
        lost.session()
    tokens = found.tokens(link_key(OTHER_SECRET).did)
    practice.patient_sharing.share(found.session(), tokens, Wanted("Dr. Ben"))
    lost.open(PIN)
    with pytest.raises(Refused) as caught:
        practice.patient_sharing.share(
            found.session(),
            [replaced_token(lost, practice)],
            Wanted("a thief"),
        )
    assert caught.value.reason == "key_replaced"


def replaced_token(lost, practice):
    from support.practice import sign_share  # noqa: PLC0415

    now = practice.clock.now_ms() // 1000
    return sign_share(
        lost.key,
        audience=link_key(b"third link, thirty-two bytes ...").did,
        subject=practice.own.key.did,
        study=practice.study().id,
        command="/img/read",
        nonce=bytes(12),
        not_before=now,
        expires=now + DAY,
    )


def test_an_unclaimed_link_that_is_replaced_is_ended(visited, patient):
    """It went to a wrong address: whoever has it is locked out at once."""
    practice, visit, _ = visited
    _, doctor = shared(patient)
    practice.patient_links.reissue(visit.id, "anna")
    with pytest.raises(Revoked):
        patient.session()
    with pytest.raises(Revoked):
        Browser(practice, patient.key).open(PIN)
    assert patient.look().problem == "revoked"
    with pytest.raises(RemoteProtocolError):
        doctor.open("blue horse")

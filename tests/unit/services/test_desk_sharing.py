"""The desk shares for a patient who says so: like any share, and the log knows who said it."""

from __future__ import annotations

import pytest

from support.browser import Browser
from undisc_node.services.desk_sharing import DeskSharing, ToShare
from undisc_node.services.errors import Conflict, Invalid, NotFound, Unavailable
from undisc_node.services.patient_views import Wanted
from undisc_protocol.capability.delegation import COMMAND_VIEW
from undisc_protocol.errors import RemoteProtocolError, Revoked, WrongPasscode

DOCTOR = ToShare(Wanted("Dr. Ann", passcode="blue horse"), days=7)


@pytest.fixture
def sent():
    return []


def sharing(practice, send_link):
    return DeskSharing(
        catalog=practice.catalog,
        journal=practice.journal,
        clock=practice.clock,
        entropy=practice.entropy,
        own=practice.own,
        links=practice.patient_links,
        sharing=practice.patient_sharing,
        send_link=send_link,
    )


@pytest.fixture
def desk(patient, sent):
    return sharing(patient.practice, lambda *message: sent.append(message))


@pytest.fixture
def visit(patient):
    return patient.session().row.visit


def instructions(practice):
    return [
        (one.why, one.detail["deed"]) for one in practice.events() if one.type == "visit.instructed"
    ]


def test_a_link_made_at_the_desk_opens_with_its_passcode_and_the_patient_sees_it(
    desk, visit, patient
):
    made = desk.share(visit, DOCTOR, "Jane, at the counter", "anna")
    doctor = Browser.at(patient.practice, made.link)
    with pytest.raises(WrongPasscode):
        doctor.open("red horse")
    assert doctor.open("blue horse").studies == patient.session().studies
    (one,) = patient.overview().shares
    assert (one.shared.label, one.state) == ("Dr. Ann", "active")
    assert instructions(patient.practice) == [
        ("on instruction of Jane, at the counter, by anna", "share")
    ]


def test_the_patient_ends_what_the_desk_has_shared(desk, visit, patient):
    made = desk.share(visit, DOCTOR, "", "anna")
    patient.practice.patient_sharing.revoke(patient.session(), made.shared.id)
    with pytest.raises(Revoked):
        Browser.at(patient.practice, made.link).open("blue horse")


def test_a_withdrawn_consent_ends_it_too(desk, visit, patient):
    made = desk.share(visit, DOCTOR, "", "anna")
    doctor = Browser.at(patient.practice, made.link)
    doctor.open("blue horse")
    practice = patient.practice
    with practice.catalog.look() as records:
        consent = records.visits.get(visit).consent
    practice.consenting.withdraw(consent, "", "anna")
    with pytest.raises(RemoteProtocolError):
        doctor.session()
    with pytest.raises(Conflict):
        desk.share(visit, DOCTOR, "", "anna")


def test_the_desk_ends_one_or_all_and_notes_who_said_so(desk, visit, patient):
    first, second = (desk.share(visit, DOCTOR, "", "anna") for _ in range(2))
    assert desk.end(visit, first.shared.id, "", "anna") == 1
    assert desk.end(visit, None, "her son, by telephone", "ben") >= 1
    for made in (first, second):
        with pytest.raises(Revoked):
            Browser.at(patient.practice, made.link).open("blue horse")
    assert instructions(patient.practice)[-1] == (
        "on instruction of her son, by telephone, by ben",
        "end all",
    )
    with pytest.raises(NotFound):
        desk.end(visit, b"x" * 16, "", "anna")


def test_for_looking_only_sent_and_tried_with_the_patient(desk, visit, patient, sent):
    to = ToShare(Wanted("Dr. Ann"), view_only=True, send_to="ann@example.org")
    made = desk.share(visit, to, "", "anna")
    assert sent[0][:2] == ("ann@example.org", made.link)
    (one,) = desk.shares_of(visit)
    assert one.parts[0].command == COMMAND_VIEW
    desk.tested(visit, made.shared.id, "", "anna")
    assert desk.shares_of(visit)[0].shared.tested_ms is not None


def test_no_key_that_could_share_again_is_left(desk, visit, patient):
    """The key that signed is in no row: only its public half is, in the grant."""
    before = patient.practice.patient_links.access(visit).keys
    desk.share(visit, DOCTOR, "", "anna")
    assert patient.practice.patient_links.access(visit).keys == before


def test_what_cannot_be_shared(desk, visit, patient):
    with pytest.raises(NotFound):
        desk.share(b"x" * 16, DOCTOR, "", "anna")
    with pytest.raises(NotFound):
        desk.share(visit, ToShare(Wanted("them"), peer=b"p" * 32), "", "anna")
    with pytest.raises(Invalid):
        desk.share(visit, ToShare(Wanted("")), "", "anna")
    with pytest.raises(Invalid):
        desk.share(visit, DOCTOR, "x" * 200, "anna")
    silent = sharing(patient.practice, None)
    with pytest.raises(Unavailable):
        silent.share(visit, ToShare(Wanted("Dr."), send_to="a@example.org"), "", "anna")

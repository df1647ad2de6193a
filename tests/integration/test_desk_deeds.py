"""The desk in a real browser: everything that the patient's page does, on recorded instruction."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from support.chromium import PHONE, Clicks, chromium, look, visitor
from support.desk_house import PASSWORD, desk, desk_practice, scan, sign_in, until_shown

pytestmark = pytest.mark.integration
LINK = re.compile(r"https?://\S+/l#\S+")


@pytest.fixture(scope="module")
def house():
    """The practice, its hospital, and a browser."""
    with desk_practice() as (practice, hospital), chromium() as browser:
        yield practice, hospital, browser


@pytest.fixture(scope="module")
def app(house):
    """The authenticator of Anna, who signs in for the first time."""
    practice, _, browser = house
    with visitor(browser, desk(practice)) as page:
        return sign_in(page)


def take_down(page, number):
    """Fill the form for a yes on paper."""
    page.goto("/desk/")
    page.get_by_role("link", name="Take down what was signed or said").click()
    page.get_by_label("First name").fill("Juana")
    page.get_by_label("Family name").fill("Pérez")
    page.get_by_label("Patient number here").fill(number)
    page.get_by_label("Born").fill("1970-01-02")
    page.get_by_label("Accession numbers", exact=True).fill(f"A-{number}")
    page.get_by_label("Where is the form kept?").fill("folder 7, no. 12")
    page.get_by_label("Hospital Norte").check()
    page.get_by_label("By e-mail").check()
    page.get_by_label("E-mail address").fill("juana@example.org")
    page.get_by_label("They know that").check()
    page.get_by_label("PIN", exact=True).fill("271828")
    page.get_by_label("The same PIN again").fill("271828")


def test_a_yes_on_paper_is_taken_down_and_withdrawn_as_easily(house, app):
    practice, _, browser = house
    with visitor(browser, desk(practice), allow=("422",)) as page:
        sign_in(page, app)
        page.get_by_role("link", name="Take down what was signed or said").click()
        page.get_by_role("button", name="They said yes").click()
        look(page, "desk-record-problems")
        take_down(page, "P-1")
        look(page, "desk-record")
        page.get_by_role("button", name="They said yes").click()
        page.get_by_text("folder 7, no. 12").wait_for()
        page.get_by_text("Link by e-mail to juana@example.org").wait_for()
        look(page, "desk-recorded")
        page.get_by_text("The patient withdraws the yes").click()
        page.get_by_role("button", name="Withdraw now").click()
        page.get_by_text("withdrawn", exact=True).wait_for()
        take_down(page, "P-2")
        page.get_by_role("button", name="They said no").click()
        page.get_by_text("said no", exact=True).wait_for()
    no, yes = practice.admin.get("consents").raw["consents"]
    assert (yes["method"], yes["witness"], yes["state"]) == ("paper", "anna", "withdrawn")
    assert [one["name"] for one in yes["recipients"]] == ["Hospital Norte"]
    assert (no["decision"], no["recipients"]) == ("no", [])


def test_a_message_that_failed_is_corrected_and_a_doctor_gets_a_link(house, app):
    """Everything from the desk: the address mended, a share on instruction, its trial and end."""
    practice, _, browser = house
    scan(practice, "1.2.99", b"A-P-9", b"P-9")
    with visitor(browser, desk(practice), allow=("422",)) as page:
        sign_in(page, app)
        for name in ("Messages", "Offers"):
            page.get_by_role("link", name=name, exact=True).click()
            look(page, f"desk-no-{name.lower()}")
        mail = mend_the_address(practice, page)
        with visitor(browser, practice.url, size=PHONE, allow=("403", "404", "422")) as patient:
            assert looks(patient, LINK.search(mail).group()) <= 4
        link, passcode = share(page)
        with visitor(browser, practice.url, allow=("403", "404", "422")) as doctor:
            assert opens(doctor, link, passcode) <= 3
            page.get_by_role("link", name="Back to the visit").click()
            page.get_by_role("button", name="It opened, with the patient here").click()
            page.get_by_text("Tested:").first.wait_for()
            page.get_by_text("Who looked, and when").click()
            look(page, "desk-visit-shared")
            page.get_by_role("button", name="End it Dr. Blanco").click()
            page.get_by_text("ended", exact=True).first.wait_for()
            doctor.goto(link)
            doctor.get_by_text("It was ended by the patient or the practice.").wait_for()
    said = [one["why"] for one in practice.events("visit.instructed")]
    assert "on instruction of Juana, at the counter, by anna" in said
    assert link.split("#")[1] not in practice.log_path.read_text("utf-8")


def mend_the_address(practice, page):
    """See on the day's page that a link could not be sent, and mend it; return the mail."""
    take_down(page, "P-9")
    page.get_by_role("button", name="They said yes").click()
    practice.mailbox.answers.append("550 no such user here")
    until_shown(page, page.get_by_role("button", name="Release everything now")).click()
    until_shown(page, page.get_by_text("not sent", exact=True))
    page.goto("/desk/")
    page.get_by_role("link", name="1 message could not be sent").click()
    look(page, "desk-messages")
    page.get_by_role("link", name="Correct the address").click()
    page.get_by_label("E-mail address").fill("juana@example")
    page.get_by_role("button", name="Save").click()
    look(page, "desk-contacts-problems")
    page.get_by_label("E-mail address").fill("juana.perez@example.org")
    page.get_by_label("They know that").check()
    page.get_by_role("button", name="Save").click()
    until_shown(page, page.get_by_text("sent", exact=True))
    return practice.mailbox.taken[-1].get_body(("plain",)).get_content()


def share(page):
    """Share with a doctor from the visit's page; return the link and its passcode."""
    page.get_by_role("link", name="Share for the patient").click()
    page.get_by_role("button", name="Share", exact=True).click()
    look(page, "desk-share-problems")
    page.get_by_label("Who told you to, and how?").fill("Juana, at the counter")
    page.get_by_label("For whom is it?").fill("Dr. Blanco")
    passcode = page.get_by_label("Passcode that they must type").input_value()
    look(page, "desk-share")
    page.get_by_role("button", name="Share", exact=True).click()
    look(page, "desk-shared")
    return page.locator("dd.code").first.inner_text(), passcode


def looks(patient, link):
    """Open the mail's link as a patient; return how many clicks it took to the viewer."""
    clicks = Clicks(patient)
    patient.goto(link)
    patient.get_by_label("Your PIN").fill("271828")
    patient.get_by_role("button", name="Open", exact=True).click()
    with patient.expect_navigation(url="**/view/**"):
        patient.get_by_role("button", name="Look at the images").click()
    expect(patient.locator("[data-viewer]")).to_be_visible()
    assert clicks.count > 0
    return clicks.count + 1  # and the link in the message


def opens(doctor, link, passcode):
    """Open a link as a doctor; return how many clicks it took from the message to the viewer."""
    clicks = Clicks(doctor)
    doctor.goto(link)
    doctor.get_by_label("Passcode", exact=True).fill(passcode)
    with doctor.expect_navigation(url="**/view/**"):
        doctor.get_by_role("button", name="Open the images").click()
    expect(doctor.locator("[data-viewer]")).to_be_visible()
    assert clicks.count > 0
    return clicks.count + 1  # and the link in the message


def test_the_hospital_fetches_what_is_offered_at_its_own_desk(house, app):
    """The offer to the practice that the patient named waits for somebody there."""
    practice, hospital, browser = house
    hospital.admin.post("staff", {"name": "ben", "role": "desk", "password": PASSWORD})
    with visitor(browser, desk(hospital)) as page:
        sign_in(page, name="ben")
        until_shown(page, page.get_by_role("link", name="1 offer of another practice waits"))
        page.get_by_role("link", name="1 offer of another practice waits").click()
        assert practice.name in page.locator("main").inner_text()
        look(page, "desk-offers")
        page.get_by_role("button", name="Refuse it").click()
        page.get_by_text("refused", exact=True).wait_for()
        page.get_by_role("button", name="Fetch it").click()  # they have thought again
        page.wait_for_url("**/desk/fetches")
        page.get_by_role("link", name="Offers", exact=True).click()
        page.get_by_text("fetched", exact=True).wait_for()

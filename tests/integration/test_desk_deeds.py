"""The desk in a real browser: everything that the patient's page does, on recorded instruction."""

from __future__ import annotations

import pytest

from support.chromium import chromium, look, visitor
from support.desk_house import desk, desk_practice, sign_in

pytestmark = pytest.mark.integration


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

"""The desk in a real browser: signing in, a consent in Spanish on the tablet, and the visit."""

from __future__ import annotations

import re
import time
from contextlib import closing

import pytest

from support import hl7_messages as hl7
from support.authenticator import Authenticator
from support.chromium import PHONE, chromium, look, visitor
from support.desk_house import PASSWORD, desk, desk_practice, scan, sign_in, until_shown
from support.ris import Ris

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def practice():
    """A practice whose desk is open, and a hospital that it trusts."""
    with desk_practice() as (node, _hospital):
        yield node


@pytest.fixture(scope="module")
def app(practice):
    """The authenticator of Anna, who signs in for the first time."""
    with chromium() as browser, visitor(browser, desk(practice), allow=("401", "403")) as page:
        page.goto("/desk/")
        assert page.url.endswith("/desk/sign-in")
        look(page, "desk-sign-in")
        page.get_by_label("Name").fill("anna")
        page.get_by_label("Password").fill("wrong wrong wrong")
        page.get_by_role("button", name="Go on").click()
        assert "do not belong together" in page.get_by_role("alert").inner_text()
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Go on").click()
        look(page, "desk-enrol")
        before = page.context.cookies()
        made = Authenticator(page.locator("p > .code").inner_text())
        page.get_by_label("Code", exact=True).fill("000000")
        page.get_by_role("button", name="Sign in").click()
        assert "not right" in page.get_by_role("alert").inner_text()
        page.get_by_label("Code", exact=True).fill(made.code())
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/desk/")
        look(page, "desk-empty-day")
        assert page.context.cookies() != before  # the session was rotated
        return made


def prepare(page, number="P-100"):
    """Prepare a question to somebody who is not on the list."""
    page.goto("/desk/")
    page.get_by_role("link", name="Ask somebody who is not on the list").click()
    page.get_by_label("First name").fill("Juana")
    page.get_by_label("Family name").fill("Pérez")
    page.get_by_label("Patient number here").fill(number)
    page.get_by_label("Born").fill("1970-01-02")
    page.get_by_role("textbox", name="Examination").fill("TC de tórax")
    page.get_by_label("Accession numbers", exact=True).fill(f"A-{number}")
    page.get_by_label("Español").check()


def draw(page):
    """Sign with a finger."""
    page.locator("#canvas").scroll_into_view_if_needed()
    box = page.locator("#canvas").bounding_box()
    page.mouse.move(box["x"] + 40, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 140, box["y"] + 120, steps=8)
    page.mouse.move(box["x"] + 220, box["y"] + 50, steps=8)
    page.mouse.up()


def say_yes_in_spanish(page):
    """Decide on the device that was handed over."""
    assert page.url.endswith("/c/ask")
    assert page.locator("html").get_attribute("lang") == "es"
    page.get_by_role("button", name="Sí").click()  # nothing is chosen, and a yes is signed
    look(page, "tablet-problems")
    page.get_by_label("Hospital Norte").check()
    page.get_by_label("Por correo electrónico").check()
    page.get_by_label("Dirección de correo").fill("juana@example.org")
    page.get_by_label("Lo sé").check()
    page.get_by_label("PIN", exact=True).fill("271828")
    page.get_by_label("El mismo PIN otra vez").fill("271828")
    draw(page)
    look(page, "tablet-question")
    sizes = [
        page.get_by_role("button", name=word, exact=True).bounding_box() for word in ("Sí", "No")
    ]
    assert sizes[0]["width"] == sizes[1]["width"]
    assert sizes[0]["height"] == sizes[1]["height"]
    page.get_by_role("button", name="Sí").click()
    page.wait_for_url("**/c/done*")
    look(page, "tablet-done")


def test_a_consent_in_spanish_on_the_tablet_and_what_comes_of_it(practice, app):
    """Sign in, ask, hand the tablet over, sign with a finger, and look at the visit."""
    with chromium() as browser:
        with visitor(browser, desk(practice), allow=("422",)) as page:
            sign_in(page, app)
            page.get_by_role("link", name="Ask somebody who is not on the list").click()
            page.get_by_role("button", name="Prepare the question").click()
            look(page, "desk-ask-problems")
            prepare(page)
            look(page, "desk-ask")
            page.get_by_role("button", name="Prepare the question").click()
            look(page, "desk-asked")
            page.get_by_role("button", name="On this device").click()
            say_yes_in_spanish(page)
            # The patient has the tablet: neither the question again nor the desk.
            for place, end in (("/c/ask", "/c"), ("/desk/", "/desk/sign-in")):
                page.goto(place)
                assert page.url.endswith(end)
        scan(practice, "1.2.77", b"A-P-100", b"P-100")
        with visitor(browser, desk(practice)) as page:
            sign_in(page, app)
            look_after(page)
        (letter,) = practice.mailbox.taken
        assert letter["To"] == "juana@example.org"
        assert f"{practice.url}/l#" in letter.get_body(("plain",)).get_content()

    said = practice.admin.get("consents").raw["consents"][0]
    assert (said["text"]["language"], said["method"], said["witness"]) == ("es", "drawn", "anna")
    assert re.fullmatch(r"drawn signature, SHA-256 [0-9a-f]{64}", said["evidence"])


def await_button(page, name):
    return until_shown(page, page.get_by_role("button", name=name))


def look_after(page):
    """Find the visit on the day's list, release it, and take it back."""
    look(page, "desk-day")
    page.get_by_role("link", name="Open the visit").click()
    await_button(page, "Release everything now")
    look(page, "desk-visit")
    text = page.locator("main").inner_text()
    assert "juana@example.org" in text
    assert "Español" in text
    page.get_by_role("button", name="Release everything now").click()
    page.reload()
    page.get_by_text("may fetch it").wait_for()
    until_shown(page, page.get_by_text("sent", exact=True))
    look(page, "desk-visit-sent")
    await_button(page, "Show the link").click()
    look(page, "desk-handout")
    page.get_by_role("link", name="Back to the visit").click()
    page.get_by_role("button", name="Draw a new PIN").click()
    look(page, "desk-pin")
    page.get_by_role("link", name="Back to the visit").click()
    page.get_by_text("The patient withdraws the yes").click()
    page.get_by_role("button", name="Withdraw now").click()
    page.get_by_text("withdrawn", exact=True).wait_for()
    look(page, "desk-withdrawn")
    for name in ("Visits", "To decide", "People"):
        page.get_by_role("link", name=name, exact=True).click()
        look(page, f"desk-{name.lower().replace(' ', '-')}")


def test_on_the_patients_own_phone_a_code_opens_the_question_once(practice, app):
    """The QR code leads to the public listener; a no needs neither signature nor PIN."""
    with chromium() as browser:
        with visitor(browser, desk(practice)) as page:
            sign_in(page, app)
            prepare(page, "P-200")
            page.get_by_role("button", name="Prepare the question").click()
            page.get_by_role("button", name="On their own phone").click()
            look(page, "desk-code")
            address, code = page.locator("dd.code").all_inner_texts()
            assert address == f"{practice.url}/c"
        with visitor(browser, practice.url, language="es-MX", size=PHONE, allow=("404",)) as page:
            page.goto(f"/c#{code}")
            assert page.url == f"{practice.url}/c"  # the code is in no history
            look(page, "phone-start", sizes=(PHONE,))
            page.get_by_role("button", name="Empezar").click()
            look(page, "phone-question", sizes=(PHONE,))
            page.get_by_role("button", name="No", exact=True).click()
            page.get_by_text("Usted dijo que no").wait_for()
            look(page, "phone-done", sizes=(PHONE,))
            page.goto(f"/c#{code}")
            page.get_by_role("button", name="Empezar").click()
            page.get_by_text("Este código no abre nada").wait_for()
    said = practice.admin.get("consents").raw["consents"][0]
    assert (said["decision"], said["method"]) == ("no", "pressed")


def test_somebody_of_the_days_list_is_asked_with_one_click(practice, app):
    """A name that is a tag in HTML is shown as a name."""
    order = hl7.order("O-1", accession="A-900").replace(b"Doe^Jane", b"Doe^<b>Jane")
    with closing(Ris(practice.hl7_port)) as ris:
        ris.send(order.replace(b"20261124101500", time.strftime("%Y%m%d101500").encode()))
    with chromium() as browser, visitor(browser, desk(practice)) as page:
        sign_in(page, app)
        row = page.get_by_role("row", name="A-900")
        assert "<b>Jane Doe" in row.inner_text()
        assert "10:15" in row.inner_text()
        look(page, "desk-list")
        row.get_by_role("link", name="Ask").click()
        assert "CT head (A-900)" in page.locator("main").inner_text()
        page.get_by_role("button", name="Prepare the question").click()
        page.get_by_role("link", name="Today").click()
        page.get_by_role("link", name="Being asked").click()
        page.get_by_role("button", name="Do not ask").click()
        page.get_by_role("row", name="A-900").get_by_role("link", name="Ask").wait_for()

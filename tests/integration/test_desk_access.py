"""Two desks in real browsers: images given out in an emergency at one, fetched at the other."""

from __future__ import annotations

import time

import pytest
from playwright.sync_api import expect

from support.authenticator import Authenticator
from support.chromium import chromium, look, visitor
from support.dicom_files import IMPLICIT, SC, data_set
from support.raw_sender import RawSender
from support.two_nodes import RunningNode, befriend, settings, short_directory

pytestmark = pytest.mark.integration
PASSWORD = "four words nobody guesses"
SECONDS = 40.0


@pytest.fixture(scope="module")
def town():
    """A radiology with one image, and a hospital that it trusts; each with people at the desk."""
    with short_directory() as directory:
        nodes = [RunningNode(directory / name, name) for name in ("Radiology", "Hospital")]
        try:
            for node in nodes:
                node.init()
                settings(node, ingest__settle_seconds=1)
                node.start()
            befriend(*nodes)
            for node in nodes:
                for name in ("anna", "berta"):
                    node.admin.post("staff", {"name": name, "role": "desk", "password": PASSWORD})
            body = data_set(
                study_uid=b"1.2.9",
                series_uid=b"1.2.9.1",
                sop_uid=b"1.2.9.1.1",
                accession=b"A-9",
                patient_id=b"P-900",
                birth_date=b"19700102",
            )
            with RawSender(("127.0.0.1", nodes[0].dicom_port), [(SC, IMPLICIT)]) as sender:
                assert sender.store(1, SC, "1.2.9.1.1", body)[0] == 0
                sender.release()
            yield nodes
        finally:
            for node in nodes:
                node.stop()


def sign_in(page, name):
    page.goto("/desk/")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Go on").click()
    app = Authenticator(page.locator("p > .code").inner_text())
    page.get_by_label("Code", exact=True).fill(app.code())
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/desk/")


def give_out(page):
    """Search the patient, say who asks and why, and get a link that opens once."""
    page.get_by_role("link", name="Emergency", exact=True).click()
    page.get_by_label("Patient number or name").fill("P-900")
    page.get_by_role("button", name="Search").click()
    page.get_by_label("Who asks for it").fill("Dr. Vega, Hospital")
    page.get_by_label("Why").fill("unconscious after a fall")
    page.get_by_label("A link that opens once").check()
    page.get_by_label("Passcode of the link").fill("blue horse")
    look(page, "desk-emergency")
    page.get_by_label("For how many hours").fill("73")
    page.get_by_role("button", name="Give it out now").click()
    expect(page.get_by_role("alert")).to_contain_text("72 hours")
    page.get_by_label("For how many hours").fill("12")
    page.get_by_label("Passcode of the link").fill("blue horse")
    page.get_by_role("button", name="Give it out now").click()
    page.get_by_role("heading", name="It is given out").wait_for()
    look(page, "desk-given")
    return page.locator("main p.code").inner_text()


def test_from_an_emergency_at_one_desk_to_the_archive_of_another(town):
    radiology, hospital = town
    end = time.monotonic() + SECONDS
    while not radiology.studies():
        assert time.monotonic() < end, "the image does not come"
        time.sleep(0.2)
    desks = [f"http://127.0.0.1:{node.internal_port}" for node in town]
    with chromium() as browser:
        with visitor(browser, desks[0], allow=("400", "403", "409")) as page:
            sign_in(page, "anna")
            link = give_out(page)
            # Whoever gave it out is not the second person.
            page.get_by_role("link", name="To decide", exact=True).first.click()
            page.get_by_role("link", name="Emergency access").click()
            page.get_by_label("Seen", exact=False).first.check()
            page.get_by_role("button", name="Decide").click()
            expect(page.get_by_role("alert")).to_contain_text("second person")
        with visitor(browser, desks[1], allow=("403",)) as page:
            sign_in(page, "berta")
            page.get_by_role("link", name="Fetch", exact=True).click()
            look(page, "desk-fetch")
            page.get_by_label("Link", exact=True).fill(f"<{link}>")
            page.get_by_role("button", name="Fetch").click()
            expect(page.get_by_role("status")).to_contain_text("asks for a passcode")
            page.get_by_label("Passcode").fill("red horse")
            page.get_by_role("button", name="Fetch").click()
            expect(page.get_by_role("alert")).to_contain_text("attempts left: 9")
            look(page, "desk-fetch-wrong")
            page.get_by_label("Passcode").fill("blue horse")
            page.get_by_role("button", name="Fetch").click()
            expect(page.get_by_text("1 of 1 images")).to_be_visible(timeout=SECONDS * 1000)
            expect(page.get_by_text("here", exact=True)).to_be_visible(timeout=SECONDS * 1000)
            look(page, "desk-fetched")
            assert link.split("#")[1] not in page.url
        # Without a node, in a browser: the other door of such a link, once.
        with visitor(browser, desks[0], allow=("400", "403")) as page:
            sign_in(page, "berta")
            once = give_out(page)
        with visitor(browser, radiology.url, allow=("403", "404")) as page:
            page.goto(once)
            page.get_by_label("Passcode", exact=True).fill("blue horse")
            with page.expect_navigation(url="**/view/**"):
                page.get_by_role("button", name="Open the images").click()
            look(page, "emergency-viewer")
            page.goto(once)
            page.get_by_text("It was opened as often as it may be").first.wait_for()
    (copy,) = hospital.studies()
    assert copy["instances"] == 1
    for node in town:
        written = node.log_path.read_text("utf-8")
        for secret in (link.split("#")[1], "blue horse", "P-900"):
            assert secret not in written

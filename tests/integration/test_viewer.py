"""What a link shows, in a real browser on real storage: images, reports, a copy; and walls."""

from __future__ import annotations

import io
import zipfile
from http import HTTPStatus

import pytest
import requests
from playwright.sync_api import expect

from support import viewer_study
from support.chromium import DESKTOP, PHONE, SHOTS, chromium, look, visitor
from support.viewer_house import VIEW, viewer_house
from support.viewer_study import AXIAL, OTHER, STUDY
from undisc_node.services.browsing_rows import Access
from undisc_node.web.viewer.ohif import FullViewer

pytestmark = [
    pytest.mark.integration,
    pytest.mark.filterwarnings("ignore"),  # pydicom warns about values that are hostile on purpose
]
needs_full = pytest.mark.skipif(not FullViewer().is_there, reason="make viewer has built nothing")
SLICES = 12
ENDED = "This view has ended"


@pytest.fixture(scope="module")
def browser():
    with chromium() as one:
        yield one


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """A study with hostile values in every attribute that is shown, and all kinds of reports."""
    with viewer_house(tmp_path_factory.mktemp("viewer")) as made:
        made.texts = [
            viewer_study.report("text", viewer_study.TEXT.encode(), number=1),
            viewer_study.report("pdf", viewer_study.pdf(), number=2),
            viewer_study.posing(viewer_study.SCRIPT.encode(), "text/html", 3),
            viewer_study.posing(viewer_study.QUOTED.encode(), "image/svg+xml", 4),
        ]
        made.study = made.store(
            [
                *viewer_study.stack(SLICES, hostile=True),
                *viewer_study.stack(3, series=OTHER, hostile=True),
                *made.texts,
            ]
        )
        yield made


def reader(house, browser, cookie, **more):
    """A visitor who has opened a link."""
    name = f"link-{house.port}"
    kept = {"name": name, "value": cookie, "url": house.url, "httpOnly": True}
    return visitor(
        browser,
        house.url,
        storage_state={
            "cookies": [
                {
                    **{key: kept[key] for key in ("name", "value", "httpOnly")},
                    "domain": "127.0.0.1",
                    "path": "/",
                    "expires": -1,
                    "secure": False,
                    "sameSite": "Strict",
                }
            ],
            "origins": [],
        },
        **more,
    )


def ask(house, cookie, path, accept="*/*"):
    return requests.get(
        house.url + path,
        cookies={f"link-{house.port}": cookie},
        headers={"Accept": accept},
        timeout=30,
    )


def report_path(content, tail):
    series, sop = viewer_study.uids(content)
    return f"/view/studies/{STUDY}/series/{series}/reports/{sop}/{tail}"


def wado(series=AXIAL, number=1, tail=""):
    return f"/view/dicom-web/studies/{STUDY}/series/{series}/instances/{series}.{number}{tail}"


@needs_full
def test_a_doctor_scrolls_the_ct_beside_the_pdf_until_the_patient_takes_it_back(house, browser):
    """Also: no value of the study runs, nothing is asked of another host, nothing is complained of
    but the refusals at the end, and nothing is left in the browser."""
    cookie = house.open(house.study)
    with reader(house, browser, cookie, allow=("403",)) as page:
        page.goto("/view/")
        page.get_by_role("link", name="Open the full viewer").click()
        place = page.get_by_text(f"/{SLICES})")
        expect(place.first).to_be_visible(timeout=60_000)
        before = place.first.inner_text()
        canvas = page.locator("canvas").first
        box = canvas.bounding_box()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.mouse.wheel(0, 300)
        expect(place.first).not_to_have_text(before)
        expect(page.locator("object[type='application/pdf']").first).to_be_attached()
        SHOTS.mkdir(parents=True, exist_ok=True)
        page.wait_for_timeout(1_500)  # for the picture only: the PDF draws itself
        page.screenshot(path=SHOTS / "viewer-full-1280.png")
        assert page.evaluate("document.pwned") is None
        stored = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")
        assert "Doe" not in stored
        assert STUDY not in stored

        house.revoke(cookie)
        page.wait_for_url("**/view/", timeout=15_000)
        expect(page.get_by_role("heading", name=ENDED)).to_be_visible()
        look(page, "viewer-ended")
    assert ("Dr Weiss", Access.VIEWED, house.study) in house.sessions.noted


def test_a_phone_shows_the_same_with_a_slider_windows_and_the_report(house, browser):
    cookie = house.open(house.study, name="phone")
    with reader(house, browser, cookie, size=PHONE, allow=("403",)) as page:
        page.goto("/view/")
        shown = page.locator("[data-stage] img")
        expect(shown).to_be_visible()
        first = shown.get_attribute("src")
        expect(page.locator("[data-place]")).to_have_text(f"Image 6 of {SLICES}")
        page.get_by_role("button", name="Next image").click()
        expect(page.locator("[data-place]")).to_have_text(f"Image 7 of {SLICES}")
        expect(shown).not_to_have_attribute("src", first)
        page.get_by_role("button", name="Lung").click()
        expect(page.locator("[data-stage] img[src*='-600']")).to_be_visible()
        page.locator("[data-slider]").fill("2")
        expect(page.locator("[data-place]")).to_have_text(f"Image 2 of {SLICES}")
        look(page, "viewer-light", sizes=(PHONE, DESKTOP))
        assert page.evaluate("document.pwned") is None
        text = report_path(house.texts[0], "text")
        page.goto(text)
        expect(page.get_by_text("No acute finding.")).to_be_visible()
        expect(page.get_by_text("<b>bold</b>")).to_be_visible()
        look(page, "viewer-report", sizes=(PHONE, DESKTOP))
        assert page.evaluate("document.pwned") is None
        page.goto("/view/")
        expect(shown).to_be_visible()
        house.revoke(cookie)
        expect(page.get_by_role("heading", name=ENDED)).to_be_visible(timeout=15_000)


def test_only_looking_gives_images_and_reports_and_nothing_as_it_is_stored(house, browser):
    cookie = house.open(house.study, command=VIEW, name="looks")
    with reader(house, browser, cookie) as page:
        page.goto("/view/")
        expect(page.locator("[data-stage] img")).to_be_visible()
        expect(page.get_by_text("and not download it")).to_be_visible()
        assert page.get_by_role("link", name="Download").count() == 0
        assert page.get_by_role("link", name="full viewer").count() == 0
        look(page, "viewer-only-looking")
    for path in (
        "/view/copy",
        wado(),
        wado(tail="/frames/1"),
        wado(tail="/metadata"),
        wado(tail="/bulkdata/7FE00010"),
        f"/view/dicom-web/studies/{STUDY}",
        f"/view/dicom-web/studies/{STUDY}/metadata",
    ):
        answer = ask(house, cookie, path)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "view_only"), path
    assert ask(house, cookie, wado(tail="/rendered")).headers["Content-Type"] == "image/jpeg"
    assert ("looks", Access.COPIED, house.study) not in house.sessions.noted


def test_the_share_of_one_series_cannot_read_another(house):
    cookie = house.open(house.study, series=[OTHER], name="one series")
    for path in (
        wado(),
        wado(tail="/metadata"),
        wado(tail="/frames/1"),
        wado(tail="/rendered"),
        wado(tail="/thumbnail"),
        wado(tail="/bulkdata/7FE00010"),
        f"/view/dicom-web/studies/{STUDY}/series/{AXIAL}/metadata",
        f"/view/dicom-web/studies/{STUDY}",
        f"/view/studies/{STUDY}/series/{AXIAL}/images/1",
        report_path(house.texts[0], "text"),
        report_path(house.texts[1], "report.pdf"),
    ):
        answer = ask(house, cookie, path)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found"), path
    found = ask(house, cookie, "/view/dicom-web/series").json()
    assert [one["0020000E"]["Value"] for one in found] == [[OTHER]]
    assert len(ask(house, cookie, f"/view/dicom-web/studies/{STUDY}/metadata").json()) == 3
    assert ask(house, cookie, wado(OTHER, tail="/frames/1")).status_code == HTTPStatus.OK
    copied = ask(house, cookie, "/view/copy")
    assert int(copied.headers["Content-Length"]) == len(copied.content)
    with zipfile.ZipFile(io.BytesIO(copied.content)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
    assert sum(one.startswith("DICOM/") for one in names) == 3
    assert {"DICOMDIR", "README.TXT", "INDEX.HTM"} <= set(names)
    assert not any(one.startswith("REPORTS/") for one in names)
    assert ("one series", Access.COPIED, house.study) in house.sessions.noted


def test_a_cookie_opens_nothing_after_the_share_was_taken_back(house):
    cookie = house.open(house.study)
    paths = (
        "/view/alive",
        "/view/copy",
        f"/view/studies/{STUDY}/series/{AXIAL}/images/1",
        report_path(house.texts[1], "report.pdf"),
        "/view/dicom-web/studies",
        wado(tail="/frames/1"),
        wado(tail="/rendered"),
    )
    assert ask(house, cookie, "/view/alive").status_code == HTTPStatus.NO_CONTENT
    house.revoke(cookie)
    for path in paths:
        for given in (cookie, "", "x" * 1_000):
            answer = ask(house, given, path)
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, "session_over")
    assert ENDED in ask(house, cookie, "/view/", "text/html").text


def test_a_document_that_is_a_page_is_never_served_as_one(house):
    """HTML and SVG that pose as a PDF report, by every way that leads to their bytes."""
    cookie = house.open(house.study)
    assert ask(house, cookie, report_path(house.texts[1], "report.pdf")).content.startswith(b"%PDF")
    for posing in house.texts[2:]:
        answer = ask(house, cookie, report_path(posing, "report.pdf"))
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "not_pdf")
        series, sop = viewer_study.uids(posing)
        place = f"/view/dicom-web/studies/{STUDY}/series/{series}/instances/{sop}"
        for path in (f"{place}/rendered", f"{place}/bulkdata/00420011", place):
            answer = ask(house, cookie, path, "*/*")
            kind = answer.headers["Content-Type"]
            assert kind.partition(";")[0] in {
                "application/pdf", "application/octet-stream", "application/dicom",
                "multipart/related", "application/json",
            }, kind  # fmt: skip
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            if answer.status_code == HTTPStatus.OK:
                assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_pages_are_answered_under_our_own_names_only(house):
    """A page elsewhere that makes its name lead here gets nothing, not even the login's cookie."""
    cookie = house.open(house.study)
    answer = requests.get(
        f"{house.url}/view/dicom-web/studies",
        cookies={f"link-{house.port}": cookie},
        headers={"Host": "evil.example"},
        timeout=10,
    )
    assert answer.status_code == HTTPStatus.MISDIRECTED_REQUEST

"""A patient with a real browser and a real node: open, claim, share, try, look who came, end it."""

from __future__ import annotations

import json
import time

import pytest

from support.chromium import DESKTOP, PHONE, chromium, look, transferred, visitor
from support.dicom_files import IMPLICIT, SC, data_set
from support.raw_sender import RawSender
from support.two_nodes import RunningNode, short_directory

pytestmark = pytest.mark.integration
MOST = 100_000  # bytes before the first meaningful paint
SAID = {
    "decision": "yes",
    "patient_id": "P-100",
    "patient_name": "Doe^Jane",
    "birth_date": "1970-01-02",
    "decider": "self",
    "covers": "visit",
    "orders": ["A-7"],
    "language": "en",
    "method": "paper",
    "witness": "Anna",
}
STORED = """() => JSON.stringify([
  Object.entries(localStorage), Object.entries(sessionStorage), document.cookie, location.href,
  history.state, document.referrer, navigation.entries().map((one) => one.url),
])"""


def until(condition):
    end = time.monotonic() + 60
    while not (found := condition()):
        assert time.monotonic() < end, "it does not come"
        time.sleep(0.1)
    return found


def scan(node):
    body = data_set(
        study_uid=b"1.2.7",
        series_uid=b"1.2.7.1",
        sop_uid=b"1.2.7.1.1",
        accession=b"A-7",
        patient_id=b"P-100",
        birth_date=b"19700102",
    )
    with RawSender(("127.0.0.1", node.dicom_port), [(SC, IMPLICIT)]) as sender:
        assert sender.store(1, SC, "1.2.7.1.1", body)[0] == 0
        sender.release()


@pytest.fixture(scope="module")
def node():
    """A practice that releases at once, with one released visit of its patient."""
    with short_directory() as directory:
        node = RunningNode(directory / "a", "Radiology Süd")
        try:
            node.init()
            path = node.home / "undisc.toml"
            text = path.read_text().replace("[ingest]", "[ingest]\nsettle_seconds = 1")
            path.write_text('contact = "555-0100"\n' + text + "\n[release]\nminutes = 0\n")
            node.start()
            scan(node)
            yield node
        finally:
            node.stop()


@pytest.fixture
def visit(node):
    """A visit of its own for each test, with a link and the PIN 471100."""
    opened = node.admin.post("consents", SAID).raw["visit"]["id"]
    node.admin.post(f"visits/{opened}/pin", {"pin": "471100"})
    until(lambda: node.admin.get(f"visits/{opened}/access").raw["access"]["keys"])
    until(lambda: node.admin.post(f"visits/{opened}/link", {}).raw["expires"])
    return opened


def link_of(node, visit, **more):
    return node.admin.post(f"visits/{visit}/link", more).raw["link"]


def enter(page, pin="471100", *, own=True):
    page.get_by_label("Your PIN").fill(pin)
    if not own:
        page.get_by_label("This is my own device").uncheck()
    page.get_by_role("button", name="Open", exact=True).click()
    page.get_by_role("heading", name="Your images", exact=True).wait_for()


def sent_by(*pages):
    """Return what these pages ask from now on: addresses and headers."""
    sent = []
    for page in pages:
        page.context.on("request", lambda one: sent.append((one.url, one.headers)))
    return sent


def give(page, who="Dr. Ann", passcode="blue horse"):
    """Share with a link; return it."""
    page.get_by_label("Who is it for?").fill(who)
    page.get_by_label("Passcode that they must type").fill(passcode)
    page.get_by_role("button", name="Share", exact=True).click()
    return page.locator("#handover p.code").inner_text()


def test_from_the_message_to_a_share_and_back(node, visit):
    """Claimed by the patient's browser, tried, opened by a doctor, seen, ended."""
    secret = (link := link_of(node, visit)).split("#")[1]
    with (
        chromium() as browser,
        visitor(browser, node.url, size=PHONE, allow=("404", "403")) as patient,
        visitor(browser, node.url, size=DESKTOP, allow=("404", "403")) as doctor,
    ):
        sent = sent_by(patient, doctor)
        assert transferred(patient, lambda: patient.goto(link)) < MOST
        assert patient.url == f"{node.url}/l", "nothing of the link stays in the address"
        patient.get_by_role("link", name="Skip to the content").evaluate("one => one.click()")
        patient.get_by_label("Your PIN").wait_for()
        look(patient, "patient-pin")
        enter(patient)
        look(patient, "patient-visit")
        given = give(patient)
        patient.locator("#handover svg").wait_for()
        look(patient, "patient-shared")
        for stored in (secret, given.split("#")[1], "471100"):
            assert stored not in patient.evaluate(STORED)

        # The patient tries it, in a tab of its own, the passcode included.
        with patient.context.expect_page() as opened:
            patient.get_by_role("button", name="Try it as they would").click()
        trial = opened.value
        trial.get_by_text("You are trying your own link").wait_for()
        look(trial, "share-trying")
        trial.get_by_label("Passcode", exact=True).fill("blue horse")
        with trial.expect_navigation(url="**/view/**"):
            trial.get_by_role("button", name="Open the images").click()
        trial.close()

        doctor.goto(given)
        look(doctor, "share-door")
        doctor.get_by_label("Passcode", exact=True).fill("red horse")
        doctor.get_by_label("Your name").fill("Dr. Ann Smith")
        doctor.get_by_role("button", name="Open the images").click()
        doctor.get_by_text("That is not it. You can try 9 more times.").wait_for()
        doctor.get_by_label("Passcode", exact=True).fill("blue horse")
        with doctor.expect_navigation(url="**/view/**"):
            doctor.get_by_role("button", name="Open the images").click()
        assert given.split("#")[1] not in doctor.evaluate(STORED)

        # The patient comes back later: the same message, now by the browser's own key.
        patient.goto(link)
        patient.get_by_role("heading", name="Your images", exact=True).wait_for()
        patient.get_by_text("tried by you").wait_for()
        patient.get_by_text("Who looked, and when").click()
        patient.get_by_text("calls themselves Dr. Ann Smith").first.wait_for()
        look(patient, "patient-log")
        patient.get_by_role("button", name="End it: Dr. Ann").click()
        look(patient, "patient-confirm")
        patient.get_by_role("button", name="Yes, end it").click()
        patient.get_by_text("ended", exact=True).wait_for()

        doctor.goto(given)
        doctor.get_by_text("It was ended by the patient or the practice.").wait_for()
        doctor.get_by_text("555-0100").first.wait_for()
        look(doctor, "share-ended")
    # Neither in the logs, nor in an address or a Referer.
    said = json.dumps([node.events(), sent]) + node.log_path.read_text(encoding="utf-8")
    for stored in (secret, given.split("#")[1], "471100", "blue horse"):
        assert stored not in said


def test_a_lost_phone_a_letter_and_a_borrowed_computer(node, visit):
    """The letter and the PIN end what the lost phone has shared; the computer keeps nothing."""
    link = link_of(node, visit)
    with chromium() as browser:
        with visitor(browser, node.url, size=PHONE, allow=("404", "403")) as phone:
            phone.goto(link)
            enter(phone)
            give(phone)
        with visitor(browser, node.url, allow=("404", "403")) as borrowed:
            borrowed.goto(link)
            borrowed.get_by_text("Another device has taken this link over").wait_for()
            borrowed.get_by_label("Your PIN").fill("471100")
            borrowed.get_by_role("button", name="Open", exact=True).click()
            borrowed.get_by_role("button", name="End all of it").click()
            borrowed.get_by_role("button", name="Yes, end it").click()
            borrowed.get_by_text("ended", exact=True).wait_for()
            borrowed.get_by_role("button", name="Close this page").click()
            borrowed.get_by_role("heading", name="Closed").wait_for()


def test_the_code_in_spanish_without_a_link(node, visit):
    """What is typed from a print-out: looked at and shared with a key of this browser."""
    code = node.admin.post(f"visits/{visit}/link", {}).raw["code"]
    with (
        chromium() as browser,
        visitor(browser, node.url, language="es", size=PHONE, allow=("404", "403")) as page,
    ):
        page.goto("/l")
        look(page, "patient-code")
        typed = page.get_by_label("El código de su carta o mensaje")
        typed.fill(code[:-1])
        page.get_by_role("button", name="Continuar").click()
        page.get_by_text("Un código tiene doce letras y cifras.").wait_for()
        typed.fill(code.lower().replace("-", " "))
        page.get_by_role("button", name="Continuar").click()
        page.get_by_label("Su PIN").fill("471100")
        page.get_by_role("button", name="Abrir", exact=True).click()
        page.get_by_label("¿Para quién es?").fill("Dra. Ana")
        page.get_by_role("button", name="Elegir una por mí").click()
        page.get_by_role("button", name="Compartir", exact=True).click()
        page.locator("#handover svg").wait_for()


OLD_BROWSER = """
for (const name of ["importKey", "generateKey"]) {
  const real = SubtleCrypto.prototype[name];
  SubtleCrypto.prototype[name] = function (...given) {
    if (given.includes("Ed25519"))
      return Promise.reject(new DOMException("unknown", "NotSupportedError"));
    return real.apply(this, given);
  };
}"""


def test_an_older_browser_falls_back_and_says_so(node, visit):
    """Without Ed25519 of its own: the same link, the same share, and a key that is marked."""
    link = link_of(node, visit)
    with (
        chromium() as browser,
        visitor(browser, node.url, allow=("404", "403")) as page,
    ):
        page.add_init_script(OLD_BROWSER)
        page.goto(link)
        enter(page)
        page.get_by_text("This browser is old").wait_for()
        give(page)
    access = node.admin.get(f"visits/{visit}/access").raw["access"]
    assert [(one["kind"], one["software"]) for one in access["keys"]] == [
        ("link", False),
        ("browser", True),
    ]
    (shared,) = node.admin.get(f"visits/{visit}/shares").raw["shares"]
    assert shared["state"] == "active"


@pytest.mark.parametrize("damage", ["%23", "%2523", ".", "cut", "escaped"])
def test_a_link_that_the_mail_has_damaged(node, visit, damage):
    link = link_of(node, visit)
    address, secret = link.split("#")
    damaged = {
        ".": link + ".",
        "cut": link[:-5],
        "escaped": f"{address}#{secret}%20",
    }.get(damage, f"{address}{damage}{secret}")
    with (
        chromium() as browser,
        visitor(browser, node.url, allow=("404", "403")) as page,
    ):
        page.goto(damaged)
        if damage == "cut":
            page.get_by_text("The link was damaged on its way").wait_for()
            look(page, "patient-damaged")
        else:
            page.get_by_label("Your PIN").wait_for()


def test_a_scanner_that_runs_scripts_spends_nothing(node, visit):
    """It opens the link five times, waits for the network, and follows every link on the page."""
    link, before = link_of(node, visit), len(node.events())
    with chromium() as browser:
        for _ in range(5):
            with visitor(browser, node.url, allow=("404", "403")) as page:
                page.goto(link, wait_until="networkidle")
                for address in page.eval_on_selector_all(
                    "a[href]", "all => all.map((a) => a.href)"
                ):
                    page.goto(address)
    assert len(node.events()) == before
    found = node.admin.get(f"visits/{visit}/access").raw["access"]
    assert (found["attempts"], found["claimed"]) == (0, None)

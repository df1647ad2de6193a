"""The whole story, in real browsers: from the question at check-in to the end of a share.

Three practices: one with the desk and the scanner, one that the patient names when asked, and a
hospital that only gets the link, the same one that the doctor opens in a browser. Mail goes
through a real server. Pictures of every page are kept.
"""

from __future__ import annotations

import base64
import re
import subprocess
import time

import pytest
from playwright.sync_api import expect

from support import viewer_study
from support.authenticator import Authenticator
from support.chromium import DESKTOP, PHONE, SHOTS, chromium, look, visitor
from support.dcmtk import dcmtk
from support.mail_server import mail_server
from support.two_nodes import RunningNode, befriend, short_directory
from undisc_admin.errors import CommandError
from undisc_node.web.viewer.ohif import FullViewer

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("ignore")]
PASSWORD, PIN, PASSCODE = "four words nobody guesses", "271828", "caballo azul"
JANE = viewer_study.Patient("Doe^Jane", "4711", "", "19700102", "F")
SLICES = 6
LINK = re.compile(r"https?://\S+/l#\S+")
SECONDS = 90.0


def until(condition):
    """Wait for what nodes do by themselves."""
    end = time.monotonic() + SECONDS
    while not (found := condition()):
        assert time.monotonic() < end, "it does not come"
        time.sleep(0.2)
    return found


@pytest.fixture(scope="module")
def town():
    """A radiology with a mail server, the practice of the referring doctor, and a hospital."""
    with short_directory() as directory, mail_server() as mailbox:
        radiology, referring, hospital = nodes = [
            RunningNode(directory / name[0], name)
            for name in ("Radiología Sur", "Dra. Vega", "Hospital Norte")
        ]
        try:
            for node in nodes:
                node.init()
            path = radiology.home / "undisc.toml"
            text = path.read_text().replace("[ingest]", "[ingest]\nsettle_seconds = 2")
            path.write_text(
                f'contact = "555-0100"\n{text}\n[release]\nminutes = 0\n'
                f'\n[email]\nhost = "127.0.0.1"\nport = {mailbox.port}\nsecurity = "none"\n'
                'from = "imagenes@radiologia.example"\n'
            )
            path = referring.home / "undisc.toml"
            path.write_text(f'{path.read_text()}\n[offers]\ntake = "fetch"\n')
            for node in nodes:
                node.start()
            befriend(radiology, referring)
            befriend(radiology, hospital)
            radiology.admin.post("staff", {"name": "anna", "role": "admin", "password": PASSWORD})
            yield radiology, referring, hospital, mailbox
        finally:
            for node in nodes:
                node.stop()


def sign_in(page):
    page.goto("/desk/")
    page.get_by_label("Name").fill("anna")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Go on").click()
    app = Authenticator(page.locator("p > .code").inner_text())
    page.get_by_label("Code", exact=True).fill(app.code())
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/desk/")


def say_yes(page):
    """Be asked at the desk, in Spanish, on the practice's tablet."""
    page.get_by_role("link", name="Ask somebody who is not on the list").click()
    for label, text in (
        ("First name", "Jane"),
        ("Family name", "Doe"),
        ("Patient number here", JANE.id),
        ("Born", "1970-01-02"),
    ):
        page.get_by_label(label).fill(text)
    page.get_by_role("textbox", name="Examination").fill("TC de tórax")
    page.get_by_label("Accession numbers", exact=True).fill("A-1")
    page.get_by_label("Español").check()
    page.get_by_role("button", name="Prepare the question").click()
    page.get_by_role("button", name="On this device").click()
    page.get_by_label("Dra. Vega").check()
    page.get_by_label("Por correo electrónico").check()
    page.get_by_label("Dirección de correo").fill("jane@example.org")
    page.get_by_label("Lo sé").check()
    page.get_by_label("PIN", exact=True).fill(PIN)
    page.get_by_label("El mismo PIN otra vez").fill(PIN)
    page.locator("#canvas").scroll_into_view_if_needed()
    box = page.locator("#canvas").bounding_box()
    page.mouse.move(box["x"] + 40, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 200, box["y"] + 90, steps=6)
    page.mouse.up()
    look(page, "story-1-question")
    page.get_by_role("button", name="Sí").click()
    page.wait_for_url("**/c/done*")


def scan(node, directory):
    """The scanner sends the images and the report, in one association."""
    files = [
        *viewer_study.stack(SLICES),
        viewer_study.report("pdf", viewer_study.pdf(), patient=JANE),
    ]
    for number, content in enumerate(files):
        (directory / f"{number}.dcm").write_bytes(content)
    subprocess.run(
        [dcmtk("storescu"), "-aec", "UNDISC", "-R", "127.0.0.1", str(node.dicom_port), "+sd",
         str(directory)],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip


def code_after(mailbox, before):
    """Return the code in the next message that has one; others may come in between."""
    found = until(
        lambda: [
            one
            for one in (re.search(r"\b\d{6}\b", body_of(mail)) for mail in mailbox.taken[before:])
            if one
        ]
    )
    return found[-1].group()


def body_of(message):
    return message.get_body(("plain",)).get_content()


def come_in(page, link):
    """Open the patient's page with the PIN."""
    page.goto(link)
    pin = page.get_by_label("Su PIN")
    pin.fill(PIN)
    page.get_by_role("button", name="Abrir", exact=True).click()
    page.get_by_role("heading", name="Sus imágenes", exact=True).wait_for()


def share(page, who, contact=""):
    """Share by a link with a passcode, and a one-time code if there is a contact."""
    page.get_by_label("¿Para quién es?").fill(who)
    page.get_by_label("Contraseña que debe escribir").fill(PASSCODE)
    if contact:
        page.get_by_label("Segundo paso").fill(contact)
    page.get_by_role("button", name="Compartir", exact=True).click()
    page.locator("#handover [data-is=label]").get_by_text(who).wait_for()
    return page.locator("#handover p.code").inner_text()


def pass_protection(page, mailbox, language, name=""):
    """Type the passcode, and the code that comes by mail."""
    words = {
        "en": ("Passcode", "Send me the code", "The code from the message", "Open the images"),
        "es": ("Contraseña", "Enviarme el código", "El código del mensaje", "Abrir las imágenes"),
    }[language]
    page.get_by_label(words[0], exact=True).fill(PASSCODE)
    before = len(mailbox.taken)
    page.get_by_role("button", name=words[1]).click()
    page.get_by_label(words[2]).fill(code_after(mailbox, before))
    if name:
        page.get_by_label("Your name").fill(name)
    with page.expect_navigation(url="**/view/**"):
        page.get_by_role("button", name=words[3]).click()


def read(page):
    """Scroll the images beside the report in the full viewer."""
    expect(page.locator("[data-stage] img")).to_be_visible()
    look(page, "story-5-light")
    if not FullViewer().is_there:
        return  # `make viewer` has built none
    page.get_by_role("link", name="Open the full viewer").click()
    place = page.get_by_text(f"/{SLICES})").first
    expect(place).to_be_visible(timeout=60_000)
    before = place.inner_text()
    box = page.locator("canvas").first.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.wheel(0, 300)
    expect(place).not_to_have_text(before)
    expect(page.locator("object[type='application/pdf']").first).to_be_attached()
    page.wait_for_timeout(1_500)  # for the picture only: the PDF draws itself
    page.screenshot(path=SHOTS / "story-6-full.png")


def fetch_by_link(node, link, mailbox):
    """Another practice's node comes with the same link, for its archive: the other door."""
    given = {"link": base64.b64encode(link.encode()).decode(), "passcode": PASSCODE}
    before = len(mailbox.taken)
    with pytest.raises(CommandError) as caught:
        node.admin.post("fetches/link", given)
    if caught.value.code != "code_asked":
        raise caught.value
    assert caught.value.message == "a code was sent to b***@e***"
    given["code"] = code_after(mailbox, before)
    (fetch,) = node.admin.post("fetches/link", given).parts("fetches")
    return node.admin.get(f"fetches/{fetch.text('id')}", {"wait": "20000"}).part("fetch")


def want_notices(page):
    """The patient wants to hear of each use."""
    page.get_by_label("Avisarme cada vez").check()
    page.get_by_text("Desde ahora recibe avisos.").first.wait_for()


def check_notice(mailbox):
    """They are told that something was used: no name, no finding, no link."""
    told = until(lambda: [one for one in mailbox.taken if "Alguien mir" in body_of(one)])[0]
    assert told["To"] == "jane@example.org"
    assert not re.search("doe|blanco|hospital|acute|http", body_of(told), re.IGNORECASE)


def end(page, who):
    """End a share, and confirm it."""
    page.get_by_role("button", name=f"Terminarlo: {who}").click()
    page.locator("dialog button[value=yes]").click()


def test_from_the_question_at_check_in_to_the_end_of_a_share(town, tmp_path):
    radiology, referring, hospital, mailbox = town
    desk = f"http://127.0.0.1:{radiology.internal_port}"
    allowed = {"allow": ("403", "404", "422")}
    with chromium() as browser:
        with visitor(browser, desk, **allowed) as tablet:
            sign_in(tablet)
            say_yes(tablet)
        scan(radiology, tmp_path)

        # The link comes by mail, without a name and without a finding.
        (mail,) = until(lambda: mailbox.taken)
        link = LINK.search(body_of(mail)).group()
        assert mail["To"] == "jane@example.org"
        assert not re.search("doe|jane d|acute", mail.as_string(), re.IGNORECASE)

        # The practice that she named has its copy without anybody clicking.
        (there,) = until(lambda: [one for one in referring.studies() if one["instances"]])
        assert there["instances"] == SLICES + 1

        with (
            visitor(browser, radiology.url, language="es", size=PHONE, **allowed) as patient,
            visitor(browser, radiology.url, size=DESKTOP, **allowed) as doctor,
        ):
            come_in(patient, link)
            look(patient, "story-2-patient", sizes=(PHONE, DESKTOP))
            want_notices(patient)
            for_doctor = share(patient, "Dr. Blanco", "blanco@example.org")
            look(patient, "story-3-shared", sizes=(PHONE, DESKTOP))
            with patient.context.expect_page() as opened:
                patient.locator("#handover [data-is=try]").click()
            pass_protection(opened.value, mailbox, "es")
            opened.value.close()

            doctor.goto(for_doctor)
            look(doctor, "story-4-door")
            pass_protection(doctor, mailbox, "en", "Dr. Blanco")
            read(doctor)
            fetched = fetch_by_link(hospital, for_doctor, mailbox)
            assert (fetched.text("state"), fetched.integer("objects")) == ("done", SLICES + 1)
            copy = fetched.text("study")
            check_notice(mailbox)

            patient.goto(link)  # the same message, now by the key of her own browser
            patient.get_by_role("heading", name="Sus imágenes", exact=True).wait_for()
            patient.get_by_text("Quién miró, y cuándo").click()
            for who in ("Dr. Blanco", hospital.name, referring.name):
                expect(patient.locator("[data-is=accesses]")).to_contain_text(who)  # once loaded
            look(patient, "story-7-log", sizes=(PHONE, DESKTOP))

            # What is open stops, the next fetch is refused, the hospital is told.
            end(patient, "Dr. Blanco")
            expect(doctor.get_by_text("This view has ended")).to_be_visible(timeout=30_000)
            look(doctor, "story-8-ended")
            patient.get_by_text("terminado").first.wait_for()
        with pytest.raises(CommandError) as caught:
            fetch_by_link(hospital, for_doctor, mailbox)
        assert caught.value.code == "revoked"
        (row,) = until(lambda: hospital.admin.get("queue").raw["queue"])
        assert row["study"] == copy
    written = radiology.log_path.read_text("utf-8")
    for secret in (link.split("#")[1], for_doctor.split("#")[1], PIN, PASSCODE, "Doe"):
        assert secret not in written

"""The page of links over HTTP: what a scanner spends, who gets a cookie, and what stands where."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

import pytest

from support.browser import Browser
from support.clock import FakeClock
from support.lines import written
from support.memory_network import MemoryNetwork
from support.memory_reader import instance
from support.practice import Practice
from support.uses import Uses
from undisc_protocol.browser import Act
from undisc_protocol.keys import link_key
from undisc_protocol.link import write_link
from unit.services.test_consenting import record
from unit.web import fakes

PIN = "4711 blue"
SECRET = b"secret of the doctor's link, 32b"
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def practice():
    clock = FakeClock()
    made = Practice("alone", MemoryNetwork(), clock)
    _, visit = record(made)
    made.store(instance(1, accession="A-7"))
    made.settling.settle(made.study().id, "")
    clock.advance(30 * 60)
    made.releasing.release_due()
    made.patient_links.set_pin(visit.id, PIN, "anna")
    made.patient_links.make_due()
    made.visit = visit
    yield made
    made.fetching.stop()


@pytest.fixture
def door(practice, start):
    """A listener whose pages stand on the practice's own services."""
    public = replace(
        fakes.public_uses(),
        opening=practice.opening,
        browsing=practice.browsing,
        patient_sharing=practice.patient_sharing,
        use_notices=Uses(practice).notices,
    )
    return start(public=public)


class Tab:
    """A tab of a browser: it keeps cookies, and posts what its script has signed."""

    def __init__(self, door, browser):
        self.door, self.browser, self.cookies = door, browser, {}

    def ask(self, path, body=None, **headers):
        jar = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        everything = {**JSON, **({"Cookie": jar} if jar else {}), **headers}
        method = "GET" if body is None else "POST"
        answer = self.door.call("public", method, f"/l/api/{path}", body, everything)
        for line in answer.headers.get_all("Set-Cookie") or []:
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value
        return answer

    def signed(self, act, **arguments):
        return {"request": base64.b64encode(self.browser.signed(act, **arguments)).decode()}

    def open(self, passcode, **more):
        return self.ask("open", self.signed(Act.OPEN, passcode=passcode, code=None, name="") | more)


@pytest.fixture
def patient(practice, door):
    return Tab(door, Browser.at(practice, practice.patient_links.handout(practice.visit.id).link))


def shared(patient, **more):
    browser = patient.browser
    browser.cookie = next(value for name, value in patient.cookies.items() if "patient" in name)
    tokens = [base64.b64encode(one).decode() for one in browser.tokens(link_key(SECRET).did)]
    body = {"tokens": tokens, "label": "Dr. Ann", "passcode": "blue horse", **more}
    return patient.ask("shares", body)


def doctor_of(patient):
    browser = patient.browser
    link = write_link(browser.practice.url, SECRET)
    return Tab(patient.door, Browser.at(browser.practice, link))


def test_the_page_is_the_same_for_every_link_and_keeps_nothing(door):
    page = door.call("public", "GET", "/l")
    assert page.status == 200
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["Cache-Control"] == "no-store"
    policy = page.headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert b"<script>" not in page.body
    assert b" style=" not in page.body
    assert b" onclick=" not in page.body
    assert len(page.body) < 40_000


def test_it_is_spoken_in_spanish(door):
    page = door.call("public", "GET", "/l?language=es")
    assert "Sus imágenes".encode() in page.body
    assert "language" in page.headers["Set-Cookie"]


def test_script_and_page_fit_before_the_first_paint(door):
    """Everything that is loaded before the patient sees something, as it is transferred."""
    page = door.call("public", "GET", "/l")
    names = [
        one.decode()
        for one in page.body.split(b'"')
        if one.startswith(b"/static/") and one.endswith((b".js", b".css", b".svg"))
    ]
    folder = names[0].rpartition("/")[0]
    names = {*names, f"{folder}/undisc.js", f"{folder}/keeping.js"}
    whole = len(page.body)
    for name in names:
        answer = door.call("public", "GET", name, headers={"Accept-Encoding": "gzip"})
        assert answer.status == 200
        whole += len(answer.body)
    assert whole < 100_000


AGENTS = [
    "Barracuda Sentinel (EE)",
    "BingPreview/1.0b",
    "Checkpoint URL Scanner",
    "Cisco-IPS",
    "facebookexternalhit/1.1",
    "FireEye",
    "Googlebot/2.1",
    "GoogleImageProxy",
    "ISS Proventia",
    "Mimecast URL Protect",
    "Microsoft Office Protocol Discovery",
    "Mozilla/5.0 (Windows NT 10.0) SafeLinks",
    "Proofpoint URL Defense",
    "Sophos Email Appliance",
    "Slackbot-LinkExpanding 1.0",
    "Symantec.cloud Link Following",
    "TelegramBot (like TwitterBot)",
    "Trend Micro WTP",
    "WhatsApp/2.23",
    "YahooMailProxy",
]


@pytest.mark.parametrize("agent", AGENTS)
def test_a_scanner_spends_nothing(practice, patient, agent):
    """Attack: it follows the link, every address of the page, and runs the script up to a click."""
    patient.open(PIN)
    shared(patient, uses=1)
    doctor = doctor_of(patient)
    before = practice.kinds()
    headers = {"User-Agent": agent}
    for path in ("/l", "/l/", "/l?utm_source=mail", "/l/api/start", "/l/api/visit", "/l/api/log"):
        for method in ("HEAD", "GET", "OPTIONS"):
            patient.door.call("public", method, path, headers={**headers, "Purpose": "prefetch"})
    for path in ("open", "claim", "look", "shares", "revoke", "close"):
        for method in ("HEAD", "GET"):
            assert patient.door.call(
                "public", method, f"/l/api/{path}", headers=headers
            ).status in {
                404,
                405,
            }
    for tab in (Tab(patient.door, patient.browser), doctor):
        answer = tab.ask("look", tab.signed(Act.LOOK), **headers)
        assert (answer.status, answer.json["problem"]) == (200, "")
    assert practice.kinds() == before
    assert doctor.open("blue horse").status == 200, "the one use is still there"


def test_link_and_pin_give_a_cookie_that_no_script_reads(patient):
    answer = patient.open(PIN)
    assert answer.json["kind"] == "patient"
    (line,) = answer.headers.get_all("Set-Cookie")
    assert "HttpOnly" in line
    assert "SameSite=Strict" in line
    visit = patient.ask("visit").json
    assert visit["studies"][0]["images"] == 1
    assert visit["signer"] == patient.browser.key.did


def test_without_a_cookie_there_is_nothing(door, practice, patient):
    for path in ("visit", "log"):
        answer = patient.ask(path)
        assert (answer.status, answer.error) == (403, "session_over")
    for path in ("revoke", "view", "shares/" + "00" * 16 + "/revoke"):
        assert patient.ask(path, {}).error == "session_over"


def test_a_wrong_pin_says_how_many_are_left(patient):
    answer = patient.open("wrong")
    assert (answer.status, answer.error) == (403, "wrong_passcode")
    assert answer.json["error"]["hint"] == "attempts left: 4"


def test_the_whole_way_of_a_share(practice, patient):
    """Share, try, open, look who came, end it: the cookie that was given is then worth nothing."""
    patient.open(PIN)
    made = shared(patient).json
    doctor = doctor_of(patient)
    trying = Tab(patient.door, doctor.browser)
    trying.cookies = dict(patient.cookies)
    assert trying.open("blue horse", test=True).json["test"] is True
    assert doctor.open("blue horse").json["kind"] == "share"
    cookie = next(value for name, value in doctor.cookies.items() if name.startswith("link"))
    assert practice.browsing.session_of(cookie).studies
    (one,) = patient.ask("visit").json["shares"]
    assert (one["label"], one["state"], one["uses"]) == ("Dr. Ann", "active", 1)
    assert one["tested"]
    assert [line["what"] for line in patient.ask("log").json["accesses"]] == [
        "opened",
        "tested",
        "opened",
    ]
    assert patient.ask(f"shares/{made['id']}/revoke", {}).status == 200
    from undisc_protocol.errors import Revoked  # noqa: PLC0415

    with pytest.raises(Revoked):
        practice.browsing.session_of(cookie)
    assert doctor.open("blue horse").error == "revoked"
    assert patient.ask("visit").json["shares"][0]["state"] == "revoked"


def test_the_code_opens_without_a_key(practice, patient):
    code = practice.patient_links.handout(practice.visit.id).code
    assert patient.ask("look", {"code": code}).json["kind"] == "patient"
    assert patient.ask("open", {"code": code, "pin": PIN}).status == 200
    assert patient.ask("visit").json["studies"]


def test_codes_that_were_never_made_are_counted(patient):
    from undisc_protocol.link_code import write_code  # noqa: PLC0415

    for number in range(20):
        answer = patient.ask("look", {"code": write_code(bytes([number]) * 7)})
        assert answer.error == "not_granted"
    assert patient.ask("look", {"code": write_code(b"x" * 7)}).status == 429


def test_a_claim_over_http(patient):
    patient.open(PIN)
    new = link_key(b"n" * 32)
    claim = patient.signed(Act.CLAIM, passcode=PIN, code=None, key=new.did, software=True)
    assert patient.ask("claim", claim).status == 200
    visit = patient.ask("visit").json
    assert (visit["key"]["did"], visit["key"]["software"]) == (new.did, True)
    assert patient.ask("claim", claim).error == "replayed"


def test_the_viewer_gets_the_patients_own_session(practice, patient):
    patient.open(PIN)
    assert patient.ask("view", {}).status == 200
    values = {name.partition("-")[0]: value for name, value in patient.cookies.items()}
    assert values["link"] == values["patient"]


def test_a_closed_page_is_closed(patient):
    patient.open(PIN)
    assert patient.ask("close", {}).status == 200
    assert patient.ask("visit").error == "session_over"


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
    ],
)
def test_another_site_cannot_act(patient, headers):
    """Attack: a page elsewhere posts with the patient's cookie."""
    patient.open(PIN)
    shared(patient)
    assert patient.ask("revoke", {}, **headers).status == 403
    assert patient.ask("visit").json["shares"][0]["state"] == "active"


def test_a_form_of_another_site_has_the_wrong_type(patient):
    patient.open(PIN)
    answer = patient.ask("revoke", {}, **{"Content-Type": "text/plain"})
    assert (answer.status, answer.error) == (400, "invalid")


def test_neither_link_nor_pin_nor_passcode_nor_cookie_gets_into_a_log(practice, patient):
    link = practice.patient_links.handout(practice.visit.id).link
    with written() as lines:
        patient.open("wrong pin here")
        patient.open(PIN)
        shared(patient)
        doctor = doctor_of(patient)
        doctor.open("wrong horse")
        doctor.open("blue horse")
        patient.ask("close", {})
    said = lines.getvalue() + json.dumps([str(event) for event in practice.events()])
    secrets = [link.split("#")[1], PIN, "wrong pin here", "blue horse", "wrong horse"]
    secrets += [value for value in (*patient.cookies.values(), *doctor.cookies.values()) if value]
    for secret in secrets:
        assert secret not in said

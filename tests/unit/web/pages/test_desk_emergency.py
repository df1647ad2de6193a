"""The desk's page for emergencies: it asks what has to be known, and shows a link once."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from urllib.parse import urlencode

import pytest

from undisc_node.services.emergency_giving import Given
from undisc_node.services.errors import Invalid, Refused
from undisc_node.services.model import PeerState
from undisc_node.web.asked.uses import AskedUses
from undisc_node.web.desk.uses import DeskUses
from undisc_node.web.pages.forms import token_of
from unit.web import fakes
from unit.web.conftest import running_node
from unit.web.pages.test_desk_routes import FORM, FakeAsking, FakeSigningIn, Untouched

LINK = "https://a.example/l#c2VjcmV0"
NOW = fakes.NOW
WHOLE = {
    "study": fakes.STUDY_ID.hex(),
    "to": "link",
    "staff": "Dr. Vega, Hospital Norte",
    "reason": "unconscious",
    "hours": "24",
}


class FakeStudies:
    def list(self, text, patient, state, limit, offset):
        return [fakes.STUDY] if text == "Doe" else []

    def find(self, name):
        return fakes.STUDY


class FakeGiving:
    def __init__(self):
        self.given, self.says = [], []

    def give(self, **wanted):
        self.given.append(wanted)
        if self.says:
            raise self.says.pop()
        return Given(fakes.GRANT, None, "" if wanted["peer"] else LINK)


def peer(name, state=PeerState.TRUSTED, scopes=("fetch",)):
    return SimpleNamespace(id=name.encode().ljust(32, b"."), name=name, state=state, scopes=scopes)


PEERS = [
    peer("Riverside"),
    peer("Pending", state=PeerState.PENDING),
    peer("Offers only", scopes=("offer",)),
]


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    giving = FakeGiving()
    known = {
        **dict.fromkeys(DeskUses.__slots__, Untouched()),
        "signing_in": FakeSigningIn(),
        "studies": FakeStudies(),
        "giving": giving,
        "peers": lambda: PEERS,
        "now_ms": lambda: NOW * 1000,
        "random": bytes,
        "public_url": "",
    }
    asked = AskedUses(
        asking=FakeAsking(), consenting=Untouched(), carries=Untouched(), random=bytes
    )
    inside = replace(fakes.inside_uses(), desk=DeskUses(**known), asked=asked)
    with running_node(tmp_path_factory.mktemp("d"), inside=inside) as one:
        one.giving = giving
        yield one


@pytest.fixture
def given(desk):
    desk.giving.given.clear()
    return desk.giving.given


def call(desk, method, path, **fields):
    port = desk.opened.internal[1]
    headers = {"Host": f"127.0.0.1:{port}", "Cookie": f"desk-{port}=desk"}
    body = None
    if method == "POST":
        headers, body = {**headers, **FORM}, urlencode({"token": token_of("desk"), **fields})
    return desk.call("internal", method, path, body, headers)


def test_a_search_finds_the_images_and_the_practices_that_may_have_them(desk, given):
    page = call(desk, "GET", "/desk/emergency?text=Doe").body.decode()
    assert fakes.STUDY_ID.hex() in page
    assert "Riverside" in page
    assert "Pending" not in page
    assert "Offers only" not in page
    nothing = call(desk, "GET", "/desk/emergency?text=Nobody").body.decode()
    assert "Nothing here is like that." in nothing
    assert "Give it out now" not in nothing


def test_a_link_is_shown_once_to_whoever_gave_it_out(desk, given):
    page = call(desk, "POST", "/desk/emergency", **WHOLE, passcode="blue horse")
    assert page.status == 200
    assert LINK.encode() in page.body
    assert page.headers["Cache-Control"] == "no-store"
    (wanted,) = given
    assert (wanted["peer"], wanted["actor"], wanted["passcode"]) == (None, "desk", "blue horse")
    assert wanted["expires"] == NOW + 24 * 3_600
    assert wanted["command"] == "/img/read"
    assert LINK.encode() not in call(desk, "GET", "/desk/emergency?text=Doe").body


def test_a_practice_is_named_by_a_choice(desk, given):
    page = call(desk, "POST", "/desk/emergency", **{**WHOLE, "to": PEERS[0].id.hex()})
    assert b"told by itself" in page.body
    assert given[0]["peer"] is PEERS[0]


@pytest.mark.parametrize(
    "changes", [{"to": ""}, {"to": "00" * 32}, {"hours": ""}, {"hours": "-1"}, {"hours": "many"}]
)
def test_what_is_missing_is_asked_for(desk, given, changes):
    page = call(desk, "POST", "/desk/emergency", text="Doe", **{**WHOLE, **changes})
    assert page.status == 400
    assert b'role="alert"' in page.body
    assert b"Dr. Vega, Hospital Norte" in page.body, "nothing is typed twice"
    assert given == []


@pytest.mark.parametrize(
    "problem",
    [
        Invalid("too long", code="emergency_too_long", hint="72 hours"),
        Refused("there is no second person", code="nobody_to_tell", hint="name somebody"),
    ],
    ids=lambda one: one.reason,
)
def test_the_rules_of_an_emergency_are_said_as_they_are(desk, given, problem):
    desk.giving.says.append(problem)
    page = call(desk, "POST", "/desk/emergency", text="Doe", **WHOLE, passcode="blue horse")
    assert page.status == problem.status
    assert problem.hint.encode() in page.body
    assert b"blue horse" not in page.body

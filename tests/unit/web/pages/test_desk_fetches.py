"""Fetching with a link at the desk: in the body of a form, step by step, never in an address."""

from __future__ import annotations

import re
from dataclasses import replace
from types import SimpleNamespace
from urllib.parse import urlencode

import pytest

from undisc_node.services.errors import Refused
from undisc_node.services.fetch_world import Progress
from undisc_node.services.model import FetchState
from undisc_node.web.asked.uses import AskedUses
from undisc_node.web.desk.uses import DeskUses
from undisc_node.web.pages.forms import token_of
from undisc_protocol.errors import CodeAsked, Locked, Unreachable, WrongCode, WrongPasscode
from unit.web import fakes
from unit.web.conftest import running_node
from unit.web.pages.test_desk_routes import FORM, FakeAsking, FakeSigningIn, Untouched

LINK = "https://riverside.example/l#c2VjcmV0"


class FakeLinkFetching:
    """Says what a test says."""

    def __init__(self):
        self.given, self.says = [], []

    def start(self, text, passcode, actor, code=""):
        self.given.append((text, passcode, code, actor))
        if self.says:
            raise self.says.pop(0)
        return []


class FakeFetching:
    def __init__(self):
        self.rows, self.resumed = [], []

    def list(self):
        return self.rows

    def progress(self, fetch_id):
        return Progress(objects_done=3, bytes_done=500, reused_bytes=0, mb_per_s=1.0)

    def find(self, prefix):
        return fakes.FETCH

    def resume(self, fetch_id, actor):
        self.resumed.append((fetch_id, actor))


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    link_fetching, fetching = FakeLinkFetching(), FakeFetching()
    peers = [SimpleNamespace(id=fakes.FETCH.peer, name="Riverside <b>Radiology</b>")]
    known = {
        **dict.fromkeys(DeskUses.__slots__, Untouched()),
        "signing_in": FakeSigningIn(),
        "link_fetching": link_fetching,
        "fetching": fetching,
        "peers": lambda: peers,
        "random": bytes,
        "public_url": "",
    }
    asked = AskedUses(
        asking=FakeAsking(), consenting=Untouched(), carries=Untouched(), random=bytes
    )
    inside = replace(fakes.inside_uses(), desk=DeskUses(**known), asked=asked)
    with running_node(tmp_path_factory.mktemp("d"), inside=inside) as one:
        one.link_fetching, one.fetching = link_fetching, fetching
        yield one


@pytest.fixture
def said(desk):
    """What the other practice is going to say."""
    desk.link_fetching.given.clear()
    desk.link_fetching.says.clear()
    desk.fetching.rows.clear()
    return desk.link_fetching.says


def call(desk, method, path, **fields):
    port = desk.opened.internal[1]
    headers = {"Host": f"127.0.0.1:{port}", "Cookie": f"desk-{port}=desk"}
    body = None
    if method == "POST":
        headers, body = {**headers, **FORM}, urlencode({"token": token_of("desk"), **fields})
    return desk.call("internal", method, path, body, headers)


def post(desk, **fields):
    return call(desk, "POST", "/desk/fetches", **fields)


def test_a_link_begins_a_fetch_in_the_name_of_who_is_signed_in(desk, said):
    answer = post(desk, link=f" {LINK}\r\n", passcode="blue horse")
    assert (answer.status, answer.headers["Location"]) == (303, "/desk/fetches")
    assert desk.link_fetching.given == [(LINK, "blue horse", "", "desk")]
    assert answer.headers["Cache-Control"] == "no-store"


def test_it_asks_for_what_protects_the_link_one_step_after_the_other(desk, said):
    """The holder's words about where the code went are shown; nothing right is typed twice."""
    said.append(Locked("the link asks for a passcode"))
    page = post(desk, link=LINK)
    assert (page.status, b'name="passcode"' in page.body, b'name="code"' in page.body) == (
        200, True, False,
    )  # fmt: skip
    said.append(CodeAsked("a code was sent to j***@e***"))
    page = post(desk, link=LINK, passcode="blue <horse>")
    assert page.status == 200
    assert b"a code was sent to j***@e***" in page.body
    assert b'name="passcode" value="blue &lt;horse&gt;"' in page.body
    assert b'name="code"' in page.body
    assert post(desk, link=LINK, passcode="blue <horse>", code="314159").status == 303
    assert desk.link_fetching.given[-1] == (LINK, "blue <horse>", "314159", "desk")


@pytest.mark.parametrize(
    ("problem", "asked"),
    [
        (WrongPasscode("another"), "passcode"),
        (WrongCode("another"), "code"),
        (Unreachable("riverside.example does not answer"), "link"),
        (Refused("no peer", code="peer_not_trusted", hint="undisc peers add"), "link"),
    ],
)
def test_what_goes_wrong_is_said_and_can_be_mended(desk, said, problem, asked):
    said.append(problem)
    page = post(desk, link=LINK, passcode="blue horse", code="111111")
    assert page.status == problem.status
    assert b'role="alert"' in page.body
    fields = re.findall(rb'<input type="(\w+)" (?:id="\w+" )?name="(\w+)"', page.body)
    assert asked.encode() in {name for kind, name in fields if kind != b"hidden"}
    assert b"111111" not in page.body


def test_a_form_without_a_link_asks_nobody(desk, said):
    assert post(desk, passcode="x").status == 400
    assert desk.link_fetching.given == []


def test_nothing_of_it_is_taken_from_an_address(desk, said):
    """A link in a query would stand in histories and logs; it is not even looked at."""
    page = call(desk, "GET", f"/desk/fetches?{urlencode({'link': LINK, 'passcode': 'x'})}")
    assert page.status == 200
    assert b"c2VjcmV0" not in page.body
    assert desk.link_fetching.given == []


def test_the_list_shows_how_far_each_is_and_what_helps(desk, said):
    running = replace(fakes.FETCH, state=FetchState.RUNNING, problem="")
    desk.fetching.rows[:] = [running, fakes.FETCH]
    page = call(desk, "GET", "/desk/fetches").body.decode()
    assert "Riverside &lt;b&gt;Radiology&lt;/b&gt;" in page
    assert "3 of 20 images" in page
    assert '<progress max="100" value="25"' in page
    assert page.count("data-runs") == 1
    assert "b.example does not answer" in page
    assert f"/desk/fetches/{fakes.FETCH.id.hex()}/resume" in page


def test_a_paused_fetch_goes_on(desk, said):
    answer = call(desk, "POST", f"/desk/fetches/{fakes.FETCH.id.hex()}/resume")
    assert answer.status == 303
    assert desk.fetching.resumed == [(fakes.FETCH.id, "desk")]

"""Nobody reaches a page of the desk without a session, its form, and the role that it needs."""

from __future__ import annotations

import re
from dataclasses import replace
from urllib.parse import urlencode

import pytest

from undisc_node.services.desk_rows import StaffSession, Stage
from undisc_node.services.staff_rows import Role, StaffMember
from undisc_node.web.asked.uses import AskedUses
from undisc_node.web.desk.routes import ROUTES
from undisc_node.web.desk.uses import DeskUses
from undisc_node.web.pages.forms import token_of
from undisc_node.web.routing import Authority
from unit.web import fakes
from unit.web.conftest import running_node

GUARDED = [route for route in ROUTES if route.authority is Authority.STAFF_SESSION]
OF_ADMINS = [route for route in GUARDED if route.path.startswith("/desk/people")]
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Untouched:
    """A use case that nobody may call."""

    def __getattr__(self, name):
        def called(*_args, **_kwargs):
            raise AssertionError(f"{name} was called")

        return called


class FakeSigningIn:
    """Knows the cookies `desk`, `admin` and `code`, the last one half signed in."""

    def session_of(self, secret, *, use=True):
        stage = {"desk": Stage.IN, "admin": Stage.IN, "code": Stage.CODE}.get(secret)
        return StaffSession(b"s" * 32, secret, stage, 0, 0, 1) if stage else None

    def member(self, session):
        role = Role.ADMIN if session.name == "admin" else Role.DESK
        return StaffMember(session.name, role, b"", b"", 1, 1, 0, 0)


class FakeAsking:
    def of(self, secret):
        return None


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    uses = DeskUses(
        **{
            **dict.fromkeys(DeskUses.__slots__, Untouched()),
            "signing_in": FakeSigningIn(),
            "random": bytes,
            "public_url": "",
        }
    )
    asked = AskedUses(
        asking=FakeAsking(), consenting=Untouched(), carries=Untouched(), random=bytes
    )
    inside = replace(fakes.inside_uses(), desk=uses, asked=asked)
    with running_node(tmp_path_factory.mktemp("d"), inside=inside) as one:
        yield one


def call(desk, route, cookie="", fields=None, **headers):
    path = re.sub(r"\{\w+\}", "00" * 16, route.path)
    port = desk.opened.internal[1]
    headers = {"Host": f"127.0.0.1:{port}", **headers}
    if cookie:
        headers["Cookie"] = f"desk-{port}={cookie}"
    body = None
    if route.method == "POST":
        headers = {**FORM, **headers}
        body = urlencode(fields or {})
    return desk.call("internal", route.method, path, body, headers)


@pytest.mark.parametrize("route", GUARDED, ids=lambda one: f"{one.method} {one.path}")
@pytest.mark.parametrize("cookie", ["", "stolen", "code"])
def test_without_a_whole_sign_in_every_page_leads_to_it(desk, route, cookie):
    """A right password alone, too, opens nothing."""
    answer = call(desk, route, cookie, {"token": token_of(cookie)})
    assert (answer.status, answer.headers["Location"]) == (303, "/desk/sign-in")


@pytest.mark.parametrize("route", OF_ADMINS, ids=lambda one: f"{one.method} {one.path}")
def test_accounts_are_for_administrators(desk, route):
    answer = call(desk, route, "desk", {"token": token_of("desk")})
    assert (answer.status, answer.error) == (403, "refused")


@pytest.mark.parametrize(
    "route",
    [one for one in GUARDED if one.method == "POST"],
    ids=lambda one: f"{one.method} {one.path}",
)
@pytest.mark.parametrize(
    ("fields", "headers", "code"),
    [
        ({}, {}, "stale_form"),
        ({"token": token_of("desk")}, {}, "stale_form"),
        ({"token": token_of("admin")}, {"Sec-Fetch-Site": "cross-site"}, "foreign_request"),
        ({"token": token_of("admin")}, {"Origin": "http://evil.example"}, "foreign_request"),
    ],
)
def test_every_form_of_the_desk_comes_from_a_page_of_the_desk(desk, route, fields, headers, code):
    """A page elsewhere makes the browser of somebody who is signed in send a form."""
    answer = call(desk, route, "admin", fields, **headers)
    assert (answer.status, answer.error) == (403, code)


def test_a_device_without_a_question_is_led_to_the_code(desk):
    port = desk.opened.internal[1]
    answer = desk.call("internal", "GET", "/c/ask", headers={"Host": f"127.0.0.1:{port}"})
    assert (answer.status, answer.headers["Location"]) == (303, "/c")


def test_the_desk_is_not_on_the_public_listener(desk):
    for route in ROUTES:
        path = re.sub(r"\{\w+\}", "00" * 16, route.path)
        assert desk.call("public", route.method, path).error == "not_found"

"""Forms come from pages of ours, with bounded fields; everything else is refused."""

from __future__ import annotations

import asyncio
from urllib.parse import urlencode

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from undisc_node.services.errors import Invalid, Refused
from undisc_node.services.staff_rows import Role
from undisc_node.web import keys
from undisc_node.web.pages import protecting
from undisc_node.web.pages.forms import Form, read_form, token_of

COOKIE = "c29tZSBjb29raWU"
HOST = "desk.example"
FORM = "application/x-www-form-urlencoded"


class _Sent:
    """A body that has arrived."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    async def whole(self) -> bytes:
        return self._content


def read(fields, *, cookie=COOKIE, token=None, kind=FORM, **headers):
    given = {"token": token_of(COOKIE) if token is None else token}
    pairs = [*given.items(), *(fields.items() if isinstance(fields, dict) else fields)]
    headers = {"Host": HOST, "Content-Type": kind, **headers}
    request = make_mocked_request("POST", "/", headers=headers)
    request[keys.BODY] = _Sent(urlencode(pairs).encode())
    return asyncio.run(read_form(request, cookie))


def test_a_form_of_ours_is_read():
    form = read({"name": " Jane ", "role": "desk", "yes": "1"})
    assert (form.text("name"), form.choice("role", Role), form.flag("yes")) == (
        "Jane",
        Role.DESK,
        True,
    )
    assert form.problems == {}


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "same-origin"},
        {"Origin": f"https://{HOST}"},
        {"Origin": f"http://{HOST}"},
        {"Origin": "null"},  # what a browser sends under Referrer-Policy: no-referrer
        {"Sec-Fetch-Site": "same-origin", "Origin": "null"},
    ],
)
def test_what_the_browser_says_of_a_page_of_ours_is_accepted(headers):
    assert read({}, **headers).problems == {}


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "https://evil.example"},
        {"Origin": f"https://{HOST}.evil.example"},
        {"Origin": f"https://{HOST}:444"},
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"},
    ],
)
def test_a_page_of_another_site_cannot_send_a_form(headers):
    with pytest.raises(Refused) as caught:
        read({}, **headers)
    assert caught.value.reason == "foreign_request"


@pytest.mark.parametrize(
    "case",
    [
        {"token": token_of("another cookie")},
        {"token": ""},
        {"token": "é"},
        {"cookie": ""},
        {"cookie": "", "token": token_of("")},
    ],
)
def test_a_form_needs_the_token_that_belongs_to_the_browsers_cookie(case):
    with pytest.raises(Refused) as caught:
        read({}, **case)
    assert caught.value.reason == "stale_form"


def test_two_tokens_are_none():
    with pytest.raises(Refused):
        read([("token", token_of(COOKIE))])


@pytest.mark.parametrize("kind", ["text/plain", "application/json", "multipart/form-data"])
def test_only_forms_are_read_as_forms(kind):
    with pytest.raises(Invalid):
        read({}, kind=kind)


def test_a_form_has_bounded_fields():
    with pytest.raises(Invalid):
        read([("x", "")] * 256)


def test_a_token_says_nothing_about_its_cookie():
    assert COOKIE not in token_of(COOKIE)
    assert token_of(COOKIE) != token_of(COOKIE + "x")


def test_problems_are_collected_beside_their_fields():
    form = Form(
        [("long", "x" * 9), ("odd", "a\x00b"), ("twice", "1"), ("twice", "2"), ("role", "god")]
    )
    assert [form.text("long", most=8), form.text("odd"), form.text("twice")] == ["", "", ""]
    assert form.text("missing", needed=True) == ""
    assert form.choice("role", Role) is None
    assert form.problems == {
        "long": "bad_text",
        "odd": "bad_text",
        "twice": "bad_text",
        "missing": "missing",
        "role": "missing",
    }


def test_several_lines_are_several_lines():
    form = Form([("why", "one\r\ntwo")])
    assert form.text("why", lines=True) == "one\ntwo"
    assert form.text("why") == ""


def cookie_for(host):
    request = make_mocked_request("GET", "/", headers={"Host": host})
    response = web.Response()
    protecting.set_cookie(request, response, "desk", "v")
    return response.cookies.output(header="").strip()


def test_a_cookie_is_bound_to_this_host_and_hidden_from_scripts():
    text = cookie_for("desk.example")
    assert text.startswith("__Host-desk=v;")
    assert {"Secure", "HttpOnly", "SameSite=Strict", "Path=/"} <= set(text.split("; "))
    assert "Domain" not in text


@pytest.mark.parametrize("host", ["127.0.0.1:8481", "[::1]:8481", "localhost:8481"])
def test_without_tls_on_this_machine_the_cookie_names_the_port(host):
    """Two nodes on one machine share a browser's cookies, whatever their ports."""
    text = cookie_for(host)
    assert text.startswith("desk-8481=v;")
    assert "Secure" not in text
    assert {"HttpOnly", "SameSite=Strict"} <= set(text.split("; "))

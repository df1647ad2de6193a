"""One error shape on every route of every listener, and never a traceback or request data."""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from support.lines import written
from undisc_node.services.errors import DiskFull, ServiceError
from undisc_node.web import admin_api, errors, internal, public
from undisc_node.web.public_uses import PublicUses
from undisc_node.web.routing import Authority, Route, register
from undisc_protocol.errors import BadTicket, Busy, LocalProtocolError
from unit.web import fakes
from unit.web.conftest import running_node
from unit.web.test_admin_consents import SAID

LISTENERS = {
    "public": (public.ROUTES, set(public.ACCEPTS)),
    "internal": (internal.ROUTES, set(internal.ACCEPTS)),
    "admin": (admin_api.ROUTES, {Authority.ADMIN_SOCKET}),
}
KIT = {"kit": "AAAA", "passphrase": "a passphrase"}
SECRET = "Doe^Jane in /secret/place"
# Routes for staff ask who it is before anything can fail; test_dicomweb asks them all. Pages for
# people have tests of their own.
EVERY_ROUTE = [
    (door, route)
    for door, (routes, _) in LISTENERS.items()
    for route in routes
    if route.authority is not Authority.STAFF and not route.page
]


def named(case):
    door, route = case
    return f"{door} {route.method} {route.path}"


class Broken:
    """A use case that fails in a way nobody foresaw, with a secret in its message."""

    def __getattr__(self, _name):
        def fail(*_args, **_kwargs):
            raise RuntimeError(SECRET)

        return fail


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    broken = Broken()
    uses = fakes.admin_uses()
    admin = replace(uses, **{name: broken for name in uses.__slots__ if name != "clock"})
    with running_node(
        tmp_path_factory.mktemp("broken"),
        public=PublicUses(**dict.fromkeys(PublicUses.__slots__, broken)),
        admin=admin,
        inside=replace(fakes.inside_uses(), checks=broken.checks, metrics=broken.metrics),
    ) as one:
        yield one


def request_for(route: Route):
    """A request that gets past reading, for any route."""
    path = route.path
    path = path.replace("{object}", fakes.OBJECT_ID.hex())
    path = re.sub(r"\{\w+\}", "abcd", path)
    bodies = {
        "hold": {"reason": "why"},
        "withdraw": {"reason": "why"},
        "resolve": {"accept": True},
        "look": {"url": "https://b.example"},
        "peers": {"url": "https://b.example", "node_id": "00" * 32},
        "grants": {"study": "abcd", "link": True, "basis": "treatment", "command": "/img/read"},
        "shares": {"token": "AAAA"},
        "fetches": {"offer": "AAAA"},
    }
    if route.path.startswith("/admin/v1/queue"):
        bodies["resolve"] = {"decision": "keep"}
    exact = {
        "/admin/v1/staff": {"name": "ada", "role": "desk", "password": "a long password"},
        "/admin/v1/staff/abcd/reset": {"password": "a long password"},
        "/admin/v1/pacs": {"name": "archive", "dimse": "PACS@10.0.0.1:104"},
        "/admin/v1/senders": {"name": "ct1", "address": "10.1.2.3"},
        "/admin/v1/pulls/look": {"patient": "4711"},
        "/admin/v1/consents": SAID,
        "/admin/v1/consents/abcd/withdraw": {"why": "asked"},
        "/admin/v1/visits/abcd/notices": {"wanted": True},
        "/admin/v1/messages/test": {"channel": "email", "to": "a@b.example"},
        "/admin/v1/links": {"token": "AAAA"},
        "/admin/v1/fetches/link": {"link": "AAAA"},
        "/admin/v1/pairings/accept": {"invitation": "AAAA"},
        "/admin/v1/imports": {"kind": "folder"},
        "/admin/v1/imports/look": None,
        "/admin/v1/studies/abcd/deliveries/look": {"patient": "4711"},
        "/admin/v1/keys/drill": KIT,
        "/admin/v1/keys/change": {**KIT, "new_passphrase": "another passphrase"},
        "/admin/v1/keys/confirm": {
            **KIT,
            "new_kit": "AAAA",
            "new_passphrase": "another passphrase",
        },
    }
    body = None
    if route.method == "POST":
        body = exact.get(path, bodies.get(path.rpartition("/")[2], {}))
    headers = {}
    if route.authority is Authority.TICKET:
        headers = {
            "Authorization": "Undisc AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
            "Range": "bytes=0-9",
            "Undisc-Status": "200",
        }
    return path, body, headers


@pytest.mark.parametrize("case", EVERY_ROUTE, ids=named)
def test_what_nobody_foresaw_is_told_without_a_traceback_and_logged_without_data(broken, case):
    door, route = case
    if (door, route.path) in {("internal", "/"), ("internal", "/livez")}:
        assert broken.call(door, "GET", route.path).status == 200
        return
    path, body, headers = request_for(route)
    with written() as lines:
        answer = broken.call(door, route.method, path, body, headers)
    assert answer.status == 500
    assert answer.error == "internal_error"
    request_id = answer.json["error"]["hint"].rpartition(" ")[2]
    assert request_id == answer.headers["X-Request-Id"]
    assert f"request={request_id}" in lines.getvalue()
    assert "RuntimeError" in lines.getvalue()
    for secret in (SECRET, "AAECAwQF"):
        assert secret not in lines.getvalue()
        assert secret not in answer.body.decode()


@pytest.mark.parametrize("case", EVERY_ROUTE, ids=named)
def test_every_route_refuses_another_method_in_the_one_shape(node, case):
    door, route = case
    path, _, _ = request_for(route)
    answer = node.call(door, "PATCH", path)
    assert (answer.status, answer.error) == (405, "method_not_allowed")
    assert route.method in answer.headers["Allow"]


@pytest.mark.parametrize("case", EVERY_ROUTE, ids=named)
def test_every_route_refuses_an_oversize_body_by_its_head(node, case):
    door, route = case
    path, _, _ = request_for(route)
    head = f"{route.method} {path} HTTP/1.1\r\nHost: localhost\r\n"
    answer = node.raw(door, f"{head}Content-Length: {route.body_limit + 1}\r\n\r\n".encode())
    assert (answer.status, answer.error) == (413, "oversize")


@pytest.mark.parametrize("case", EVERY_ROUTE, ids=named)
def test_every_route_refuses_a_compressed_body(node, case):
    """A small gzip body would otherwise become a large one while it is read."""
    door, route = case
    path, _, _ = request_for(route)
    answer = node.call(door, route.method, path, b"\x1f\x8b", {"Content-Encoding": "gzip"})
    assert (answer.status, answer.error) == (415, "encoded")


@pytest.mark.parametrize("door", LISTENERS)
def test_an_unknown_path_has_the_one_shape(node, door):
    answer = node.call(door, "GET", "/nothing/here?patient=Doe")
    assert (answer.status, answer.error) == (404, "not_found")
    assert "Doe" not in answer.body.decode()


@pytest.mark.parametrize("door", LISTENERS)
@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00",  # a TLS greeting on a plain port
        b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\nBad Header\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: +5\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nX-Long: " + b"x" * 20_000 + b"\r\n\r\n",
    ],
)
def test_what_is_not_http_has_the_one_shape_and_stays_out_of_the_log(node, door, sent, caplog):
    sent = sent.replace(b"Bad Header", b"Bad Undisc-Ticket")
    with caplog.at_level(logging.DEBUG):
        answer = node.raw(door, sent)
    assert (answer.status, answer.error) == (400, "invalid")
    assert "Ticket" not in caplog.text


@pytest.mark.parametrize("version", ["HTTP/1.0", "HTTP/0.9"])
def test_old_http_is_refused(node, version):
    answer = node.raw("public", f"GET /undisc/v1/node {version}\r\nHost: x\r\n\r\n".encode())
    assert (answer.status, answer.error) == (505, "old_http")


@pytest.mark.parametrize("path", ["/undisc/v1/fetch", "/nothing"])
def test_an_expectation_that_cannot_be_met_has_the_one_shape(node, path):
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nExpect: a miracle\r\n\r\n"
    answer = node.raw("public", head.encode())
    assert (answer.status, answer.error) == (417, "bad_request")


def test_an_oversize_body_is_refused_before_it_is_invited(node):
    head = "POST /undisc/v1/receipt HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
    answer = node.raw("public", f"{head}Content-Length: 999999\r\n\r\n".encode())
    assert (answer.status, answer.error) == (413, "oversize")


@pytest.mark.parametrize(
    ("problem", "status", "code"),
    [
        (BadTicket("the ticket is unknown"), 403, "bad_ticket"),
        (Busy("too many"), 503, "busy"),
        (LocalProtocolError("a wrong call"), 500, "local_error"),
        (DiskFull("no room"), 507, "disk_full"),
        (ServiceError("other", code="special", hint="do this"), 500, "special"),
        (web.HTTPRequestEntityTooLarge(1, 2), 413, "oversize"),
        (web.HTTPBadRequest(), 400, "bad_request"),
        (ValueError("secret"), 500, "internal_error"),
    ],
)
def test_each_kind_of_exception_keeps_its_status_and_code(problem, status, code):
    answer = errors.answer_of(problem)
    assert answer.status == status
    assert f'"code": "{code}"' in answer.text
    assert "secret" not in answer.text


def test_a_message_is_cut_at_its_bound():
    assert len(errors.answer_of(DiskFull("x" * 5_000)).text) < 700


def test_every_route_states_its_authority_and_the_listener_can_check_it():
    for routes, accepts in LISTENERS.values():
        for route in routes:
            assert isinstance(route.authority, Authority)
            assert route.authority in accepts
            assert route.handler.__doc__ or "_moves_to" in route.handler.__qualname__


def test_a_route_with_an_authority_that_the_listener_cannot_check_stops_the_start():
    """An admin route on the public listener is a mistake of ours, not a hole."""
    with pytest.raises(ValueError, match="needs ADMIN_SOCKET"):
        register(web.Application(), admin_api.ROUTES, accepts=frozenset({Authority.ANYONE}))


def test_an_authority_is_not_optional():
    with pytest.raises(TypeError):
        Route(method="GET", path="/", body_limit=0, handler=internal.about)
    with pytest.raises(TypeError):
        Route(method="GET", path="/", authority=Authority.ANYONE, handler=internal.about)


def test_no_handler_reads_a_body_past_its_bounds():
    """aiohttp's own ways to read a body know neither our limits nor our deadlines."""
    folder = Path(errors.__file__).parent
    unbounded = re.compile(r"request\.(read|text|json|post|multipart|content)\b")
    for path in folder.glob("*.py"):
        found = set(unbounded.findall(path.read_text()))
        assert found <= ({"content"} if path.name in {"limits.py", "errors.py"} else set()), path


@pytest.mark.parametrize("door", LISTENERS)
def test_no_route_of_one_listener_is_reachable_through_another(node, door):
    for other, route in EVERY_ROUTE:
        if other != door and route.path != "/":  # each says who it is
            path, body, headers = request_for(route)
            answer = node.call(door, route.method, path, body, headers)
            assert (answer.status, answer.error) == (404, "not_found")

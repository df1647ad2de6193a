"""What every page has: language, protection, styles; and errors that people can read."""

from __future__ import annotations

import asyncio
import re

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from support.lines import written
from undisc_node.services.errors import NotFound
from undisc_node.web import keys
from undisc_node.web.errors import errors_in_one_shape
from undisc_node.web.pages.rendering import Practice
from unit.web.conftest import running_node

HTML = {"Accept": "text/html,application/xhtml+xml"}


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    with running_node(
        tmp_path_factory.mktemp("n"),
        practice=Practice("Praxis <Süd>", "0711 123"),
        public_hosts=frozenset({"images.example"}),
    ) as one:
        yield one


def test_a_page_speaks_in_the_practices_name_and_escapes_it(pages):
    answer = pages.call("public", "GET", "/", headers=HTML)
    text = answer.body.decode()
    assert answer.status == 200
    assert "<h1>Praxis &lt;Süd&gt;</h1>" in text
    assert "0711 123" in text
    assert '<html lang="en">' in text


@pytest.mark.parametrize(
    ("query", "accepted", "language"),
    [
        ("", "es-MX,es;q=0.9,en;q=0.8", "es"),
        ("", "fr, es;q=0.5, en;q=0.7", "en"),
        ("", "fr", "en"),
        ("", "es;q=0, en", "en"),
        ("", ";;;q=,es;q=x", "en"),
        ("?language=es", "en", "es"),
        ("?language=xx", "es", "es"),
    ],
)
def test_a_page_is_in_the_readers_language(pages, query, accepted, language):
    answer = pages.call("public", "GET", f"/{query}", headers={"Accept-Language": accepted})
    assert f'<html lang="{language}">' in answer.body.decode()


def test_every_page_is_protected(pages):
    for path in ("/", "/nowhere"):
        answer = pages.call("public", "GET", path, headers=HTML)
        headers = answer.headers
        policy = headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; ")
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert "camera=()" in headers["Permissions-Policy"]


def test_nothing_in_a_page_is_inline_or_from_elsewhere(pages):
    text = pages.call("public", "GET", "/", headers=HTML).body.decode()
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\bstyle=|\bon\w+=", text)
    assert not re.search(r"""(?:src|href|action)=["'](?:https?:)?//""", text)


def test_styles_keep_for_good_under_an_address_that_names_their_content(pages):
    text = pages.call("public", "GET", "/", headers=HTML).body.decode()
    address = re.search(r'href="(/static/[0-9a-f]{16}/undisc\.css)"', text)[1]
    for door in ("public", "internal"):
        answer = pages.call(door, "GET", address)
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "text/css; charset=utf-8"
        assert "immutable" in answer.headers["Cache-Control"]
        squeezed = pages.call(door, "GET", address, headers={"Accept-Encoding": "gzip"})
        assert squeezed.headers["Content-Encoding"] == "gzip"
        assert len(squeezed.body) < len(answer.body) / 2


@pytest.mark.parametrize(
    "path",
    [
        "/static/0000000000000000/undisc.css",
        "/static/{version}/../templates/base.html",
        "/static/{version}/%2e%2e/templates/base.html",
        "/static/{version}//etc/passwd",
        "/static/{version}/undisc.css/",
    ],
)
def test_nothing_else_can_be_had_from_below_static(pages, path):
    text = pages.call("public", "GET", "/", headers=HTML).body.decode()
    version = re.search(r"/static/([0-9a-f]{16})/", text)[1]
    assert pages.call("public", "GET", path.format(version=version)).error == "not_found"


def test_a_browser_is_told_of_an_error_with_a_page_and_a_program_with_json(pages):
    page = pages.call("public", "GET", "/nowhere", headers=HTML)
    assert page.status == 404
    assert page.headers.get_content_type() == "text/html"
    assert "This page is not here" in page.body.decode()
    assert "0711 123" in page.body.decode()
    assert pages.call("public", "GET", "/nowhere", headers={"Accept": "*/*"}).error == "not_found"
    assert pages.call("admin", "GET", "/nowhere", headers=HTML).error == "not_found"


def test_pages_of_the_public_listener_answer_to_our_names_only(pages):
    """Another site lets its own name lead here (DNS rebinding); other nodes call by any name."""
    foreign = {"Host": "evil.example"}
    assert pages.call("public", "GET", "/", headers=foreign).error == "wrong_host"
    assert pages.call("public", "GET", "/undisc/v1/node", headers=foreign).status == 200
    for name in ("images.example", "IMAGES.example:8480", "localhost"):
        assert pages.call("public", "GET", "/", headers={"Host": name}).status == 200


def test_a_broken_page_about_an_error_does_not_hide_the_error():
    def broken(_request, _told):
        raise RuntimeError("a template")

    async def handler(_request):
        raise NotFound("nothing here")

    app = web.Application()
    app[keys.PROBLEM_PAGE] = broken
    request = make_mocked_request("GET", "/", headers=HTML, app=app)
    with written() as lines:
        answer = asyncio.run(errors_in_one_shape(request, handler))
    assert answer.status == 404
    assert "not_found" in answer.text
    assert "RuntimeError" in lines.getvalue()

"""The full viewer's files: how they are made fit for our path, and that only they are served."""

from __future__ import annotations

import gzip
import importlib.util
import json
import re
from pathlib import Path

import pytest

from undisc_node.services.errors import NotFound
from undisc_node.web.viewer import ohif
from undisc_node.web.viewer.ohif import FullViewer

SCRIPT = Path(__file__).parents[3] / "node" / "viewer" / "build.py"
PAGE = """<!doctype html><html><head><meta charset="UTF-8">
<script>window.PUBLIC_URL="/"</script><link rel="manifest" href="/manifest.json">
<link rel="icon" href="/assets/favicon.ico"><link href="https://fonts.example/x.css">
<script rel="preload" as="script" src="/app-config.js"></script>
<script rel="preload" type="module" src="/init-service-worker.js"></script>
<script defer src="/app.bundle.0f.js"></script></head><body></body></html>"""


@pytest.fixture(scope="module")
def build():
    spec = importlib.util.spec_from_file_location("viewer_build", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_keeps_no_inline_script_and_no_address_of_another_host(build, tmp_path):
    (tmp_path / "index.html").write_text(PAGE)
    (tmp_path / "app.js").write_text('__webpack_require__.p = "/";')
    (tmp_path / "app.css").write_text("@font-face { src: url(/inter.woff2) }")
    build.rewrite(tmp_path, "/view/ohif/0123456789ab")
    page = (tmp_path / "index.html").read_text()
    assert re.findall(r"<script[^>]*>([^<]+)</script>", page) == []
    assert re.findall(r'src="([^"]*)"', page) == [
        "@start.js@", "@settings.js@", "/view/ohif/0123456789ab/app.bundle.0f.js",
    ]  # fmt: skip
    assert "//" not in page.replace("<!doctype", "")
    assert "manifest" not in page
    assert '"/"' not in (tmp_path / "app.js").read_text()
    assert "url(inter.woff2)" in (tmp_path / "app.css").read_text()


def test_both_sides_mean_the_same_path(build):
    assert build.BASE == ohif.BASE
    assert build.OUT == ohif.FOLDER


def test_the_lock_names_hashes_and_no_registry(build):
    text = build.LOCK.read_text()
    assert "://" not in text
    for one in json.loads(text).values():
        assert re.fullmatch(r"\d+\.\d+\.\d+", one["version"])
        assert re.fullmatch(r"sha512-[A-Za-z0-9+/]{86}==", one["integrity"])


def test_a_package_with_another_hash_is_refused(build, tmp_path, monkeypatch):
    monkeypatch.setenv("VIEWER_PACKAGES", str(tmp_path))
    (tmp_path / f"ohif-app-{build.lock()['@ohif/app']['version']}.tgz").write_bytes(b"other")
    with pytest.raises(build.Failure, match="hash differs"):
        build.fetched("@ohif/app", tmp_path)


def test_without_npm_and_packages_it_says_what_to_do(build, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("VIEWER_PACKAGES", raising=False)
    with pytest.raises(build.Failure, match=r"npm is needed.*\nhint: install npm"):
        build.fetched("@ohif/app", tmp_path)


@pytest.fixture
def full(tmp_path):
    (tmp_path / "app.js").write_bytes(gzip.compress(b"let a = 1;"))
    (tmp_path / "worker.js").write_bytes(b"new Function()")
    (tmp_path / "index.html").write_bytes(b"<!doctype html>")
    facts = {
        "build": "0123456789ab",
        "version": "3.13.2",
        "files": {
            "app.js": {"size": 10, "gzip": 30},
            "worker.js": {"size": 14, "decoder": True},
            "index.html": {"size": 15},
        },
    }
    (tmp_path / "manifest.json").write_text(json.dumps(facts))
    return FullViewer(tmp_path)


def test_an_installation_without_it_says_so(tmp_path):
    assert not FullViewer(tmp_path).is_there
    with pytest.raises(NotFound):
        FullViewer(tmp_path).page()


def test_only_one_worker_may_make_functions_from_text(full):
    assert "'unsafe-eval'" in full.asset("0123456789ab", "worker.js").policy
    assert "'unsafe-eval'" not in full.asset("0123456789ab", "app.js").policy
    assert "'unsafe-eval'" not in ohif.PAGE_POLICY
    assert "script-src 'self' 'wasm-unsafe-eval';" in ohif.PAGE_POLICY


def test_a_file_is_read_compressed_or_not(full):
    asset = full.asset("0123456789ab", "app.js")
    assert asset.read(zipped=False) == b"let a = 1;"
    assert gzip.decompress(asset.read(zipped=True)) == b"let a = 1;"


@pytest.mark.parametrize(
    ("build_name", "name"),
    [
        ("0123456789ab", "../manifest.json"),
        ("0123456789ab", "manifest.json"),
        ("0123456789ab", "/etc/passwd"),
        ("ffffffffffff", "app.js"),
    ],
)
def test_a_name_is_looked_up_and_never_a_path(full, build_name, name):
    with pytest.raises(NotFound):
        full.asset(build_name, name)

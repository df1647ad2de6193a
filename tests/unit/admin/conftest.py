"""Runs the `undisc` command in this process against a fake node."""

from __future__ import annotations

import os
import time

import pytest
from click.testing import CliRunner

from support.fake_admin import fake_admin
from undisc_admin.cli import main
from undisc_admin.session import Session

NOW = 1_795_500_000  # 2026-11-24, seconds since 1970


@pytest.fixture(autouse=True)
def time_zone():
    """Put this process into UTC, or into the zone that is named."""
    before = os.environ.get("TZ")

    def put(name):
        os.environ["TZ"] = name
        time.tzset()

    put("UTC")
    yield put
    if before is None:
        del os.environ["TZ"]
        time.tzset()
    else:
        put(before)


@pytest.fixture
def node():
    """A node that answers."""
    with fake_admin() as fake:
        yield fake


@pytest.fixture
def undisc(node, tmp_path, monkeypatch):
    """Run `undisc` with arguments, in an empty directory; `typed` is what the person answers."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments, typed="", sleep=lambda _: None):
        session = Session(now=lambda: float(NOW), sleep=sleep, random=bytes)
        everything = ["--socket", str(node.socket), *arguments]
        return CliRunner().invoke(main, everything, input=typed, obj=session)

    return run

"""Runs the `undisc` command in this process against a fake node."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support.fake_admin import FakeAdmin, fake_admin

from undisc_admin.cli import main
from undisc_admin.session import Session

Undisc = Callable[..., Result]
NOW = 1_795_500_000  # 2026-11-24, seconds since 1970


@pytest.fixture
def node() -> Iterator[FakeAdmin]:
    """A node that answers."""
    with fake_admin() as fake:
        yield fake


@pytest.fixture
def undisc(node: FakeAdmin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Undisc:
    """Run `undisc` with arguments, in an empty directory; `typed` is what the person answers."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")

    def run(
        *arguments: str,
        typed: str | bytes = "",
        sleep: Callable[[float], None] = lambda _: None,
    ) -> Result:
        session = Session(now=lambda: float(NOW), sleep=sleep, random=bytes)
        everything = ["--socket", str(node.socket), *arguments]
        return CliRunner().invoke(main, everything, input=typed, obj=session)

    return run

"""Clocks that are wrong, jump a year, or go back: capabilities end on time, and stay ended."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from support.killable_node import KillableNode, wait_for
from support.programs import needed, package
from support.two_nodes import befriend, dicom_file, short_directory

pytestmark = pytest.mark.integration

MINUTE, HOUR, DAY = 60, 3600, 86_400


class MovableNode(KillableNode):
    """A node whose clock the test moves while it runs (libfaketime, from Debian's `faketime`)."""

    library = ""
    trusts_clock = False

    def _launch(self, arguments: Sequence[str]) -> Any:
        more = ["--trust-clock"] if self.trusts_clock else []
        return super()._launch([*arguments, *more])

    def move_clock(self, seconds: int) -> None:
        """Let its clock be wrong by so much from now on."""
        self.clock_file.write_text(f"{seconds:+d}\n", encoding="ascii")

    @property
    def clock_file(self) -> Path:
        """Where libfaketime looks each time."""
        return self.directory / "clock"

    def _environment(self) -> dict[str, str]:
        return super()._environment() | {
            "LD_PRELOAD": self.library,
            "FAKETIME_TIMESTAMP_FILE": str(self.clock_file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def problems(self) -> Sequence[str]:
        """Return what `/readyz` complains of."""
        url = f"http://127.0.0.1:{self.internal_port}/readyz"
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                body: Any = json.load(answer)
        except urllib.error.HTTPError as problem:
            with problem:
                body = json.load(problem)
        return json.dumps(body)


@pytest.fixture
def practices() -> Iterator[tuple[MovableNode, KillableNode, str]]:
    """Yield a holder with a study, whose clock can be moved, and a recipient."""
    package("faketime", "faketime")
    library = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
    needed(library, "libfaketimeMT.so.1 is not where Debian puts it")
    with short_directory() as directory:
        holder = MovableNode(directory / "holder", "Holder")
        holder.library = str(library)
        recipient = KillableNode(directory / "recipient", "Recipient")
        try:
            for node in (holder, recipient):
                node.init()
            holder.move_clock(0)
            for node in (holder, recipient):
                node.start()
            befriend(holder, recipient)
            yield holder, recipient, holder.import_bytes(dicom_file()).text("study")
        finally:
            holder.stop()
            recipient.stop()


def ended(node: KillableNode, offer: bytes) -> tuple[str, str]:
    """Fetch; return how it stands when it does not go on by itself, and why."""
    fetch = node.begin_fetch(offer)
    row = wait_for(
        "the fetch ends or rests",
        lambda: (found := node.fetch_row(fetch))["state"] != "running" and found,
        seconds=30,
    )
    return row["state"], (row["problem"] or {}).get("code", "")


def states(node: KillableNode) -> list[str]:
    return [row["state"] for row in node.admin.get("grants").raw["grants"]]


def kinds(node: KillableNode) -> list[str]:
    return [event["type"] for event in node.admin.get("log").raw["events"]]


def test_a_clock_that_is_ten_minutes_off_gives_nothing_and_loses_nothing(practices):
    """Ahead and behind, it is refused by name; with the right time the same offer works."""
    holder, recipient, study = practices
    _, offer = holder.grant(study, recipient.name, days=2)
    holder.move_clock(-10 * MINUTE)
    # Within a run time never goes back: it stands still until the clock has caught up.
    assert ended(recipient, offer)[0] == "done"
    holder.stop()
    holder.start()
    # Nor over a restart: it stands still at the newest line of the log.
    assert "clock_behind" in holder.problems()
    assert ended(recipient, offer)[0] == "done"
    holder.move_clock(10 * MINUTE)
    state, code = ended(recipient, offer)
    assert (state, code) == ("failed", "expired")
    holder.stop()
    holder.move_clock(0)
    holder.start()
    assert ended(recipient, offer) == ("failed", "expired"), "which clock is right?"
    holder.stop()
    holder.trusts_clock = True
    holder.start()
    assert ended(recipient, offer)[0] == "done"
    assert "clock_behind" not in holder.problems()


def test_a_permission_that_has_expired_stays_expired_when_the_clock_goes_back(practices):
    """A year passes; then the clock goes back an hour, and then all the way, in the same run."""
    holder, recipient, study = practices
    _, offer = holder.grant(study, recipient.name, days=2)
    assert states(holder) == ["active"]
    holder.move_clock(400 * DAY)
    assert states(holder) == ["expired"]
    assert ended(recipient, offer)[0] == "failed"
    for moved in (400 * DAY - HOUR, 0):
        holder.move_clock(moved)
        assert states(holder) == ["expired"]
        assert ended(recipient, offer)[0] == "failed"
    # It is written down within a second or so; a kill before that would take it.
    wait_for("the leap is in the log", lambda: "node.time_leapt" in kinds(holder), seconds=10)
    assert holder.check_log() > 0
    holder.kill()
    holder.start()
    assert states(holder) == ["expired"]
    assert ended(recipient, offer)[0] == "failed"
    with pytest.raises(AssertionError, match="not"):
        wait_for("it is not active again", lambda: states(holder) == ["active"], seconds=1.5)

"""A practice's server burns down; another machine takes its place from backup and recovery kit.

What was revoked after the backup stays refused, also for a peer that still has the offer.
"""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.killable_node import wait_for
from support.two_nodes import RunningNode, befriend, dicom_file, pixels, running

pytestmark = pytest.mark.integration

PROGRAM = Path(sys.executable).parent / "undisc-node"


def undisc_node(home: Path, *arguments: object) -> str:
    """Run a command and return what it printed."""
    done = subprocess.run(
        [str(PROGRAM), "--home", str(home), *map(str, arguments)],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=120,
        check=False,
        env=os.environ,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def take_in(node: RunningNode, study: str) -> str:
    """Let a node receive a study of two images; return its id there."""
    ids = {
        node.import_bytes(
            dicom_file(number, study=study, extra=pixels(study.encode() * 20_000))
        ).text("study")
        for number in (1, 2)
    }
    (found,) = ids
    node.admin.post(f"studies/{found}/settle")
    return found


def begin(node: RunningNode, offer: bytes) -> str:
    """Start a fetch; return its id."""
    answer = node.admin.post("fetches", {"offer": base64.b64encode(offer).decode()})
    return answer.part("fetch").text("id")


@pytest.fixture
def pair() -> Iterator[list[RunningNode]]:
    with running("Practice A", "Practice B") as nodes:
        befriend(*nodes)
        yield nodes


def restore(node: RunningNode, repository: Path) -> None:
    """Lose the whole home, and bring it back at the same place."""
    node.stop()
    shutil.rmtree(node.home)
    said = undisc_node(
        node.home,
        "restore",
        "--from",
        repository,
        "--recovery-kit",
        node.directory / "recovery-kit.txt",
        "--passphrase-file",
        node.directory / "kit-passphrase",
        "--new-recovery-kit",
        node.directory / "new-kit.txt",
    )
    assert "undisc restored show" in said
    assert "everything is as it was written" in undisc_node(node.home, "check", "--read-data")
    node.start()


def test_revoked_after_the_backup_stays_refused(pair: list[RunningNode]) -> None:
    holder, asker = pair
    repository = holder.directory / "backup"
    study, other = take_in(holder, "1.2.90.1"), take_in(holder, "1.2.90.2")
    revoked, taken_back = holder.grant(study, asker.name)
    kept, still_good = holder.grant(other, asker.name)
    undisc_node(holder.home, "backup", "--to", repository)  # while the node runs
    before = {uid: holder.exported(one) for uid, one in (("a", study), ("b", other))}
    holder.admin.post(f"grants/{revoked}/revoke")
    assert asker.fetch(taken_back)["state"] == "failed"

    restore(holder, repository)
    assert {uid: holder.exported(one) for uid, one in (("a", study), ("b", other))} == before
    refused_before = len(holder.events("fetch.refused"))
    tries = [begin(asker, offer) for offer in (taken_back, still_good)]
    wait_for(
        "both are refused",
        lambda: len(holder.events("fetch.refused")) - refused_before >= 2,
        seconds=30,
    )
    assert [asker.admin.get(f"fetches/{one}").part("fetch").raw["objects"] for one in tries] == [
        0,
        0,
    ]
    # The node has asked its peer by itself what happened after the backup.
    wait_for("the peer is asked", lambda: holder.admin.get("restored").raw["recalled"], seconds=30)
    (told,) = holder.admin.get("restored").raw["recalled"]
    assert (told["peer_name"], told["problem"]) == (asker.name, None)
    waiting = {one["id"] for one in holder.admin.get("restored").raw["suspended"]}
    assert waiting == {revoked, kept}

    holder.admin.post("restored/confirm", {"keep": [kept]})
    # Neither gave up meanwhile: "suspended" is an answer that may change.
    assert [asker.follow(one)["state"] for one in tries] == ["failed", "done"]
    assert asker.fetch(taken_back)["state"] == "failed"
    assert [line["type"] for line in holder.events("node.restored")] == ["node.restored"]


def test_a_hot_backup_holds_what_was_acknowledged_before_it(pair: list[RunningNode]) -> None:
    holder, _ = pair
    repository = holder.directory / "backup"
    first = take_in(holder, "1.2.91.1")
    undisc_node(holder.home, "backup", "--to", repository)
    take_in(holder, "1.2.91.2")
    said = undisc_node(
        holder.home,
        "kit",
        "verify",
        holder.directory / "recovery-kit.txt",
        "--passphrase-file",
        holder.directory / "kit-passphrase",
    )
    assert "it opens the newest backup" in said
    assert "it can be restored" in undisc_node(holder.home, "backup", "verify", "--to", repository)
    restore(holder, repository)
    assert [one["id"] for one in holder.studies()] == [first]

"""Two real nodes: a permission is taken back, its copy erased, and no backup revives it."""

from __future__ import annotations

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


def undisc_node(home: Path, *arguments: object) -> None:
    done = subprocess.run(
        [str(PROGRAM), "--home", str(home), *map(str, arguments)],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture
def pair() -> Iterator[list[RunningNode]]:
    with running("Practice A", "Practice B") as nodes:
        befriend(*nodes)
        yield nodes


def answers(node: RunningNode, grant: str) -> list[tuple[str | None, bool]]:
    """Return what is known of copies made with a grant: what the recipient does, and whether."""
    notices = node.admin.get(f"grants/{grant}").raw["notices"]
    return [(one["does"], one["done"] is not None) for one in notices]


def test_a_copy_is_erased_and_a_restored_holder_knows_it_again(pair: list[RunningNode]) -> None:
    holder, asker = pair
    repository = holder.directory / "backup"
    study = holder.import_bytes(dicom_file(1, extra=pixels(b"ended" * 20_000))).text("study")
    holder.admin.post(f"studies/{study}/settle")
    grant, offer = holder.grant(study, asker.name)
    assert asker.fetch(offer)["state"] == "done"
    (copy,) = asker.studies()
    packs = set((asker.home / "packs").rglob("*"))
    undisc_node(holder.home, "backup", "--to", repository)

    holder.admin.post(f"grants/{grant}/revoke")
    wait_for(
        "the other node is told", lambda: answers(holder, grant) == [("decides", False)], seconds=60
    )
    (row,) = asker.admin.get("queue").raw["queue"]
    assert (row["kind"], row["study"]) == ("permission-ended", copy["id"])
    asker.admin.post(f"queue/{row['id']}/resolve", {"decision": "purge", "value": ""})
    assert asker.studies() == []
    assert set((asker.home / "packs").rglob("*")) < packs

    holder.stop()
    shutil.rmtree(holder.home)
    undisc_node(
        holder.home,
        "restore",
        "--from",
        repository,
        "--recovery-kit",
        holder.directory / "recovery-kit.txt",
        "--passphrase-file",
        holder.directory / "kit-passphrase",
        "--new-recovery-kit",
        holder.directory / "new-kit.txt",
    )
    holder.start()
    wait_for("peers are asked", lambda: holder.admin.get("restored").raw["recalled"], seconds=60)
    (told,) = holder.admin.get("restored").raw["recalled"]
    assert (told["problem"], told["ended"]) == (None, 1)
    assert holder.admin.get(f"grants/{grant}").part("grant").text("state") == "revoked"
    assert holder.admin.get("restored").raw["suspended"] == []
    wait_for("it answers again", lambda: answers(holder, grant) == [("purged", True)], seconds=60)


def test_a_revoked_peer_is_out_of_every_chain_and_is_told(pair: list[RunningNode]) -> None:
    holder, asker = pair
    study = holder.import_bytes(dicom_file(2, extra=pixels(b"parted" * 20_000))).text("study")
    holder.admin.post(f"studies/{study}/settle")
    grant, offer = holder.grant(study, asker.name)
    assert asker.fetch(offer)["state"] == "done"
    holder.admin.post(f"peers/{asker.admin.get('status').text('node_id')}/revoke")
    assert holder.admin.get(f"grants/{grant}").part("grant").text("state") == "revoked"
    wait_for("it is told", lambda: answers(holder, grant) == [("decides", False)], seconds=60)
    assert asker.fetch(offer)["state"] == "failed"

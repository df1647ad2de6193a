"""Disks that are full or damaged, files that may not be read: a sentence, a hint, recovery."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from support.programs import needed
from support.two_nodes import (
    RunningNode,
    befriend,
    dicom_file,
    pixels,
    refused,
    running,
    settings,
    short_directory,
)
from undisc_node.dicom.scu import send_files
from undisc_protocol.pack import FRAME_HEAD, PACK_HEAD, FrameKind, read_frame_head

pytestmark = pytest.mark.integration

BIN = Path(sys.executable).parent
MIB = 2**20
OUT_OF_RESOURCES = 0xA700  # PS3.4 §B.2.3


def unprivileged() -> list[str]:
    """Return what takes root's right to read everything away from a command (capabilities(7))."""
    if os.geteuid() != 0:
        return []
    program = shutil.which("setpriv")
    needed(program, "root needs setpriv (util-linux) to be refused a file")
    return [str(program), "--bounding-set", "-dac_override,-dac_read_search"]


@contextmanager
def small_disk(mib: int) -> Iterator[Path]:
    """Mount a disk of this size."""
    needed(os.geteuid() == 0, "only root can mount a small disk")
    with short_directory() as directory:
        options = ["-t", "tmpfs", "-o", f"size={mib}m", "tmpfs"]
        subprocess.run(["mount", *options, str(directory)], check=True, timeout=10)
        try:
            yield directory
        finally:
            subprocess.run(["umount", str(directory)], check=True, timeout=10)


@contextmanager
def node_on(disk: Path, reserve_mib: int) -> Iterator[RunningNode]:
    """Run a node whose home is on a disk."""
    node = RunningNode(disk / "n", "Small")
    node.init()
    settings(node, ingest__reserve_mib=reserve_mib)
    try:
        node.start()
        yield node
    finally:
        node.stop()


def said(*command: str, before: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    """Run a command of ours; whatever it says, it is no traceback."""
    done = subprocess.run(
        [*before, str(BIN / command[0]), *command[1:]],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stdout + done.stderr
    return done


def assert_clear(done: subprocess.CompletedProcess[str], exit_code: int, sentence: str) -> None:
    assert done.returncode == exit_code, done.stderr
    [error] = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert sentence in error, done.stderr
    assert "\nhint: " in done.stderr, done.stderr


def fill(path: Path) -> None:
    """Write until the disk takes no more."""
    with suppress(OSError), path.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(MIB))


# --- Full -----------------------------------------------------------------------------------------


def test_a_disk_without_reserve_that_is_full_to_the_last_byte(tmp_path):
    """Nobody kept a reserve: what is refused is refused whole, and room heals everything."""
    big = tmp_path / "big.dcm"
    big.write_bytes(dicom_file(2, extra=pixels(os.urandom(3 * MIB))))
    with small_disk(64) as disk, node_on(disk, 0) as node:
        kept = dicom_file(1, extra=pixels(os.urandom(MIB)))
        study = node.import_bytes(kept).text("study")
        filler = disk / "filler"
        fill(filler)
        sent = send_files("127.0.0.1", node.dicom_port, "SCANNER", "UNDISC", [big])
        assert [status for _, status in sent] == [OUT_OF_RESOURCES]
        imported = said("undisc", "--home", str(node.home), "studies", "import", str(big))
        assert_clear(imported, 8, "no")
        assert list(node.exported(study).values()) == [kept]
        filler.unlink()
        assert node.import_bytes(big.read_bytes()).text("status") == "stored"
        assert len(node.exported(study)) == 2
        assert node.admin.post("log/verify").flag("ok")


def test_a_fetch_keeps_to_the_reserve_and_goes_on_when_there_is_room():
    """The recipient's disk is nearly full: nothing moves, revoking still works, then it resumes."""
    with small_disk(64) as disk, running("Practice A") as [holder], node_on(disk, 32) as recipient:
        befriend(holder, recipient)
        content = dicom_file(1, extra=pixels(os.urandom(8 * MIB)))
        study = holder.import_bytes(content).text("study")
        own = recipient.import_bytes(dicom_file(1, study="1.2.4")).text("study")
        grant, _ = recipient.grant(own, holder.name)
        filler = disk / "filler"
        free = os.statvfs(disk)
        filler.write_bytes(bytes(free.f_bavail * free.f_frsize - 36 * MIB))
        _, offer = holder.grant(study, recipient.name)
        paused = recipient.fetch(offer)
        assert (paused["state"], paused["problem"]["code"]) == ("paused", "disk_reserve")
        recipient.admin.post(f"grants/{grant}/revoke")
        assert recipient.admin.post("log/verify").flag("ok")
        filler.unlink()
        recipient.admin.post(f"fetches/{paused['id']}/resume")
        done = recipient.follow(paused["id"])
        assert done["state"] == "done"
        assert list(recipient.exported(done["study"]).values()) == [content]


# --- Damaged --------------------------------------------------------------------------------------


def flip(path: Path, place: int) -> None:
    with path.open("r+b") as file:
        file.seek(place)
        byte = file.read(1)[0]
        file.seek(place)
        file.write(bytes([byte ^ 1]))


def frames(pack: Path) -> dict[FrameKind, int]:
    """Return the offset of the study header and of the first object's header."""
    content = pack.read_bytes()
    second = PACK_HEAD + FRAME_HEAD + read_frame_head(content[PACK_HEAD:][:FRAME_HEAD]).length
    return {FrameKind.STUDY: PACK_HEAD, FrameKind.OBJECT: second}


DAMAGE: dict[str, Callable[[Path], int]] = {
    "the first bytes": lambda _pack: 3,
    "the pack's id": lambda _pack: 12,
    "a frame's length": lambda pack: frames(pack)[FrameKind.STUDY] + 2,
    "the study header": lambda pack: frames(pack)[FrameKind.STUDY] + FRAME_HEAD + 40,
    "an object's header": lambda pack: frames(pack)[FrameKind.OBJECT] + FRAME_HEAD + 40,
    "the index": lambda pack: pack.stat().st_size - 5,
}


@pytest.fixture(scope="module")
def practices() -> Iterator[tuple[RunningNode, RunningNode]]:
    with running("Practice A", "Practice B") as [holder, recipient]:
        befriend(holder, recipient)
        yield holder, recipient


@pytest.mark.parametrize("where", DAMAGE)
def test_damaged_headers_are_named_at_the_holder_and_refused_to_the_recipient(practices, where):
    """A bit flips in the header region while the node is down; the next start notices by use."""
    holder, recipient = practices
    known = {path.name for path in (holder.home / "packs").iterdir()}
    uid = f"1.2.9.{len(known) + 1}"
    study = holder.import_bytes(dicom_file(1, study=uid)).text("study")
    if where == "the index":
        holder.admin.post(f"studies/{study}/settle")
    _, offer = holder.grant(study, recipient.name)
    [pack] = [one for one in (holder.home / "packs").iterdir() if one.name not in known]
    holder.stop()
    flip(pack, DAMAGE[where](pack))
    holder.start()
    failed = recipient.fetch(offer)
    assert (failed["state"], failed["problem"]["code"]) == ("failed", "tampered")
    assert "ask the holder" in failed["problem"]["hint"]
    assert recipient.studies() == []
    home = ("undisc", "--home", str(holder.home), "studies")
    assert_clear(said(*home, "show", study), 9, pack.name)
    with short_directory() as out:
        assert_clear(said(*home, "export", study, str(out / "files")), 9, pack.name)
    assert refused(holder.import_bytes, dicom_file(2, study=uid)).code == "damaged"
    # The other studies of the node have nothing to do with it, and a damaged one can be deleted.
    healthy = holder.import_bytes(dicom_file(1, study=f"{uid}.7")).text("study")
    assert holder.exported(healthy)
    holder.admin.delete(f"studies/{healthy}")
    holder.admin.delete(f"studies/{study}")
    assert not pack.exists()


# --- Not allowed ----------------------------------------------------------------------------------


def test_files_and_homes_that_may_not_be_read():
    """A file of an import, the socket, the settings, the keys and the home belong to others."""
    before = unprivileged()
    with running("Practice") as [node]:
        home = ("--home", str(node.home))
        with short_directory() as folder:
            for number, name in enumerate(("a.dcm", "b.dcm"), start=1):
                (folder / name).write_bytes(dicom_file(number))
            (folder / "b.dcm").chmod(0o000)
            done = said("undisc", *home, "studies", "import", str(folder), before=before)
            assert done.returncode == 1
            assert "1 stored, 1 failed" in done.stdout
            assert "unreadable: 1 file" in done.stdout
        (node.home / "admin.sock").chmod(0o000)
        status = said("undisc", *home, "status", before=before)
        assert_clear(status, 4, "may not use the node's socket")
        node.stop()
        for name in ("keys/node-key", "keys", "undisc.toml", "identity-0", "catalog.sqlite3", "."):
            mode = (node.home / name).stat().st_mode
            (node.home / name).chmod(0o000)
            serve = said("undisc-node", *home, "serve", before=before)
            (node.home / name).chmod(mode)
            assert serve.returncode == 1, name
            assert_clear(serve, 1, "")
        node.start()
        assert node.studies()

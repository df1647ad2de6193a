"""The demonstration tells the truth: each claim of its last line can be made false."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from support.dcmtk import dcmtk
from support.two_nodes import short_directory
from undisc_node.demo.story import Story, run, succeeded
from undisc_node.services.errors import Unavailable

pytestmark = pytest.mark.integration

NODE = str(Path(sys.executable).with_name("undisc-node"))


def played(kind: type[Story]) -> dict:
    """Play a story to its end and return its last line."""
    with short_directory() as directory:
        story = kind(directory, lambda _line: None)
        try:
            return story.play()
        finally:
            story.stop()


def test_the_whole_story_as_make_demo_plays_it():
    """Two processes, a real C-STORE, a byte really changed on disk; every claim holds."""
    done = subprocess.run([NODE, "demo"], capture_output=True, text=True, timeout=110, check=False)
    last = json.loads(done.stdout.splitlines()[-1])
    assert done.returncode == 0, done.stdout + done.stderr
    assert last["instances"] >= 20
    assert last["bytes"] > 1_000_000
    assert last["fetched_mb_s"] > 0
    claims = ("identical", "revoked_then_refused", "tampered_then_refused", "offered_after_yes")
    assert [last[claim] for claim in claims] == [True, True, True, True]


def test_images_that_differ_are_not_called_identical():
    """A file changes after it was sent: what arrived is not what is at the scanner now."""

    class Changed(Story):
        def identical(self, study, local, sent):
            with sent[7].open("r+b") as file:
                file.seek(-2, os.SEEK_END)
                byte = file.read(1)[0]
                file.seek(-2, os.SEEK_END)
                file.write(bytes([byte ^ 1]))
            return super().identical(study, local, sent)

    last = played(Changed)
    assert last["identical"] is False
    assert (last["revoked_then_refused"], last["tampered_then_refused"]) == (True, True)
    assert not succeeded(last)


def test_a_study_that_is_gone_at_the_recipient_is_not_called_identical():
    """The recipient deletes the study before anybody looks: there is nothing that could match."""

    class Deleted(Story):
        def identical(self, study, local, sent):
            self.b.ask("studies", "delete", local, "--yes")
            return super().identical(study, "", sent)

        def instances(self, node, study):
            held = {one["id"] for one in node.ask("studies", "list")["studies"]}
            return super().instances(node, study if study in held else "")

    last = played(Deleted)
    assert (last["instances"], last["identical"]) == (0, False)
    assert not succeeded(last)


def test_a_revocation_that_did_not_happen_is_not_claimed():
    """Nobody revokes: the second fetch succeeds, and the line says so."""

    class Unrevoked(Story):
        def revoke(self, share):
            pass

    last = played(Unrevoked)
    assert last["revoked_then_refused"] is False
    assert (last["identical"], last["tampered_then_refused"]) == (True, True)
    assert not succeeded(last)


def test_tampering_that_did_not_happen_is_not_claimed():
    """Nobody touches the disk: the fetch succeeds, and the line says so."""

    class Untouched(Story):
        def tamper(self, study):
            pass

    last = played(Untouched)
    assert last["tampered_then_refused"] is False
    assert (last["identical"], last["revoked_then_refused"]) == (True, True)
    assert not succeeded(last)


def test_a_story_that_fails_says_so_and_exits_with_1(tmp_path, monkeypatch):
    """A node that cannot start ends the demonstration with one sentence."""
    said: list[str] = []

    def cannot(_self):
        raise Unavailable("node 'Practice A' ended: no space")

    monkeypatch.setattr("undisc_node.demo.nodes.NodeProcess.start", cannot)
    assert run(tmp_path / "demo", keep=False, say=said.append) == 1
    assert said[-1] == "error: node 'Practice A' ended: no space"


def test_an_interrupted_story_leaves_no_node_running():
    """Ctrl-C in the middle: the nodes have process groups of their own and must be stopped."""
    with short_directory() as directory:
        command = [NODE, "demo", "--directory", str(directory / "d")]
        # A test run in the background inherits an ignored SIGINT, and so would the command.
        heard = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
        with subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=heard,  # noqa: PLW1509 - the test has no threads
        ) as playing:
            told = iter(playing.stdout.readline, "")
            assert any("trusts Practice A" in line for line in told)
            playing.send_signal(signal.SIGINT)
            assert playing.wait(60) != 0
        for name in ("a", "b"):
            with (
                socket.socket(socket.AF_UNIX) as door,
                pytest.raises(OSError, match=r"refused|No such"),
            ):
                door.connect(str(directory / "d" / name / "home" / "admin.sock"))


def test_kept_nodes_take_a_file_of_the_readers_own(tmp_path):
    """`KEEP=1`: both nodes run on, and the storescu line that is printed really works."""
    storescu = dcmtk("storescu")
    with short_directory() as directory:
        done = subprocess.run(
            [NODE, "demo", "--keep", "--directory", str(directory / "d")],
            capture_output=True,
            text=True,
            timeout=110,
            check=False,
        )
        pids = [int(pid) for pid in re.search(r"kill (\d+) (\d+)", done.stdout).groups()]
        try:
            assert done.returncode == 0, done.stdout
            assert len(re.findall(r"http://127\.0\.0\.1:\d+", done.stdout)) >= 2
            line = re.search(r"storescu (.*) FILE\.dcm", done.stdout).group(1).split()
            own = tmp_path / "own.dcm"
            shutil.copy(next((directory / "d" / "scanner-0").iterdir()), own)
            sent = subprocess.run(
                [storescu, *line, str(own)], capture_output=True, timeout=30, check=False
            )
            assert sent.returncode == 0, sent.stderr
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGTERM)

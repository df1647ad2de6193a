"""The command on a real terminal: a pseudo-terminal, a process of its own, the fake node."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
from functools import partial

import pytest

from support.fake_admin_rows import FETCH_ID, FETCH_ROW, STUDY_ROW

RUNNING = {**FETCH_ROW, "state": "running", "objects_done": 3, "bytes_done": 150_000_000}


@pytest.fixture
def on_terminal(node, tmp_path):
    """Run `undisc` on a terminal of some width; call `seen` with the process as text comes."""

    def run(*arguments, columns=80, seen=lambda _process: None, **environment):
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        kept = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
        command = [sys.executable, "-m", "undisc_admin", "--socket", str(node.socket), *arguments]
        with subprocess.Popen(
            command,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=tmp_path,
            env={**kept, "TERM": "xterm", **environment},
            # A test run in the background inherits an ignored SIGINT, and so would the command.
            preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        ) as process:
            os.close(theirs)
            output = b""
            while True:
                try:
                    block = os.read(ours, 65_536)
                except OSError:  # Linux says EIO when the other end is closed
                    break
                if not block:
                    break
                output += block
                seen(process)
        os.close(ours)
        return process.returncode, output.decode()

    return run


def test_a_table_fits_the_terminal_and_its_heading_is_bold(on_terminal, node):
    study = {**STUDY_ROW, "description": "a description that goes on and on " * 4}
    node.say("GET", "studies", {"studies": [study]})

    code, output = on_terminal("studies", "list", columns=90)

    heading, row = output.splitlines()
    assert code == 0
    assert heading.startswith("\x1b[1mSTUDY")
    assert len(row) <= 90
    assert "…" in row


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=str)
def test_no_colour_where_it_is_not_wanted(on_terminal, environment):
    assert "\x1b" not in on_terminal("studies", "list", **environment)[1]


def test_a_fetch_draws_a_bar_and_takes_it_away(on_terminal, node, tmp_path):
    (tmp_path / "offer").write_bytes(b"an offer")
    node.say("POST", "fetches", {"fetch": RUNNING})

    code, output = on_terminal("fetch", "offer", columns=120)

    assert code == 0
    assert "[######..................]  25 %  3 of 12 images, 150.0 MB of 600.0 MB" in output
    assert "\r\x1b[2Kfetched 12 images" in output


def test_ctrl_c_while_watching_a_fetch(on_terminal, node, tmp_path):
    """A real SIGINT, once the bar is drawn."""
    (tmp_path / "offer").write_bytes(b"an offer")
    node.say("POST", "fetches", {"fetch": RUNNING})
    node.say("GET", f"fetches/{FETCH_ID}", {"fetch": RUNNING})
    sent = []

    def interrupt(process):
        if not sent:
            sent.append(process.pid)
            process.send_signal(signal.SIGINT)

    code, output = on_terminal("fetch", "offer", seen=interrupt)

    assert code == 130
    assert "stopped watching; the transfer goes on as fetch 77abcc03" in output
    assert "Traceback" not in output


def test_a_terminal_that_cannot_show_a_name_gets_escapes(on_terminal, node):
    study = {**STUDY_ROW, "patient": {**STUDY_ROW["patient"], "name": "山田^太郎"}}
    node.say("GET", "studies", {"studies": [study]})

    code, output = on_terminal("studies", "list", columns=200, PYTHONIOENCODING="latin-1")

    assert code == 0
    assert r"\u5c71\u7530^" in output

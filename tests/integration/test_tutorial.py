"""The tutorial can be followed: every command in it runs, and prints what the page shows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from undisc_node.demo.nodes import free_port

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial" / "first-exchange.md"
BLOCK = re.compile(r"^```(sh|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PORTS = ("8480", "8481", "11112", "8580", "8581", "11122")
MARK = "=== the output ends here ==="
SECONDS = 120

# What differs from one machine and moment to another, in the order in which it is replaced.
CHANGING = [
    (re.compile(r"did:key:\w+"), "DID"),
    (re.compile(r"\b[0-9a-f]{64}\b|\b[0-9a-f]{32}\b|\b[0-9a-f]{8}\b"), "ID"),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d"), "TIME"),
    (re.compile(r"[\d.]+ [kMG]?B/s"), "SPEED"),
    (re.compile(r"\d+ MiB are free|[\d.]+ GB free"), "ROOM"),
    (re.compile(r"Python 3\.\d+"), "PYTHON"),
    (re.compile(r"/\S*/(?=[ab](?:/|\s|$))"), "FOLDER/"),
    # Twelve words: in one line, in two lines of six, or numbered in columns.
    (re.compile(r"(?<=node id: )(?:[a-z]{3,8} ){11}[a-z]{3,8}"), "WORDS"),
    (re.compile(r"^  (?:[a-z]{3,8} ){5}[a-z]{3,8}$", re.MULTILINE), "  WORDS"),
    (re.compile(r"^(?:\s+\d+ [a-z]{3,8}){4}$", re.MULTILINE), "WORDS"),
    (re.compile(r"[ \t]+$", re.MULTILINE), ""),
]


def constant(text):
    """Return a text with everything replaced that differs between two runs."""
    for changing, name in CHANGING:
        text = changing.sub(name, text)
    return text.strip()


def steps():
    """Return each command block and the output shown right under it, or None."""
    blocks = BLOCK.findall(TUTORIAL.read_text("utf-8"))
    for position, (kind, text) in enumerate(blocks):
        if kind == "sh":
            following = blocks[position + 1] if position + 1 < len(blocks) else ("", "")
            yield text, following[1] if following[0] == "text" else None


def renamed(text, names):
    """Return a text with each of some whole words replaced by another."""
    return re.sub(rf"\b(?:{'|'.join(names)})\b", lambda found: names[found[0]], text)


@pytest.mark.integration
def test_the_tutorial_does_what_it_shows(tmp_path):
    ports = {port: str(free_port()) for port in PORTS}
    script = "set -eu\n" + "".join(f"{commands}echo '{MARK}'\n" for commands, _ in steps())
    (tmp_path / "tutorial.sh").write_text(renamed(script, ports))
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("UNDISC_")},
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "LC_ALL": "C.UTF-8",
        "COLUMNS": "120",
    }
    with (tmp_path / "output").open("wb") as output:
        # One file for both streams, as on a terminal; a pipe would be kept open by the nodes.
        shell = subprocess.Popen(
            ["bash", "tutorial.sh"],
            cwd=tmp_path,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code = shell.wait(SECONDS)
        finally:
            for log in ("a", "b"):
                stop_node(tmp_path / log)
    printed = (tmp_path / "output").read_text("utf-8")
    printed = renamed(printed, {real: shown for shown, real in ports.items()})
    assert code == 0, printed

    parts = printed.split(f"{MARK}\n")
    for (commands, expected), actual in zip(steps(), parts, strict=False):
        assert constant(actual) == constant(expected or ""), commands


def stop_node(home):
    """Stop a node that a failed run left behind: the one that has this home's socket open."""
    socket = home / "admin.sock"
    if socket.exists():
        for process in Path("/proc").glob("[0-9]*"):
            try:
                called = (process / "cmdline").read_bytes().split(b"\0")
                inside = (process / "cwd").resolve() == home.parent
            except OSError:
                continue
            if b"serve" in called and inside:
                os.kill(int(process.name), 15)

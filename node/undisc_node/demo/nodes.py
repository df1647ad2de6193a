"""A node in a process of its own, driven only through the commands that people use."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from undisc_node.services.errors import Unavailable

_START_SECONDS = 30
_STOP_SECONDS = 15
_COMMAND_SECONDS = 600
_FIRST_PORT, _PORTS = 15_000, 17_000


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command said.

    Attributes:
        exit_code: 0 when it did what was asked.
        body: Its JSON, from standard output; empty when there was none.
        complaint: What it said on standard error.
    """

    exit_code: int
    body: Mapping[str, Any]
    complaint: str


def free_port() -> int:
    """Return a TCP port of the loopback address that is free at the moment.

    Below the ports that Linux gives to outgoing connections (32768 and up): one of those could take
    it before the node has bound it.
    """
    while True:
        port = _FIRST_PORT + secrets.randbelow(_PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def _program(name: str) -> str:
    """Return a command of this very installation."""
    return str(Path(sys.executable).with_name(name))


class NodeProcess:
    """A node that lives below a directory.

    Args:
        directory: Where its home, kit and log file go.
        name: The practice's name.
    """

    def __init__(self, directory: Path, name: str) -> None:
        self.name = name
        self.directory = directory
        self.home = directory / "home"
        self.public_port = free_port()
        self.internal_port = free_port()
        self.dicom_port = free_port()
        self.url = f"http://127.0.0.1:{self.public_port}"
        self.log_path = directory / "node.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Process id of the running node."""
        if self._process is None:
            raise Unavailable(f"node '{self.name}' is not running")
        return self._process.pid

    def init(self) -> None:
        """Make the node with `undisc-node init --demo`."""
        self.directory.mkdir(parents=True, exist_ok=True)
        passphrase = self.directory / "kit-passphrase"
        passphrase.write_text(secrets.token_urlsafe(24) + "\n", encoding="ascii")
        passphrase.chmod(0o600)
        kit = self.directory / "recovery-kit.txt"
        self._node("init", "--demo", "--name", self.name, "--url", self.url,
                   "--recovery-kit", str(kit), "--passphrase-file", str(passphrase))  # fmt: skip
        self._node("kit", "verify", str(kit), "--passphrase-file", str(passphrase))
        with (self.home / "undisc.toml").open("a", encoding="utf-8") as settings:
            settings.write(
                '\n[[dicom.senders]]\nname = "scanner"\naddress = "127.0.0.1"\n'
                '\n[peers]\nprivate_addresses = true\nallow = ["127.0.0.0/8"]\n'
                "\n[ingest]\nreserve_mib = 64\n"
            )

    def _environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "UNDISC_PUBLIC__HOST": "127.0.0.1",
            "UNDISC_PUBLIC__PORT": str(self.public_port),
            "UNDISC_INTERNAL__PORT": str(self.internal_port),
            "UNDISC_DICOM__HOST": "127.0.0.1",
            "UNDISC_DICOM__PORT": str(self.dicom_port),
        }

    def _node(self, *arguments: str) -> None:
        done = subprocess.run(
            [_program("undisc-node"), "--home", str(self.home), *arguments],
            check=False,
            capture_output=True,
            text=True,
            timeout=_COMMAND_SECONDS,
        )
        if done.returncode != 0:
            raise Unavailable(f"undisc-node {arguments[0]} failed: {done.stderr.strip()}")

    def start(self) -> None:
        """Start `undisc-node serve` and wait until it answers.

        Raises:
            Unavailable: It ended, or did not answer in time.
        """
        self._process = self._launch(["--home", str(self.home), "serve"])
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                text = self.log_path.read_text(encoding="utf-8", errors="replace")
                raise Unavailable(f"node '{self.name}' ended: {text.strip()[-400:]}")
            if self._answers():
                return
            time.sleep(0.02)
        raise Unavailable(f"node '{self.name}' did not answer within {_START_SECONDS} seconds")

    def _launch(self, arguments: Sequence[str]) -> subprocess.Popen[bytes]:
        """Begin `undisc-node` in a process group of its own."""
        with self.log_path.open("ab") as log:
            return subprocess.Popen(
                [_program("undisc-node"), *arguments],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env=self._environment(),
                start_new_session=True,
            )

    def _answers(self) -> bool:
        """Tell whether all doors are open: the admin socket comes first, the DICOM port last."""
        doors: list[tuple[int, Any]] = [
            (socket.AF_UNIX, str(self.home / "admin.sock")),
            (socket.AF_INET, ("127.0.0.1", self.public_port)),
            (socket.AF_INET, ("127.0.0.1", self.dicom_port)),
        ]
        for family, address in doors:
            with socket.socket(family) as probe:
                try:
                    probe.connect(address)
                except OSError:
                    return False
        return True

    def stop(self) -> None:
        """Ask the node to stop, and wait for it."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def kill(self) -> None:
        """End the process at once, as a power switch would (SIGKILL)."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def undisc(self, *arguments: str, said: str = "") -> Answer:
        """Run `undisc … --json` against this node, whatever its exit code.

        Args:
            arguments: Of the command line.
            said: What it reads from its standard input.
        """
        done = subprocess.run(
            [_program("undisc"), "--home", str(self.home), *arguments, "--json"],
            check=False,
            capture_output=True,
            text=True,
            input=said,
            timeout=_COMMAND_SECONDS,
        )
        text = done.stdout.strip()
        body = json.loads(text.splitlines()[-1] if text.count("\n{") else text) if text else {}
        return Answer(done.returncode, body, done.stderr.strip())

    def ask(self, *arguments: str, said: str = "") -> Mapping[str, Any]:
        """Run `undisc … --json` against this node and return its JSON; see `undisc`.

        Raises:
            Unavailable: The command failed.
        """
        answer = self.undisc(*arguments, said=said)
        if answer.exit_code != 0:
            raise Unavailable(f"undisc {' '.join(arguments[:2])} failed: {answer.complaint}")
        return answer.body

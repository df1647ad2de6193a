"""Starts nodes without waiting a second for their imports: a process that has done so, and forks.

What runs after the fork is `undisc-node serve` itself, in a process group of its own. Tests that
start a node a thousand times use this; how fast a node is ready is measured on real starts.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

_POLL: Final = 0.01


class Forked:
    """A forked process, with as much of `subprocess.Popen` as a node's owner uses."""

    def __init__(self, server: ForkServer, pid: int) -> None:
        self._server = server
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return the exit code; None while it runs."""
        if self.returncode is None:
            self.returncode = self._server.tell(do="poll", pid=self.pid)["code"]
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end; return the exit code."""
        deadline = time.monotonic() + (timeout or 1e9)
        while (code := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired("forked", timeout or 0.0)
            time.sleep(_POLL)
        return code

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)


class ForkServer:
    """The process that has everything loaded."""

    def __init__(self) -> None:
        import threading  # noqa: PLC0415 - not in the server itself, which must have no thread

        self._guard = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
            text=True,
        )

    def serve(self, arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> Forked:
        """Run `undisc-node` with these arguments."""
        wish = {"arguments": list(arguments), "environment": dict(environment), "log": str(log)}
        return Forked(self, self.tell(do="fork", **wish)["pid"])

    def call(self, function: str, *arguments: object, log: Path, stopped: bool = False) -> Forked:
        """Run `module:function`; its output goes to `log`, what it returns is the exit code.

        Args:
            function: The function; the module is imported before the fork.
            arguments: What JSON can carry.
            log: Where standard output and error go.
            stopped: Let it stop (SIGSTOP) before it begins, so that a tracer can attach.
        """
        wish = {"call": function, "arguments": arguments, "log": str(log), "stopped": stopped}
        return Forked(self, self.tell(do="fork", environment=dict(os.environ), **wish)["pid"])

    def tell(self, **wish: object) -> dict[str, Any]:
        """Send a command; return the answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._guard:
            self._process.stdin.write(json.dumps(wish) + "\n")
            self._process.stdin.flush()
            answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        """End the server; what it forked must have ended before."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        self._process.wait(10)


def _fork(wish: Mapping[str, Any]) -> int:
    pid = os.fork()
    if pid:
        return pid
    os.setsid()
    quiet = os.open(os.devnull, os.O_RDONLY)
    log = os.open(wish["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for source, target in ((quiet, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    os.environ.clear()
    os.environ.update(wish["environment"])
    code = 1
    try:
        code = _run(wish)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:  # noqa: BLE001 - as the interpreter does
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _run(wish: Mapping[str, Any]) -> int:
    if "call" not in wish:
        sys.argv = ["undisc-node", *wish["arguments"]]
        importlib.import_module("undisc_node.cli").main()
        return 0
    module, _, name = wish["call"].partition(":")
    function = getattr(importlib.import_module(module), name)
    if wish["stopped"]:
        os.kill(os.getpid(), signal.SIGSTOP)
    return function(*wish["arguments"]) or 0


def _obey() -> None:
    for module in ("undisc_node.cli", "undisc_node.wiring"):
        importlib.import_module(module)
    ended: dict[int, int] = {}
    for line in sys.stdin:
        wish = json.loads(line)
        if "call" in wish:
            importlib.import_module(wish["call"].partition(":")[0])
        answer: dict[str, Any] = {}
        if wish["do"] == "fork":
            answer["pid"] = _fork(wish)
            ended.pop(answer["pid"], None)  # the system uses numbers again
        else:
            pid = wish["pid"]
            with contextlib.suppress(ChildProcessError):
                done, status = os.waitpid(pid, os.WNOHANG)
                if done:
                    ended[pid] = os.waitstatus_to_exitcode(status)
            answer["code"] = ended.get(pid)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    _obey()

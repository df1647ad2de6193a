"""Kills and failures at every system call of a flow, one after the other, by strace.

    with sweeper() as sweep:
        for point in sweep.points("revoke"):
            sweep.hit(point)

A point is the n-th call of one kind in a thread. What happens there: `KILL`, the process dies
instead of making the call; `EIO` or `ENOSPC`, the call fails. After each the home is opened as a
start does, and `sweep_flows` proves what must be true.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from support.fork_server import Forked, ForkServer
from support.killable_node import KillableNode
from support.programs import package
from support.studies_on_disk import make_study
from support.sweep_flows import FAILED, FLOWS, SIZES
from support.two_nodes import befriend, short_directory

CALLS: Final = (
    "rename", "renameat", "renameat2", "fsync", "fdatasync", "pwrite64", "pwritev", "pwritev2",
    "write", "unlink", "unlinkat", "ftruncate", "link", "linkat",
)  # fmt: skip
KILL: Final = "KILL"
FATES: Final = (KILL, "EIO", "ENOSPC")
_SECONDS: Final = 120.0
_BALLAST: Final = shutil.ignore_patterns("ballast")  # 32 MiB that nothing depends on
_CALL: Final = re.compile(r"^(\d+) +(\w+)\(", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Point:
    """The n-th call of a kind in a thread of a flow, and what happens there."""

    flow: str
    call: str
    number: int
    fate: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a point: hit or not, and how the act ended.

    Attributes:
        hit: The call came, and met its fate.
        ended: `killed`, `failed` with an error that says so, or `done` all the same.
    """

    hit: bool
    ended: str


class Sweeper:
    """Runs flows on copies of a home."""

    def __init__(
        self, directory: Path, forks: ForkServer, home: Path, facts: dict[str, Any]
    ) -> None:
        self._directory = directory
        self._forks = forks
        self._pristine = home
        self._facts = facts
        self._prepared: dict[str, tuple[Path, dict[str, Any]]] = {}
        self._run = directory / "run"
        self._log = directory / "act.log"
        self._trace = directory / "trace"

    def points(self, flow: str, fates: Sequence[str] = FATES) -> list[Point]:
        """List every point of a flow, by running it once."""
        self._begin(flow)
        code, _ = self._act(flow, ["-e", f"trace={_known()}"])
        assert code == 0, self._log.read_text()
        counts = Counter(_CALL.findall(self._trace.read_text()))
        most: dict[str, int] = {}
        for (_thread, call), number in counts.items():
            most[call] = max(most.get(call, 0), number)
        return [
            Point(flow, call, number, fate)
            for call, last in sorted(most.items())
            for number in range(1, last + 1)
            for fate in fates
        ]

    def hit(self, point: Point) -> Outcome:
        """Let a flow meet its fate at a point, and prove that all is well.

        Raises:
            AssertionError: It is not; the message has the point.
        """
        try:
            return self._hit(point)
        except AssertionError as problem:
            kept = Path(f"{self._directory}-{point.call}-{point.number}-{point.fate}")
            shutil.copytree(self._run, kept, dirs_exist_ok=True)
            problem.add_note(f"at {point}; the home is kept in {kept}")
            raise

    def _hit(self, point: Point) -> Outcome:
        self._begin(point.flow)
        what = "signal=KILL" if point.fate == KILL else f"error={point.fate}"
        inject = f"inject={point.call}:{what}:when={point.number}"
        code, said = self._act(point.flow, ["-e", f"trace={point.call}", "-e", inject])
        hit = "(INJECTED)" in self._trace.read_text() or code == -signal.SIGKILL
        if point.fate == KILL:
            assert code in (0, -signal.SIGKILL), self._log.read_text()
        else:
            assert code in (0, FAILED), self._log.read_text()
        self._verify(point.flow, said)
        return Outcome(hit, {0: "done", FAILED: "failed"}.get(code, "killed"))

    def _begin(self, flow: str) -> None:
        """Put the flow's prepared home in place."""
        if flow not in self._prepared:
            place = self._directory / f"prepared-{flow}"
            shutil.copytree(self._pristine, place / "home", ignore=_BALLAST)
            code, lines = self._call("prepare", flow, place / "home", self._facts)
            assert code == 0, self._log.read_text()
            self._prepared[flow] = place, json.loads(lines[-1])
        shutil.rmtree(self._run, ignore_errors=True)
        shutil.copytree(self._prepared[flow][0], self._run)

    def _act(self, flow: str, options: list[str]) -> tuple[int, list[str]]:
        """Act under strace; return the exit code and what was said to be done."""
        self._log.write_bytes(b"")
        acting = self._forks.call(
            "support.sweep_flows:act",
            *(flow, str(self._run / "home"), self._prepared[flow][1]),
            log=self._log,
            stopped=True,
        )
        _wait_stopped(acting)
        command = ["strace", "-f", "-o", str(self._trace), *options, "-p", str(acting.pid)]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as strace:
            assert strace.stderr is not None
            attached = strace.stderr.readline()
            assert "attached" in attached, attached
            os.kill(acting.pid, signal.SIGCONT)
            strace.stderr.read()
        code = acting.wait(_SECONDS)
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
        # A line that was cut was not said.
        return code, [line[5:-1] for line in lines if line[:5] == "done " and line[-1] == "\n"]

    def _verify(self, flow: str, said: list[str]) -> None:
        code, _ = self._call("verify", flow, self._run / "home", self._prepared[flow][1], said)
        assert code == 0, f"said: {said}\n{self._log.read_text()}"

    def _call(
        self, function: str, flow: str, home: Path, facts: dict[str, Any], *more: object
    ) -> tuple[int, list[str]]:
        self._log.write_bytes(b"")
        called = self._forks.call(
            f"support.sweep_flows:{function}", flow, str(home), facts, *more, log=self._log
        )
        code = called.wait(_SECONDS)
        return code, self._log.read_text(encoding="utf-8").splitlines()


def _wait_stopped(process: Forked) -> None:
    stat = Path(f"/proc/{process.pid}/stat")
    while stat.read_text().rpartition(")")[2].split()[0] != "T":
        pass  # a forked process gets there in a moment


def _known() -> str:
    """Return the calls that this machine has (arm64 has no `rename`)."""
    return ",".join(f"?{call}" for call in CALLS)


@contextmanager
def sweeper() -> Iterator[Sweeper]:
    """Make two nodes that trust each other; the flows run on the home of one that is stopped."""
    package("strace", "strace")
    with short_directory() as directory, closing(ForkServer()) as forks:
        own, other = (KillableNode(directory / name, name) for name in ("own", "other"))
        other.forks = forks
        try:
            for node in (own, other):
                node.init()
                node.start()
            befriend(own, other)
            own.stop()
            facts = {"other": other.did, **_offered(own, other)}
            yield Sweeper(directory, forks, own.home, facts)
        finally:
            own.stop()
            other.stop()


def _offered(own: KillableNode, other: KillableNode) -> dict[str, Any]:
    """Let the other node offer a study."""
    facts: dict[str, Any] = {"number": 9, "sizes": SIZES, "seed": 11}
    made = make_study(facts["number"], facts["sizes"], seed=facts["seed"])
    for one in made.instances:
        other.import_bytes(one.file)
    _, offer = other.grant(made.uid, own.name)
    return facts | {"offer": offer.hex()}


def sweep_all(
    share: float, seed: str, say: Callable[[str], None], flows: Sequence[str] = tuple(FLOWS)
) -> dict[str, Any]:
    """Hit a share of all points of flows; return what came of them.

    Args:
        share: 1 hits every point; less hits some, at random.
        seed: Chooses them.
        say: Told about progress.
        flows: Names of flows.
    """
    chance = random.Random(seed)
    found: Counter[str] = Counter()
    by_flow: Counter[str] = Counter()
    with sweeper() as sweep:
        for flow in flows:
            points = sweep.points(flow)
            chosen = [one for one in points if chance.random() < share]
            for number, point in enumerate(chosen):
                outcome = sweep.hit(point)
                found[f"{point.fate} {outcome.ended if outcome.hit else 'not hit'}"] += 1
                by_flow[flow] += 1
                say(f"{flow}: {number + 1} of {len(chosen)}, {by_flow.total()} in all")
    return {"points": by_flow.total(), "outcomes": dict(found), "flows": dict(by_flow)}

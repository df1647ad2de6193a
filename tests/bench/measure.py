"""Seconds, processor time and memory of the processes that take part in a run.

Processor time is what the kernel counted for a process and its children, user and system, in
ticks of 10 ms. Memory is the largest resident size since the run began (`VmHWM`).
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

GB = 10**9
MIB = 2**20
LIMIT = 900  # seconds for any one command
_TICKS = os.sysconf("SC_CLK_TCK")
_SAMPLE = 0.02  # seconds between two looks at the memory of a command


class LeftOut(Exception):
    """Something cannot be measured here, and why."""


@dataclass
class Side:
    """What one side of a transfer used."""

    cpu: float = 0.0
    peak: int = 0


@dataclass
class Run:
    """One measured run.

    Attributes:
        seconds: From the first byte asked for to the last acknowledgement, by the clock.
        size: Bytes of payload.
        sides: `sender`, `receiver`, and `command` where a command line only watches.
        foreign: Processor cores that others kept busy meanwhile, the kernel's writing included.
        more: Further figures.
    """

    seconds: float
    size: int
    sides: dict[str, Side]
    foreign: float
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def speed(self) -> float:
        """MB/s."""
        return self.size / self.seconds / 1e6

    def cpu(self, side: str) -> float:
        """Processor seconds per GB of one side."""
        return self.sides[side].cpu * GB / self.size if side in self.sides else 0.0

    def as_json(self) -> dict[str, Any]:
        """Return everything for a file."""
        return asdict(self) | {"mb_per_s": self.speed}


class Meter:
    """Measures from entering to leaving the block.

    Args:
        size: Bytes of payload.
        sender: Processes that are running already and send.
        receiver: Those that receive.
    """

    def __init__(self, size: int, *, sender: Sequence[int] = (), receiver: Sequence[int] = ()):
        self._size = size
        self._pids = {"sender": tuple(sender), "receiver": tuple(receiver)}
        self._sides = {"sender": Side(), "receiver": Side()}
        self._seconds: float | None = None
        self.more: dict[str, Any] = {}

    def __enter__(self) -> Self:
        for pid in (pid for pids in self._pids.values() for pid in pids):
            _forget_peak(pid)
        self._before = {side: _cpu(pids) for side, pids in self._pids.items()}
        self._own = _cpu([os.getpid()])
        self._busy = _busy()
        self._began = time.monotonic()
        return self

    def over(self) -> None:
        """Stop the clock now, before the end of the block."""
        self._seconds = self._seconds or time.monotonic() - self._began

    def __exit__(self, *_: object) -> None:
        self.over()
        self._foreign = _busy() - self._busy - (_cpu([os.getpid()]) - self._own)
        for name, side in self._sides.items():
            pids = self._pids.get(name, ())
            spent = _cpu(pids) - self._before.get(name, 0.0)
            # Commands are our own children, and so in our own time.
            self._foreign -= spent
            side.cpu += spent
            side.peak = max([side.peak, *(peak(pid) for pid in pids)])

    @property
    def run(self) -> Run:
        """What was measured."""
        assert self._seconds is not None
        foreign = max(0.0, self._foreign) / self._seconds
        return Run(self._seconds, self._size, self._sides, foreign, self.more)

    def command(self, *argv: str, side: str, env: dict[str, str] | None = None) -> str:
        """Run a command to its end, count it to a side; return what it printed.

        Raises:
            LeftOut: It failed or took too long.
        """
        used = self._sides.setdefault(side, Side())
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **(env or {})},
        )
        watcher = threading.Thread(target=_watch, args=(process, used), daemon=True)
        watcher.start()
        before = os.times()
        try:
            out, complaint = process.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise LeftOut(f"{argv[0]} took longer than {LIMIT} s") from None
        after = os.times()
        watcher.join()
        used.cpu += after.children_user + after.children_system
        used.cpu -= before.children_user + before.children_system
        if process.returncode:
            said = complaint.decode(errors="replace").strip().splitlines()
            raise LeftOut(f"{Path(argv[0]).name} failed: {said[-1] if said else 'silently'}")
        return out.decode(errors="replace")


def interleaved(
    contenders: Sequence[Contender], *, rounds: int, tell: Callable[[str], None]
) -> tuple[dict[str, list[Run]], dict[str, str]]:
    """Run everybody once a round, in turning order, so that noise hits all alike.

    Returns:
        The runs by name, and why others were left out.
    """
    runs: dict[str, list[Run]] = {one.name: [] for one in contenders}
    missing: dict[str, str] = {}
    for turn in range(rounds):
        first = turn % max(1, len(contenders))
        for one in [*contenders[first:], *contenders[:first]]:
            if one.name in missing or turn >= one.rounds:
                continue
            try:
                one.prepare()
                os.sync()  # what another one left to be written is not this one's work
                run = one.run()
                one.clean()
            except LeftOut as reason:
                missing[one.name] = str(reason)
                continue
            runs[one.name].append(run)
            tell(f"  round {turn + 1}: {one.name:<44} {run.speed:7.1f} MB/s")
    return {name: found for name, found in runs.items() if name not in missing}, missing


class Contender(ABC):
    """Something that moves the study; `run` is measured, the rest is not.

    Attributes:
        name: For the table.
        durable: Whether the bytes are on disk when it says so.
        rounds: How often at most.
    """

    name: str
    durable: bool
    rounds: int = 99

    def prepare(self) -> None:  # noqa: B027 - most need nothing
        """Make ready for one run."""

    @abstractmethod
    def run(self) -> Run:
        """Move the study once."""

    def clean(self) -> None:  # noqa: B027 - some bring nothing
        """Remove what the run has brought."""


def median(runs: Sequence[Run], figure: Callable[[Run], float]) -> float:
    """Return the median of a figure."""
    return statistics.median(figure(run) for run in runs)


def peak(pid: int) -> int:
    """Return the largest resident size of a process, in bytes; 0 when it is gone."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text("ascii", "replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def _forget_peak(pid: int) -> None:
    """Let the peak begin anew (proc(5): clear_refs, 5)."""
    with suppress(OSError):
        Path(f"/proc/{pid}/clear_refs").write_text("5", "ascii")


def _watch(process: subprocess.Popen[bytes], used: Side) -> None:
    """Note the memory of a command while it runs: its rusage would count ours before `exec`."""
    while process.returncode is None and (seen := peak(process.pid)):
        used.peak = max(used.peak, seen)
        time.sleep(_SAMPLE)


def _cpu(pids: Sequence[int]) -> float:
    """Return the processor seconds of processes, and of their children that have ended."""
    total = 0
    for pid in pids:
        with suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2]
            total += sum(int(one) for one in fields.split()[11:15])
    return total / _TICKS


def _busy() -> float:
    """Return the seconds in which any core was busy."""
    fields = Path("/proc/stat").read_text("ascii").splitlines()[0].split()[1:9]
    user, nice, system, _idle, _wait, irq, soft, _steal = (int(one) for one in fields)
    return (user + nice + system + irq + soft) / _TICKS


def parsed(text: str) -> Any:
    """Read the JSON that a command printed last."""
    return json.loads(text[text.index("{") :])

"""Campaigns: a node at work dies again and again, and every time the invariants are proved.

    campaign(KILL, 50, seed="…")        # SIGKILL at a random moment
    campaign(POWER_CUT, 30, seed="…")   # on a disk that forgets; alternately clean and torn

A campaign runs in epochs: every so often it begins with new homes, so that checking everything
stays cheap. The seed repeats what is sent and when the end comes, as far as threads allow.
"""

from __future__ import annotations

import random
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from support.actors import Crowd, Stage, repository_of
from support.backup_check import check_backups
from support.forgetful_disk import ForgetfulDisk, forgetful_disk
from support.fork_server import ForkServer
from support.killable_node import KillableNode, wait_for
from support.ledger import Ledger, check, start_timed
from support.two_nodes import befriend, short_directory
from undisc_node.services.errors import Unavailable

EPOCH: Final = 40  # disasters before everything begins anew
_LONGEST: Final = 1.2  # seconds of work before a kill
_REAL_STARTS: Final = 0.1  # the others are forked, which spares a second of imports each
_BALLAST: Final = shutil.ignore_patterns("ballast")  # 32 MiB that nothing depends on
_GRACE: Final = 0.3  # seconds before its end in which a dying node may complain
Say = Callable[[str], None]


@dataclass(slots=True)
class Tally:
    """What a campaign has done, for people and for a file.

    Attributes:
        disasters: How often each kind of end came.
        acknowledged: What the nodes had acknowledged, over all epochs.
        checks: What was verified, and how often.
        ready: Seconds until the node was ready, of each start.
        seconds: How long it all took.
    """

    disasters: Counter[str] = field(default_factory=Counter)
    acknowledged: Counter[str] = field(default_factory=Counter)
    checks: Counter[str] = field(default_factory=Counter)
    ready: list[float] = field(default_factory=list)
    seconds: float = 0.0

    def add(self, ledger: Ledger) -> None:
        """Add an epoch."""
        self.acknowledged.update(ledger.summary())
        self.checks.update(ledger.checks)
        self.ready.extend(ledger.ready)

    def as_json(self) -> dict[str, object]:
        """Return what a report needs."""
        ready = sorted(self.ready) or [0.0]
        return {
            "disasters": dict(self.disasters),
            "acknowledged": dict(self.acknowledged),
            "checks": dict(self.checks),
            "ready_seconds": {
                "median": round(ready[len(ready) // 2], 2),
                "most": round(ready[-1], 2),
            },
            "seconds": round(self.seconds),
        }


class Disaster(Protocol):
    """Ends a node."""

    def home(self) -> Path:
        """Where the node's home lies."""

    def begin(self) -> None:
        """Take what lies there for durable."""

    def arm(self, node: KillableNode, chance: random.Random) -> None:
        """Let a working node end at a random moment from now on."""

    def doom(self, node: KillableNode, chance: random.Random) -> str:
        """Start a node that ends before it is ready, or soon after; return what happened."""

    def await_end(self, node: KillableNode) -> str:
        """Wait until an armed node has ended; say how."""


class Kill:
    """SIGKILL for the whole process group; what it wrote stays."""

    def __init__(self, directory: Path) -> None:
        self._home = directory / "victim" / "home"
        self._timer: threading.Timer | None = None

    def home(self) -> Path:
        """Where the node's home lies."""
        return self._home

    def begin(self) -> None:
        """Nothing to do: a kill takes nothing away."""

    def arm(self, node: KillableNode, chance: random.Random) -> None:
        """Kill it within a second or so."""
        self._timer = threading.Timer(chance.uniform(0.02, _LONGEST), node.kill_now)
        self._timer.start()

    def doom(self, node: KillableNode, chance: random.Random) -> str:
        """Kill it while it starts."""
        node.start_doomed(chance.uniform(0.05, 1.5))
        return "kill while starting"

    def await_end(self, node: KillableNode) -> str:
        """Wait for the kill."""
        assert self._timer is not None
        self._timer.join()
        node.bury()
        return "kill"


class PowerCut:
    """The power of a disk that forgets goes, and the node with it."""

    def __init__(self, disk: ForgetfulDisk) -> None:
        self._disk = disk
        self._next = 0

    def home(self) -> Path:
        """Where the node's home lies."""
        return self._disk.path / "home"

    def begin(self) -> None:
        """Sync what was copied there."""
        self._disk.sync()

    def arm(self, node: KillableNode, chance: random.Random) -> None:
        """Cut the power instead of one of the next changes of the disk."""
        self._cut_after(node, chance, chance.randint(1, chance.choice((60, 500, 2_500))))

    def doom(self, node: KillableNode, chance: random.Random) -> str:
        """Cut the power while it starts."""
        starting = threading.Thread(target=_start_quietly, args=(node,))
        starting.start()
        wait_for("the process begins", lambda: node.is_alive, seconds=5)
        self._cut_after(node, chance, chance.randint(1, 40))
        starting.join()
        if node.is_alive:
            self._disk.cut(self._kind, seed=0, kill=node.pid)
        return self.await_end(node) + " while starting"

    def await_end(self, node: KillableNode) -> str:
        """Wait for the cut; mount what is left."""
        deadline = time.monotonic() + 5
        while node.is_alive and time.monotonic() < deadline:
            time.sleep(0.01)  # the disk decides
        if node.is_alive:  # nobody changed anything any more
            self._disk.cut(self._kind, seed=0, kill=node.pid)
        node.bury()
        self._disk.revive()
        return f"{self._kind} power cut"

    @property
    def _kind(self) -> str:
        return "torn" if self._next % 2 else "clean"

    def _cut_after(self, node: KillableNode, chance: random.Random, changes: int) -> None:
        self._next += 1
        self._disk.cut_after(changes, self._kind, seed=chance.randrange(1 << 30), kill=node.pid)


def _start_quietly(node: KillableNode) -> None:
    with suppress(Unavailable):
        node.start()


@contextmanager
def killing(directory: Path) -> Iterator[Disaster]:
    """Make a disaster of kills."""
    yield Kill(directory)


@contextmanager
def cutting(directory: Path) -> Iterator[Disaster]:
    """Make a disaster of power cuts."""
    del directory
    with forgetful_disk() as disk:
        yield PowerCut(disk)


KILL, POWER_CUT = killing, cutting
Maker = Callable[[Path], AbstractContextManager[Disaster]]


def campaign(make: Maker, count: int, seed: str, say: Say) -> Tally:
    """Let a node end so many times.

    Args:
        make: `KILL` or `POWER_CUT`.
        count: How often it ends.
        seed: Repeats a run.
        say: Told about progress.

    Raises:
        AssertionError: An invariant does not hold; the homes are kept, and the message says where.
    """
    tally, began, epoch = Tally(), time.monotonic(), 0
    with (
        short_directory() as directory,
        make(directory) as disaster,
        closing(ForkServer()) as forks,
    ):
        victim = KillableNode(directory / "victim", "Victim", home=disaster.home())
        other = KillableNode(directory / "other", "Other")
        pristine = _found(directory, victim, other)
        other.forks = forks
        while (done := tally.disasters.total()) < count:
            epoch += 1
            for node, home in zip((victim, other), pristine, strict=True):
                shutil.rmtree(node.home)
                shutil.copytree(home, node.home)
            shutil.rmtree(repository_of(victim), ignore_errors=True)
            disaster.begin()
            chance = random.Random(f"{seed}/{epoch}")
            stage = Stage(victim, other, Ledger(), seed=chance.randrange(1 << 30))
            try:
                _epoch(disaster, stage, chance, min(EPOCH, count - done), tally, say)
            except BaseException as problem:
                victim.kill()
                kept = Path(f"{directory}-kept")
                shutil.copytree(directory, kept, ignore=_sockets)
                shutil.copytree(disaster.home(), kept / "ended", ignore=_sockets)
                problem.add_note(f"epoch {epoch}, {dict(tally.disasters)}; homes kept in {kept}")
                raise
            finally:
                victim.stop()
                other.stop()
    tally.seconds = time.monotonic() - began
    return tally


def _found(directory: Path, victim: KillableNode, other: KillableNode) -> tuple[Path, Path]:
    """Make two nodes that trust each other; return copies of their homes to begin with."""
    try:
        for node in (victim, other):
            node.init()
            node.start()
        befriend(victim, other)
    finally:
        victim.stop()
        other.stop()
    return (
        Path(shutil.copytree(victim.home, directory / "pristine-victim", ignore=_BALLAST)),
        Path(shutil.copytree(other.home, directory / "pristine-other", ignore=_BALLAST)),
    )


def _epoch(
    disaster: Disaster, stage: Stage, chance: random.Random, count: int, tally: Tally, say: Say
) -> None:
    stage.other.start()
    for _ in range(count):
        _one(disaster, stage, chance, tally)
        say(f"{tally.disasters.total()} ends, {len(stage.ledger.stored)} instances in this epoch")
    stage.node.forks = None
    start_timed(stage.node, stage.ledger)
    check(stage.node, stage.ledger, chance, asker=stage.other, everything=True)
    check_backups(stage.node, stage.ledger, chance)
    tally.add(stage.ledger)


def _one(disaster: Disaster, stage: Stage, chance: random.Random, tally: Tally) -> None:
    """Start the node, prove that all is well, let it work and end."""
    node, ledger = stage.node, stage.ledger
    node.forks = None if chance.random() < _REAL_STARTS else stage.other.forks
    if chance.random() < 0.15:
        tally.disasters[disaster.doom(node, chance)] += 1
        return
    start_timed(node, ledger)
    check(node, ledger, chance, asker=stage.other if chance.random() < 0.5 else None)
    stage.complaints.clear()
    crowd = Crowd(stage, chance)
    disaster.arm(node, chance)
    crowd.begin()
    how = disaster.await_end(node)
    ended = time.monotonic()
    crowd.end()
    early = [what for at, what in stage.complaints if at < ended - _GRACE]
    assert not early, f"refused while all was well: {early}"
    tally.disasters[how] += 1


def _sockets(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if (Path(folder) / name).is_socket()]

"""Two nodes in a network namespace of their own, whose line loses packets, is slow, or is cut.

The kernel does it, not a proxy: nftables drops, tbf brakes (this needs root, ip, tc and nft). Only
the namespace made here is touched.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from support.broken_line import cuts
from support.killable_node import KillableNode, wait_for
from support.leftovers import leftovers
from support.practices import both_practices
from support.programs import needed, package
from support.studies_on_disk import MadeStudy, make_study
from support.two_nodes import befriend, short_directory
from undisc_admin.errors import CommandError
from undisc_protocol import limits

_MTU: Final = 1500  # as on a line between practices; loopback's own is 65,536
_TABLE: Final = "inet line"
MORE: Final = 4  # threads or descriptors that pools may still open
OVERHEAD: Final = 1.12  # heads of packets and of HTTP, acknowledgements, status
Say = Callable[[str], None]


class Namespace:
    """A network namespace with nothing but a loopback line."""

    def __init__(self, name: str) -> None:
        self.name = name
        _run("ip", "netns", "add", name)
        self.inside("ip", "link", "set", "lo", "mtu", str(_MTU), "up")
        self.inside("nft", f"add table {_TABLE}")
        self.inside("nft", f"add chain {_TABLE} in {{ type filter hook input priority 0; }}")

    def inside(self, *command: str) -> str:
        """Run a command in it."""
        return _run("ip", "netns", "exec", self.name, *command)

    def lose(self, percent: int, port: int) -> None:
        """Drop so many of the packets from and to a port, at random; 0 drops none."""
        self.inside("nft", f"flush chain {_TABLE} in")
        share = f" numgen random mod 100 < {percent}" if percent < 100 else ""
        if percent:
            for which in ("sport", "dport"):
                self.inside(
                    "nft",
                    f"add rule {_TABLE} in tcp {which} {port}{share} drop",
                )

    def brake(self, rate: str) -> None:
        """Let bytes pass at most at a rate, such as `1mbit`; empty lets them pass freely."""
        if rate:
            wish = ("rate", rate, "burst", "16kb", "latency", "400ms")
            self.inside("tc", "qdisc", "add", "dev", "lo", "root", "tbf", *wish)
        else:
            self.inside("tc", "qdisc", "del", "dev", "lo", "root")

    def close(self) -> None:
        """Remove it."""
        _run("ip", "netns", "del", self.name)


class InsideNode(KillableNode):
    """A node whose sockets are in a namespace; its admin socket is a file, and reachable."""

    namespace = ""

    def _launch(self, arguments: Sequence[str]) -> Any:
        program = Path(sys.executable).with_name("undisc-node")
        command = [str(program), *arguments]
        with self.log_path.open("ab") as log:
            return subprocess.Popen(
                ["ip", "netns", "exec", self.namespace, *command],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env=self._environment(),
                start_new_session=True,
            )

    def _answers(self) -> bool:
        try:
            return len(self.admin.get("status").part("listeners").raw) >= len(("public", "dicom"))
        except CommandError:
            return False


class Line:
    """Holder and asker on one line."""

    def __init__(self, holder: InsideNode, asker: InsideNode, namespace: Namespace) -> None:
        self.holder, self.asker, self.namespace = holder, asker, namespace
        self._number = 0

    def offer(self, sizes: Sequence[int]) -> tuple[MadeStudy, bytes]:
        """Let the holder offer a new study."""
        self._number += 1
        made = make_study(self._number, sizes, seed=21)
        for one in made.instances:
            self.holder.import_bytes(one.file)
        return made, self.holder.grant(made.uid, self.asker.name)[1]

    def finish(self, made: MadeStudy, fetch: str, seconds: float) -> None:
        """Wait until a fetch is done, going on where it pauses, and compare every byte."""

        def done() -> bool:
            row = self.asker.fetch_row(fetch)
            if row["state"] == "paused":
                self.asker.admin.post(f"fetches/{fetch}/resume")
            assert row["state"] != "failed", row
            return row["state"] == "done" and row["receipt"] == "taken"

        wait_for(f"fetch {fetch} is done", done, seconds=seconds)
        study = self.asker.fetch_row(fetch)["study"]
        assert self.asker.hashes_read_back(study) == made.hashes()
        assert leftovers(self.asker.home) == []

    def carried(self) -> int:
        """Count the bytes that went over the line since the namespace was made."""
        return int(self.namespace.inside("cat", "/proc/net/dev").split("lo:")[1].split()[0])


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
    return done.stdout


@contextmanager
def line() -> Iterator[Line]:
    """Make a namespace with two nodes that trust each other."""
    needed(os.geteuid() == 0, "only root can make a network namespace")
    for program, name in (("ip", "iproute2"), ("tc", "iproute2"), ("nft", "nftables")):
        package(program, name)
    namespace = Namespace(f"undisc-{os.getpid()}-{time.monotonic_ns() % 10_000}")
    try:
        with short_directory() as directory:
            nodes = [InsideNode(directory / name, name) for name in ("holder", "asker")]
            try:
                for node in nodes:
                    node.namespace = namespace.name
                    node.init()
                    node.start()
                befriend(*nodes)
                yield Line(*nodes, namespace)
            finally:
                for node in nodes:
                    node.stop()
    finally:
        namespace.close()


def loss(line: Line, percent: int, sizes: Sequence[int]) -> dict[str, Any]:
    """Fetch over a line that loses packets."""
    made, offer = line.offer(sizes)
    line.namespace.lose(percent, line.holder.public_port)
    began = time.monotonic()
    line.finish(made, line.asker.begin_fetch(offer), seconds=600)
    line.namespace.lose(0, 0)
    return {"percent": percent, "bytes": sum(sizes), "seconds": round(time.monotonic() - began, 1)}


def slow(line: Line, rate: str, sizes: Sequence[int]) -> dict[str, Any]:
    """Fetch over a slow line; count what it carried."""
    made, offer = line.offer(sizes)
    before = line.carried()
    line.namespace.brake(rate)
    began = time.monotonic()
    line.finish(made, line.asker.begin_fetch(offer), seconds=600)
    line.namespace.brake("")
    return {
        "rate": rate,
        "bytes": sum(sizes),
        "carried": line.carried() - before,
        "seconds": round(time.monotonic() - began, 1),
    }


def partition(line: Line, seconds: float, rate: str, sizes: Sequence[int]) -> dict[str, Any]:
    """Cut the line in the middle of a fetch, for some time; count what it carried."""
    made, offer = line.offer(sizes)
    before, needed_bytes = line.carried(), sum(sizes)
    line.namespace.brake(rate)
    fetch = line.asker.begin_fetch(offer)
    wait_for("a third has arrived", lambda: line.carried() - before > needed_bytes / 3, seconds=120)
    line.namespace.lose(100, line.holder.public_port)
    time.sleep(seconds)  # the partition itself
    line.namespace.lose(0, 0)
    began = time.monotonic()
    line.finish(made, fetch, seconds=300)
    line.namespace.brake("")
    return {
        "partition": seconds,
        "bytes": needed_bytes,
        "carried": line.carried() - before,
        "seconds_after": round(time.monotonic() - began, 1),
    }


def network(count: int, seed: str, say: Say) -> dict[str, Any]:
    """Fetch over bad lines of every kind, at full length.

    Args:
        count: How often a line breaks at a random byte, before the other lines.
        seed: Where it breaks.
        say: Told about progress.

    Returns:
        What each line cost.

    Raises:
        AssertionError: A study did not arrive, more than a chunk was wasted for each break, or
            threads or descriptors grow.
    """
    found: dict[str, Any] = {}
    say(f"{count} cuts of fetches")
    with both_practices() as practices:
        found["cuts"] = cuts(practices, random.Random(seed), count)
    with line() as bad:
        nodes = (bad.holder, bad.asker)
        loss(bad, 0, [200_000])
        before = [node.resources() for node in nodes]
        say("20 % of the packets are lost")
        found["loss"] = loss(bad, 20, [600_000, 300_000])
        say("1 Mbit/s")
        found["slow"] = within(slow(bad, "1mbit", [2_000_000, 1_000_000]), breaks=1)
        say("a minute without a line")
        found["partition"] = within(partition(bad, 60, "4mbit", [3_000_000, 1_500_000]), breaks=2)
        found["resources"] = [
            {"name": node.name, "before": was, "after": node.resources()}
            for node, was in zip(nodes, before, strict=True)
        ]
        steady(nodes, before)
    return found


def within(figures: dict[str, Any], *, breaks: int) -> dict[str, Any]:
    """Require that a line carried what was needed, and at most a chunk more for each break."""
    wasted = figures["carried"] - figures["bytes"] * OVERHEAD
    assert wasted <= breaks * limits.CHUNK, figures
    return figures


def steady(nodes: Sequence[InsideNode], before: Sequence[tuple[int, int]]) -> None:
    """Require that nodes have no more threads and descriptors than before."""
    for node, (threads, descriptors) in zip(nodes, before, strict=True):
        now = node.resources()
        assert now[0] <= threads + MORE, f"threads of {node.name}: {threads}, now {now[0]}"
        assert now[1] <= descriptors + MORE, f"descriptors of {node.name}: {descriptors}, {now[1]}"

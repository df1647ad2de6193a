"""Hostile and mutated files through everything that reads an image, in processes that are measured.

    PYTHONPATH=tests python -m support.hostile_campaign --files 20000 --jobs 2

Each file is stored by a whole node on a real disk, described, and exported, as an import would.
Allowed is success or one of our refusals. A finding is anything else: another exception, more than
`SECONDS` of processor time, more than `MEMORY` more memory than before the file, and any attempt to
open for writing, make, move or remove something outside the home. What was found is written to
`.fuzz/hostile/`; the figures go to standard output.
"""

from __future__ import annotations

import argparse
import gc
import io
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fuzz.mutation import mutate
from fuzz.registry import targets
from support.dicom_files import pydicom_files
from support.hostile_files import hostile_files
from support.stored_home import make_home
from undisc_node.dicom.describing import Describer
from undisc_node.dicom.sources import BytesSource
from undisc_node.services.errors import ServiceError

SECONDS = 1.0  # of processor time for one file
MEMORY = 256.0  # MiB more than before the file, at its highest
_SLICE = 2_000  # files of one process and one home
_LARGEST = 300_000  # bytes of a file that is mutated
_HEADER = 6_000  # bytes in which most mutations happen
_FRAME = 132  # bytes of preamble and prefix
_FOUND = Path(__file__).parents[2] / ".fuzz" / "hostile"
_CHANGING = {
    "os.mkdir",
    "os.rename",
    "os.remove",
    "os.rmdir",
    "os.link",
    "os.symlink",
    "os.truncate",
}
_STARTING = {
    "subprocess.Popen",
    "os.system",
    "os.exec",
    "os.fork",
    "os.posix_spawn",
    "socket.connect",
}


@dataclass
class Figures:
    """What one process, or all together, measured."""

    files: int = 0
    stored: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    slowest: float = 0.0
    slowest_name: str = ""
    memory: float = 0.0
    memory_name: str = ""
    findings: list[str] = field(default_factory=list)

    def add(self, other: Figures) -> None:
        """Take in what another process measured."""
        self.files += other.files
        self.stored += other.stored
        self.refused.update(other.refused)
        self.seconds += other.seconds
        if other.slowest > self.slowest:
            self.slowest, self.slowest_name = other.slowest, other.slowest_name
        if other.memory > self.memory:
            self.memory, self.memory_name = other.memory, other.memory_name
        self.findings += other.findings

    def lines(self) -> Iterator[str]:
        """Yield what a person wants to know."""
        yield f"{self.files} files: {self.stored} stored, {self.refused.total()} refused"
        yield "refused: " + ", ".join(
            f"{code} {count}" for code, count in self.refused.most_common()
        )
        yield f"slowest: {self.slowest:.3f} s of processor time ({self.slowest_name})"
        yield f"most memory: {self.memory:.1f} MiB more than before ({self.memory_name})"
        yield f"{self.files / max(self.seconds, 0.001):.0f} files/s of processor time"
        yield from (f"FINDING {one}" for one in self.findings)


class Watch:
    """Notes what touches the world outside one folder; its hook stays until the process ends."""

    def __init__(self, home: Path) -> None:
        self._home = str(home.resolve())
        self.seen: list[str] = []
        self.on = False
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.on:
            return
        if event == "open":
            path, _, flags = arguments
            writing = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC)
            if writing and isinstance(path, str | bytes | os.PathLike):
                self._look(event, path)
        elif event in _CHANGING:
            for path in arguments:
                if isinstance(path, str | bytes | os.PathLike):
                    self._look(event, path)
        elif event in _STARTING:
            self.seen.append(event)

    def _look(self, event: str, path: Any) -> None:
        whole = os.path.realpath(os.fsdecode(path))  # relative to the home, where we are
        if whole != self._home and not whole.startswith(self._home + "/") and whole != os.devnull:
            self.seen.append(f"{event} of {whole}")


def mutated(seed: str) -> Iterator[tuple[str, bytes]]:
    """Yield changed files without end; the same for the same seed."""
    rng = random.Random(seed)
    words = targets()["dicom-facts"].words
    originals = [path.read_bytes() for path in pydicom_files().values()]
    originals = [one for one in originals if len(one) <= _LARGEST]
    small = [one for one in hostile_files().values() if len(one) <= _HEADER]
    number = 0
    while True:
        original = rng.choice(small if rng.random() < 0.2 else originals)
        start = 0 if rng.random() < 0.1 else _FRAME  # or else most would be no DICOM at once
        stop = len(original) if rng.random() < 0.2 else min(_HEADER, len(original))
        changed = mutate(original[start:stop], rng, longest=_LARGEST, words=words, others=small)
        yield f"{seed}/{number}", original[:start] + changed + original[stop:]
        number += 1


def run(files: Iterator[tuple[str, bytes]], home: Path) -> Figures:
    """Send files through a node with a new home; this process must end afterwards."""
    figures = Figures()
    stored_home = make_home(home)
    os.chdir(home)
    watch = Watch(home)
    with stored_home.node() as node:
        gc.freeze()  # what is here to stay is not looked through before each file
        for name, content in files:
            problem, took, grown = _judged(node, content, figures, watch)
            if took > SECONDS:  # other programs share the processor's caches: once more
                problem, again, _ = _judged(node, content, Figures(), watch)
                took = min(took, again)
            figures.files += 1
            figures.seconds += took
            if took > figures.slowest:
                figures.slowest, figures.slowest_name = took, name
            if grown > figures.memory:
                figures.memory, figures.memory_name = grown, name
            if took > SECONDS:
                problem = problem or f"{took:.2f} s"
            if grown > MEMORY:
                problem = problem or f"{grown:.0f} MiB"
            if problem:
                _FOUND.mkdir(parents=True, exist_ok=True)
                kept = _FOUND / name.replace("/", "-")
                kept.write_bytes(content)
                figures.findings.append(f"{name}: {problem} ({kept})")
    return figures


def _judged(node: Any, content: bytes, figures: Figures, watch: Watch) -> tuple[str, float, float]:
    """Send one file through; return what was wrong, seconds and MiB."""
    before, began = _peak_from_now(), time.process_time()
    watch.on = True
    problem = ""
    try:
        _one(node, content, figures)
    except Exception as error:  # noqa: BLE001 - that is what we look for
        problem = f"{type(error).__name__}: {error}"
    watch.on = False
    took, grown = time.process_time() - began, _peak() - before
    problem = problem or "; ".join(watch.seen)
    watch.seen.clear()
    return problem, took, grown


def _one(node: Any, content: bytes, figures: Figures) -> None:
    """Store, describe and export one file."""
    try:
        outcome = node.receiving.store(BytesSource(content), "import")
    except ServiceError as refusal:
        figures.refused[refusal.reason] += 1
        outcome = None
    try:
        described = Describer().describe(io.BytesIO(content), len(content))
        json.dumps(described.attributes).encode()
    except ServiceError:
        assert outcome is None, "what was stored cannot be described"
    if outcome is None:
        return
    figures.stored += 1
    detail = node.admin.studies.detail(outcome.study)
    for one in (*detail.current, *detail.waiting):
        if one.header.sop_uid == outcome.sop_uid and one.header.size == len(content):
            size, chunks = node.admin.studies.read(outcome.study, one.header.id)
            exported = b"".join(chunks)
            assert len(exported) == size
            if exported[128:] == content[128:]:
                return
    raise AssertionError("what was stored does not come out again")


def _peak_from_now() -> float:
    """Forget the highest memory of before; return what is in use, in MiB."""
    gc.collect()
    Path("/proc/self/clear_refs").write_bytes(b"5")  # proc_pid_clear_refs(5)
    return _peak()


def _peak() -> float:
    """Return the highest resident memory since then, in MiB."""
    for line in Path("/proc/self/status").read_text("ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise AssertionError("this system does not tell its memory")


def _child(seed: str, count: int) -> Figures:
    """Measure in this process."""
    with tempfile.TemporaryDirectory() as folder:
        files = mutated(seed)
        chosen = (
            hostile_files().items() if seed == "corpus" else (next(files) for _ in range(count))
        )
        return run(iter(chosen), Path(folder) / "home")


def measured(seed: str, count: int) -> Figures:
    """Measure in a process of its own."""
    ended = subprocess.run(
        [sys.executable, "-m", "support.hostile_campaign", "--child", seed, "--files", str(count)],
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
    )
    if ended.returncode:
        said = ended.stderr.decode(errors="replace").strip().splitlines()
        return Figures(findings=[f"{seed}: the process ended with {ended.returncode}: {said[-1:]}"])
    raw = json.loads(ended.stdout)
    return Figures(**{**raw, "refused": Counter(raw["refused"])})


def main(arguments: Sequence[str]) -> int:
    """Run the campaign; 1 when something was found."""
    parser = argparse.ArgumentParser(description="send hostile files through a node")
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--jobs", type=int, default=1, help="processes at a time")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--child", default="", help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if chosen.child:
        sys.stdout.write(json.dumps(vars(_child(chosen.child, chosen.files))))
        return 0
    slices = [("corpus", 0)]
    slices += [
        (f"{chosen.seed}.{start}", min(_SLICE, chosen.files - start))
        for start in range(0, chosen.files, _SLICE)
    ]
    together = Figures()
    with ThreadPoolExecutor(chosen.jobs) as pool:
        for figures in pool.map(lambda one: measured(*one), slices):
            together.add(figures)
            sys.stderr.write(f"\r{together.files} files, {len(together.findings)} findings ")
    sys.stdout.write("\n".join(("", *together.lines(), "")))
    return 1 if together.findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

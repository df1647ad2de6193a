"""`make fuzz`: every target in a process of its own, a budget of time, a table at the end."""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from fuzz.registry import FINDINGS, targets

ROOT = Path(__file__).parents[2]
WORK = ROOT / ".fuzz"
_STATS = {
    "runs": re.compile(r"stat::number_of_executed_units: (\d+)"),
    "edges": re.compile(r"\bcov: (\d+)"),
    "inputs": re.compile(r"\bcorp: (\d+)"),
    "memory": re.compile(r"stat::peak_rss_mb:\s+(\d+)"),
}
_CAUSE = re.compile(r"^\S*(?:Finding|ERROR: libFuzzer): .*", re.MULTILINE)


@dataclass(frozen=True)
class Outcome:
    """What one target's process said."""

    name: str
    figures: dict[str, int]
    problem: str

    def line(self) -> str:
        """Return a row of the table."""
        numbers = [self.figures[name] for name in _STATS]
        columns = "".join(f"{number:>12,}" for number in numbers)
        return f"{self.name:<22}{columns}  {self.problem or 'nothing found'}"


def _run(name: str, seconds: int) -> Outcome:
    work = WORK / name
    work.mkdir(parents=True, exist_ok=True)
    before = _inputs(name)
    with (work / "log").open("w") as log:
        ended = subprocess.run(
            ["nice", "-n", "10", sys.executable, "-m", "fuzz.one", name, str(seconds), str(work)],
            stdout=log,
            stderr=subprocess.STDOUT,
            check=False,
            env={**os.environ, "PYTHONPATH": str(ROOT / "tests")},
        )
    said = (work / "log").read_text(errors="replace")
    problem = ""
    if ended.returncode:
        cause = _CAUSE.search(said)
        new = sorted(_inputs(name) - before)
        problem = f"{cause[0][:120] if cause else 'it failed'} ({', '.join(new) or work / 'log'})"
    elif not _inputs(name):
        (FINDINGS / name).rmdir()
    return Outcome(
        name,
        {name: int((found.findall(said) or ["0"])[-1]) for name, found in _STATS.items()},
        problem,
    )


def _inputs(name: str) -> set[str]:
    folder = FINDINGS / name
    return {str(path.relative_to(ROOT)) for path in folder.glob("*")} if folder.is_dir() else set()


def main() -> int:
    """Run the campaign; 1 when something was found."""
    known = targets()
    parser = argparse.ArgumentParser(description="fuzz every decoder")
    parser.add_argument("--seconds", type=int, default=60, help="for all targets together")
    parser.add_argument("--jobs", type=int, default=1, help="processes at a time")
    parser.add_argument("--target", default="", help="names with commas between; all if empty")
    parser.add_argument("--input", type=Path, help="run this one input once, in one target")
    chosen = parser.parse_args()
    names = [name for name in chosen.target.split(",") if name] or list(known)
    if unknown := set(names) - known.keys():
        parser.error(f"no target {min(unknown)}; there are: {', '.join(known)}")
    if chosen.input:
        accepted = known[names[0]].judge(chosen.input.read_bytes())
        print("accepted" if accepted else "refused as it should be")
        return 0
    each = max(1, chosen.seconds * chosen.jobs // len(names))
    print(f"{len(names)} targets, {each} s each, {chosen.jobs} at a time")
    print(f"{'target':<22}" + "".join(f"{title:>12}" for title in (*list(_STATS)[:3], "peak MiB")))
    outcomes = []
    with ThreadPoolExecutor(chosen.jobs) as pool:
        for outcome in pool.map(lambda name: _run(name, each), names):
            print(outcome.line(), flush=True)
            outcomes.append(outcome)
    print(f"{'together':<22}{sum(outcome.figures['runs'] for outcome in outcomes):>12,}")
    found = [outcome for outcome in outcomes if outcome.problem]
    for outcome in found:
        print(f"look at it: make fuzz TARGET={outcome.name} INPUT=...")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

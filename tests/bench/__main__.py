"""Measures undisc beside what else moves images, in one run on one machine.

make bench                               everything, 2,000 slices, median of 3; about 15 minutes
make bench-quick                         200 slices, once
make bench ONLY=fetch,curl SLICES=500    some of it
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.catalog import measure_catalog
from bench.contest import FETCH, Contest
from bench.dicomweb import measure_dicomweb
from bench.growth import measure_growth, measure_parallel
from bench.measure import Contender, Run, interleaved
from bench.report import LEGEND, machine, plain_table, summary, table
from bench.study import Slices, cached

SECTIONS = (
    "fetch", "curl", "tls", "dcmtk", "orthanc", "rsync", "ingest", "associations", "growth",
    "parallel", "catalog", "dicomweb",
)  # fmt: skip
_SIZES = (10, 100, 1_000, 4_000)
_PARALLEL = (1, 8, 32)
_QUICK = 500  # slices below which growth and catalog are small too


def arguments() -> argparse.Namespace:
    """Read the command line."""
    reader = argparse.ArgumentParser(
        prog="python -m bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    reader.add_argument("--slices", type=int, default=2_000, help="images of the study")
    reader.add_argument("--rounds", type=int, default=3, help="runs of each; the median counts")
    reader.add_argument("--only", default="", help=f"some of {','.join(SECTIONS)}")
    reader.add_argument("--studies", type=int, default=0, help="studies in the catalog")
    reader.add_argument("--json", type=Path, help="write every figure to this file too")
    reader.add_argument(
        "--cache",
        type=Path,
        default=Path.home() / ".cache" / "undisc-bench",
        help="where the study is kept (1.05 GB)",
    )
    reader.add_argument("--phantom", action="store_true", help="use a computed head at once")
    reader.add_argument("--work", type=Path, help="where homes go for the time of the run")
    wish = reader.parse_args()
    wish.only = set(filter(None, wish.only.split(","))) or set(SECTIONS)
    if unknown := wish.only - set(SECTIONS):
        reader.error(f"no section is called {', '.join(sorted(unknown))}")
    if min(wish.slices, wish.rounds) < 1:
        reader.error("slices and rounds are at least 1")
    return wish


def tell(line: str) -> None:
    """Say how far it has come."""
    print(line, file=sys.stderr, flush=True)


def compared(
    contenders: list[Contender], *, rounds: int, left_out: dict[str, str]
) -> list[dict[str, Any]]:
    """Run contenders beside each other and sum them up."""
    runs, missing = interleaved(contenders, rounds=rounds, tell=tell)
    left_out |= missing
    own = runs.get(FETCH, [])
    best: Run | None = sorted(own, key=lambda run: run.speed)[len(own) // 2] if own else None
    return [summary(one, runs[one.name], best) for one in contenders if one.name in runs]


def measure(wish: argparse.Namespace, slices: Slices, folder: Path) -> dict[str, Any]:
    """Run every wanted section."""
    quick = wish.slices < _QUICK
    found: dict[str, Any] = {
        "machine": machine(),
        "study": {"source": slices.source, "slices": len(slices.paths), "bytes": slices.size},
        "rounds": wish.rounds,
    }
    if wish.only - {"catalog", "dicomweb"}:
        with Contest(folder, slices, wish.only) as contest:
            found["left_out"] = contest.left_out
            for section, contenders in (
                ("transfers", contest.transfers),
                ("ingest", contest.ingest),
                ("associations", contest.associations),
            ):
                if contenders:
                    tell(f"{section}:")
                    found[section] = compared(
                        contenders, rounds=wish.rounds, left_out=contest.left_out
                    )
            nodes = {"holder": contest.holder, "recipient": contest.recipient, "slices": slices}
            for section, sizes, measured in (
                ("growth", _SIZES, measure_growth),
                ("parallel", _PARALLEL, measure_parallel),
            ):
                if section in wish.only:
                    tell(f"{section}:")
                    some = tuple(one for one in sizes if not quick or one <= max(8, wish.slices))
                    name = "sizes" if section == "growth" else "numbers"
                    found[section] = measured(
                        **nodes, **{name: some}, rounds=wish.rounds, tell=tell
                    )
    if "catalog" in wish.only:
        tell("catalog:")
        studies = wish.studies or (20_000 if quick else 1_000_000)
        found["catalog"] = measure_catalog(folder, studies, tell)
    if "dicomweb" in wish.only:
        tell("dicomweb:")
        most = wish.studies or (20_000 if quick else 1_000_000)
        searched = tuple(sorted({one for one in (10, 1_000, most) if one <= most}))
        measured_web = measure_dicomweb(folder, slices, searched, wish.rounds, tell)
        found["dicomweb"], found["dicomweb search"] = (
            measured_web["retrieve"],
            measured_web["search"],
        )
    return found


def show(found: dict[str, Any]) -> None:
    """Print the tables."""
    on, study = found["machine"], found["study"]
    print(
        f"\n{on['date']}, {on['cpu']}, {on['cores']} cores, {on['memory_gib']} GiB,"
        f" {on['system']}, Python {on['python']}, commit {on['commit']},"
        f" load {on['load_before']:.1f} before the run\n"
        f"{study['slices']} slices, {study['bytes'] / 1e6:.0f} MB: {study['source']};"
        f" median of {found['rounds']}\npage cache {on['page_cache']}"
    )
    for section in ("transfers", "ingest", "associations"):
        if section in found:
            print(f"\n{section}\n{table(found[section])}")
    if found.keys() & {"transfers", "ingest", "associations"}:
        print(f"\n{LEGEND}")
    for section in ("growth", "parallel", "catalog", "dicomweb", "dicomweb search"):
        if section in found:
            print(f"\n{section}\n{plain_table(found[section])}")
    for name, reason in found.get("left_out", {}).items():
        print(f"left out: {name}: {reason}")


def main() -> None:
    """Measure, show, and write."""
    wish = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that everything started is ended
    began = time.monotonic()
    tell(f"the study of {wish.slices} slices is made, or taken from {wish.cache} ...")
    slices = cached(wish.cache, wish.slices, phantom=wish.phantom)
    with tempfile.TemporaryDirectory(prefix="undisc-bench-", dir=wish.work) as folder:
        found = measure(wish, slices, Path(folder))
    found["seconds_in_all"] = round(time.monotonic() - began)
    show(found)
    if wish.json:
        wish.json.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()

"""The tables of the benchmark, for people, and what machine it ran on."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.measure import MIB, Contender, Run, median

PAGE_CACHE = (
    "warm: what is sent was written or read shortly before, and both ends share one page cache;"
    " `sync` before each run, so nobody writes what another left behind"
)


def machine() -> dict[str, Any]:
    """Return what a reader must know about where this was measured."""
    info = Path("/proc/cpuinfo").read_text("utf-8")
    models = {line.partition(":")[2].strip() for line in info.splitlines() if "model name" in line}
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "cpu": ", ".join(sorted(models)),
        "cores": os.cpu_count(),
        "memory_gib": round(memory / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load_before": os.getloadavg()[0],
        "commit": _commit(),
        "page_cache": PAGE_CACHE,
    }


def _commit() -> str:
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        check=False,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parent,
    )
    return done.stdout.strip() or "unknown"


def summary(contender: Contender, runs: Sequence[Run], best: Run | None) -> dict[str, Any]:
    """Return the medians of one contender.

    Args:
        contender: Who ran.
        runs: Its runs.
        best: The median run of (a), which the ratio compares with.
    """
    speed = median(runs, lambda run: run.speed)
    cpu = {
        side: round(median(runs, lambda run, side=side: run.cpu(side)), 2)
        for side in ("sender", "receiver", "command")
    }
    found: dict[str, Any] = {
        "name": contender.name,
        "durable": contender.durable,
        "mb_per_s": round(speed, 1),
        "slowest_mb_per_s": round(min(run.speed for run in runs), 1),
        "fastest_mb_per_s": round(max(run.speed for run in runs), 1),
        "seconds": round(median(runs, lambda run: run.seconds), 3),
        "cpu_s_per_gb": cpu | {"both": round(sum(cpu.values()), 2)},
        "peak_mib": {
            side: round(max(run.sides[side].peak for run in runs) / MIB)
            for side in ("sender", "receiver")
        },
        "foreign_cores": round(median(runs, lambda run: run.foreign), 2),
        "runs": [run.as_json() for run in runs],
    }
    if best is not None:
        found["fetch_is_faster"] = round(best.speed / speed, 2)
    if "moved_mb_per_s" in runs[0].more:
        found["moved_mb_per_s"] = round(median(runs, lambda run: run.more["moved_mb_per_s"]), 1)
    return found


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the table of transfers or of ingest."""
    head = (
        f"{'':<40} {'MB/s':>6} {'(min-max)':>13} {'s':>7} | {'CPU s/GB: send':>14} {'recv':>5}"
        f" {'cmd':>5} {'both':>5} | {'peak MiB: send':>14} {'recv':>5} | {'others':>6}"
        f" {'synced':>6} {'x':>6}"
    )
    lines = [head, "-" * len(head)]
    for row in rows:
        cpu, peak = row["cpu_s_per_gb"], row["peak_mib"]
        lines.append(
            f"{row['name']:<40} {row['mb_per_s']:6.0f}"
            f" {row['slowest_mb_per_s']:6.0f}-{row['fastest_mb_per_s']:<6.0f}"
            f" {row['seconds']:7.2f} | {cpu['sender']:14.2f} {cpu['receiver']:5.2f}"
            f" {cpu['command']:5.2f} {cpu['both']:5.2f} | {peak['sender'] or '-':>14}"
            f" {peak['receiver'] or '-':>5} | {row['foreign_cores']:6.2f}"
            f" {'yes' if row['durable'] else 'no':>6}"
            f" {row.get('fetch_is_faster', ''):>6}"
        )
        if "moved_mb_per_s" in row:
            lines.append(f"{'    of that, bytes on their way':<40} {row['moved_mb_per_s']:6.0f}")
    return "\n".join(lines)


def plain_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return a table of flat rows; figures of both sides are written as one cell."""
    cells = [{key: _cell(value) for key, value in row.items()} for row in rows]
    heads = list(cells[0])
    widths = {head: max(len(head), *(len(row[head]) for row in cells)) for head in heads}
    lines = ["  ".join(f"{head:>{widths[head]}}" for head in heads)]
    lines.append("-" * len(lines[0]))
    lines += ["  ".join(f"{row[head]:>{widths[head]}}" for head in heads) for row in cells]
    return "\n".join(lines)


def _cell(value: Any) -> str:
    if isinstance(value, Mapping):
        return " ".join(f"{key} {inner}" for key, inner in value.items())
    return str(value)


LEGEND = """\
MB/s    megabytes (10^6) of the study's files per second, the median of the runs; s: the same in
        seconds, for undisc of the whole command from its start to the committed, synced study
CPU     seconds of processor per gigabyte, user and system; cmd: of `undisc fetch`, which watches
peak    largest resident size of the processes on that side during the runs
others  processor cores that everything else kept busy, the kernel's own writing included
synced  whether the bytes have reached the disk (fsync) when it says it is done
x       how many times as fast the undisc fetch of this run was"""

"""`make torture`: the campaigns at full length, with a line of progress and a summary as JSON.

    PYTHONPATH=tests python -m support.torture --kills 1000 --cuts 300 --summary torture.json

Every part prints its seed; the same seed repeats it as far as threads allow. A part that fails says
why, and the next one runs; the exit code is 1 then.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.bad_network import network
from support.campaign import KILL, POWER_CUT, campaign
from support.full_disk import full_disk
from support.sweep import sweep_all

Say = Callable[[str], None]
Part = Callable[[str, Say], dict[str, Any]]


def _progress(name: str, began: float) -> Say:
    def say(what: str) -> None:
        print(f"\r\x1b[K{name}: {time.monotonic() - began:6.0f} s, {what}", end="", flush=True)

    return say


def _parts(wish: argparse.Namespace) -> dict[str, Part]:
    parts: dict[str, Part] = {
        "kills": lambda seed, say: campaign(KILL, wish.kills, seed, say).as_json(),
        "cuts": lambda seed, say: campaign(POWER_CUT, wish.cuts, seed, say).as_json(),
        "passes": lambda seed, say: full_disk(wish.passes, seed, say),
        "network": lambda seed, say: network(wish.network, seed, say),
        "sweep": lambda seed, say: sweep_all(wish.sweep, seed, say),
    }
    return {name: part for name, part in parts.items() if getattr(wish, name)}


def run(wish: argparse.Namespace) -> int:
    """Run every part that is wished for; return the exit code."""
    summary: dict[str, Any] = {
        "machine": f"{os.cpu_count()} cores, {platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "parts": {},
    }
    failed = False
    for name, part in _parts(wish).items():
        seed, began = wish.seed or os.urandom(4).hex(), time.monotonic()
        print(f"{name}: seed {seed}")
        try:
            found: dict[str, Any] = {"seed": seed, "ok": True, **part(seed, _progress(name, began))}
        except pytest.skip.Exception as why:
            found = {"left_out": str(why)}
        except Exception as problem:  # noqa: BLE001 - said, and the next part runs
            failed = True
            print()
            traceback.print_exc()
            notes = getattr(problem, "__notes__", [])
            found = {"seed": seed, "ok": False, "problem": str(problem), "notes": notes}
        print(f"\r\x1b[K{name}: {json.dumps(found)}")
        summary["parts"][name] = found
        wish.summary.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    print(f"summary: {wish.summary}")
    return int(failed)


def main() -> int:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description="break a node in every way, many times")
    parser.add_argument("--kills", type=int, default=0, help="kill -9 at a random moment")
    parser.add_argument("--cuts", type=int, default=0, help="power cuts, half of them torn")
    parser.add_argument(
        "--sweep", type=float, default=0, help="share of all system calls; 1 is all"
    )
    parser.add_argument("--passes", type=int, default=0, help="times that a small disk is full")
    parser.add_argument(
        "--network", type=int, default=0, help="cuts of fetches, and the other bad lines once"
    )
    parser.add_argument("--seed", default="", help="repeat a run")
    parser.add_argument("--summary", type=Path, default=Path("torture.json"))
    return run(parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())

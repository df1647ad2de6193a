"""Checks of what the program runs on: Python, libraries, SQLite, limits of the system."""

from __future__ import annotations

import re
import resource
import sqlite3
import sys
from importlib import metadata
from typing import Final

from undisc_node.checks.finding import Finding, fail, ok, warn
from undisc_node.checks.floors import FLOORS
from undisc_node.checks.scene import Scene
from undisc_node.web.viewer.ohif import FullViewer

_OLDEST_PYTHON: Final = (3, 11)
_OLDEST_SQLITE: Final = (3, 37, 0)  # STRICT tables
_FILES_NEEDED: Final = 1_024  # connections of three doors, packs being served, databases
_FILES_WISHED: Final = 4_096
_SQLITE_OPTIONS: Final = {"ENABLE_FTS5": "text search"}
_SWITCHES: Final = {
    "AIOHTTP_NO_EXTENSIONS": "aiohttp then parses in Python, which is slower and tested less here",
    "PYTHONOPTIMIZE": "assertions are then left out of libraries",
}


def python(_scene: Scene) -> Finding:
    """Look at the version of Python."""
    text = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] < _OLDEST_PYTHON:
        return fail(f"Python {text} is too old", "use Python 3.11 or newer")
    return ok(f"Python {text}")


def dependencies(_scene: Scene) -> Finding:
    """Compare installed libraries with the oldest that may be used."""
    old = []
    for floor in FLOORS:
        try:
            installed = metadata.version(floor.package)
        except metadata.PackageNotFoundError:
            old.append(f"{floor.package} is missing")
            continue
        if version_of(installed) < version_of(floor.version):
            old.append(f"{floor.package} {installed} is older than {floor.version}")
    if old:
        return fail("; ".join(old), "install the locked set: requirements/run.txt, with its hashes")
    return ok(f"{len(FLOORS)} libraries are as new as they must be")


def version_of(text: str) -> tuple[int, ...]:
    """Return the numbers of a version, up to the first part that is none."""
    numbers = re.match(r"\d+(?:\.\d+)*", text)
    return tuple(map(int, numbers[0].split("."))) if numbers else ()


def switches(scene: Scene) -> Finding:
    """Look for switches that change how the program runs."""
    found = [name for name in _SWITCHES if scene.environment.get(name)]
    if sys.flags.optimize and "PYTHONOPTIMIZE" not in found:
        found.append("PYTHONOPTIMIZE")
    if found:
        reasons = "; ".join(f"{name}: {_SWITCHES[name]}" for name in found)
        return warn(reasons, f"start the node without {', '.join(found)} and without python -O")
    return ok("no switch changes how Python or aiohttp run")


def sqlite(_scene: Scene) -> Finding:
    """Look at SQLite's version and what it was built with."""
    version = sqlite3.sqlite_version
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        return fail(f"SQLite {version} is too old", "use a Python with SQLite 3.37 or newer")
    if sqlite3.threadsafety < 3:  # noqa: PLR2004 - PEP 249: connections may be shared
        return fail("SQLite was built without threads", "use a Python with a usual SQLite")
    connection = sqlite3.connect(":memory:")
    built = {row[0] for row in connection.execute("PRAGMA compile_options")}
    connection.close()
    lacking = [f"{name} ({use})" for name, use in _SQLITE_OPTIONS.items() if name not in built]
    if lacking:
        return fail(f"SQLite was built without {', '.join(lacking)}", "use another Python build")
    return ok(f"SQLite {version}")


def open_files(_scene: Scene) -> Finding:
    """Look at how many files this user's processes may have open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    hint = "raise it: LimitNOFILE=8192 in the unit, ulimits in a container"
    if soft < _FILES_NEEDED:
        return fail(f"a process may have {soft} files open, which is too few", hint)
    if soft < _FILES_WISHED:
        return warn(f"a process may have {soft} files open; many fetches at once need more", hint)
    return ok(f"a process may have {soft} files open")


def viewer(_scene: Scene) -> Finding:
    """Look whether the full viewer was built into this installation."""
    found = FullViewer()
    if not found.is_there:
        return warn(
            "the full viewer is not installed; who opens a link sees the light page only",
            "build it with `make viewer` (needs npm), or install a package that has it",
        )
    return ok(f"OHIF {found.version}")

"""The house keeps its shape: small rooms, named folders, every module usable by itself."""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = {
    "undisc_protocol": ROOT / "protocol" / "undisc_protocol",
    "undisc_node": ROOT / "node" / "undisc_node",
    "undisc_admin": ROOT / "admin_cli" / "undisc_admin",
}
LONGEST = 500  # lines of a Python file
MEDIAN = 150  # lines of a file of a package
TOP = {"admin_cli", "docker", "docs", "node", "protocol", "requirements", "tests"}
TOP_FILES = {
    ".gitignore",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "Makefile",
    "README.md",
    "SECURITY.md",
    "pyproject.toml",
}
HIDDEN = {".ci"}
LATER = re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b(?!.*#\d+)")


def tracked():
    """Return every file that belongs to the repository, also those not yet committed."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return sorted(ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file())


def python_files():
    return [path for path in tracked() if path.suffix == ".py"]


def modules():
    for package, folder in PACKAGES.items():
        for path in sorted(folder.rglob("*.py")):
            parts = [package, *path.relative_to(folder).with_suffix("").parts]
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def lines(path):
    return len(path.read_text("utf-8").splitlines())


def test_no_python_file_is_longer_than_a_room():
    assert {str(path.relative_to(ROOT)): lines(path) for path in python_files()
            if lines(path) > LONGEST} == {}  # fmt: skip


def test_the_median_file_of_the_packages_is_small():
    sizes = [
        lines(path)
        for folder in PACKAGES.values()
        for path in folder.rglob("*.py")
        if path.name != "__init__.py"
    ]
    assert statistics.median(sizes) <= MEDIAN


def test_every_module_can_be_imported_by_itself():
    """A circle of imports shows only when somebody else's import order hides it no more."""
    program = """
import importlib, os, sys
import aiohttp.web, click, cryptography, nacl.public, pydicom, pynetdicom, sqlite_utils
failed = []
for name in sys.argv[1:]:
    child = os.fork()
    if child == 0:
        try:
            importlib.import_module(name)
        except BaseException as problem:
            print(name, type(problem).__name__, problem, file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        failed.append(name)
sys.exit(1 if failed else 0)
"""
    names = [name for name in modules() if not name.endswith("__main__")]
    cores = os.cpu_count() or 1  # minutes for one
    running = [
        subprocess.Popen(
            [sys.executable, "-c", program, *names[start::cores]], stderr=subprocess.PIPE, text=True
        )
        for start in range(cores)
    ]
    said = [process.communicate()[1] for process in running]
    assert len(names) > 50
    assert "".join(said) == ""
    assert {process.returncode for process in running} == {0}


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_say_that_they_are_typed(package):
    assert (PACKAGES[package] / "py.typed").is_file()


def test_what_is_left_for_later_names_an_issue():
    found = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in python_files()
        if path != Path(__file__)
        for line in path.read_text("utf-8").splitlines()
        if LATER.search(line)
    ]
    assert found == []


def test_the_top_of_the_house_is_exactly_the_plan():
    relative = [path.relative_to(ROOT) for path in tracked()]
    folders = {path.parts[0] for path in relative if len(path.parts) > 1}
    files = {path.parts[0] for path in relative if len(path.parts) == 1}

    assert folders <= TOP | HIDDEN
    assert files == TOP_FILES


def test_no_requirements_file_names_an_index():
    """Where packages come from is decided by whoever installs, never by the repository."""
    for path in (ROOT / "requirements").iterdir():
        assert not re.search(
            r"^\s*-{1,2}(?:i\b|index|extra|find)|://", path.read_text(), re.MULTILINE
        )

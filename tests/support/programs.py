"""Programs and rights that some tests need, and what happens where they are missing.

A test that cannot run is left out with one line. Where a merge is decided (`CI` is `true`) it fails
instead: a merge is not decided by a test that did not run.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest


def needed(found: object, why: str) -> None:
    """Leave a test out where the machine cannot do it, but never where a merge is decided."""
    if not found:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(why)


def package(program: str, name: str) -> str:
    """Return the path of a program, installing this package of Debian if that is possible."""
    found = shutil.which(program)
    if found is None and Path("/etc/debian_version").exists() and os.geteuid() == 0:
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (["update"], ["install", "--yes", "--no-install-recommends", name]):
            subprocess.run(
                ["apt-get", "--quiet", *command], env=environment, capture_output=True, check=False
            )
        found = shutil.which(program)
    needed(found, f"{program} is not installed (apt-get install {name})")
    return str(found)

"""DCMTK's programs for tests: the other implementation that everybody meets in practice."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

_PACKAGE = "dcmtk"


def dcmtk(program: str) -> str:
    """Return the path of a DCMTK program, installing DCMTK where that is possible.

    Where it is not, the test is skipped with one line, and fails when `CI` is `true`: a merge is
    not decided by a test that did not run.
    """
    found = shutil.which(program)
    if found is None and Path("/etc/debian_version").exists() and os.geteuid() == 0:
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (["update"], ["install", "--yes", "--no-install-recommends", _PACKAGE]):
            subprocess.run(
                ["apt-get", "--quiet", *command], env=environment, capture_output=True, check=False
            )
        found = shutil.which(program)
    if found is not None:
        return found
    reason = f"{program} is not installed (apt-get install {_PACKAGE})"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)

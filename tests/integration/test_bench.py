"""The benchmark runs: small, and without a look at absolute times, which no merge depends on."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

TESTS = Path(__file__).parents[1]
SLICES = 20


def test_fetch_and_curl_are_measured_beside_each_other(tmp_path):
    if importlib.util.find_spec("numpy") is None and os.environ.get("CI") != "true":
        pytest.skip("the benchmark's requirements are not installed (make .venv/.bench)")
    into = tmp_path / "figures.json"
    argv = ["--slices", str(SLICES), "--rounds", "1", "--only", "fetch,curl", "--phantom"]
    done = subprocess.run(
        [sys.executable, "-m", "bench", *argv, "--cache", str(tmp_path), "--json", str(into)],
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    found = json.loads(into.read_text("utf-8"))
    assert found["study"]["slices"] == SLICES
    assert found["left_out"] == {}
    fetch, curl = found["transfers"]
    assert (fetch["name"], curl["name"]) == ("undisc fetch", "curl, one file")
    assert fetch["fetch_is_faster"] == 1
    assert curl["fetch_is_faster"] > 0
    for one in (fetch, curl):
        assert one["durable"]
        assert one["runs"][0]["size"] == found["study"]["bytes"]
        assert one["cpu_s_per_gb"]["both"] > 0
    assert min(fetch["peak_mib"].values()) > 0
    assert "undisc fetch" in done.stdout


def test_a_wish_that_the_benchmark_does_not_know_is_refused():
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--only", "telepathy"],
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "no section is called telepathy" in done.stderr

"""`undisc-node doctor` beside a running node that others can reach."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from support.two_nodes import befriend, running

pytestmark = pytest.mark.integration


def test_a_running_node_with_a_peer_has_no_failure():
    """Ports, readiness, C-ECHO, the public address and the peer are really asked."""
    with running("A", "B") as [a, b]:
        befriend(a, b)
        done = subprocess.run(
            [sys.executable, "-m", "undisc_node", "--home", a.home, "doctor", "--json"],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        found = {one["name"]: one for one in json.loads(done.stdout)}
        assert [one for one in found.values() if one["level"] == "fail"] == []
        assert done.returncode == 0
        assert found["internal port"]["sentence"] == "the node says that it is ready"
        assert "answers" in found["public port"]["sentence"]
        assert "C-ECHO" in found["dicom port"]["sentence"]
        assert found["public address"]["level"] == "ok"
        assert found["peers"]["level"] == "ok"
        assert found["peer clocks"]["level"] == "ok"
        assert found["memory"]["level"] == "ok"

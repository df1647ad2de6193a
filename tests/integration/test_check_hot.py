"""`undisc-node check` beside a node that takes in, corrects and erases all the time."""

from __future__ import annotations

import json
import subprocess
import sys
import threading

import pytest

from support.studies_on_disk import make_study
from support.two_nodes import running

pytestmark = pytest.mark.integration


def check(node, *options):
    """Run the command; return its exit code and report."""
    done = subprocess.run(
        [sys.executable, "-m", "undisc_node", "--home", node.home, "check", "--json", *options],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def test_a_busy_node_is_no_damaged_node():
    """Arrivals, corrections, settlements and erasures never look like damage or strays."""
    with running("A") as [node]:
        ended, rounds = threading.Event(), []

        def work():
            while not ended.is_set():
                number = len(rounds)
                study = make_study(number, [2_000, 30_000])
                for one in study.instances:
                    node.import_bytes(one.file)
                for one in make_study(number, [2_500]).instances:  # a correction
                    node.import_bytes(one.file)
                [known] = [one for one in node.studies() if one["uid"] == study.uid]
                if number % 2:
                    node.admin.delete(f"studies/{known['id']}")
                else:
                    node.admin.post(f"studies/{known['id']}/settle")
                rounds.append(number)

        worker = threading.Thread(target=work)
        worker.start()
        try:
            reports = [check(node, "--read-data") for _ in range(4)]
        finally:
            ended.set()
            worker.join()
        assert len(rounds) >= 4
        for code, report in reports:
            assert (code, report["problems"]) == (0, [])


def test_damage_ends_in_exit_code_one_and_a_sentence():
    """One bit, while the node runs; the report names the study and what to do."""
    with running("A") as [node]:
        for one in make_study(1, [50_000]).instances:
            node.import_bytes(one.file)
        [study] = node.studies()
        [path] = (node.home / "packs").iterdir()
        content = bytearray(path.read_bytes())
        content[-20] ^= 1
        with path.open("r+b") as file:
            file.write(content)
        assert check(node)[0] == 0
        code, report = check(node, "--read-data")
        assert code == 1
        [problem] = report["problems"]
        assert problem["code"] == "body_damaged"
        assert study["id"].startswith(problem["study"])
        assert problem["copies"]

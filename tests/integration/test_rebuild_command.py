"""`undisc-node check --rebuild` on the home of a real node, also killed in the middle."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time

import pytest

from support.studies_on_disk import make_study
from support.two_nodes import befriend, running

pytestmark = pytest.mark.integration


def command(node, *options):
    return subprocess.Popen(
        [sys.executable, "-m", "undisc_node", "--home", node.home, "check", *options, "--json"],
        stdout=subprocess.PIPE,
        text=True,
    )


def finished(process):
    out, _ = process.communicate(timeout=120)
    return process.returncode, json.loads(out)


def test_without_its_catalog_a_node_comes_back_with_every_byte_and_no_permission():
    """Studies are equal; the grant from before is refused; the node says that it was rebuilt."""
    with running("A", "B") as [a, b]:
        peer = a.add_peer(b.url)
        b.add_peer(a.url)
        for one in make_study(1, [40_000, 1_500]).instances:
            a.import_bytes(one.file)
        [study] = a.studies()
        _, offer = a.grant(study["id"], peer)
        before = a.exported(study["id"])
        a.stop()
        for path in a.home.glob("catalog.sqlite3*"):
            path.unlink()
        code, outcome = finished(command(a, "--rebuild"))
        assert (code, outcome["new_catalog"], outcome["studies"]) == (0, True, 1)
        a.start()
        assert a.exported(study["id"]) == before
        a.add_peer(b.url)
        assert b.fetch(offer)["state"] == "failed"
        assert b.studies() == []


def test_a_fetched_study_comes_back_and_only_what_is_new_is_asked_for():
    """Packs that another node made: equal bytes, the difference from the holder, and a grant on."""
    made = make_study(1, [40_000, 2_500_000, 1_500])
    with running("A", "B", "C") as [a, b, c]:
        for one, other in ((a, b), (b, c)):
            befriend(one, other)
        for one in made.instances[:2]:
            a.import_bytes(one.file)
        _, offer = a.grant(made.uid, b.name)
        assert b.fetch(offer)["state"] == "done"
        before = b.exported(made.uid)
        b.stop()
        for path in b.home.glob("catalog.sqlite3*"):
            path.unlink()
        code, outcome = finished(command(b, "--rebuild"))
        assert (code, outcome["studies"], outcome["packs"], outcome["problems"]) == (0, 1, 1, [])
        b.start()
        assert b.exported(made.uid) == before
        assert before == {one.sop_uid: one.file for one in made.instances[:2]}

        befriend(b, c)
        b.add_peer(a.url)
        a.import_bytes(made.instances[2].file)
        row = b.fetch(a.grant(made.uid, b.name)[1])
        assert (row["state"], row["objects"]) == ("done", 1)
        assert row["bytes"] < 40_000
        whole = {one.sop_uid: one.file for one in made.instances}
        assert b.exported(made.uid) == whole

        assert c.fetch(b.grant(made.uid, c.name)[1])["state"] == "done"
        assert c.exported(made.uid) == whole
        b.stop()
        assert finished(command(b, "--read-data"))[0] == 0


def test_a_rebuild_that_is_killed_leaves_the_old_catalog_or_none_or_the_new_one():
    """Whatever the moment: run again, it ends with every study; nothing is swept away."""
    chance = random.Random(5)
    with running("A") as [node]:
        for number in range(12):
            for one in make_study(number, [300]).instances:
                node.import_bytes(one.file)
        studies = {one["uid"]: node.exported(one["id"]) for one in node.studies()}
        node.stop()
        for _ in range(6):
            process = command(node, "--rebuild", "--anew")
            time.sleep(0.4 + chance.random() * 0.8)  # starting takes most of a second
            process.kill()
            process.communicate()
        code, _ = finished(command(node, "--rebuild"))
        assert code == 0
        assert finished(command(node, "--read-data"))[0] == 0
        node.start()
        assert {one["uid"]: node.exported(one["id"]) for one in node.studies()} == studies


def test_a_running_node_is_not_rebuilt():
    with running("A") as [node]:
        process = command(node, "--rebuild")
        process.communicate(timeout=60)
        assert process.returncode == 1

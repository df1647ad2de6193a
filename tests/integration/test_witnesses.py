"""Somebody with the disk of a node cuts or rewrites its log: its peer finds it, and so does it.

Two real nodes; the log is changed in the database of the one while it stands still, as exactly as
somebody could who knows how: lines, leaves and the head of the tree fit each other again.
"""

import json
import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from support.two_nodes import befriend, running, settings
from undisc_protocol.log import Frontier, leaf_hash

pytestmark = pytest.mark.integration
_SECONDS = 30


def until(holds):
    deadline = time.monotonic() + _SECONDS
    while not (found := holds()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)
    return found


def change_log(home, *, keep, forged=0):
    """Cut a log behind some lines, and put forged ones in the place of the others."""
    with closing(sqlite3.connect(home / "catalog.sqlite3")) as database, database:
        triggers = [
            row[0]
            for row in database.execute("SELECT name FROM sqlite_master WHERE type='trigger'")
        ]
        for name in triggers:
            if name.startswith("log_"):
                database.execute(f"DROP TRIGGER {name}")
        (origin,) = database.execute("SELECT origin FROM log_head").fetchone()
        rows = database.execute("SELECT leaf, event FROM log ORDER BY number").fetchall()
        tree = Frontier(origin, 0, ())
        for leaf, _ in rows[:keep]:
            tree = tree.append(leaf)
        database.execute("DELETE FROM log WHERE number >= ?", (keep,))
        for _ in range(forged):
            event, salt = rows[0][1], os.urandom(32)
            leaf = leaf_hash(salt, event)
            database.execute(
                "INSERT INTO log (number, leaf, event, salt) VALUES (?, ?, ?, ?)",
                (tree.size, leaf, event, salt),
            )
            tree = tree.append(leaf)
        database.execute(
            "UPDATE log_head SET size = ?, nodes = ?", (tree.size, b"".join(tree.nodes))
        )


def alerts(node):
    return [one["kind"] for one in node.admin.get("peers").raw["peers"][0]["alerts"]]


def test_a_changed_log_is_found_by_the_peer_and_by_the_node_itself():
    with running("Practice Ring", "Practice Delta") as (ring, delta):
        befriend(ring, delta)
        for number in range(6):
            ring.admin.post("staff", {"name": f"a{number}", "role": "desk", "password": "x" * 12})
        until(lambda: ring.ask("log", "verify")["witnesses"][0]["lines"])
        sound = ring.ask("log", "verify")
        assert sound["ok"]
        (witness,) = sound["witnesses"]
        assert (witness["peer_name"], witness["answered"]) == ("Practice Delta", True)
        assert witness["lines"] > 4
        assert alerts(delta) == []

        ring.stop()
        change_log(ring.home, keep=2, forged=40)
        ring.start()
        assert ring.admin.post("log/verify", {"peers": False}).flag("ok"), "it adds up by itself"
        answer = ring.undisc("log", "verify")
        assert answer.exit_code == 9
        (witness,) = answer.body["witnesses"]
        assert "not what they were" in witness["differs"]
        assert ring.events("log.differs")

        delta.admin.post("log/verify")  # it greets its peers
        assert alerts(delta) == ["log_forked"]
        shown = delta.undisc("status").body
        assert shown["peer_alerts"] == 1
        doctor = {one["name"]: one for one in findings(delta)}
        assert doctor["peer alerts"]["level"] == "warn"
        assert "Practice Ring" in doctor["peer alerts"]["sentence"]
        assert {one["name"]: one for one in findings(ring)}["log witnesses"]["level"] == "fail"

        peer = ring.admin.get("status").text("node_id")
        trusted = delta.undisc("peers", "trust", peer, "--expect-id", peer)
        assert trusted.exit_code == 0, trusted.complaint
        delta.admin.post("log/verify")
        assert alerts(delta) == []


def findings(node):
    done = subprocess.run(
        [Path(sys.executable).with_name("undisc-node"), "--home", node.home, "doctor", "--json"],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        env=node._environment(),
    )
    return json.loads(done.stdout)


def test_a_node_that_moves_is_found_at_its_new_address():
    with running("Practice Ring", "Practice Delta") as (ring, delta):
        befriend(ring, delta)
        until(lambda: delta.admin.get("peers").raw["peers"][0]["heard"])
        until(lambda: ring.admin.get("peers").raw["peers"][0]["heard"])
        ring.stop()
        ring.public_port += 1
        ring.url = f"http://127.0.0.1:{ring.public_port}"
        settings(ring, public__urls=f'["{ring.url}"]')
        ring.start()
        until(lambda: delta.admin.get("peers").raw["peers"][0]["urls"] == [ring.url])
        assert delta.ask("log", "verify")["witnesses"][0]["answered"]

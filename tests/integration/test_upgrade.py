"""A node of every earlier release goes on with this version, and nothing is lost or revived."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from support.hostile_peer import HostileNode, document_of
from support.killable_node import KillableNode
from support.release_home import releases, unpack
from support.two_nodes import proofs_of, settings, short_directory
from undisc_node.storage import upgrade
from undisc_protocol.capability.delegation import read_delegation
from undisc_protocol.errors import RemoteProtocolError

pytestmark = pytest.mark.integration


@pytest.fixture(params=releases())
def upgraded(request):
    """Yield a node that runs on the home of an earlier release, and what that release said."""
    with short_directory() as directory:
        facts = unpack(request.param, directory)
        node = KillableNode(directory, "Practice A")
        settings(node, peers__allow='["127.0.0.0/8"]')  # all nodes are on one machine here
        node.start()
        try:
            yield node, facts
        finally:
            node.stop()


def node_command(home: Path, *arguments: str):
    return subprocess.run(
        [str(Path(sys.executable).with_name("undisc-node")), "--home", str(home), *arguments],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
        check=False,
    )


def without(rows, *names):
    """Leave out what depends on the time of day, or is settled meanwhile."""
    return [{name: one for name, one in row.items() if name not in names} for row in rows]


def listed(node, what):
    return sorted(node.admin.get(what, {"limit": 1000}).raw[what], key=lambda row: row["id"])


def chain(tokens):
    return [read_delegation(base64.b64decode(token)) for token in tokens]


def test_a_home_of_an_earlier_release_keeps_all_it_held(upgraded):
    """Studies byte for byte, decisions, peers, receipts, and every line of the log."""
    node, facts = upgraded
    assert node.node_id == facts["node_id"]
    now = {one["id"]: one for one in node.studies()}
    assert now.keys() == facts["instances"].keys()
    for then in facts["studies"]:
        for name in ("uid", "patient", "state", "instances", "waiting", "sender", "created"):
            assert now[then["id"]][name] == then[name], name
        assert node.hashes_read_back(then["id"]) == facts["instances"][then["id"]]
    for what in ("grants", "shares"):
        known = {name for row in facts[what] for name in row}
        new = {name for row in listed(node, what) for name in row} - known
        then = sorted(facts[what], key=lambda row: row["id"])
        assert without(listed(node, what), "state", *new) == without(then, "state")
    for what, names in (
        ("peers", ("id", "did", "name", "state", "scopes", "urls", "words")),
        ("fetches", ("id", "peer", "state", "study", "objects", "bytes", "receipt")),
    ):
        then = sorted(facts[what], key=lambda row: row["id"])
        for new, old in zip(listed(node, what), then, strict=True):
            assert {name: new[name] for name in names} == {name: old[name] for name in names}
    assert node.rows("catalog", "SELECT count(*) FROM receipts") == [(facts["receipts"],)]
    assert [line["type"] for line in node.events()][: facts["log"]["size"]] == facts["events"]
    assert node.check_log() > facts["log"]["size"]
    assert node.leftovers() == []


def test_what_was_revoked_stays_revoked_and_the_rest_goes_on(upgraded):
    """The peer of before comes with its old offers, and with a new one."""
    node, facts = upgraded
    friend = HostileNode(
        "Friend",
        seed=bytes.fromhex(facts["friend"]["seed"]),
        record=base64.b64decode(facts["friend"]["record"]),
    )
    holder = document_of(node.url)
    assert holder.identity.node_id.hex() == facts["node_id"]
    for name in ("revoked", "revoked_share", "active"):
        proofs = chain(facts[name])
        if min(proof.expires for proof in proofs) < time.time():
            expected = "expired"  # the release is more than 13 months old
        else:
            expected = None if name == "active" else "revoked"
        if expected is None:
            assert len(friend.ask(node.url, holder, proofs).manifest.objects) == 3
            continue
        with pytest.raises(RemoteProtocolError) as refused:
            friend.ask(node.url, holder, proofs)
        assert refused.value.code == expected, name
    study = next(iter(facts["instances"]))
    _, offer = node.grant(study, friend.id)
    found = friend.ask(node.url, holder, proofs_of(offer)).manifest.objects
    assert len(found) == len(facts["instances"][study])


def test_serve_says_that_it_upgraded(upgraded):
    """Whoever reads the log of a start finds where the copy lies; a second start makes none."""
    node, facts = upgraded
    if facts["version"] == "0.1.0" and not upgrade.copies(node.home):
        pytest.skip("no step came since")
    (copy,) = upgrade.copies(node.home)
    assert copy.version == facts["version"]
    said = node.log_path.read_text()
    assert f"upgraded the databases from {facts['version']}" in said
    assert str(copy.path) in said
    node.stop()
    node.start()
    assert upgrade.copies(node.home) == [copy]


def test_migrate_asks_first_and_says_what_it_did(tmp_path):
    """The careful way: look, upgrade, start."""
    facts = unpack("0.1.0", tmp_path)
    home = tmp_path / "home"
    looked = node_command(home, "migrate", "--check")
    if looked.returncode == 0:
        assert "up to date" in looked.stdout
        pytest.skip("no step came since")
    assert f"an upgrade from {facts['version']} to " in looked.stdout
    assert upgrade.copies(home) == []
    done = node_command(home, "migrate", "--json")
    body = json.loads(done.stdout)
    assert body["done"] is True
    assert Path(body["copy"]).is_dir()
    again = node_command(home, "migrate", "--check")
    assert (again.returncode, again.stdout) == (0, "the databases are up to date\n")


def test_migrate_leaves_a_running_node_alone(upgraded):
    node, _ = upgraded
    done = node_command(node.home, "migrate")
    assert done.returncode == 1
    assert "another undisc-node is running" in done.stderr
    assert "hint: " in done.stderr


def test_health_tells_ready_from_not_running(upgraded):
    """What a container engine asks every half minute."""
    node, _ = upgraded
    port = f"internal.port={node.internal_port}"
    for arguments, word in (((), "ready"), (("--live",), "alive")):
        done = node_command(node.home, "--set", port, "health", *arguments)
        assert (done.returncode, done.stdout.strip()) == (0, word), done.stderr
    node.stop()
    done = node_command(node.home, "--set", port, "health")
    assert done.returncode == 1
    assert "no answer from 127.0.0.1" in done.stderr
    assert "hint: " in done.stderr


def test_an_upgrade_is_taken_back_and_made_again(upgraded):
    """Back to the release's tables and forth again; what the release said is still true."""
    node, facts = upgraded
    if not upgrade.copies(node.home):
        pytest.skip("no step came since")
    revoked = next(row["id"] for row in facts["grants"] if row["revoked"] is None)
    node.admin.post(f"grants/{revoked}/revoke")
    running = node_command(node.home, "rollback", "--yes")
    assert "another undisc-node is running" in running.stderr
    node.stop()
    asked = node_command(node.home, "rollback")
    assert asked.returncode == 1
    assert "must be confirmed" in asked.stderr
    done = node_command(node.home, "rollback", "--yes", "--json")
    assert json.loads(done.stdout)["after"] == facts["version"], done.stderr
    assert node_command(node.home, "migrate", "--check").returncode == 1
    node.start()
    for study, hashes in facts["instances"].items():
        assert node.hashes_read_back(study) == hashes
    (grant,) = [row for row in listed(node, "grants") if row["id"] == revoked]
    assert grant["state"] == "revoked"
    assert node.check_log()
    assert node.leftovers() == []

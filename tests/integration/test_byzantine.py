"""A holder that misbehaves in every way we know: nothing accepted, little memory, given up in time.

The asker is a real node in its own process. Each behaviour meets a peer that was known truthfully
until then. The server never gives up by itself: that a fetch ends or waits is the node's doing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from support.byzantine import BEHAVIOURS
from support.byzantine.asker import ImpatientNode
from support.byzantine.identities import (
    ELSEWHERE,
    EQUIVOCATING,
    FORK,
    HEAD,
    LONGER,
    OUTDATED,
    SHRUNK,
    rotating,
)
from support.byzantine.server import Behaviour, Server
from support.hostile_peer import HostileNode
from support.killable_node import wait_for
from support.lying_holder import LyingHolder
from support.two_nodes import dicom_file, pixels, refused, short_directory
from undisc_protocol import limits

pytestmark = pytest.mark.integration

FILES = [
    dicom_file(number, study="1.2.77", extra=pixels(bytes([number]) * (limits.CHUNK + 5_000)))
    for number in (1, 2)
]
CHUNKS = 2 * (limits.CHUNK + limits.TAG)
GIVE_UP = 20  # seconds; the server would hold a connection for 60


@dataclass
class Scene:
    """The asker, and what an honest fetch costs it.

    Attributes:
        asker: The real node.
        normal: Bytes by which its memory grows while it fetches honestly.
    """

    asker: ImpatientNode
    normal: int = 0

    def holder(self, node: HostileNode | None = None) -> LyingHolder:
        return LyingHolder(node or HostileNode("Byzantine"), FILES)

    def clear(self) -> None:
        for study in self.asker.studies():
            self.asker.admin.delete(f"studies/{study['id']}")


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    """Start the asker and let it fetch honestly: the control, without which nothing is shown."""
    with short_directory() as directory:
        asker = ImpatientNode(directory, "Practice B")
        asker.init()
        asker.start()
        try:
            scene = Scene(asker)
            for _ in range(3):  # the first pays for what every node needs once
                before = asker.reset_peak()
                with Server(scene.holder()).serving() as server:
                    asker.add_peer(server.url)
                    done = asker.fetch(server.holder.offer_to(asker.did))
                assert (done["state"], done["receipt"]) == ("done", "taken"), done
                assert sorted(asker.exported(done["study"]).values()) == sorted(FILES)
                scene.normal = max(0, asker.peak() - before)
                scene.clear()
            yield scene
            assert asker.admin.post("log/verify").flag("ok")
        finally:
            asker.stop()


def given_up(asker: ImpatientNode, fetch: str) -> dict[str, Any]:
    """Wait until a fetch has ended, or waits before it tries again."""

    def over() -> dict[str, Any] | None:
        row = dict(asker.fetch_row(fetch))
        waits = row["state"] == "running" and row["next_try"] is not None
        return row if row["state"] in ("failed", "paused") or waits else None

    return wait_for("the fetch is given up", over, seconds=GIVE_UP)


def meets(scene: Scene, server: Server, behaviour: Behaviour) -> dict[str, Any]:
    """Let the asker meet a behaviour; require that nothing of it is accepted."""
    asker = scene.asker
    peer = asker.add_peer(server.url)
    known = asker.peer_row(peer)
    offer = server.holder.offer_to(asker.did)
    server.misbehave(behaviour)
    before = asker.reset_peak()
    row = given_up(asker, asker.begin_fetch(offer))
    grown = asker.peak() - before
    assert server.misbehaved, "it never came to the lie"
    assert asker.studies() == []
    assert row["study"] is None
    assert row["state"] == "failed" or row["problem"]
    now = asker.peer_row(peer)
    assert now["state"] == behaviour.state
    for name in ("did", "name", "urls"):
        assert now[name] == known[name], name
    assert grown <= scene.normal + CHUNKS + behaviour.memory, f"{grown:,} bytes"
    if behaviour.state == "trusted":
        asker.admin.post(f"peers/{peer}/suspend")  # what still waits comes to an end
    return row


@pytest.mark.parametrize("behaviour", BEHAVIOURS, ids=lambda one: one.name)
def test_nothing_is_accepted_from(scene, behaviour):
    with Server(scene.holder()).serving() as server:
        try:
            meets(scene, server, behaviour)
        finally:
            scene.clear()


def test_there_are_more_than_forty_behaviours_each_with_a_name():
    names = [one.name for one in (*BEHAVIOURS, FORK, OUTDATED, SHRUNK, EQUIVOCATING)]
    assert len(names) == len(set(names)) >= 100


def test_a_node_that_has_a_new_key_is_never_another_or_its_former_self(scene):
    """The asker knows the second record; then it is shown none, and another second one."""
    node = rotating("Rotating")
    with Server(scene.holder(node)).serving() as server:
        server.document = lambda: LONGER(node)
        peer = scene.asker.add_peer(server.url)
        assert scene.asker.peer_row(peer)["urls"] == [ELSEWHERE]
        for behaviour, code in ((OUTDATED, "outdated_identity"), (FORK, "forked_identity")):
            server.misbehave(behaviour)
            problem = refused(scene.asker.add_peer, server.url)
            assert problem.code == code
            row = scene.asker.peer_row(peer)
            assert (row["state"], row["urls"]) == (behaviour.state, [ELSEWHERE])
            alert = scene.asker.events("peer.identity_differs")[-1]
            assert alert["detail"]["code"] == code


@pytest.mark.parametrize("behaviour", [SHRUNK, EQUIVOCATING], ids=lambda one: one.name)
def test_the_newest_head_of_a_log_stays(scene, behaviour):
    """The asker has seen nine lines; then there are fewer, or nine others."""
    node = HostileNode("Forgetting")
    with Server(scene.holder(node)).serving() as server:
        server.document = lambda: HEAD(node)
        alerts = len(scene.asker.events("peer.log_differs"))
        meets(scene, server, behaviour)
        (kept,) = scene.asker.rows(
            "catalog",
            f"SELECT checkpoint FROM peers WHERE hex(id) = '{node.id.upper()}'",
        )
        assert (b"a" * 32) in kept[0]
        differs = len(scene.asker.events("peer.log_differs")) - alerts
        assert differs == (behaviour is EQUIVOCATING)


def test_what_is_left_of_all_of_it_is_small(scene):
    """Nothing half-stored grows without end: the packs of what still waits, and no more."""
    kept = sum(
        path.stat().st_size
        for part in ("packs", "staging")
        for path in (Path(scene.asker.home) / part).rglob("*")
    )
    fetched = sum(len(one) for one in FILES)
    assert kept <= 2 * fetched * len([one for one in BEHAVIOURS if one.path.endswith("packs")])


def test_the_honest_control_still_works_afterwards(scene):
    with Server(scene.holder()).serving() as server:
        scene.asker.add_peer(server.url)
        done = scene.asker.fetch(server.holder.offer_to(scene.asker.did))
        assert (done["state"], done["receipt"]) == ("done", "taken"), done
        scene.clear()

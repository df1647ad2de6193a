"""Five practices over a month, and a sixth that lies.

One moves, one changes its key, one is robbed, one is thrown out, one sleeps, one comes back from an
old backup.

Every node is a process of its own with a clock that the test moves. All that nodes say to each
other goes through a proxy before each of them, which counts messages and bytes.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import pytest

from integration.test_clock import DAY, MovableNode
from integration.test_next_key import ask, come_back, restore
from support.byzantine.server import Server
from support.byzantine.wire import WIRE
from support.fault_proxy import FaultProxy
from support.hostile_peer import HostileNode
from support.killable_node import wait_for
from support.lying_holder import LyingHolder
from support.programs import needed, package
from support.two_nodes import RunningNode, dicom_file, pixels, proofs_of, refused, short_directory
from undisc_protocol.errors import OutdatedIdentity
from undisc_protocol.identity import read_identity
from undisc_protocol.offer import read_accepted_offer

pytestmark = pytest.mark.integration

NAMES: Final = ("Moving", "Rotating", "Robbed", "Leaving", "Sleeping")
MONTH: Final = 31 * DAY


class Member(MovableNode):
    """A node that others reach through a proxy of its own.

    Attributes:
        proxy: Stands at its public address.
    """

    proxy: FaultProxy

    def stand_behind(self, proxy: FaultProxy) -> None:
        self.proxy = proxy
        self.url = proxy.url

    def move_house(self) -> None:
        """Answer somewhere else from now on, and nowhere else."""
        self.stop()
        self.proxy.close()
        before = self.url
        self.stand_behind(FaultProxy(self.public_port))
        path = self.home / "undisc.toml"
        path.write_text(path.read_text().replace(before, self.url))
        self.start()

    def gives(self, other: Member, number: int) -> bytes:
        """Take a new study in and grant it; return the offer."""
        study = self.import_bytes(
            dicom_file(number, study=f"1.2.90.{number}", extra=pixels(os.urandom(3_000)))
        )
        return self.grant(study.text("study"), other.node_id)[1]

    def knows(self, other: Member) -> dict[str, Any]:
        """Return what it knows of another member."""
        rows = self.admin.get("peers").raw["peers"]
        return next(one for one in rows if one["id"] == other.node_id)


class Federation:
    """Five members that all know each other.

    Attributes:
        figures: What each act cost all proxies together: messages, bytes.
    """

    def __init__(self, members: list[Member]) -> None:
        self.members = members
        self.figures: dict[str, tuple[int, int]] = {}
        self._number = 0
        self._seen = (0, 0)

    def exchange(self, holder: Member, asker: Member) -> None:
        """Require that a new study crosses."""
        self._number += 1
        done = asker.fetch(holder.gives(asker, self._number))
        assert (done["state"], done["receipt"]) == ("done", "taken"), (
            holder.name,
            asker.name,
            done,
        )

    def everybody_but(self, *absent: Member) -> list[Member]:
        return [one for one in self.members if one not in absent]

    def ring(self, *absent: Member) -> None:
        """Let a study cross from each to the next."""
        present = self.everybody_but(*absent)
        for holder, asker in zip(present, [*present[1:], present[0]], strict=True):
            self.exchange(holder, asker)

    def counted(self, act: str) -> None:
        """Note what has been said since the last time."""
        every = [one for member in self.members for one in member.proxy._exchanges]
        total = len(every), sum(one.asked + one.sent for one in every)
        self.figures[act] = (total[0] - self._seen[0], total[1] - self._seen[1])
        self._seen = total
        print(f"{act}: {self.figures[act][0]} messages, {self.figures[act][1]:,} bytes", flush=True)

    def begin_again(self) -> None:
        """Count from here: proxies have changed."""
        self.counted("")
        del self.figures[""]


@pytest.fixture
def federation() -> Iterator[Federation]:
    package("faketime", "faketime")
    library = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
    needed(library, "libfaketimeMT.so.1 is not where Debian puts it")
    MovableNode.library = str(library)
    with short_directory() as directory, ExitStack() as stack:
        members = []
        for name in NAMES:
            member = Member(directory / name.lower(), f"Practice {name}")
            member.stand_behind(FaultProxy(member.public_port))
            stack.callback(lambda one=member: one.proxy.close())
            member.init()
            member.move_clock(0)
            stack.callback(member.stop)
            member.start()
            members.append(member)
        yield Federation(members)


def test_a_month_of_a_federation(federation):
    moving, rotating, robbed, leaving, sleeping = federation.members
    everybody_knows_everybody(federation)
    a_day_of_work(federation)
    one_moves(federation, moving)
    one_rotates(federation, rotating)
    one_is_robbed_and_recovers(federation, robbed)
    one_lies_to_all(federation, leaving)
    one_is_thrown_out(federation, leaving)
    one_comes_back_from_an_old_backup(federation, moving)
    one_sleeps_a_month(federation, sleeping, absent=leaving)
    for member in federation.members:
        assert member.check_log() > 0


def everybody_knows_everybody(federation: Federation) -> None:
    for member in federation.members:
        for other in federation.everybody_but(member):
            assert member.add_peer(other.url) == other.node_id
    for member in federation.members:
        states = [one["state"] for one in member.admin.get("peers").raw["peers"]]
        assert states == ["trusted"] * 4
    federation.counted("pairing of five, each with each")


def a_day_of_work(federation: Federation) -> None:
    """The figures of the trust model come from here: five studies of one small image cross."""
    federation.ring()
    federation.counted("five studies cross")


def one_moves(federation: Federation, moving: Member) -> None:
    """The address changes; whoever gets something from it learns that by itself."""
    peer = federation.members[1]
    before = peer.knows(moving)["urls"]
    moving.move_house()
    federation.begin_again()
    assert moving.url not in before
    federation.exchange(moving, peer)
    assert peer.knows(moving)["urls"] == [moving.url]
    federation.exchange(peer, moving)
    federation.counted("one moved, and two studies crossed")


def copy_of(node: Member) -> Path:
    """Copy a home without its keys, as a backup does."""
    node.stop()
    copied = node.directory / "backup"
    shutil.copytree(node.home, copied, ignore=shutil.ignore_patterns("keys", "admin.sock"))
    node.start()
    return copied


def change_key(node: Member, how: str) -> None:
    secret = node.directory / "kit-passphrase"
    changed = node.undisc(
        "keys", how, str(node.directory / "recovery-kit.txt"), "--new-kit",
        str(node.directory / f"kit-{how}.txt"), "--passphrase-file", str(secret), "--yes",
    )  # fmt: skip
    assert changed.exit_code == 0, changed.complaint
    number = lambda: node.undisc("keys", "status").body.get("keys", {}).get("number")  # noqa: E731
    wait_for("the key has changed", lambda: number() == 1, seconds=30)


def one_rotates(federation: Federation, rotating: Member) -> None:
    """Shares of before work on, and every peer follows by itself."""
    given = [(rotating, one, rotating.gives(one, 100 + n))
             for n, one in enumerate(federation.everybody_but(rotating))]  # fmt: skip
    before = rotating.did
    change_key(rotating, "rotate")
    assert rotating.did != before
    for _, asker, offer in given:
        done = asker.fetch(offer)
        assert (done["state"], done["receipt"]) == ("done", "taken"), done
        row = asker.knows(rotating)
        assert (row["did"], row["state"]) == (rotating.did, "trusted")
    federation.counted("one rotated, and four studies crossed")


def one_is_robbed_and_recovers(federation: Federation, robbed: Member) -> None:
    """Attack: who took the key uses it at a peer, after the owner has recovered."""
    peer = federation.members[0]
    records = [path.read_bytes() for path in sorted(robbed.home.glob("identity-*"))]
    thief = robbed.node_key(), read_identity(records)
    (grant,) = proofs_of(peer.gives(robbed, 200))
    change_key(robbed, "recover")
    wait_for("it answers", lambda: robbed.admin.get("status").raw, seconds=30)
    robbed.admin.post("restored/confirm", {"keep_all": True})
    federation.exchange(robbed, peer)
    assert peer.knows(robbed)["did"] == robbed.did != thief[0].did
    answered = len(peer.events("fetch.answered"))
    with pytest.raises(OutdatedIdentity):
        ask(peer, *thief, grant)
    assert len(peer.events("fetch.answered")) == answered
    assert peer.events("peer.identity_differs")[-1]["detail"]["code"] == "outdated_identity"
    federation.exchange(peer, robbed)
    federation.counted("one was robbed and recovered, two studies crossed, the thief knocked")


def one_lies_to_all(federation: Federation, victim: Member) -> None:
    """A sixth, trusted by one member, answers with nonsense: only its own fetch suffers."""
    liar = LyingHolder(
        HostileNode("Liar"), [dicom_file(1, study="1.2.91", extra=pixels(b"x" * 900))]
    )
    noise = next(one for one in WIRE if one.name == "binary noise")
    with Server(liar).serving() as server:
        peer = victim.add_peer(server.url)
        server.misbehave(noise)
        held = len(victim.studies())
        fetch = victim.begin_fetch(liar.offer_to(victim.did))
        wait_for("it met the lie", lambda: server.misbehaved, seconds=20)
        federation.exchange(federation.members[0], victim)
        assert len(victim.studies()) == held + 1
        assert victim.fetch_row(fetch)["study"] is None
        victim.admin.post(f"peers/{peer}/revoke")
    federation.counted("one lied, and one study crossed meanwhile")


def one_is_thrown_out(federation: Federation, leaving: Member) -> None:
    """Everybody revokes it: what it was given ends, and what it gives is not taken."""
    holder = federation.members[0]
    offer, own = holder.gives(leaving, 300), leaving.gives(holder, 301)
    for member in federation.everybody_but(leaving):
        member.admin.post(f"peers/{leaving.node_id}/revoke")
    failed = leaving.fetch(offer)
    assert (failed["state"], failed["problem"]["code"]) == ("failed", "revoked")
    assert refused(holder.fetch, own).code == "peer_not_trusted"
    federation.ring(leaving)
    federation.counted("one was thrown out, and four studies crossed")


def one_sleeps_a_month(federation: Federation, sleeping: Member, *, absent: Member) -> None:
    """Its cards are over everywhere when it wakes; it is still who it was."""
    awake = federation.everybody_but(sleeping, absent)
    sleeping.stop()
    for member in (*awake, sleeping):
        member.move_clock(MONTH)
    federation.ring(sleeping, absent)
    sleeping.start()
    for member in awake:
        assert member.knows(sleeping)["state"] == "trusted"
    federation.exchange(awake[0], sleeping)
    federation.exchange(sleeping, awake[1])
    federation.counted("one slept a month, and five studies crossed")


def one_comes_back_from_an_old_backup(federation: Federation, lost: Member) -> None:
    """What it forgot comes back from its peers, and nothing that was revoked does."""
    peer = federation.members[1]
    offer = lost.gives(peer, 400)
    copied = copy_of(lost)
    grant = read_accepted_offer(offer).proofs[0].signed_hash.hex()
    lost.admin.post(f"grants/{grant}/revoke")
    federation.exchange(lost, peer)
    lost.stop()
    shutil.rmtree(lost.home)
    restore(lost, copied)
    recalled = come_back(lost)
    lost.start()
    assert max(one.missing_lines for one in recalled) > 0
    assert sum(one.stored for one in recalled) == 1
    waiting = peer.begin_fetch(offer)
    wait_for("a restored node gives nothing", lambda: not_given(peer, waiting), seconds=20)
    lost.admin.post("restored/confirm", {"keep_all": True})
    assert peer.knows(lost)["state"] == "trusted"
    federation.exchange(peer, lost)
    federation.counted("one was restored from an old backup, and two studies crossed")


def not_given(node: RunningNode, fetch: str) -> bool:
    """Tell whether a fetch has been told no, or to wait."""
    row = node.admin.get(f"fetches/{fetch}").part("fetch").raw
    assert row["state"] != "done"
    return bool(row["problem"])

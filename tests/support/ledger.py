"""What a node has acknowledged, and the proof that it is still so: the one checker of invariants.

Whatever ended the node (kill, power cut, a full disk, a failing call), after the next start:

1. acknowledged instances are there, with their bytes; of others, what is visible is whole;
2. what was deleted is gone, and what was settled, granted or fetched is so;
3. what was revoked is refused, and stays revoked;
4. the log verifies, has not become shorter, and has a line for each decision;
5. no file, key or upload lies about that belongs to nothing;
6. the node was ready within five seconds.
"""

from __future__ import annotations

import base64
import os
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

from support.killable_node import KillableNode, wait_for
from undisc_protocol.log import Event

READY_SECONDS: Final = 5.0
_LEFTOVER_SECONDS: Final = 5.0  # a fetch that goes on moves its pack while we look
_FETCH_SECONDS: Final = 60.0
_MANY: Final = 25  # revoked permissions that are tried over the network at the end
_LINES: Final = {"grant": "grant.created", "share": "share.registered"}


@dataclass(slots=True)
class Permission:
    """A grant or share that the node acknowledged.

    Attributes:
        kind: `grant` or `share`.
        study: Study Instance UID.
        offer: What its recipient would fetch with; empty where it is for a link.
        revoking: A revocation was asked for.
        revoked: It was acknowledged.
    """

    kind: str
    study: str
    offer: bytes
    revoking: bool = False
    revoked: bool = False


@dataclass(slots=True)
class Ledger:
    """What was asked of a node and what it acknowledged; safe to write to from many threads.

    Attributes:
        expected: BLAKE3 of every instance that was ever sent, by SOP Instance UID.
        study_of: Its Study Instance UID.
        stored: Instances that were acknowledged.
        settled: Studies whose settling was acknowledged, and how many instances they had.
        in_use: Studies that somebody sends.
        deleting: Studies whose deletion was asked for.
        deleted: Those for which it was acknowledged.
        permissions: By id.
        fetches: Study Instance UID of each acknowledged fetch, by id.
        fetched: Fetches that were seen to be done.
        backups: By name of each acknowledged snapshot: instances that were acknowledged before.
        lines: Length that the log had at least.
        fresh: Studies that changed since the last check.
        ready: Seconds until the node answered, for each start.
        checks: How often what was verified, for the report.
    """

    expected: dict[str, str] = field(default_factory=dict)
    study_of: dict[str, str] = field(default_factory=dict)
    stored: set[str] = field(default_factory=set)
    settled: dict[str, int] = field(default_factory=dict)
    in_use: Counter[str] = field(default_factory=Counter)
    deleting: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)
    permissions: dict[str, Permission] = field(default_factory=dict)
    fetches: dict[str, str] = field(default_factory=dict)
    fetched: set[str] = field(default_factory=set)
    backups: dict[str, frozenset[str]] = field(default_factory=dict)
    lines: int = 0
    fresh: set[str] = field(default_factory=set)
    ready: list[float] = field(default_factory=list)
    checks: dict[str, int] = field(default_factory=dict)
    guard: threading.RLock = field(default_factory=threading.RLock)

    def send(self, study: str, sop_uid: str, blake3: str) -> None:
        """Note that an instance is about to be sent."""
        with self.guard:
            self.expected[sop_uid] = blake3
            self.study_of[sop_uid] = study
            self.fresh.add(study)

    def acknowledge(self, sop_uid: str) -> None:
        """Note that an instance was acknowledged."""
        with self.guard:
            self.stored.add(sop_uid)

    def take(self, study: str) -> bool:
        """Keep a study from being deleted; False when it is condemned already."""
        with self.guard:
            if study in self.deleting:
                return False
            self.in_use[study] += 1
            return True

    def let_go(self, study: str) -> None:
        """Nobody sends it any more."""
        with self.guard:
            self.in_use[study] -= 1

    def condemn(self, study: str) -> bool:
        """Note that a study is about to be deleted; False when somebody sends it."""
        with self.guard:
            if self.in_use[study]:
                return False
            self.deleting.add(study)
            return True

    def studies(self) -> list[str]:
        """List studies that have something acknowledged and are not to be deleted."""
        with self.guard:
            return sorted({self.study_of[one] for one in self.stored} - self.deleting)

    def open_permissions(self) -> list[str]:
        """List permissions that nobody has asked to revoke, of studies that stay."""
        with self.guard:
            return [
                name
                for name, one in self.permissions.items()
                if not one.revoking and one.study not in self.deleting
            ]

    def count(self, what: str, number: int = 1) -> None:
        """Count something for the report."""
        self.checks[what] = self.checks.get(what, 0) + number

    def summary(self) -> dict[str, int]:
        """Say what was acknowledged."""
        return {
            "instances": len(self.stored),
            "settled": len(self.settled),
            "deleted": len(self.deleted),
            "permissions": len(self.permissions),
            "revocations": sum(one.revoked for one in self.permissions.values()),
            "fetches": len(self.fetched),
            "backups": len(self.backups),
        }


def start_timed(node: KillableNode, ledger: Ledger) -> None:
    """Start a node; it must be ready in time."""
    began = time.monotonic()
    node.start()
    node.admin.get("status")
    took = time.monotonic() - began
    if node.forks is None:
        ledger.ready.append(took)
    # Others may be at work on this machine; alone, the bound is the bound.
    busy = max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
    assert took <= READY_SECONDS * busy, f"ready only after {took:.1f} s"


def check(
    node: KillableNode,
    ledger: Ledger,
    chance: random.Random,
    *,
    asker: KillableNode | None = None,
    everything: bool = False,
) -> None:
    """Prove the invariants on a running node.

    Args:
        node: The node.
        ledger: What it acknowledged.
        chance: Chooses samples.
        asker: A trusted peer that tries what was granted and what was revoked.
        everything: Read back every byte, and try many revoked permissions.
    """
    listed = {one["uid"]: one for one in node.studies()}
    held = {uid: node.hashes(one["id"]) for uid, one in listed.items()}
    _check_instances(ledger, held)
    _check_bytes(node, ledger, listed, held, chance, everything=everything)
    _check_studies(ledger, listed)
    _check_permissions(node, ledger)
    _check_fetches(node, ledger, listed, everything=everything)
    if asker is not None:
        _check_refusals(asker, ledger, chance, everything=everything)
    _check_log(node, ledger)
    if node.leftovers():
        wait_for(
            f"nothing lies about: {node.leftovers()}",
            lambda: not node.leftovers(),
            seconds=_LEFTOVER_SECONDS,
        )
    ledger.fresh.clear()
    ledger.count("checks")


def _check_instances(ledger: Ledger, held: dict[str, dict[str, str]]) -> None:
    for sop_uid in ledger.stored:
        study = ledger.study_of[sop_uid]
        if study not in ledger.deleting:
            there = held.get(study, {}).get(sop_uid)
            assert there == ledger.expected[sop_uid], f"acknowledged and lost: {sop_uid}"
    for uid, instances in held.items():
        assert instances, f"a study without instances is visible: {uid}"
        for sop_uid, blake3 in instances.items():
            assert ledger.expected[sop_uid] == blake3, f"other bytes: {sop_uid}"


def _check_bytes(
    node: KillableNode,
    ledger: Ledger,
    listed: dict[str, dict[str, Any]],
    held: dict[str, dict[str, str]],
    chance: random.Random,
    *,
    everything: bool,
) -> None:
    old = sorted(listed.keys() - ledger.fresh)
    sample = old if everything else chance.sample(old, min(2, len(old)))
    for uid in sorted((ledger.fresh & listed.keys()) | set(sample)):
        assert node.hashes_read_back(listed[uid]["id"]) == held[uid], f"listed, not readable: {uid}"
        ledger.count("instances read back", len(held[uid]))


def _check_studies(ledger: Ledger, listed: dict[str, dict[str, Any]]) -> None:
    for uid in ledger.deleted:
        assert uid not in listed, f"deleted and back: {uid}"
    for uid, instances in ledger.settled.items():
        if uid in listed and listed[uid]["instances"] == instances:
            assert listed[uid]["settled"], f"settled and open again: {uid}"


def _check_permissions(node: KillableNode, ledger: Ledger) -> None:
    written = [Event.decode(row[0]).type for row in node.rows("catalog", "SELECT event FROM log")]
    for kind in ("grant", "share"):
        rows = {row["id"]: row for row in node.admin.get(f"{kind}s").raw[f"{kind}s"]}
        for name, one in ledger.permissions.items():
            if one.kind != kind:
                continue
            assert name in rows, f"acknowledged {kind} lost: {name}"
            state = rows[name]["state"]
            if one.revoked:
                assert state == "revoked", f"a revoked {kind} is {state}: {name}"
            elif not one.revoking:
                assert state == "active", f"a {kind} is {state}: {name}"
        assert written.count(_LINES[kind]) == len(rows), f"{kind}s without line, or lines without"


def _check_fetches(
    node: KillableNode, ledger: Ledger, listed: dict[str, dict[str, Any]], *, everything: bool
) -> None:
    for name, study in ledger.fetches.items():
        row = node.fetch_row(name)
        if everything and study not in ledger.deleting:
            row = node.follow(name)
            assert row["state"] == "done", row
        if name in ledger.fetched or row["state"] == "done":
            assert row["state"] == "done", f"done and not done: {row}"
            if study not in listed and study not in ledger.deleting:  # since it was listed?
                now = {one["uid"] for one in node.studies()}
                assert study in now, f"fetched and lost: {name}"
        else:
            assert row["state"] in {"running", "paused"} or study in ledger.deleting, row


def _check_refusals(
    asker: KillableNode, ledger: Ledger, chance: random.Random, *, everything: bool
) -> None:
    known = [one for one in ledger.permissions.values() if one.offer]
    revoked = [one for one in known if one.revoked]
    for one in chance.sample(revoked, min(_MANY if everything else 2, len(revoked))):
        row = _fetched(asker, one.offer)
        assert row["state"] == "failed", f"revoked and served: {row}"
        ledger.count("refusals")
    good = [one for one in known if not one.revoking and one.study not in ledger.deleting]
    for one in chance.sample(good, min(1, len(good))):
        row = _fetched(asker, one.offer)
        assert row["state"] == "done", f"granted and refused: {row}"
        ledger.count("grants used")


def _fetched(asker: KillableNode, offer: bytes) -> dict[str, Any]:
    answer = asker.admin.post("fetches", {"offer": base64.b64encode(offer).decode()})
    name = answer.part("fetch").text("id")

    def ended() -> dict[str, Any] | None:
        row = dict(asker.fetch_row(name))
        if row["state"] == "paused":
            asker.admin.post(f"fetches/{name}/resume")
        return row if row["state"] in {"done", "failed"} else None

    found: dict[str, Any] = wait_for(f"fetch {name} ends", ended, seconds=_FETCH_SECONDS)
    return found


def _check_log(node: KillableNode, ledger: Ledger) -> None:
    size = node.check_log()
    assert size >= ledger.lines, f"lines of the log are gone: {size} of {ledger.lines}"
    ledger.lines = size

"""A small disk that is filled and freed again and again under a working node.

Each pass: the disk becomes full, by images up to the reserve or by another program to the last
byte; nothing is told stored that is not; revoking and the log go on; with room all heals at once.
"""

from __future__ import annotations

import os
import random
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from support.dicom_files import IMPLICIT, SC
from support.killable_node import KillableNode, wait_for
from support.ledger import Ledger, Permission, check
from support.programs import needed
from support.raw_sender import RawSender
from support.studies_on_disk import blake3_of, make_study
from support.two_nodes import befriend, refused, settings, short_directory
from undisc_node.dicom.part10 import compose_part10

MIB: Final = 1 << 20
DISK_MIB: Final = 192
BALLAST_MIB: Final = 32
RESERVE_MIB: Final = 40  # more than the ballast, or ingest would fill what that gives
HEAL_SECONDS: Final = 5.0
_CLASS: Final = 0xFF00
_OUT_OF_RESOURCES: Final = 0xA700  # PS3.4 §B.2.3: A7xx


@contextmanager
def small_disk(mib: int) -> Iterator[Path]:
    """Mount a disk of this size, in memory."""
    needed(os.geteuid() == 0, "only root can mount a small disk")
    with short_directory() as directory:
        options = ["-t", "tmpfs", "-o", f"size={mib}m", "tmpfs"]
        subprocess.run(["mount", *options, str(directory)], check=True, timeout=10)
        try:
            yield directory
        finally:
            subprocess.run(["umount", str(directory)], check=True, timeout=10)


def fill(path: Path) -> None:
    """Write until the disk takes no more."""
    for block in (MIB, 4096, 1):
        with suppress(OSError), path.open("ab", buffering=0) as file:
            while True:
                file.write(bytes(block))


class FullDisk:
    """One node on a small disk, a peer that tries its offers, and the books."""

    def __init__(self, node: KillableNode, other: KillableNode, disk: Path, chance: random.Random):
        self._node, self._other, self._chance = node, other, chance
        self._filler = disk / "filler"
        self._ballast = disk / "n" / "home" / "ballast"
        self._number = 0
        self.ledger = Ledger()
        self.found: Counter[str] = Counter()
        self.healed: list[float] = []

    def one_pass(self) -> None:
        """Fill, prove, free, prove."""
        wait_for("the ballast is there", self._ballast.exists, seconds=HEAL_SECONDS)
        self._permit()
        if self._chance.random() < 0.5:
            self._leave(self._chance.randrange(20 * MIB))
            self.found["passes filled by images"] += 1
        else:
            fill(self._filler)
            self.found["passes filled to the last byte"] += 1
        deadline = time.monotonic() + 20
        while self._send() and time.monotonic() < deadline:
            pass
        self._refuse_import()
        self._revoke()
        began = time.monotonic()
        self._filler.unlink(missing_ok=True)
        self._make_room()
        wait_for("it heals", self._send, seconds=HEAL_SECONDS)
        self.healed.append(time.monotonic() - began)
        check(self._node, self.ledger, self._chance, asker=self._other)

    def _leave(self, count: int) -> None:
        free = os.statvfs(self._filler.parent)
        size = max(0, free.f_bavail * free.f_frsize - RESERVE_MIB * MIB - count)
        self._filler.write_bytes(bytes(size))

    def _send(self) -> bool:
        """Send a study by C-STORE; True when all of it was stored."""
        self._number += 1
        sizes = [self._chance.choice((20_000, 300_000, 1_500_000)) for _ in range(4)]
        study = make_study(self._number, sizes, seed=5)
        address = ("127.0.0.1", self._node.dicom_port)
        with RawSender(address, [(SC, IMPLICIT)], calling="CT", timeout=30) as sender:
            for one in study.instances:
                head = compose_part10(
                    sop_class=SC, sop_uid=one.sop_uid, transfer_syntax=IMPLICIT, calling_ae="CT"
                )
                self.ledger.send(study.uid, one.sop_uid, blake3_of(head + one.data_set))
                status, _ = sender.store(1, SC, one.sop_uid, one.data_set, fragment=100_000)
                if status != 0:
                    assert status & _CLASS == _OUT_OF_RESOURCES, f"status {status:04x}"
                    self.found["C-STORE refused with A7xx"] += 1
                    return False
                self.ledger.acknowledge(one.sop_uid)
        return True

    def _refuse_import(self) -> None:
        self._number += 1
        study = make_study(self._number, [3_000_000], seed=5)
        [one] = study.instances
        self.ledger.send(study.uid, one.sop_uid, blake3_of(one.file))
        problem = refused(self._node.import_bytes, one.file)
        assert problem.code in {"disk_full", "disk_reserve"}, problem.code
        assert problem.hint
        self.found["imports refused"] += 1

    def _permit(self) -> None:
        self._send()
        study = self._chance.choice(self.ledger.studies())
        for _ in range(3):
            name, offer = self._node.grant(study, self._other.name)
            self.ledger.permissions[name] = Permission("grant", study, offer)

    def _revoke(self) -> None:
        """Take back two grants while the disk is full, and verify the log."""
        for name in self.ledger.open_permissions()[:2]:
            one = self.ledger.permissions[name]
            one.revoking = True
            self._node.admin.post(f"grants/{name}/revoke")
            one.revoked = True
            self.found["revoked while full"] += 1
        self._node.check_log()
        self.found["logs verified while full"] += 1

    def _make_room(self) -> None:
        """Delete studies until ingest may go on: deleting must work while the disk is full."""
        for uid in self.ledger.studies():
            free = os.statvfs(self._filler.parent)
            wanted = RESERVE_MIB + 12 + (0 if self._ballast.exists() else BALLAST_MIB)
            if free.f_bavail * free.f_frsize > wanted * MIB:
                return
            if any(one.study == uid and not one.revoking for one in self._permissions()):
                continue
            assert self.ledger.condemn(uid)
            self._node.admin.delete(f"studies/{uid}")
            self.ledger.deleted.add(uid)

    def _permissions(self) -> list[Permission]:
        return list(self.ledger.permissions.values())


def full_disk(passes: int, seed: str, say: Callable[[str], None]) -> dict[str, Any]:
    """Fill and free a small disk so many times; return what was seen."""
    chance = random.Random(seed)
    with small_disk(DISK_MIB) as disk, short_directory() as elsewhere:
        node, other = KillableNode(disk / "n", "Small"), KillableNode(elsewhere / "o", "Other")
        try:
            for one in (node, other):
                one.init()
            settings(node, ingest__reserve_mib=RESERVE_MIB)
            for one in (node, other):
                one.start()
            befriend(node, other)
            run = FullDisk(node, other, disk, chance)
            for number in range(passes):
                run.one_pass()
                say(f"{number + 1} passes, {dict(run.found)}")
            node.kill_now()
            node.bury()
            node.start()
            check(node, run.ledger, chance, asker=other, everything=True)
        finally:
            node.stop()
            other.stop()
    return {
        "passes": passes,
        **run.found,
        "acknowledged": run.ledger.summary(),
        "healed_seconds_most": round(max(run.healed), 2),
    }

"""Whether backups that were taken and killed beside a dying node are worth anything."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from support.actors import repository_of
from support.killable_node import KillableNode
from support.ledger import Ledger
from support.leftovers import leftovers, rows


def check_backups(node: KillableNode, ledger: Ledger, chance: random.Random) -> None:
    """Prove that every acknowledged snapshot opens, and one of them restores to the last byte.

    A restore is killed on its way and run again. What the snapshot had is in the new home, unless
    it was deleted since, and every permission is suspended.
    """
    if not ledger.backups:
        return
    repository = repository_of(node)
    _node(node.home, "backup", "--to", str(repository), "--keep", "100")
    found = leftovers(node.home, backup=True)
    assert found == [], f"after a backup that went well: {found}"
    listed = json.loads(_node(node.home, "backup", "list", "--to", str(repository), "--json"))
    assert not [one for one in listed if "problem" in one], listed
    assert ledger.backups.keys() <= {one["snapshot"] for one in listed}, "a snapshot is gone"
    name = chance.choice(sorted(ledger.backups))
    new = node.directory / "restored"
    wish = ["--from", str(repository), "--keys", str(node.home / "keys"), "--snapshot", name]
    try:
        _killed(new, "restore", *wish, after=chance.uniform(0.3, 1.2))
        if not (new / "identity-0").exists():
            _node(new, "restore", *wish)
        _compare(new, ledger, name)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    ledger.count("restores")


def _compare(new: Path, ledger: Ledger, name: str) -> None:
    report: dict[str, Any] = json.loads(_node(new, "check", "--read-data", "--json"))
    assert report["problems"] == [], report
    held = {row[0]: row[1] for row in rows(new, "catalog", "SELECT uid, instances FROM studies")}
    wanted: dict[str, int] = {}
    for sop_uid in ledger.backups[name]:
        study = ledger.study_of[sop_uid]
        wanted[study] = wanted.get(study, 0) + 1
    for study, count in wanted.items():
        if study not in ledger.deleting:
            assert held.get(study, 0) >= count, f"backed up and not restored: {study}"
    assert not held.keys() & ledger.deleted, "deleted and restored"
    valid = rows(
        new,
        "catalog",
        "SELECT count(*) FROM grants WHERE revoked_ms IS NULL"
        " AND id NOT IN (SELECT capability FROM suspended)",
    )
    assert valid == [(0,)], "a permission is valid right after a restore"


def _command(home: Path, arguments: tuple[str, ...]) -> list[str]:
    program = Path(sys.executable).with_name("undisc-node")
    return [str(program), "--home", str(home), *arguments]


def _node(home: Path, *arguments: str) -> str:
    done = subprocess.run(
        _command(home, arguments), capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _killed(home: Path, *arguments: str, after: float) -> None:
    with subprocess.Popen(
        _command(home, arguments), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            process.wait(after)
        except subprocess.TimeoutExpired:
            process.kill()

"""Backups of a home: takes snapshots, lists them, remembers when the last one succeeded.

Works beside a running node and on a stopped one. Restoring is `restoring`; the format and what it
promises are in docs/adr/0012-backup-format.md.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from undisc_node.clocks import SystemClock, SystemEntropy
from undisc_node.config import CONFIG_FILE, Settings
from undisc_node.services.errors import Conflict, Damaged, Invalid
from undisc_node.services.ports import Clock, Entropy
from undisc_node.storage import home as homes
from undisc_node.storage.backup.pruning import Pruned, Retention
from undisc_node.storage.backup.reading import Snapshots
from undisc_node.storage.backup.repository import opened
from undisc_node.storage.backup.sealing import Sealer
from undisc_node.storage.backup.snapshot import Snapshot
from undisc_node.storage.backup.writing import HomeFacts, Progress, SnapshotTaker
from undisc_node.storage.faults import disk_faults
from undisc_protocol.identity import commitment, read_identity, read_identity_record
from undisc_protocol.keys import SignKey
from undisc_protocol.kit import Kit

LAST_BACKUP: Final = "last-backup"
_MAX_NOTE: Final = 65_536  # bytes of last-backup; it has about 300


@dataclass(frozen=True, slots=True)
class LastBackup:
    """What the home remembers of its last good backup.

    Attributes:
        snapshot: Its name.
        at_ms: When the catalog was copied: what came later is not in it; milliseconds since 1970.
        repository: Where it lies.
        log_size: Lines of the log that are in it.
        keyring_days: How long its repository keeps older keyrings.
    """

    snapshot: str
    at_ms: int
    repository: str
    log_size: int
    keyring_days: int


@dataclass(frozen=True, slots=True)
class Made:
    """A backup that succeeded.

    Attributes:
        snapshot: Its manifest.
        repository: Where it lies.
        new_bytes: Bytes written.
        new_packs: Packs of which something was copied.
        seconds: How long it took.
        pruned: What was removed afterwards.
    """

    snapshot: Snapshot
    repository: Path
    new_bytes: int
    new_packs: int
    seconds: float
    pruned: Pruned

    def as_json(self) -> dict[str, Any]:
        """Return it for programs."""
        return {
            **summary(self.snapshot),
            "repository": str(self.repository),
            "new_bytes": self.new_bytes,
            "new_packs": self.new_packs,
            "skipped_packs": len(self.snapshot.skipped),
            "seconds": round(self.seconds, 3),
            "removed_snapshots": self.pruned.snapshots,
            "removed_keyrings": self.pruned.keyrings,
            "removed_files": self.pruned.files,
            "unreadable_snapshots": list(self.pruned.unreadable),
        }


@dataclass(frozen=True, slots=True)
class Listed:
    """A snapshot in a list.

    Attributes:
        name: Its name.
        snapshot: Its manifest; None when it is damaged.
        problem: What is wrong with it, or empty.
    """

    name: str
    snapshot: Snapshot | None
    problem: str


def summary(snapshot: Snapshot) -> dict[str, Any]:
    """Return what programs may want to know of a snapshot."""
    return {
        "snapshot": snapshot.name,
        "at_ms": snapshot.at_ms,
        "version": snapshot.version,
        "packs": snapshot.pack_count,
        "pack_bytes": snapshot.pack_bytes,
        "catalog_bytes": snapshot.catalog_size,
        "log_size": snapshot.log_size,
        "counts": dict(snapshot.counts),
    }


def repository_of(settings: Settings, wanted: Path | None) -> Path:
    """Return where the backups are: what was asked for, or what the settings say.

    Raises:
        Invalid: Neither says anything, or it lies inside the home.
    """
    if wanted is None and not settings.backup_path:
        raise Invalid(
            "it is not set where the backups are",
            code="no_backup_path",
            hint=f"use --to DIRECTORY, or set backup.path in {settings.home / CONFIG_FILE}",
        )
    path = (wanted or Path(settings.backup_path)).expanduser().absolute()
    if path.resolve().is_relative_to(settings.home.resolve()):
        raise Invalid(
            "the backups lie inside the home, and would be lost with it",
            code="backup_in_home",
            hint="choose a directory on another disk",
        )
    return path


def back_up(
    settings: Settings,
    repository: Path,
    *,
    keep: int,
    keyring_days: int,
    progress: Progress,
    clock: Clock | None = None,
    entropy: Entropy | None = None,
) -> Made:
    """Take a snapshot of a home, and remove old ones.

    Args:
        settings: The home's.
        repository: Where to; made if it is not there.
        keep: How many snapshots to keep, at least 1.
        keyring_days: Days for which older keyrings are kept.
        progress: Is told what is done, and how many bytes of how many.
        clock: Time; the system's if not given.
        entropy: Random numbers; the system's if not given.

    Raises:
        Refused: The repository is another node's.
        Conflict: Another backup or restore is using the repository.
        Damaged: A pack of the home is shorter than it must be.
        DiskFull: No room; earlier snapshots are unharmed.
    """
    clock, entropy = clock or SystemClock(), entropy or SystemEntropy()
    began = time.monotonic()
    keys = homes.read_home(settings.home)
    node = read_identity(keys.records).node_id
    sealer = Sealer(keys.key_encryption_key, entropy)
    facts = HomeFacts(
        path=settings.home,
        node=node,
        settings=_settings_text(settings.home),
        records=keys.records,
        demo=keys.demo,
        version=version("undisc"),
    )

    def remember(snapshot: Snapshot) -> None:
        note = {
            "snapshot": snapshot.name,
            "at_ms": snapshot.at_ms,
            "repository": str(repository),
            "log_size": snapshot.log_size,
            "keyring_days": keyring_days,
        }
        _replace(settings.home / LAST_BACKUP, json.dumps(note).encode() + b"\n")

    with opened(repository, node=node, entropy=entropy, change=True, create=True) as place:
        taker = SnapshotTaker(place, sealer, clock=clock, entropy=entropy, progress=progress)
        taken = taker.take(facts, Retention(keep, keyring_days), done=remember)
    return Made(
        snapshot=taken.snapshot,
        repository=repository,
        new_bytes=taken.new_bytes,
        new_packs=taken.new_packs,
        seconds=time.monotonic() - began,
        pruned=taken.pruned,
    )


def list_backups(settings: Settings, repository: Path) -> list[Listed]:
    """List the snapshots of a repository, oldest first; damaged ones too.

    Raises:
        NotFound: No repository is there.
        Refused: It is another node's.
    """
    with opened_by_home(settings, repository) as snapshots:
        listed: list[Listed] = []
        for name in snapshots.names():
            try:
                listed.append(Listed(name, snapshots.open(name), ""))
            except Damaged as problem:
                listed.append(Listed(name, None, str(problem)))
        return listed


@contextmanager
def opened_by_home(settings: Settings, repository: Path) -> Iterator[Snapshots]:
    """Open a repository for reading with the keys of a home.

    Raises:
        NotFound: No repository is there.
        Refused: It is another node's.
        Conflict: A backup is being written to it.
    """
    keys, entropy = homes.read_home(settings.home), SystemEntropy()
    node = read_identity(keys.records).node_id
    with opened(repository, node=node, entropy=entropy, change=False) as place:
        yield Snapshots(place, Sealer(keys.key_encryption_key, entropy))


def open_with_kit(settings: Settings, kit: Kit) -> Snapshot | None:
    """Open the newest snapshot with a recovery kit alone, as a restore would.

    Args:
        settings: Say where the backups are; if they do not, the last backup does.
        kit: An opened kit that belongs to the node.

    Returns:
        The snapshot; None if the node was never backed up.

    Raises:
        ServiceError: The backup cannot be reached, is damaged, or does not open with this kit.
        Conflict: The kit is newer than the backup, so a restore would refuse it.
    """
    noted = last_backup(settings.home)
    where = settings.backup_path or (noted.repository if noted else "")
    if not where:
        return None
    entropy = SystemEntropy()
    with opened(
        Path(where).expanduser().absolute(), node=kit.node_id, entropy=entropy, change=False
    ) as place:
        snapshots = Snapshots(place, Sealer(kit.key_encryption_key, entropy))
        snapshots.check_key()
        newest = snapshots.newest()
    comes_next = commitment(SignKey.from_seed(kit.recovery_seed))
    if read_identity_record(newest.records[-1]).next_hash != comes_next:
        raise Conflict(
            "the kit is newer than the newest backup, and a restore needs one that knows of it",
            code="backup_older_than_kit",
            hint="back up now: undisc-node backup",
        )
    return newest


def last_backup(home: Path) -> LastBackup | None:
    """Return what the home remembers of its last good backup; None if there was none.

    A note that cannot be read counts as none: whoever asks then waits for the next backup.
    """
    try:
        raw = (home / LAST_BACKUP).read_bytes()[:_MAX_NOTE]
        note = json.loads(raw)
        return LastBackup(
            snapshot=str(note["snapshot"]),
            at_ms=int(note["at_ms"]),
            repository=str(note["repository"]),
            log_size=int(note["log_size"]),
            keyring_days=int(note["keyring_days"]),
        )
    except (OSError, ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None


def _settings_text(home: Path) -> str:
    try:
        return (home / CONFIG_FILE).read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def _replace(path: Path, content: bytes) -> None:
    """Replace a small file of the home, durably."""
    draft = path.with_name(f".{path.name}-{os.getpid()}")
    with disk_faults(path):
        with suppress(FileNotFoundError):
            draft.unlink()
        homes.write_durably(draft, content)
        draft.replace(path)
        homes.sync_directory(path.parent)

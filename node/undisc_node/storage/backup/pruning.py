"""Removes what no kept snapshot needs, in the order in which it cannot hurt.

Manifests go first, then what only they needed: an interruption leaves files that nobody names, and
a later run removes them. Keyrings go by age, because a keyring can open what was erased since.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from undisc_node.storage.backup.reading import Snapshots
from undisc_node.storage.backup.repository import Repository
from undisc_node.storage.backup.snapshot import Snapshot, read_segment_name, snapshot_time

_DAY_MS: Final = 86_400_000
_SHARDS: Final = tuple(f"{number:02x}" for number in range(256))


@dataclass(frozen=True, slots=True)
class Retention:
    """How much of the past a repository keeps.

    Attributes:
        snapshots: Newest snapshots to keep, at least 1.
        keyring_days: Days for which keyrings are kept; the newest always is.
    """

    snapshots: int
    keyring_days: int


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was removed.

    Attributes:
        snapshots: Manifests.
        keyrings: Keyrings.
        files: Blocks and segments.
        unreadable: Snapshots that do not open; while there are any, no block or segment is removed.
    """

    snapshots: int
    keyrings: int
    files: int
    unreadable: tuple[str, ...]


def make_due(repository: Repository) -> None:
    """Note durably that there is something to remove, so that an interruption only delays it."""
    if not _due(repository).exists():
        repository.write(_due(repository), [b""])
        repository.settle()


def _due(repository: Repository) -> Path:
    return repository.root / "removal-due"


def prune(
    repository: Repository,
    snapshots: Snapshots,
    retention: Retention,
    *,
    erased: frozenset[bytes],
    now_ms: int,
) -> Pruned:
    """Remove old snapshots and keyrings, and what nobody needs any more.

    Args:
        repository: Open for changes.
        snapshots: Its snapshots; the newest is whole.
        retention: What to keep.
        erased: Packs with a tombstone.
        now_ms: The time, in milliseconds since 1970.
    """
    old = snapshots.names()[: -max(1, retention.snapshots)]
    if old:
        make_due(repository)
    for name in old:
        repository.remove(repository.snapshot(name))
    repository.settle()
    keyrings = _prune_keyrings(repository, snapshots, retention.keyring_days, now_ms)
    if not _due(repository).exists():
        return Pruned(0, keyrings, 0, ())
    kept, damaged = snapshots.readable()
    if damaged:
        known = {snapshot.name for snapshot in kept}
        unreadable = tuple(name for name in snapshots.names() if name not in known)
        return Pruned(len(old), keyrings, 0, unreadable)
    files = _collect(repository, snapshots, kept, erased)
    repository.remove(_due(repository))
    repository.settle()
    return Pruned(len(old), keyrings, files, ())


def _prune_keyrings(
    repository: Repository, snapshots: Snapshots, keep_days: int, now_ms: int
) -> int:
    finished = set(snapshots.names())
    keyrings = repository.names("keyrings")
    newest = max((name for name in keyrings if name in finished), default="")
    old = [
        name
        for name in keyrings
        # A keyring from the future (a clock was set back) must not outlive every bound.
        if name not in finished
        or (name != newest and abs(now_ms - snapshot_time(name)) > keep_days * _DAY_MS)
    ]
    for name in old:
        repository.remove(repository.keyring(name))
    repository.settle()
    return len(old)


def _collect(
    repository: Repository,
    snapshots: Snapshots,
    kept: list[Snapshot],
    erased: frozenset[bytes],
) -> int:
    """Remove blocks and segments that no kept snapshot names."""
    blocks: set[str] = set()
    segments: set[str] = set()
    lists: set[bytes] = set()
    for snapshot in kept:
        blocks.update(name.hex() for name in snapshot.blocks())
        lists.update(snapshot.packs)
    for packs in lists:
        for entry in snapshots.pack_list(packs):
            if entry.pack not in erased:
                segments.update(file for file, _, _ in entry.files())
    removed = 0
    for shard in _SHARDS:
        for name in _unneeded(repository.shard_names("blocks", shard), blocks):
            repository.remove(repository.root / "blocks" / shard / name)
            removed += 1
        ours = [n for n in repository.shard_names("packs", shard) if read_segment_name(n)]
        for name in _unneeded(ours, segments):
            repository.remove(repository.segment(name))
            removed += 1
    repository.settle()
    return removed


def _unneeded(names: list[str], needed: set[str]) -> Iterator[str]:
    return (name for name in names if name not in needed)

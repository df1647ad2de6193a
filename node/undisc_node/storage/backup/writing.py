"""Takes a snapshot of a home, while its node runs or stands still.

Order of acts, so that a snapshot is whole whatever happens meanwhile:

1. the catalog is copied at one moment: its rows say which packs there are, and how long;
2. the bytes of these packs are copied; a pack that was erased meanwhile is skipped;
3. the keyring: every row's key was made before the row, and erased keys are gone from it;
4. the tombstones: whatever the keyring misses for being erased has one by now;
5. all names are made durable; then the manifest, which alone makes the snapshot exist.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Final

from undisc_node.services.errors import Damaged, DiskFull, Unavailable
from undisc_node.services.model import Tombstone
from undisc_node.services.ports import Clock, Entropy
from undisc_node.storage.backup import databases
from undisc_node.storage.backup.databases import CatalogFacts
from undisc_node.storage.backup.pruning import Pruned, Retention, make_due, prune
from undisc_node.storage.backup.reading import Snapshots
from undisc_node.storage.backup.repository import Repository
from undisc_node.storage.backup.sealing import Sealer
from undisc_node.storage.backup.segments import SegmentCopier
from undisc_node.storage.backup.snapshot import (
    PACKS_TOGETHER,
    TOMBSTONES_TOGETHER,
    PackEntry,
    Snapshot,
    encode_packs,
    encode_snapshot,
    encode_tombstones,
    snapshot_name,
)
from undisc_node.storage.backup.staging import sweep_working_folders, working_folder
from undisc_node.storage.faults import disk_faults

BLOCK: Final = 256 * 1024  # bytes of the catalog in one block; a change of a row costs one or two
_SPARE: Final = 64 * 2**20  # bytes that the copy of the catalog must leave free in the home

Progress = Callable[[str, int, int], None]
"""Is told what is done, how many bytes of it are, and how many there will be."""


@dataclass(frozen=True, slots=True)
class HomeFacts:
    """What goes into a snapshot besides databases and packs.

    Attributes:
        path: The home.
        node: The node id, 32 bytes.
        settings: Text of undisc.toml.
        records: Identity records.
        demo: Whether the node is for demonstrations.
        version: undisc's version.
    """

    path: Path
    node: bytes
    settings: str
    records: tuple[bytes, ...]
    demo: bool
    version: str


@dataclass(frozen=True, slots=True)
class Taken:
    """A snapshot that is complete and durable.

    Attributes:
        snapshot: Its manifest.
        new_bytes: Bytes written to the repository.
        new_packs: Packs of which something was copied.
        pruned: What was removed afterwards.
    """

    snapshot: Snapshot
    new_bytes: int
    new_packs: int
    pruned: Pruned


class SnapshotTaker:
    """Takes snapshots into one repository.

    Args:
        repository: Open for changes.
        sealer: Has the backup key.
        clock: Time.
        entropy: Draws names.
        progress: Is told how far it is.
    """

    def __init__(
        self,
        repository: Repository,
        sealer: Sealer,
        *,
        clock: Clock,
        entropy: Entropy,
        progress: Progress,
    ) -> None:
        self._repository = repository
        self._sealer = sealer
        self._clock = clock
        self._entropy = entropy
        self._progress = progress
        self._snapshots = Snapshots(repository, sealer)
        self.new_packs = 0

    def take(
        self, home: HomeFacts, retention: Retention, *, done: Callable[[Snapshot], None]
    ) -> Taken:
        """Take a snapshot, then remove old ones.

        Args:
            home: What to back up.
            retention: What to keep.
            done: Called when the snapshot is durable, before anything is removed.

        Raises:
            Damaged: The newest snapshot, or a pack of the home, is damaged.
            DiskFull: No room; earlier snapshots are unharmed.
        """
        self._repository.sweep()
        sweep_working_folders(home.path / "staging")
        self._snapshots.check_key()
        earlier = self._newest_readable()
        at_ms = max(self._clock.now_ms(), earlier.at_ms + 1 if earlier else 0)
        name = snapshot_name(at_ms, self._entropy.random(4))
        facts, size, catalog = self._catalog(home.path)
        entries, skipped = self._packs(home.path, facts, earlier)
        keyring, steps = databases.copy_keyring(home.path / "keyring.sqlite3")
        self._repository.write(
            self._repository.keyring(name), self._sealer.seal_file("keyring", name, keyring)
        )
        buried, stones = self._tombstones(home.path)
        head = facts.log.checkpoint()
        snapshot = Snapshot(
            name=name,
            node=home.node,
            at_ms=at_ms,
            version=home.version,
            migrations={"catalog": facts.migrations, "keyring": steps},
            catalog_size=size,
            catalog=catalog,
            settings=home.settings,
            records=home.records,
            demo=home.demo,
            packs=self._lists(facts, entries),
            pack_count=len(entries),
            pack_bytes=sum(entry.length for entry in entries.values()),
            skipped=tuple(skipped),
            tombstones=stones,
            log_origin=head.origin,
            log_size=head.size,
            log_root=head.root,
            counts=facts.counts,
        )
        self._repository.settle()
        if earlier is not None and earlier.tombstones != stones:
            make_due(self._repository)  # bytes of what was erased
        encoded = encode_snapshot(snapshot)
        self._repository.write(
            self._repository.snapshot(name), self._sealer.seal_file("snapshot", name, encoded)
        )
        self._repository.settle()
        done(snapshot)
        pruned = prune(
            self._repository,
            self._snapshots,
            retention,
            erased=frozenset(stone.pack for stone in buried),
            now_ms=at_ms,
        )
        return Taken(snapshot, self._repository.written, self.new_packs, pruned)

    def _newest_readable(self) -> Snapshot | None:
        for name in reversed(self._snapshots.names()):
            try:
                return self._snapshots.open(name)
            except Damaged:
                continue  # verify names it; a new snapshot must be possible all the more
        return None

    def _remembered(self) -> list[Tombstone]:
        """Read the newest tombstones that open.

        The catalog has them all, unless the whole machine was rolled back.
        """
        for name in reversed(self._snapshots.names()):
            with suppress(Damaged, Unavailable):
                return self._snapshots.tombstones(self._snapshots.open(name))
        return []

    def _catalog(self, home: Path) -> tuple[CatalogFacts, int, tuple[bytes, ...]]:
        """Copy the catalog, and store its blocks; the copy is gone on return."""
        source = home / "catalog.sqlite3"
        with working_folder(home / "staging", self._entropy) as folder:
            copy = folder / "catalog.sqlite3"
            _check_room(source, folder)
            databases.private_file(copy)
            databases.copy_catalog(source, copy)
            facts = databases.read_facts(copy)
            size = copy.stat().st_size
            names = tuple(self._block(block) for block in self._blocks(copy, size))
        return facts, size, names

    def _blocks(self, copy: Path, size: int) -> Iterator[bytes]:
        with disk_faults(copy), copy.open("rb") as stream:
            done = 0
            while block := stream.read(BLOCK):
                yield block
                done += len(block)
                self._progress("catalog", done, size)

    def _block(self, block: bytes) -> bytes:
        name = self._sealer.name(block)
        place = self._repository.block(name)
        if not place.exists():
            self._repository.write(place, [self._sealer.seal_block(name, block)])
        return name

    def _packs(
        self, home: Path, facts: CatalogFacts, earlier: Snapshot | None
    ) -> tuple[dict[bytes, PackEntry], list[bytes]]:
        known: dict[bytes, PackEntry] = {}
        if earlier is not None:
            try:
                known = {entry.pack: entry for entry in self._snapshots.packs(earlier)}
            except (Damaged, Unavailable):
                known = {}  # the files themselves still say what they are
        copier = SegmentCopier(self._repository, home / "packs", known)
        entries: dict[bytes, PackEntry] = {}
        skipped: list[bytes] = []
        total, done = sum(length for _, _, length in facts.packs), 0
        for _, pack, length in facts.packs:
            written = self._repository.written
            entry = copier.cover(pack, length)
            if entry is None:
                skipped.append(pack)
            else:
                entries[pack] = entry
                self.new_packs += self._repository.written > written
            done += length
            self._progress("packs", done, total)
        return entries, skipped

    def _lists(self, facts: CatalogFacts, entries: dict[bytes, PackEntry]) -> tuple[bytes, ...]:
        """Store the lists of packs; a list is the packs whose rows arrived together."""
        names: list[bytes] = []
        for _, rows in groupby(facts.packs, key=lambda row: row[0] // PACKS_TOGETHER):
            listed = [entries[pack] for _, pack, _ in rows if pack in entries]
            if listed:
                names.append(self._block(encode_packs(listed)))
        return tuple(names)

    def _tombstones(self, home: Path) -> tuple[list[Tombstone], tuple[bytes, ...]]:
        """Join the tombstones of the catalog with those that the repository remembers."""
        remembered = self._remembered()
        known = {stone.pack for stone in remembered}
        found = databases.read_tombstones(home / "catalog.sqlite3")
        joined = [*remembered, *(stone for stone in found if stone.pack not in known)]
        parts = _chunks(joined, TOMBSTONES_TOGETHER)
        return joined, tuple(self._block(encode_tombstones(part)) for part in parts)


def _chunks(stones: list[Tombstone], size: int) -> Iterable[list[Tombstone]]:
    return (stones[start : start + size] for start in range(0, len(stones), size))


def _check_room(catalog: Path, folder: Path) -> None:
    """See that the copy of the catalog does not fill the home's disk."""
    with disk_faults(catalog):
        needed = catalog.stat().st_size + _SPARE
        room = os.statvfs(folder)
    if room.f_bavail * room.f_frsize < needed:
        raise DiskFull(
            f"the home has no room for a copy of the catalog ({needed >> 20} MiB are needed)",
            hint="free some space on the disk of the home, and back up again",
        )

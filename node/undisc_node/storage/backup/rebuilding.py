"""Puts packs and databases of a snapshot on a disk again.

What is built is not a home yet: no keys, no identity. A pack appears complete and checked or not at
all, so that an interrupted restore goes on with the packs that are missing. The databases are
written anew each time.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Collection
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from undisc_node.services.errors import Damaged, DiskFull
from undisc_node.services.model import Tombstone
from undisc_node.storage.backup.databases import private_file, read_facts
from undisc_node.storage.backup.faults import damaged
from undisc_node.storage.backup.reading import Snapshots
from undisc_node.storage.backup.snapshot import PackEntry, Snapshot
from undisc_node.storage.faults import database_faults, disk_faults
from undisc_node.storage.packs.files import sync_directory

DATABASES: Final = ("catalog.sqlite3", "keyring.sqlite3")
_SPARE: Final = 256 * 2**20  # bytes; databases are upgraded, and the node needs to start
_PART: Final = ".part"

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Source:
    """What is restored.

    Attributes:
        snapshots: The open repository.
        snapshot: Which one.
        entries: Its packs, without those that were erased since.
        erased: Tombstones that the repository remembers, newer ones too.
        keyring: The newest keyring that is at least as new as the snapshot.
        records: The newest identity records, first to current.
        warnings: What is wrong with the repository and does not stop the restore.
    """

    snapshots: Snapshots
    snapshot: Snapshot
    entries: tuple[PackEntry, ...]
    erased: tuple[Tombstone, ...]
    keyring: bytes
    records: tuple[bytes, ...]
    warnings: tuple[str, ...]

    @property
    def size(self) -> int:
        """Bytes of all packs."""
        return sum(entry.length for entry in self.entries)


def find_source(snapshots: Snapshots, wanted: str | None) -> Source:
    """Read everything of a snapshot that is small, and check it.

    Args:
        snapshots: The open repository.
        wanted: Name of a snapshot; the newest if None.

    Raises:
        NotFound: There is no such snapshot, or none at all.
        Refused: No snapshot opens with this key.
        Damaged: The snapshot, its lists or every keyring that fits it is damaged.
    """
    snapshots.check_key()
    snapshot = snapshots.open(wanted) if wanted else snapshots.newest()
    good, bad = snapshots.readable()
    newest = good[-1]
    erased = {
        stone.pack: stone for one in (snapshot, newest) for stone in snapshots.tombstones(one)
    }
    warnings = [f"{problem}; what was erased later than the rest may be unknown" for problem in bad]
    keyring, problems = snapshots.keyring(snapshot.name)
    return Source(
        snapshots=snapshots,
        snapshot=snapshot,
        entries=tuple(one for one in snapshots.packs(snapshot) if one.pack not in erased),
        erased=tuple(erased.values()),
        keyring=keyring,
        records=max(snapshot.records, newest.records, key=len),
        warnings=(*warnings, *map(str, problems)),
    )


def check_room(source: Source, folder: Path, *, spare: int = 0) -> None:
    """See that everything that is not there yet fits on the disk.

    Args:
        source: What is restored.
        folder: Where.
        spare: Bytes to leave free, if more than the node needs to start.

    Raises:
        DiskFull: It does not.
    """
    with disk_faults(folder):
        missing = sum(
            entry.length
            for entry in source.entries
            if not (folder / "packs" / entry.pack.hex()).exists()
        )
        databases = source.snapshot.catalog_size * 2 + len(source.keyring) * 2
        room = shutil.disk_usage(folder).free
    needed = missing + databases + max(spare, _SPARE)
    if room < needed:
        raise DiskFull(
            f"{needed >> 20} MiB are needed at {folder}, and {room >> 20} MiB are free",
            code="no_room_for_restore",
            hint="free some space, or choose a larger disk",
        )


def restore_packs(source: Source, folder: Path, progress: Progress) -> None:
    """Write every pack that is not there yet; all are durable on return.

    Raises:
        Damaged: A segment is not what was copied; names its file.
        DiskFull: No room; what was written stays for the next try.
    """
    packs = folder / "packs"
    wanted = {entry.pack.hex(): entry.length for entry in source.entries}
    with disk_faults(packs):
        packs.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in packs.iterdir():
            if path.stat().st_size != wanted.get(path.name):
                path.unlink()
    done, total = 0, source.size
    progress("packs", 0, total)
    for entry in source.entries:
        path = packs / entry.pack.hex()
        if not path.exists():
            _restore_pack(source.snapshots, entry, path)
        done += entry.length
        progress("packs", done, total)
    sync_directory(packs)


def _restore_pack(snapshots: Snapshots, entry: PackEntry, path: Path) -> None:
    part = path.with_name(path.name + _PART)
    with disk_faults(part):
        flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        descriptor = os.open(part, flags, 0o600)
    try:
        snapshots.write_pack(entry, descriptor, part)
        with disk_faults(part):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
    with disk_faults(path):
        part.rename(path)


def restore_databases(
    source: Source, folder: Path, *, only: Callable[[bytes], bool] | None = None
) -> Source:
    """Write catalog and keyring anew; the keyring keeps the keys of restored packs only.

    Args:
        source: What is restored.
        folder: Where.
        only: For a rehearsal: only studies with such a pack stay in the catalog.

    Returns:
        The source with the packs whose rows are in the catalog.

    Raises:
        Damaged: A block is damaged, or the catalog is not the one of the manifest.
    """
    for name in DATABASES:
        for path in folder.glob(f"{name}*"):
            with disk_faults(path):
                path.unlink()
        with disk_faults(folder / name):
            private_file(folder / name)
    catalog, keyring = (folder / name for name in DATABASES)
    descriptor = os.open(catalog, os.O_WRONLY | os.O_CLOEXEC)
    try:
        source.snapshots.write_catalog(source.snapshot, descriptor, catalog)
    finally:
        os.close(descriptor)
    with disk_faults(keyring):
        keyring.write_bytes(source.keyring)
    facts = read_facts(catalog)
    snapshot = source.snapshot
    head = facts.log.checkpoint()
    if (head.origin, head.size, head.root) != (
        snapshot.log_origin,
        snapshot.log_size,
        snapshot.log_root,
    ):
        raise damaged(catalog, "its log is not the one that the snapshot names")
    if only is not None:
        kept = _leave_studies(catalog, only)
        source = replace(source, entries=tuple(one for one in source.entries if one.pack in kept))
    _leave_keys(keyring, [entry.pack for entry in source.entries])
    return source


def sync_databases(folder: Path) -> None:
    """Make the databases durable, after they were closed."""
    for name in DATABASES:
        path = folder / name
        with disk_faults(path):
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
    sync_directory(folder)


def missing_packs(folder: Path, source: Source) -> list[Tombstone]:
    """Return a tombstone for each row whose pack the backup could not have.

    It was erased while the backup ran, or its key was destroyed: the keyring is at least as new as
    the catalog, so a key that is missing was destroyed.
    """
    path = folder / DATABASES[0]
    with database_faults(path), closing(_open(path)) as catalog:
        rows = catalog.execute("SELECT id, study FROM packs").fetchall()
    path = folder / DATABASES[1]
    with database_faults(path), closing(_open(path)) as keyring:
        keys = {row[0] for row in keyring.execute("SELECT pack FROM study_keys")}
    there = {entry.pack for entry in source.entries} & keys
    at_ms = source.snapshot.at_ms
    return [Tombstone(pack, study, at_ms) for pack, study in rows if pack not in there]


def _leave_studies(catalog: Path, wanted: Callable[[bytes], bool]) -> set[bytes]:
    """Leave only studies with a wanted pack in a copy of a catalog; return all their packs."""
    with database_faults(catalog), closing(_open(catalog)) as connection:
        rows = connection.execute("SELECT id, study FROM packs").fetchall()
        studies = {study for pack, study in rows if wanted(pack)}
        connection.execute("CREATE TEMP TABLE kept (id BLOB PRIMARY KEY)")
        connection.executemany("INSERT INTO kept VALUES (?)", [(one,) for one in studies])
        connection.execute("DELETE FROM packs WHERE study NOT IN (SELECT id FROM kept)")
        connection.execute("DELETE FROM studies WHERE id NOT IN (SELECT id FROM kept)")
        return {pack for pack, study in rows if study in studies}


def _leave_keys(keyring: Path, packs: Collection[bytes]) -> None:
    """Destroy all other keys: of what was erased since, and of packs that are not restored."""
    with database_faults(keyring), closing(_open(keyring)) as connection:
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("CREATE TEMP TABLE kept (id BLOB PRIMARY KEY)")
        connection.executemany("INSERT INTO kept VALUES (?)", [(one,) for one in packs])
        connection.execute("DELETE FROM study_keys WHERE pack NOT IN (SELECT id FROM kept)")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        if connection.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
            raise Damaged(f"{keyring} is damaged")


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None)

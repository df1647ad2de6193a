"""Reads snapshots, blocks and packs from a repository, and believes none of it unchecked."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from blake3 import blake3

from undisc_node.services.errors import Damaged, NotFound, Refused
from undisc_node.services.model import Tombstone
from undisc_node.storage.backup.faults import damaged, repository_faults
from undisc_node.storage.backup.repository import Repository
from undisc_node.storage.backup.sealing import Sealer
from undisc_node.storage.backup.snapshot import (
    PackEntry,
    Snapshot,
    decode_packs,
    decode_snapshot,
    decode_tombstones,
)
from undisc_node.storage.faults import disk_faults
from undisc_node.storage.packs.linux import start_writing
from undisc_protocol.errors import CannotOpen, RemoteProtocolError

_COPY: Final = 1_048_576  # bytes copied at once


class Snapshots:
    """The snapshots of an open repository.

    Args:
        repository: Open for reading at least.
        sealer: Has the backup key.
    """

    def __init__(self, repository: Repository, sealer: Sealer) -> None:
        self._repository = repository
        self._sealer = sealer

    def names(self) -> list[str]:
        """List all snapshots, oldest first, also damaged ones."""
        return self._repository.names("snapshots")

    def open(self, name: str) -> Snapshot:
        """Open a snapshot's manifest.

        Raises:
            NotFound: There is no such snapshot.
            Damaged: The file does not open.
        """
        path = self._repository.snapshot(name)
        if name not in self.names():
            raise NotFound(
                f"there is no snapshot '{name}'",
                code="no_snapshot",
                hint="list them: undisc-node backup list",
            )
        sealed = self._repository.read(path)
        with _damage(path):
            return decode_snapshot(name, self._sealer.open_file("snapshot", name, sealed))

    def newest(self) -> Snapshot:
        """Open the newest snapshot.

        Raises:
            NotFound: There is none.
            Damaged: It does not open.
        """
        names = self.names()
        if not names:
            raise NotFound(
                "there is no snapshot in this backup",
                code="no_snapshot",
                hint="the first backup was never finished; is there another copy?",
            )
        return self.open(names[-1])

    def readable(self) -> tuple[list[Snapshot], list[Damaged]]:
        """Open all snapshots, oldest first; say which do not open."""
        good: list[Snapshot] = []
        bad: list[Damaged] = []
        for name in self.names():
            try:
                good.append(self.open(name))
            except Damaged as problem:
                bad.append(problem)
        return good, bad

    def check_key(self) -> None:
        """See that the backup key is the one this repository was written with.

        Raises:
            Refused: There are snapshots, and none of them opens.
        """
        names = self.names()
        for name in reversed(names):
            with suppress(Damaged):
                self.open(name)
                return
        if names:
            raise Refused(
                "none of the snapshots opens with this key",
                code="wrong_backup_key",
                hint="take the recovery kit of the node that made these backups; if it is the right"
                " one, every snapshot is damaged",
            )

    def block(self, name: bytes) -> bytes:
        """Open a block.

        Raises:
            Damaged: It does not open.
        """
        path = self._repository.block(name)
        sealed = self._repository.read(path)
        with _damage(path):
            return self._sealer.open_block(name, sealed)

    def packs(self, snapshot: Snapshot) -> Iterator[PackEntry]:
        """Yield the packs of a snapshot."""
        for name in snapshot.packs:
            yield from self.pack_list(name)

    def pack_list(self, name: bytes) -> list[PackEntry]:
        """Open a block that lists packs."""
        content = self.block(name)
        with _damage(self._repository.block(name)):
            return decode_packs(content)

    def tombstones(self, snapshot: Snapshot) -> list[Tombstone]:
        """List what was erased before a snapshot, and is remembered by it."""
        found: list[Tombstone] = []
        for name in snapshot.tombstones:
            content = self.block(name)
            with _damage(self._repository.block(name)):
                found += decode_tombstones(content)
        return found

    def keyring(self, snapshot: str) -> tuple[bytes, list[Damaged]]:
        """Open the newest keyring that is at least as new as a snapshot.

        Returns:
            The bytes of the database, and what is wrong with newer ones.

        Raises:
            NotFound: There is none.
            Damaged: None of them opens.
        """
        known = set(self.names())
        problems: list[Damaged] = []
        for name in reversed(self._repository.names("keyrings")):
            if name not in known or name < snapshot:
                continue
            path = self._repository.keyring(name)
            try:
                sealed = self._repository.read(path)
                with _damage(path):
                    return self._sealer.open_file("keyring", name, sealed), problems
            except Damaged as problem:
                problems.append(problem)
        if problems:
            raise problems[0]
        raise NotFound(
            "the backup holds no keyring for this snapshot, so none of its packs can be read",
            code="no_keyring",
            hint="restore an older snapshot, or use another copy of the backup",
        )

    def write_catalog(self, snapshot: Snapshot, descriptor: int, path: Path) -> None:
        """Put a snapshot's catalog together again.

        Args:
            snapshot: Which.
            descriptor: An empty open file.
            path: Its path, for messages.
        """
        size = 0
        for name in snapshot.catalog:
            block = self.block(name)
            size += len(block)
            with disk_faults(path):
                _write(descriptor, block)
        if size != snapshot.catalog_size:
            raise damaged(self._repository.snapshot(snapshot.name), "its catalog is incomplete")

    def write_pack(self, entry: PackEntry, descriptor: int, path: Path) -> None:
        """Put a pack together again, and check each segment's hash.

        Raises:
            Damaged: A segment is not what was copied; names its file.
            Unavailable: A segment is missing.
        """
        buffer = memoryview(bytearray(_COPY))
        position = 0
        for name, _, segment in entry.files():
            source = self._repository.segment(name)
            hasher, left = blake3(), segment.length
            with repository_faults(source), source.open("rb", buffering=0) as stream:
                while left:
                    count = stream.readinto(buffer[: min(_COPY, left)])
                    if not count:
                        raise damaged(source, "it is too short")
                    hasher.update(buffer[:count])
                    with disk_faults(path):
                        _write(descriptor, buffer[:count])
                        start_writing(descriptor, position, count)
                    position += count
                    left -= count
                if os.fstat(stream.fileno()).st_size != segment.length:
                    raise damaged(source, "it is too long")
            if hasher.digest() != segment.hash:
                raise damaged(source, "its bytes have changed since they were copied")


def _write(descriptor: int, content: bytes | memoryview) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]


@contextmanager
def _damage(path: Path) -> Iterator[None]:
    try:
        yield
    except CannotOpen:
        raise damaged(path, "it does not open with the backup key") from None
    except RemoteProtocolError as fault:
        raise damaged(path, str(fault)) from fault

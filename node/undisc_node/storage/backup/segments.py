"""Copies packs into a repository: only bytes that no segment holds yet.

Within its committed length a pack never changes; so what was copied once stays right. After a
restore, or a rollback of the whole machine, a pack may have grown another way than the repository
remembers: then the last bytes of a segment differ (they are ciphertext under fresh keys), and the
pack is copied anew from there.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from blake3 import blake3

from undisc_node.services.errors import Damaged
from undisc_node.storage.backup.repository import Repository, write_all
from undisc_node.storage.backup.snapshot import (
    TAIL,
    PackEntry,
    Segment,
    read_segment_name,
    segment_name,
)
from undisc_node.storage.faults import disk_faults
from undisc_node.storage.packs.files import read_at
from undisc_node.storage.packs.linux import start_writing

_COPY: Final = 1_048_576  # bytes copied at once


class SegmentCopier:
    """Brings packs into a repository.

    Args:
        repository: Open for changes.
        packs: The home's folder of packs.
        earlier: What the newest snapshot says of each pack.
    """

    def __init__(
        self, repository: Repository, packs: Path, earlier: Mapping[bytes, PackEntry]
    ) -> None:
        self._repository = repository
        self._packs = packs
        self._earlier = earlier
        self._shards: dict[str, dict[bytes, dict[int, list[bytes]]]] = {}
        self._buffer = memoryview(bytearray(_COPY))

    def cover(self, pack: bytes, length: int) -> PackEntry | None:
        """See that segments hold a pack up to its committed length.

        Args:
            pack: Its id.
            length: Bytes that count.

        Returns:
            Where they lie; None if the pack was erased meanwhile.

        Raises:
            Damaged: The pack's file is shorter than what was committed.
            DiskFull: No room in the repository.
        """
        path = self._packs / pack.hex()
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            return None
        try:
            if os.fstat(descriptor).st_size < length:
                raise Damaged(
                    f"the file of pack {pack.hex()} is shorter than what was committed",
                    hint="find out what else is damaged: undisc-node check --read-data",
                )
            segments = self._good(pack, length, descriptor)
            start = sum(segment.length for segment in segments)
            if start < length:
                segments.append(self._copy(pack, start, length, descriptor, path))
            return PackEntry(pack, length, tuple(segments))
        finally:
            os.close(descriptor)

    def _good(self, pack: bytes, length: int, descriptor: int) -> list[Segment]:
        """Return the segments, from the first byte on, that still are the pack."""
        good: list[Segment] = []
        start = 0
        there = self._there(pack)
        known = self._earlier.get(pack)
        for segment in known.segments if known else ():
            if segment.hash not in there.get(start, ()) or not _same(
                segment, start, length, descriptor
            ):
                break
            good.append(segment)
            start += segment.length
        # What an interrupted backup left: complete files that no snapshot names.
        while start < length:
            found = self._adopted(pack, start, length, descriptor, there.get(start, ()))
            if found is None:
                break
            good.append(found)
            start += found.length
        return good

    def _adopted(
        self,
        pack: bytes,
        start: int,
        length: int,
        descriptor: int,
        hashes: tuple[bytes, ...] | list[bytes],
    ) -> Segment | None:
        for digest in hashes:
            path = self._repository.segment(segment_name(pack, start, digest))
            with suppress(OSError), path.open("rb") as stream:
                size = os.fstat(stream.fileno()).st_size
                if size:
                    tail = min(size, TAIL)
                    stream.seek(size - tail)
                    segment = Segment(size, digest, stream.read(tail))
                    if _same(segment, start, length, descriptor):
                        return segment
        return None

    def _copy(self, pack: bytes, start: int, stop: int, descriptor: int, path: Path) -> Segment:
        hasher, position = blake3(), start
        view = self._buffer
        with self._repository.draft() as (target, draft):
            while position < stop:
                view = self._buffer[: min(_COPY, stop - position)]
                with disk_faults(path):
                    read_at(descriptor, view, position)
                hasher.update(view)
                write_all(target, view, draft)
                start_writing(target, position - start, len(view))
                position += len(view)
            digest = hasher.digest()
            place = self._repository.segment(segment_name(pack, start, digest))
            self._repository.publish(target, draft, place)
        tail = bytearray(min(TAIL, stop - start))
        with disk_faults(path):
            read_at(descriptor, memoryview(tail), stop - len(tail))
        return Segment(stop - start, digest, bytes(tail))

    def _there(self, pack: bytes) -> dict[int, list[bytes]]:
        """Return which segments of a pack the repository has: hashes by offset."""
        shard = pack.hex()[:2]
        if shard not in self._shards:
            found: dict[bytes, dict[int, list[bytes]]] = {}
            for name in self._repository.shard_names("packs", shard):
                read = read_segment_name(name)
                if read is not None:
                    owner, start, digest = read
                    found.setdefault(owner, {}).setdefault(start, []).append(digest)
            self._shards[shard] = found
        return self._shards[shard].get(pack, {})


def _same(segment: Segment, start: int, length: int, descriptor: int) -> bool:
    """Tell whether a segment lies within the pack and ends with the bytes that are there."""
    stop = start + segment.length
    if stop > length:
        return False
    tail = bytearray(len(segment.tail))
    read_at(descriptor, memoryview(tail), stop - len(tail))
    return bytes(tail) == segment.tail

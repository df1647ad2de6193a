"""Finds out how much of a pack file counts when no row says so.

What was acknowledged was written and synced completely, so everything that opens is taken. Behind
the newest index, an append may have been cut off by a crash: objects at the end that do not verify
are left out. Damage before something good is kept as it is, and told by a check.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from undisc_node.services.errors import Damaged, ServiceError
from undisc_node.services.ports import Stored
from undisc_node.services.rebuilding import FoundPack
from undisc_node.storage.checking.bodies import read_whole
from undisc_node.storage.checking.frames import Walk, walk_pack
from undisc_node.storage.packs.buffers import BufferPool
from undisc_node.storage.packs.files import opened
from undisc_node.storage.packs.layout import PackLayout
from undisc_protocol import limits
from undisc_protocol.errors import RemoteProtocolError, Tampered
from undisc_protocol.pack import (
    FRAME_HEAD,
    FrameKind,
    IndexEntry,
    StudyHeader,
    decode_index,
)

_POOL: Final = BufferPool()


@dataclass(frozen=True, slots=True)
class Found:
    """A pack that can be taken in, and what has to be said about it.

    Attributes:
        pack: What lies in it.
        left_out: Bytes at the end of the file that do not open.
        holes: Whether headers were lost, and the index stands in for them.
    """

    pack: FoundPack
    left_out: int
    holes: bool


def read_study_header(path: Path, pack: bytes, study_key: bytes) -> StudyHeader:
    """Open the study header of a pack.

    Raises:
        Damaged: It does not open.
        ServiceError: The file cannot be read.
    """
    with opened(path) as descriptor:
        try:
            layout = PackLayout(descriptor, pack, study_key, os.fstat(descriptor).st_size)
            return layout.study_header()[0]
        except RemoteProtocolError as fault:
            raise Damaged(f"the beginning of the pack is damaged: {fault}") from None


def find_pack(path: Path, pack: bytes, study_key: bytes, *, committed: int = 0) -> Found:
    """Find out what lies in a pack file.

    Args:
        path: The file.
        pack: Its id.
        study_key: Its key.
        committed: Bytes that a row is known to have named; never less than these count.

    Raises:
        Damaged: Its study header does not open.
    """
    size = path.stat().st_size
    walk = walk_pack(path, pack, study_key, stop=size)
    if walk.header is None:
        raise Damaged("the beginning of the pack is damaged")
    if walk.end < size:
        indexed = _last_index(path, pack, study_key, size)
        if indexed is not None and len(indexed[0]) > len(walk.entries):
            entries, index_at = indexed
            found = FoundPack(pack, walk.header, _stored(entries), size, index_at, settled=True)
            return Found(found, 0, holes=True)
    return _without_cut_off_end(path, pack, walk, size, committed)


def _without_cut_off_end(path: Path, pack: bytes, walk: Walk, size: int, committed: int) -> Found:
    """Leave out objects at the end that were never completely written."""
    if walk.header is None:
        raise Damaged("the beginning of the pack is damaged")
    entries, end = list(walk.entries), walk.end
    newest = walk.indexes[-1] if walk.indexes else None
    with opened(path) as descriptor, _POOL.borrow() as buffers:
        while entries and end > committed and (newest is None or entries[-1].header_at > newest):
            try:
                read_whole(descriptor, entries[-1], buffers)
                break
            except (Tampered, ServiceError, OSError):
                end = entries.pop().header_at
    last = entries[-1].header_at if entries else 0
    settled = newest is not None and newest > last
    found = FoundPack(pack, walk.header, _stored(entries), end, newest, settled)
    return Found(found, size - end, holes=False)


def _stored(entries: Sequence[IndexEntry]) -> tuple[Stored, ...]:
    return tuple(Stored(entry.header, entry.extent_at) for entry in entries)


def _last_index(
    path: Path, pack: bytes, study_key: bytes, size: int
) -> tuple[tuple[IndexEntry, ...], int] | None:
    """Look for an index that ends where the file ends; a settled pack has one there."""
    reach = min(size, limits.MAX_INDEX + FRAME_HEAD)
    with opened(path) as descriptor:
        tail = os.pread(descriptor, reach, size - reach)
        place = -1
        while (place := tail.find(FrameKind.INDEX, place + 1)) >= 0:
            length = int.from_bytes(tail[place + 1 : place + FRAME_HEAD], "big")
            if place + FRAME_HEAD + length != len(tail):
                continue
            index_at = size - len(tail) + place
            try:
                layout = PackLayout(descriptor, pack, study_key, size)
                return decode_index(layout.frame(index_at)[1]), index_at
            except (RemoteProtocolError, ServiceError):
                continue
    return None

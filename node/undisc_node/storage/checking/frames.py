"""Walks a pack from its first byte to its committed end, trusting no index (SPEC.md §5.2 to §5.4).

Every frame head is read and every sealed header is opened, so a changed byte of either is found. An
index is compared with what the walk saw before it: it must say exactly that.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from undisc_node.services.errors import Damaged, ServiceError
from undisc_node.storage.checking.problems import LOOK_AT_DISK, Problem, pack_problem
from undisc_node.storage.packs.files import opened
from undisc_node.storage.packs.layout import PackLayout
from undisc_protocol.errors import RemoteProtocolError
from undisc_protocol.pack import (
    FRAME_HEAD,
    FrameKind,
    IndexEntry,
    ObjectHeader,
    StudyHeader,
    decode_index,
)


@dataclass(slots=True)
class Walk:
    """What lies in a pack, as far as its frames open.

    Attributes:
        header: The study header, or None if it does not open.
        entries: The objects, in order.
        indexes: Offsets of the indexes.
        end: Where the last good frame, with its object, ends.
        problems: What is wrong.
    """

    header: StudyHeader | None = None
    entries: list[IndexEntry] = field(default_factory=list)
    indexes: list[int] = field(default_factory=list)
    end: int = 0
    problems: list[Problem] = field(default_factory=list)


def walk_pack(path: Path, pack: bytes, study_key: bytes, *, stop: int) -> Walk:
    """Walk a pack.

    Args:
        path: Its file.
        pack: Its id.
        study_key: Its key.
        stop: The committed length in bytes; nothing after it is looked at.

    Returns:
        What was found, with every problem; the walk ends at the first frame that does not open.
    """
    walk = Walk()
    try:
        with opened(path) as descriptor:
            size = os.fstat(descriptor).st_size
            if size < stop:
                walk.problems.append(
                    pack_problem(
                        "pack_short",
                        pack,
                        f"the file has {size} of {stop} bytes that were committed",
                    )
                )
            layout = PackLayout(descriptor, pack, study_key, min(stop, size))
            for problem in _frames(layout, walk):
                walk.problems.append(problem)
    except OSError as fault:
        walk.problems.append(
            pack_problem(
                "pack_unreadable",
                pack,
                f"the disk does not read it: {fault.strerror}",
                LOOK_AT_DISK,
            )
        )
    except (RemoteProtocolError, ServiceError) as fault:
        name = "start_damaged" if walk.header is None else "header_damaged"
        walk.problems.append(pack_problem(name, pack, _where(walk, fault)))
    return walk


def _where(walk: Walk, fault: Exception) -> str:
    if walk.header is None:
        return f"its beginning is damaged: {fault}"
    return f"it is damaged behind object {len(walk.entries)}, at byte {walk.end}: {fault}"


def _frames(layout: PackLayout, walk: Walk) -> Iterator[Problem]:
    """Walk over all frames into `walk`; yield what is wrong with frames that do open."""
    walk.header, walk.end = layout.study_header()
    ids: set[bytes] = set()
    while walk.end < layout.stop:
        head, encoded = layout.frame(walk.end)
        behind = walk.end + FRAME_HEAD + head.length
        if head.kind is FrameKind.STUDY:
            raise Damaged("there is a second study header")
        if head.kind is FrameKind.INDEX:
            if list(decode_index(encoded)) != walk.entries:
                yield pack_problem(
                    "index_wrong",
                    layout.pack,
                    f"the index at byte {walk.end} does not say what lies before it",
                )
            walk.indexes.append(walk.end)
        else:
            entry = IndexEntry(walk.end, behind, ObjectHeader.decode(encoded))
            behind += entry.header.stored
            if behind > layout.stop:
                raise Damaged("it ends inside an object")
            if entry.header.id in ids:
                yield pack_problem(
                    "object_twice", layout.pack, f"object {len(walk.entries) + 1} is there twice"
                )
            ids.add(entry.header.id)
            walk.entries.append(entry)
        walk.end = behind

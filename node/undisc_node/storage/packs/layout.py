"""Finds the frames of a pack file and opens their headers (SPEC.md §5.2 to §5.4).

One read for each header: the largest sealed header is small, so it is read together with its head.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from undisc_node.services.errors import Damaged
from undisc_node.storage.packs.files import read_at
from undisc_protocol import limits
from undisc_protocol.errors import RemoteProtocolError
from undisc_protocol.pack import (
    FRAME_HEAD,
    PACK_HEAD,
    FrameHead,
    FrameKind,
    IndexEntry,
    ObjectHeader,
    StudyHeader,
    decode_index,
    open_frame,
    read_frame_head,
    read_start,
)

_HINT: Final = "restore the pack file from a backup, or fetch the study again from where it came"


@contextmanager
def damage(pack: bytes) -> Iterator[None]:
    """Turn what the protocol says about wrong bytes into `Damaged`, naming the pack."""
    try:
        yield
    except RemoteProtocolError as fault:
        raise Damaged(f"pack {pack.hex()} is damaged: {fault}", hint=_HINT) from fault


@dataclass(frozen=True, slots=True)
class PackLayout:
    """Reads one open pack file.

    Attributes:
        descriptor: The open file.
        pack: Its id.
        study_key: Its key.
        stop: Bytes of the file that count; nothing after them is looked at.
    """

    descriptor: int
    pack: bytes
    study_key: bytes
    stop: int

    def study_header(self) -> tuple[StudyHeader, int]:
        """Open the study header; return it and the offset of the next frame.

        Raises:
            Damaged: It is not the pack of this id, or its header does not open.
        """
        with damage(self.pack):
            if read_start(self._bytes(0, PACK_HEAD)) != self.pack:
                raise Damaged(f"the file of pack {self.pack.hex()} is another pack", hint=_HINT)
            head, encoded = self.frame(PACK_HEAD)
            if head.kind is not FrameKind.STUDY:
                raise Damaged(f"pack {self.pack.hex()} has no study header", hint=_HINT)
            return StudyHeader.decode(encoded), PACK_HEAD + FRAME_HEAD + head.length

    def entries(self, index_at: int | None) -> tuple[IndexEntry, ...]:
        """List all objects: from the index when there is one, then from the headers behind it.

        Args:
            index_at: Offset of the newest index, or None.

        Raises:
            Damaged: Something does not open, or the frames do not end at `stop`.
        """
        _, position = self.study_header()
        with damage(self.pack):
            if index_at is None:
                return tuple(self.walk(position))
            indexed, position = self._index(index_at)
            return (*indexed, *self.walk(position))

    def walk(self, position: int) -> Iterator[IndexEntry]:
        """Yield the objects from a frame's offset up to `stop`, one header at a time.

        Raises:
            Damaged: An object reaches beyond `stop`.
            RemoteProtocolError: A frame does not open.
        """
        while position < self.stop:
            head, encoded = self.frame(position)
            next_frame = position + FRAME_HEAD + head.length
            if head.kind is FrameKind.STUDY:
                raise Damaged(f"pack {self.pack.hex()} has a second study header", hint=_HINT)
            if head.kind is FrameKind.OBJECT:
                entry = IndexEntry(position, next_frame, ObjectHeader.decode(encoded))
                next_frame += entry.header.stored
                if next_frame > self.stop:
                    raise Damaged(f"pack {self.pack.hex()} ends inside an object", hint=_HINT)
                yield entry
            position = next_frame

    def _index(self, index_at: int) -> tuple[tuple[IndexEntry, ...], int]:
        head, encoded = self.frame(index_at)
        if head.kind is not FrameKind.INDEX:
            raise Damaged(f"pack {self.pack.hex()} has no index where one was written", hint=_HINT)
        entries = decode_index(encoded)
        if entries and entries[-1].extent_at + entries[-1].header.stored > index_at:
            raise Damaged(f"the index of pack {self.pack.hex()} reaches beyond itself", hint=_HINT)
        return entries, index_at + FRAME_HEAD + head.length

    def frame(self, position: int) -> tuple[FrameHead, bytes]:
        """Read and open the frame at an offset."""
        start = self._bytes(position, FRAME_HEAD + limits.MAX_HEADER, short=True)
        head = read_frame_head(start[:FRAME_HEAD])
        sealed = start[FRAME_HEAD : FRAME_HEAD + head.length]
        if len(sealed) < head.length:  # an index, or cut off
            sealed = self._bytes(position + FRAME_HEAD, head.length)
        return head, open_frame(head.kind, sealed, pack_id=self.pack, study_key=self.study_key)

    def _bytes(self, offset: int, length: int, *, short: bool = False) -> bytes:
        """Read bytes before `stop`; fewer than `length` only where `short` allows it."""
        within = min(length, self.stop - offset)
        if within < length and not short:
            raise Damaged(f"pack {self.pack.hex()} ends inside a frame", hint=_HINT)
        buffer = bytearray(max(within, 0))
        read_at(self.descriptor, memoryview(buffer), offset)
        return bytes(buffer)


def check_length(descriptor: int, pack: bytes, length: int) -> int:
    """See that a file has at least its committed length; return the bytes it has behind it.

    Raises:
        Damaged: It is shorter.
    """
    behind = os.fstat(descriptor).st_size - length
    if behind < 0:
        raise Damaged(
            f"the file of pack {pack.hex()} is shorter than what was committed", hint=_HINT
        )
    return behind

"""Writes new objects behind the committed end of a pack (SPEC.md §5.1 to §5.3)."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, cast

from undisc_node.services.errors import Conflict, Invalid, Unavailable
from undisc_node.services.ports import Draft, Entropy
from undisc_node.storage.faults import disk_faults
from undisc_node.storage.packs.buffers import ChunkBuffers
from undisc_node.storage.packs.chunking import cipher_of
from undisc_node.storage.packs.files import write_at
from undisc_node.storage.packs.spooling import SpooledObject
from undisc_node.storage.packs.write_behind import WriteBehind
from undisc_protocol import keys, limits
from undisc_protocol.errors import LocalProtocolError
from undisc_protocol.pack import (
    CODEC_RAW,
    ID,
    FrameKind,
    IndexEntry,
    ObjectHash,
    ObjectHeader,
    chunk_span,
    seal_frame,
)


class _Readable(Protocol):
    def readinto(self, buffer: memoryview, /) -> int | None: ...


class Appender:
    """Appends to one open pack file.

    Args:
        descriptor: The file, open for writing.
        path: The file's path, named in messages.
        pack: Its id.
        study_key: Its key.
        entropy: Draws ids, keys and nonces.
        buffers: Room for one chunk.
    """

    def __init__(
        self,
        *,
        descriptor: int,
        path: Path,
        pack: bytes,
        study_key: bytes,
        entropy: Entropy,
        buffers: ChunkBuffers,
    ) -> None:
        self._descriptor = descriptor
        self._path = path
        self._pack = pack
        self._study_key = study_key
        self._entropy = entropy
        self._buffers = buffers
        self._behind = WriteBehind()

    def frame(self, kind: FrameKind, encoded: bytes) -> bytes:
        """Seal a header or index of this pack."""
        return seal_frame(
            kind,
            encoded,
            pack_id=self._pack,
            study_key=self._study_key,
            nonce=self._entropy.random(keys.SEAL_NONCE),
        )

    def write(self, draft: Draft, position: int) -> IndexEntry:
        """Write an object's header and chunks at an offset.

        Raises:
            Invalid: Its attributes do not fit a header.
            Conflict: Its bytes are not those that were hashed.
            Unavailable: Its bytes cannot be read, or the pack cannot be written.
            DiskFull: No room.
        """
        header = self._header(draft)
        frame = self.frame(FrameKind.OBJECT, _encoded(header))
        entry = IndexEntry(position, position + len(frame), header)
        if isinstance(draft.source, SpooledObject):
            if draft.source.hash != draft.hash:
                raise _changed()
            with disk_faults(self._path):
                draft.source.put(self._descriptor, frame, position)
                self._behind.wrote(self._descriptor, position, len(frame) + header.stored)
            return entry
        try:
            with draft.source.open() as stream:
                self._chunks(cast("_Readable", stream), entry, frame)
        except OSError as fault:  # the pack's own faults are translated where they happen
            raise Unavailable(
                "an instance that arrived cannot be read back",
                code="source_unreadable",
                hint="send the instance again",
            ) from fault
        return entry

    def _chunks(self, stream: _Readable, entry: IndexEntry, frame: bytes) -> None:
        header, plain, sealed = entry.header, self._buffers.plain, self._buffers.sealed
        cipher, hasher = cipher_of(header), ObjectHash()
        for number in range(header.chunks):
            span = chunk_span(header.size, number)
            chunk = plain[: span.length - limits.TAG]
            if _fill(stream, chunk) < len(chunk):
                raise _changed()
            hasher.update(chunk)
            length = cipher.seal_into(number, chunk, sealed, last=number == header.chunks - 1)
            # The header goes out together with the first chunk.
            lead = [memoryview(frame)] if number == 0 else []
            position = entry.header_at if number == 0 else entry.extent_at + span.offset
            with disk_faults(self._path):
                write_at(self._descriptor, [*lead, sealed[:length]], position)
                end = entry.extent_at + span.offset + length
                self._behind.wrote(self._descriptor, position, end - position)
        if _fill(stream, plain[:1]) or hasher.digest() != header.hash:
            raise _changed()

    def _header(self, draft: Draft) -> ObjectHeader:
        sealed = draft.source if isinstance(draft.source, SpooledObject) else None
        return ObjectHeader(
            id=sealed.id if sealed else self._entropy.random(ID),
            key=sealed.key if sealed else self._entropy.random(keys.KEY_SIZE),
            codec=CODEC_RAW,
            size=draft.source.size,
            hash=draft.hash,
            series_uid=draft.facts.series_uid,
            sop_uid=draft.facts.sop_uid,
            sop_class=draft.facts.sop_class,
            syntax=draft.facts.transfer_syntax,
            modality=draft.facts.modality,
            number=draft.facts.number,
            sender=draft.sender,
            replaces=draft.replaces,
            at_ms=draft.at_ms,
        )


def _encoded(header: ObjectHeader) -> bytes:
    try:
        return header.encode()
    except LocalProtocolError as fault:
        raise Invalid(
            "an attribute of the instance is outside what a pack can hold", code="bad_attribute"
        ) from fault


def _fill(stream: _Readable, buffer: memoryview) -> int:
    """Fill a buffer; return how far it went before the stream ended."""
    done = 0
    while done < len(buffer):
        count = stream.readinto(buffer[done:])
        if not count:
            break
        done += count
    return done


def _changed() -> Conflict:
    return Conflict(
        "the bytes of an instance changed while they were read",
        code="source_changed",
        hint="send the instance again",
    )

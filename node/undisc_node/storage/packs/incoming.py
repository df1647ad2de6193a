"""A pack that is filled from a peer: implements `ports.Incoming`.

The file is laid out when objects are announced: header, room for its chunks, next header. Chunks
then land at known places in any order, so what is there is decided by the bytes alone: a chunk is
there if it authenticates. Nothing about progress is written down, so nothing can be wrong about it
after a power cut. Only opened chunks are ever written.

Nothing is synced before the end: what a power cut takes is fetched again. But the disk begins with
the bytes while the next ones arrive, so that little is left for the sync.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path

from undisc_node.services.errors import Conflict, Damaged, NotFound
from undisc_node.services.ports import ReadInto, Stored
from undisc_node.storage.faults import disk_faults
from undisc_node.storage.packs.buffers import BufferPool, ChunkBuffers
from undisc_node.storage.packs.chunking import cipher_of, good_chunks, read_chunk
from undisc_node.storage.packs.files import PackFiles, open_pack, opened, write_at
from undisc_node.storage.packs.layout import PackLayout
from undisc_node.storage.packs.linux import reserve
from undisc_node.storage.packs.write_behind import WriteBehind
from undisc_protocol.errors import RemoteProtocolError, Tampered
from undisc_protocol.pack import (
    FrameKind,
    IndexEntry,
    ObjectHash,
    ObjectHeader,
    StudyHeader,
    chunk_span,
)

Look = Callable[[StudyHeader, ObjectHeader, memoryview], None]
"""Sees the beginning of an object's original bytes, and raises if it is another object."""


def see_nothing(_study: StudyHeader, _header: ObjectHeader, _beginning: memoryview) -> None:
    """Take every object for what its header says."""


class StagedPack:
    """One pack being filled.

    `receive` may run in several threads for different objects; the other methods are for one
    thread, while nothing is received.

    Args:
        pack: The pack's id.
        path: Where the file lies: staged, or already moved in place before a crash.
        files: Moves the file in place.
        pool: Lends chunk buffers.
        study_key: The pack's key.
        seal: Seals an encoded object header into a frame.
        discard: Removes file and key.
        look: Sees the beginning of each object before it is written.

    Raises:
        Damaged: The study header does not open.
    """

    def __init__(
        self,
        *,
        pack: bytes,
        path: Path,
        files: PackFiles,
        pool: BufferPool,
        study_key: bytes,
        seal: Callable[[FrameKind, bytes], bytes],
        discard: Callable[[bytes], None],
        look: Look = see_nothing,
    ) -> None:
        self._look = look
        self._pack = pack
        self._path = path
        self._files = files
        self._pool = pool
        self._study_key = study_key
        self._seal = seal
        self._discard = discard
        self._entries: dict[bytes, IndexEntry] = {}
        self._complete: set[bytes] = set()
        self._untouched: set[bytes] = set()  # announced by us, and nothing received yet
        self._behind = WriteBehind()
        self._descriptor: int | None = None
        self._close: Callable[[], object] = lambda: None
        self._guard = threading.Lock()
        self._header, self._end = self._read_layout()

    @property
    def pack(self) -> bytes:
        """The pack's id."""
        return self._pack

    @property
    def header(self) -> StudyHeader:
        """What the pack says about its study."""
        return self._header

    def objects(self) -> Sequence[Stored]:
        """List every object that was announced, in order."""
        return [Stored(entry.header, entry.extent_at) for entry in self._entries.values()]

    def complete(self) -> frozenset[bytes]:
        """Ids of objects whose every chunk is there and whose hash is right."""
        doubtful = self._entries.keys() - self._complete - self._untouched
        with opened(self._path) as descriptor, self._pool.borrow() as buffers:
            for object_id in doubtful:
                entry = self._entries[object_id]
                if self._good(descriptor, entry, buffers) == entry.header.chunks:
                    self._complete.add(object_id)
        return frozenset(self._complete)

    def whole_chunks(self, object_id: bytes) -> int:
        """Number of good chunks at the start of an incomplete object."""
        entry = self._entry(object_id)
        if object_id in self._untouched:
            return 0
        with opened(self._path) as descriptor, self._pool.borrow() as buffers:
            return self._good(descriptor, entry, buffers)

    def announce(self, headers: Sequence[ObjectHeader]) -> None:
        """Make room for objects that are not announced yet.

        Raises:
            Tampered: An announced object has another key, size or hash now.
            DiskFull: No room.
        """
        fresh: dict[bytes, IndexEntry] = {}
        position = self._end
        with opened(self._path, writable=True) as descriptor, disk_faults(self._path):
            os.ftruncate(descriptor, self._end)  # what a crash left behind the last good header
            for header in headers:
                known = self._entries.get(header.id) or fresh.get(header.id)
                if known is not None:
                    _same_object(known.header, header)
                    continue
                frame = self._seal(FrameKind.OBJECT, header.encode())
                entry = IndexEntry(position, position + len(frame), header)
                write_at(descriptor, [frame], position)
                position = entry.extent_at + header.stored
                fresh[header.id] = entry
            reserve(descriptor, self._end, position - self._end)
            os.ftruncate(descriptor, position)
        self._entries |= fresh
        self._untouched |= fresh.keys()
        self._end = position

    def receive(self, object_id: bytes, first_chunk: int, read_into: ReadInto) -> None:
        """Take an object's chunks from `first_chunk` on, verify each, then the hash of the whole.

        Args:
            object_id: An announced object.
            first_chunk: How many of its chunks are here already.
            read_into: Gives the ciphertext; asked for exactly one chunk at a time.

        Raises:
            Tampered: A chunk or the hash is wrong; the object counts as not there.
            Damaged: A chunk before `first_chunk` is not here after all.
            DiskFull: No room.
        """
        entry = self._entry(object_id)
        with self._guard:
            self._complete.discard(object_id)
            self._untouched.discard(object_id)
            descriptor = self._writable()
        with self._pool.borrow() as buffers:
            self._receive(descriptor, entry, buffers, first_chunk, read_into)
        with self._guard:
            self._complete.add(object_id)

    def publish(self) -> int:
        """Make everything durable and move the pack in place; return its length in bytes.

        Raises:
            Conflict: An object is not known to be complete: receive it, or ask `complete`.
        """
        if len(self._complete) < len(self._entries):
            raise Conflict("a pack with missing objects cannot be published")
        with disk_faults(self._path):
            os.ftruncate(self._writable(), self._end)
            os.fsync(self._writable())
        self._shut()
        self._files.publish(self._pack)
        self._path = self._files.published(self._pack)
        return self._end

    def discard(self) -> None:
        """Remove the file and the study key."""
        self._shut()
        self._discard(self._pack)

    def _writable(self) -> int:
        """Return the descriptor to write with; opening one for each image would cost as much."""
        if self._descriptor is None:
            self._descriptor = open_pack(self._path, writable=True)
            self._close = weakref.finalize(self, os.close, self._descriptor)
        return self._descriptor

    def _shut(self) -> None:
        self._close()
        self._descriptor = None

    def _receive(
        self,
        descriptor: int,
        entry: IndexEntry,
        buffers: ChunkBuffers,
        first_chunk: int,
        read_into: ReadInto,
    ) -> None:
        header, cipher, hasher = entry.header, cipher_of(entry.header), ObjectHash()
        for number in range(first_chunk):
            with disk_faults(self._path):
                hasher.update(self._earlier(descriptor, entry, number, buffers))
        for number in range(first_chunk, header.chunks):
            span = chunk_span(header.size, number)
            sealed = buffers.sealed[: span.length]
            read_into(sealed)
            last = number == header.chunks - 1
            length = cipher.open_into(number, sealed, buffers.plain, last=last)
            if number == 0:
                self._look(self._header, header, buffers.plain[:length])
            hasher.update(buffers.plain[:length])
            with disk_faults(self._path):
                write_at(descriptor, [sealed], entry.extent_at + span.offset)
                # The first takes the header before it along.
                start = entry.extent_at + span.offset if number else entry.header_at
                end = entry.extent_at + span.offset + span.length
                self._behind.wrote(descriptor, start, end - start)
        if hasher.digest() != header.hash:
            raise Tampered("the hash of a received object is wrong")

    def _earlier(
        self, descriptor: int, entry: IndexEntry, number: int, buffers: ChunkBuffers
    ) -> memoryview:
        try:
            return read_chunk(descriptor, entry, cipher_of(entry.header), number, buffers)
        except Tampered:
            raise Damaged(
                "a chunk that was received earlier is not in the staged pack any more"
            ) from None

    def _good(self, descriptor: int, entry: IndexEntry, buffers: ChunkBuffers) -> int:
        with disk_faults(self._path):
            return good_chunks(descriptor, entry, buffers)

    def _entry(self, object_id: bytes) -> IndexEntry:
        entry = self._entries.get(object_id)
        if entry is None:
            raise NotFound("the object was not announced")
        return entry

    def _read_layout(self) -> tuple[StudyHeader, int]:
        """Find the announced objects; return the study header and where the last of them ends.

        An announcement that a crash cut short ends in a header that does not open, or in an object
        without room: it and what follows was never durable, and is announced again.
        """
        with opened(self._path) as descriptor, disk_faults(self._path):
            size = os.fstat(descriptor).st_size
            layout = PackLayout(descriptor, self._pack, self._study_key, size)
            header, end = layout.study_header()
            try:
                for entry in layout.walk(end):
                    self._entries[entry.header.id] = entry
                    end = entry.extent_at + entry.header.stored
            except (RemoteProtocolError, Damaged):
                pass
        return header, end


def _same_object(known: ObjectHeader, now: ObjectHeader) -> None:
    if (known.key, known.codec, known.size, known.hash) != (now.key, now.codec, now.size, now.hash):
        raise Tampered("the holder describes an object otherwise than before")

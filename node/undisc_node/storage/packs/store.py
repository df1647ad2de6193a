"""Pack files and their study keys: implements `ports.Packs`.

Order of acts, so that a crash at any point loses nothing that was acknowledged:

- key, then file, then the caller's row; erasing goes the other way: row, key, file;
- a pack that no row ever named is discarded file first, so that its key tells of it until the end;
- bytes behind the committed length are not there, and the next append cuts them off;
- a pack has one writer at a time (the caller's duty) and any number of readers.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import BinaryIO

from undisc_node.services.errors import Damaged, Invalid, NotFound
from undisc_node.services.model import Pack, PackRole
from undisc_node.services.ports import Draft, Entropy, Stored
from undisc_node.storage.faults import disk_faults
from undisc_node.storage.keyring import Keyring
from undisc_node.storage.packs.appending import Appender
from undisc_node.storage.packs.buffers import BufferPool
from undisc_node.storage.packs.chunking import cipher_of, read_chunk, read_object
from undisc_node.storage.packs.entries import Entries, EntryCache
from undisc_node.storage.packs.files import PackFiles, open_stream, opened, write_at
from undisc_node.storage.packs.incoming import Look, StagedPack, see_nothing
from undisc_node.storage.packs.layout import PackLayout, check_length, damage
from undisc_node.storage.packs.spooling import SpooledObject
from undisc_protocol import keys
from undisc_protocol.errors import LocalProtocolError
from undisc_protocol.pack import (
    ID,
    FrameKind,
    IndexEntry,
    StudyHeader,
    encode_index,
    pack_start,
    seal_frame,
)


class PackStore:
    """The packs of one node.

    Args:
        home: The node's directory.
        keyring: Keeps the study keys.
        entropy: Draws ids, keys and nonces.
        look: Sees the beginning of each object that a peer sends, before it is written.

    Raises:
        ServiceError: The directories cannot be made or used.
    """

    def __init__(
        self, home: Path, *, keyring: Keyring, entropy: Entropy, look: Look = see_nothing
    ) -> None:
        self._look = look
        self._files = PackFiles(home)
        self._keyring = keyring
        self._entropy = entropy
        self._pool = BufferPool()
        self._cache = EntryCache()

    def create(self, header: StudyHeader) -> Pack:
        """Make a study key and an empty pack with a sealed study header; durable on return."""
        pack, start = self._begin(header, self._files.published)
        self._cache.put(pack, len(start), ())
        return Pack(pack, header.study, PackRole.MAIN, len(start), None)

    def append(self, pack: Pack, drafts: Sequence[Draft]) -> tuple[Pack, Sequence[Stored]]:
        """Write objects behind the committed length; durable on return.

        Raises:
            DiskFull: No room; the pack is as before.
            Conflict: A draft's bytes changed while they were read.
            Invalid: An attribute does not fit a header.
            Damaged: The file is shorter than the committed length.
        """
        known = self._cache.get(pack.id, pack.length)
        self._cache.forget_beyond(pack.id, pack.length)
        path = self._files.published(pack.id)
        added: list[IndexEntry] = []
        position = pack.length
        with opened(path, writable=True) as descriptor, self._pool.borrow() as buffers:
            is_longer = check_length(descriptor, pack.id, pack.length) > 0
            appender = Appender(
                descriptor=descriptor,
                path=path,
                pack=pack.id,
                study_key=self._keyring.get(pack.id),
                entropy=self._entropy,
                buffers=buffers,
            )
            try:
                if (
                    is_longer
                ):  # the file system's journal takes part also when there is nothing to cut
                    with disk_faults(path):
                        os.ftruncate(descriptor, pack.length)
                for draft in drafts:
                    added.append(appender.write(draft, position))
                    position = added[-1].extent_at + added[-1].header.stored
                with disk_faults(path):
                    os.fdatasync(descriptor)
            except BaseException:
                with suppress(OSError):  # the next append cuts it off anyway
                    os.ftruncate(descriptor, pack.length)
                raise
        if known is not None:
            self._cache.put(pack.id, position, (*known, *added))
        return replace(pack, length=position), _stored(added)

    def objects(self, pack: Pack) -> Sequence[Stored]:
        """List the objects within the committed length, in order of arrival.

        Raises:
            Damaged: A header does not open, or the file is too short.
            NotFound: The study key was destroyed.
        """
        return _stored(self._entries(pack))

    def study_header(self, pack: Pack) -> StudyHeader:
        """Open the pack's study header; raises as `objects`."""
        with self._layout(pack) as layout:
            return layout.study_header()[0]

    def series_name(self, pack: Pack, series_uid: str) -> bytes:
        """Return the 16-byte name of a series under the pack's study key."""
        return keys.series_name(self._keyring.get(pack.id), series_uid)

    def read(self, pack: Pack, stored: Stored) -> Iterator[bytes]:
        """Yield an object's original bytes, chunk by chunk.

        The hash of the whole is checked before the last chunk is yielded.

        Raises:
            Damaged: A chunk does not authenticate, or the hash of the whole is wrong.
        """
        path = self._files.published(pack.id)
        entry = IndexEntry(0, stored.extent_at, stored.header)
        with opened(path) as descriptor, damage(pack.id), disk_faults(path):
            yield from read_object(descriptor, entry, self._pool)

    def read_chunk(self, pack: Pack, stored: Stored, number: int) -> bytes:
        """Return one chunk of an object's original bytes; the hash of the whole is not looked at.

        Raises:
            Damaged: It does not authenticate, or the object has no such chunk.
        """
        path = self._files.published(pack.id)
        entry = IndexEntry(0, stored.extent_at, stored.header)
        if not 0 <= number < stored.header.chunks:
            raise Damaged("an object has no chunk of this number")
        with (
            opened(path) as descriptor,
            damage(pack.id),
            disk_faults(path),
            self._pool.borrow() as buffers,
        ):
            return bytes(read_chunk(descriptor, entry, cipher_of(stored.header), number, buffers))

    def seal_index(self, pack: Pack) -> Pack:
        """Write the index of all objects behind the committed length; durable on return.

        A pack with too many objects for an index stays without one.

        Raises:
            DiskFull: No room; the pack is as before.
            Damaged: A header does not open.
        """
        entries = self._entries(pack)
        self._cache.forget_beyond(pack.id, pack.length)
        try:
            frame = self._seal(pack.id, FrameKind.INDEX, encode_index(entries))
        except LocalProtocolError:  # over its bound: the headers alone serve as well, only slower
            return pack
        path = self._files.published(pack.id)
        with opened(path, writable=True) as descriptor:
            try:
                with disk_faults(path):
                    os.ftruncate(descriptor, pack.length)
                    write_at(descriptor, [frame], pack.length)
                    os.fdatasync(descriptor)
            except BaseException:
                with suppress(OSError):
                    os.ftruncate(descriptor, pack.length)
                raise
        sealed = replace(pack, length=pack.length + len(frame), index_at=pack.length)
        self._cache.put(pack.id, sealed.length, entries)
        return sealed

    def spool(self, grow: Callable[[int], None]) -> SpooledObject:
        """Begin an instance that is sealed while it arrives; close it in any case."""
        return SpooledObject(self._files.staging, entropy=self._entropy, pool=self._pool, grow=grow)

    def open_file(self, pack: bytes) -> BinaryIO:
        """Open a pack file for serving its ciphertext."""
        return open_stream(self._files.published(pack))

    def erase(self, pack: bytes) -> None:
        """Destroy the study key, then unlink the file. Doing it again changes nothing."""
        self._keyring.destroy(pack)
        self._cache.forget_beyond(pack, 0)
        self._files.remove(pack)

    def discard(self, pack: bytes) -> None:
        """Remove a pack that no row ever named: file, then key. Again changes nothing."""
        self._cache.forget_beyond(pack, 0)
        self._files.remove(pack)
        self._keyring.destroy(pack)

    def stage(self, header: StudyHeader) -> StagedPack:
        """Begin a pack to be filled from a peer; durable on return."""
        pack, _ = self._begin(header, self._files.staged)
        return self.resume(pack)

    def resume(self, pack: bytes) -> StagedPack:
        """Continue a staged pack after a break or a restart.

        A crash may have come between moving the pack in place and saving its row; so it is looked
        for in both places.

        Raises:
            NotFound: No such pack is staged.
        """
        path = self._files.find(pack)
        if path is None:
            raise NotFound("no such pack is staged")
        return StagedPack(
            pack=pack,
            path=path,
            files=self._files,
            pool=self._pool,
            study_key=self._keyring.get(pack),
            seal=partial(self._seal, pack),
            discard=self.discard,
            look=self._look,
        )

    def ids(self) -> frozenset[bytes]:
        """List every pack that has a file or a key."""
        return self._files.names() | self._keyring.packs()

    def unfinished(self) -> frozenset[bytes]:
        """List packs that were begun and are not noted as committed."""
        return self._keyring.unfinished()

    def finish(self, packs: Iterable[bytes]) -> None:
        """Note that the rows of these packs are committed; durable on return."""
        self._keyring.finish(packs)

    def sweep(self, keep: frozenset[bytes]) -> int:
        """Discard unfinished packs that are not in `keep`; return how many.

        A key without a file is what a crash leaves between the first two acts of a new pack. Packs
        that were finished once are never touched: their row may only be missing in the catalog that
        happens to be here.
        """
        left_over = self._keyring.unfinished() - keep
        for pack in left_over:
            self.discard(pack)
        return len(left_over)

    def free_bytes(self) -> int:
        """Room on the disk, in bytes."""
        return self._files.free_bytes()

    def _begin(self, header: StudyHeader, place: Callable[[bytes], Path]) -> tuple[bytes, bytes]:
        """Make key and file of a new pack; return its id and the bytes it begins with."""
        try:
            encoded = header.encode()
        except LocalProtocolError as fault:
            raise Invalid(
                "an attribute of the study is outside what a pack can hold", code="bad_attribute"
            ) from fault
        pack = self._entropy.random(ID)
        self._keyring.make(pack)
        start = pack_start(pack) + self._seal(pack, FrameKind.STUDY, encoded)
        try:
            self._files.make(place(pack), start)
        except BaseException:
            self._keyring.destroy(pack)
            raise
        return pack, start

    def _seal(self, pack: bytes, kind: FrameKind, encoded: bytes) -> bytes:
        return seal_frame(
            kind,
            encoded,
            pack_id=pack,
            study_key=self._keyring.get(pack),
            nonce=self._entropy.random(keys.SEAL_NONCE),
        )

    def _entries(self, pack: Pack) -> Entries:
        known = self._cache.get(pack.id, pack.length)
        if known is not None:
            return known
        with self._layout(pack) as layout:
            entries = layout.entries(pack.index_at)
        self._cache.put(pack.id, pack.length, entries)
        return entries

    @contextmanager
    def _layout(self, pack: Pack) -> Iterator[PackLayout]:
        study_key = self._keyring.get(pack.id)
        path = self._files.published(pack.id)
        with opened(path) as descriptor, disk_faults(path):
            check_length(descriptor, pack.id, pack.length)
            yield PackLayout(descriptor, pack.id, study_key, pack.length)


def _stored(entries: Sequence[IndexEntry]) -> Sequence[Stored]:
    return [Stored(entry.header, entry.extent_at) for entry in entries]

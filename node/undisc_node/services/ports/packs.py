"""Ports to the packs: encrypted bytes and the keys that open them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from undisc_node.services.model import InstanceFacts, Pack
from undisc_protocol.pack import ObjectHeader, StudyHeader


class Source(Protocol):
    """Bytes of one instance that can be read from the start, more than once."""

    @property
    def size(self) -> int:
        """Size in bytes."""

    def open(self) -> AbstractContextManager[BinaryIO]:
        """Open for reading from the first byte."""


class Spool(Source, Protocol):
    """An instance that is sealed while it arrives, and can be stored once it is finished."""

    @property
    def hash(self) -> bytes:
        """BLAKE3 of its bytes, 32 bytes; empty before `finish`."""

    def write(self, data: memoryview, /) -> int:
        """Take as many bytes as fit before `seal` must be called; return how many. Never waits."""

    def seal(self) -> None:
        """Make room for more, if there is none.

        Raises:
            DiskFull: No room.
            Unavailable: The disk failed.
        """

    def finish(self) -> None:
        """End it: what was written is the whole instance."""

    def close(self) -> None:
        """Give back what it holds, stored or not. Doing it again changes nothing."""


@dataclass(frozen=True, slots=True)
class Draft:
    """An instance about to be written into a pack.

    Attributes:
        source: Its bytes, complete.
        facts: What was read from it.
        hash: BLAKE3 of its bytes, 32 bytes.
        sender: Who brought it.
        replaces: Id of the object it supersedes, 16 bytes, or None.
        at_ms: When it arrived.
    """

    source: Source
    facts: InstanceFacts
    hash: bytes
    sender: str
    replaces: bytes | None
    at_ms: int


@dataclass(frozen=True, slots=True)
class Stored:
    """An object in a pack.

    Attributes:
        header: Its header, with key, hash and sizes.
        extent_at: Offset of its first ciphertext byte in the pack file.
    """

    header: ObjectHeader
    extent_at: int


class ReadInto(Protocol):
    """Fills a buffer completely from a stream, or raises `Unreachable`."""

    def __call__(self, buffer: memoryview, /) -> None:
        """Fill the buffer."""


class Incoming(Protocol):
    """A pack being filled from a peer; survives a crash and continues where it was."""

    @property
    def pack(self) -> bytes:
        """The pack's id."""

    @property
    def header(self) -> StudyHeader:
        """What the pack says about its study."""

    def objects(self) -> Sequence[Stored]:
        """List every object that was announced, in order."""

    def complete(self) -> frozenset[bytes]:
        """Ids of objects whose every chunk is there and whose hash is right.

        Looks at the bytes themselves, so it is also right after a power cut. Call before writing.
        """

    def whole_chunks(self, object_id: bytes) -> int:
        """Number of good chunks at the start of an incomplete object."""

    def announce(self, headers: Sequence[ObjectHeader]) -> None:
        """Make room for objects that are not announced yet; durable once published.

        Raises:
            Tampered: An announced object has another key, size or hash now.
            DiskFull: No room.
        """

    def receive(self, object_id: bytes, first_chunk: int, read_into: ReadInto) -> None:
        """Take an object's chunks from `first_chunk` on, verify each, then the hash of the whole.

        Safe to call from several threads for different objects.

        Raises:
            Tampered: A chunk or the hash is wrong; the object counts as not there.
            Damaged: A chunk before `first_chunk` is not here after all.
            DiskFull: No room.
        """

    def publish(self) -> int:
        """Make everything durable and move the pack in place; return its length in bytes.

        Doing it again, after a crash came before the row, changes nothing.

        Raises:
            Conflict: An announced object is not known to be complete.
        """

    def discard(self) -> None:
        """Remove the file and the study key."""


class Packs(Protocol):
    """Pack files and their study keys. Keys never leave this port, except object keys."""

    def create(self, header: StudyHeader) -> Pack:
        """Make a study key and an empty pack with a sealed study header; durable on return."""

    def append(self, pack: Pack, drafts: Sequence[Draft]) -> tuple[Pack, Sequence[Stored]]:
        """Write objects after the committed length; durable on return.

        Bytes after `pack.length` (left by a crash) are cut off first.

        Returns:
            The pack with its new length, and what was stored. It counts only when the row is saved.

        Raises:
            DiskFull: No room; the pack is as before.
            Conflict: A draft's bytes changed while they were read.
            Invalid: An attribute does not fit a header.
            Damaged: The file is shorter than the committed length.
        """

    def objects(self, pack: Pack) -> Sequence[Stored]:
        """List the objects within the committed length, in order of arrival.

        Raises:
            Damaged: A header does not open.
        """

    def study_header(self, pack: Pack) -> StudyHeader:
        """Open a pack's sealed study header."""

    def series_name(self, pack: Pack, series_uid: str) -> bytes:
        """Return the 16-byte name of a series under the pack's study key."""

    def read(self, pack: Pack, stored: Stored) -> Iterator[bytes]:
        """Yield an object's original bytes, chunk by chunk.

        Raises:
            Damaged: A chunk does not authenticate, or the hash of the whole is wrong.
        """

    def read_chunk(self, pack: Pack, stored: Stored, number: int) -> bytes:
        """Return one chunk of an object's original bytes, of at most `limits.CHUNK`.

        It authenticates by itself; the hash of the whole was checked when the object was stored.

        Args:
            pack: Where the object lies.
            stored: The object.
            number: Which chunk, from 0.

        Raises:
            Damaged: The chunk does not authenticate, or the object has no such chunk.
        """

    def seal_index(self, pack: Pack) -> Pack:
        """Write the index of all objects at the end; durable on return."""

    def spool(self, grow: Callable[[int], None]) -> Spool:
        """Begin an instance that is sealed while it arrives; it may become a draft's source.

        Args:
            grow: Called with a number of bytes before that many are put on the disk; may refuse.
        """

    def open_file(self, pack: bytes) -> BinaryIO:
        """Open a pack file for serving its ciphertext."""

    def erase(self, pack: bytes) -> None:
        """Destroy the study key, then unlink the file. Doing it again changes nothing."""

    def stage(self, header: StudyHeader) -> Incoming:
        """Begin a pack to be filled from a peer; durable on return."""

    def resume(self, pack: bytes) -> Incoming:
        """Continue a staged pack after a break or a restart.

        Raises:
            NotFound: No such pack is staged.
        """

    def discard(self, pack: bytes) -> None:
        """Remove a pack that no row ever named. Doing it again changes nothing."""

    def ids(self) -> frozenset[bytes]:
        """List every pack that has a file or a key."""

    def unfinished(self) -> frozenset[bytes]:
        """List packs that were begun and are not noted as committed."""

    def finish(self, packs: Iterable[bytes]) -> None:
        """Note that the rows of these packs are committed; durable on return."""

    def sweep(self, keep: frozenset[bytes]) -> int:
        """Discard every pack that was never finished and is not in `keep`; return how many."""

    def free_bytes(self) -> int:
        """Room on the disk, in bytes."""

"""The packs' port in memory: real ciphertext, no disk.

Same promises as `undisc_node.storage.packs`, kept by `tests/contract`. Object chunks are sealed as
in a real pack, so that what one node serves another can receive; headers are kept as values, and
only their place in the file is taken up.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import BinaryIO

from support.clock import SeededEntropy
from undisc_node.services.errors import Conflict, Damaged, DiskFull, NotFound
from undisc_node.services.model import Pack, PackRole
from undisc_node.services.ports import Draft, ReadInto, Stored
from undisc_protocol import keys, limits
from undisc_protocol.errors import Tampered, Unreachable
from undisc_protocol.pack import (
    CODEC_RAW,
    ObjectCipher,
    ObjectHash,
    ObjectHeader,
    StudyHeader,
    chunk_span,
    pack_start,
)

_HEADER = b"a sealed header would be here..."


@dataclass
class _File:
    """A pack file and the study key that opens it."""

    header: StudyHeader
    study_key: bytes
    content: bytearray
    objects: list[Stored] = field(default_factory=list)


class MemoryPacks:
    """Packs without a disk; implements `ports.Packs`.

    Attributes:
        room: Bytes that all packs together may have; a test makes it small to fill the disk.
    """

    def __init__(self, *, seed: str = "packs") -> None:
        self.room = 2**40
        self._entropy = SeededEntropy(seed)
        self._files: dict[bytes, _File] = {}
        self._finished: set[bytes] = set()

    def create(self, header: StudyHeader) -> Pack:
        """Make an empty pack."""
        pack = self._begin(header)
        return Pack(pack, header.study, PackRole.MAIN, len(self._files[pack].content), None)

    def append(self, pack: Pack, drafts: Sequence[Draft]) -> tuple[Pack, Sequence[Stored]]:
        """Write objects behind the committed length."""
        file = self._file(pack.id)
        self._check_length(pack)
        file.objects = _within(file, pack.length)
        del file.content[pack.length :]
        added: list[Stored] = []
        try:
            added.extend(self._write(file, draft) for draft in drafts)
        except BaseException:
            del file.content[pack.length :]
            raise
        file.objects += added
        return replace(pack, length=len(file.content)), added

    def objects(self, pack: Pack) -> Sequence[Stored]:
        """List the objects within the committed length, in order of arrival."""
        self._check_length(pack)
        return _within(self._file(pack.id), pack.length)

    def study_header(self, pack: Pack) -> StudyHeader:
        """Return what the pack says about its study."""
        return self._file(pack.id).header

    def series_name(self, pack: Pack, series_uid: str) -> bytes:
        """Return the 16-byte name of a series under the pack's study key."""
        return keys.series_name(self._file(pack.id).study_key, series_uid)

    def read(self, pack: Pack, stored: Stored) -> Iterator[bytes]:
        """Yield an object's original bytes, chunk by chunk."""
        try:
            yield from _opened(self._file(pack.id).content, stored)
        except Tampered as fault:
            raise Damaged(str(fault)) from fault

    def read_chunk(self, pack: Pack, stored: Stored, number: int) -> bytes:
        """Return one chunk of an object's original bytes."""
        if not 0 <= number < stored.header.chunks:
            raise Damaged("an object has no chunk of this number")
        content = self._file(pack.id).content
        try:
            return _opened_chunk(content, stored, ObjectCipher(*_secret(stored)), number)
        except Tampered as fault:
            raise Damaged(str(fault)) from fault

    def seal_index(self, pack: Pack) -> Pack:
        """Take up the room of an index."""
        file = self._file(pack.id)
        del file.content[pack.length :]
        self._extend(file, _HEADER)
        return replace(pack, length=len(file.content), index_at=pack.length)

    def spool(self, grow: Callable[[int], None]) -> MemorySpool:
        """Begin an instance that arrives piece by piece."""
        return MemorySpool(grow)

    def open_file(self, pack: bytes) -> BinaryIO:
        """Open a pack for serving its ciphertext."""
        return io.BytesIO(bytes(self._file(pack).content))

    def erase(self, pack: bytes) -> None:
        """Forget a pack. Doing it again changes nothing."""
        self._files.pop(pack, None)

    def discard(self, pack: bytes) -> None:
        """Forget a pack that no row ever named."""
        self.erase(pack)

    def ids(self) -> frozenset[bytes]:
        """List every pack."""
        return frozenset(self._files)

    def unfinished(self) -> frozenset[bytes]:
        """List packs that are not noted as committed."""
        return frozenset(self._files.keys() - self._finished)

    def finish(self, packs: Iterable[bytes]) -> None:
        """Note that the rows of these packs are committed."""
        self._finished.update(self._files.keys() & set(packs))

    def stage(self, header: StudyHeader) -> MemoryIncoming:
        """Begin a pack to be filled from a peer."""
        return self.resume(self._begin(header))

    def resume(self, pack: bytes) -> MemoryIncoming:
        """Continue a staged pack."""
        if pack not in self._files:
            raise NotFound("no such pack is staged")
        file = self._files[pack]
        return MemoryIncoming(
            pack, file, extend=lambda more: self._extend(file, more), discard=self.discard
        )

    def sweep(self, keep: frozenset[bytes]) -> int:
        """Forget every pack that was never finished and is not in `keep`; return how many."""
        orphans = self._files.keys() - self._finished - keep
        for pack in orphans:
            self.erase(pack)
        return len(orphans)

    def free_bytes(self) -> int:
        """Room that is left."""
        return self.room - sum(len(file.content) for file in self._files.values())

    def spoil(self, pack: bytes, offset: int) -> None:
        """Flip a bit, as a bad disk would."""
        self._files[pack].content[offset] ^= 1

    def _begin(self, header: StudyHeader) -> bytes:
        pack = self._entropy.random(16)
        file = _File(header, self._entropy.random(keys.KEY_SIZE), bytearray())
        self._files[pack] = file
        self._extend(file, pack_start(pack) + _HEADER)
        return pack

    def _write(self, file: _File, draft: Draft) -> Stored:
        with draft.source.open() as stream:
            content = stream.read()
        hasher = ObjectHash()
        hasher.update(content)
        if len(content) != draft.source.size or hasher.digest() != draft.hash:
            raise Conflict("the bytes of an instance changed while they were read")
        facts = draft.facts
        header = ObjectHeader(
            id=self._entropy.random(16),
            key=self._entropy.random(keys.KEY_SIZE),
            codec=CODEC_RAW,
            size=len(content),
            hash=draft.hash,
            series_uid=facts.series_uid,
            sop_uid=facts.sop_uid,
            sop_class=facts.sop_class,
            syntax=facts.transfer_syntax,
            modality=facts.modality,
            number=facts.number,
            sender=draft.sender,
            replaces=draft.replaces,
            at_ms=draft.at_ms,
        )
        self._extend(file, _HEADER)
        stored = Stored(header, len(file.content))
        self._extend(file, _sealed(header, content))
        return stored

    def _extend(self, file: _File, more: bytes) -> None:
        if len(more) > self.free_bytes():
            raise DiskFull("no room left")
        file.content += more

    def _file(self, pack: bytes) -> _File:
        if pack not in self._files:
            raise NotFound("the key of this pack is not in the keyring", code="key_destroyed")
        return self._files[pack]

    def _check_length(self, pack: Pack) -> None:
        if len(self._file(pack.id).content) < pack.length:
            raise Damaged("the pack is shorter than what was committed")


class MemorySpool:
    """An instance that arrives piece by piece; implements `ports.Spool`."""

    def __init__(self, grow: Callable[[int], None] = lambda _: None) -> None:
        self._content = bytearray()
        self._chunks = 0
        self._grow = grow
        self.hash = b""
        self.is_closed = False

    @property
    def size(self) -> int:
        return len(self._content)

    def write(self, data: memoryview) -> int:
        part = data[: (self._chunks + 1) * limits.CHUNK - len(self._content)]
        self._content += part
        return len(part)

    def seal(self) -> None:
        if len(self._content) == (self._chunks + 1) * limits.CHUNK:
            self._grow(limits.CHUNK + limits.TAG)
            self._chunks += 1

    def finish(self) -> None:
        hasher = ObjectHash()
        hasher.update(self._content)
        self.hash = hasher.digest()

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        yield io.BytesIO(self._content)

    def close(self) -> None:
        self.is_closed = True


class MemoryIncoming:
    """A pack being filled; implements `ports.Incoming`."""

    def __init__(
        self,
        pack: bytes,
        file: _File,
        *,
        extend: Callable[[bytes], None],
        discard: Callable[[bytes], None],
    ) -> None:
        self.pack = pack
        self._file = file
        self._extend = extend
        self._discard = discard

    @property
    def header(self) -> StudyHeader:
        """What the pack says about its study."""
        return self._file.header

    def objects(self) -> Sequence[Stored]:
        """List every object that was announced, in order."""
        return list(self._file.objects)

    def complete(self) -> frozenset[bytes]:
        """Ids of objects whose every chunk is there and whose hash is right."""
        return frozenset(
            one.header.id
            for one in self._file.objects
            if self.whole_chunks(one.header.id) == one.header.chunks
        )

    def whole_chunks(self, object_id: bytes) -> int:
        """Number of good chunks at the start of an object; none if only its hash is wrong."""
        stored = self._stored(object_id)
        count = 0
        try:
            for _ in _opened(self._file.content, stored, with_hash=False):
                count += 1
            list(_opened(self._file.content, stored))
        except Tampered:
            return count if count < stored.header.chunks else 0
        return count

    def announce(self, headers: Sequence[ObjectHeader]) -> None:
        """Make room for objects that are not announced yet."""
        known = {one.header.id: one.header for one in self._file.objects}
        for header in headers:
            if header.id in known:
                old = known[header.id]
                if (old.key, old.size, old.hash) != (header.key, header.size, header.hash):
                    raise Tampered("the holder describes an object otherwise than before")
                continue
            known[header.id] = header
            self._extend(_HEADER)
            self._file.objects.append(Stored(header, len(self._file.content)))
            self._extend(bytes(header.stored))

    def receive(self, object_id: bytes, first_chunk: int, read_into: ReadInto) -> None:
        """Take an object's chunks from `first_chunk` on."""
        stored = self._stored(object_id)
        header = stored.header
        if first_chunk > self.whole_chunks(object_id):
            raise Damaged("a chunk that was received earlier is not there any more")
        cipher = ObjectCipher(header.key, header.id)
        for number in range(first_chunk, header.chunks):
            span = chunk_span(header.size, number)
            sealed = memoryview(bytearray(span.length))
            read_into(sealed)
            last = number == header.chunks - 1
            cipher.open_into(number, sealed, memoryview(bytearray(span.length)), last=last)
            start = stored.extent_at + span.offset
            self._file.content[start : start + span.length] = sealed
        list(_opened(self._file.content, stored))

    def publish(self) -> int:
        """Move the pack in place; return its length in bytes."""
        if len(self.complete()) < len(self._file.objects):
            raise Conflict("a pack with missing objects cannot be published")
        return len(self._file.content)

    def discard(self) -> None:
        """Forget the pack."""
        self._discard(self.pack)

    def _stored(self, object_id: bytes) -> Stored:
        for one in self._file.objects:
            if one.header.id == object_id:
                return one
        raise NotFound("the object was not announced")


def _within(file: _File, length: int) -> list[Stored]:
    return [one for one in file.objects if one.extent_at + one.header.stored <= length]


def _sealed(header: ObjectHeader, content: bytes) -> bytes:
    cipher = ObjectCipher(header.key, header.id)
    parts = []
    for number in range(header.chunks):
        piece = content[number * limits.CHUNK : (number + 1) * limits.CHUNK]
        out = bytearray(len(piece) + limits.TAG)
        last = number == header.chunks - 1
        cipher.seal_into(number, memoryview(piece), memoryview(out), last=last)
        parts.append(bytes(out))
    return b"".join(parts)


def _opened(content: bytearray, stored: Stored, *, with_hash: bool = True) -> Iterator[bytes]:
    header = stored.header
    cipher, hasher = ObjectCipher(*_secret(stored)), ObjectHash()
    for number in range(header.chunks):
        plain = _opened_chunk(content, stored, cipher, number)
        hasher.update(plain)
        last = number == header.chunks - 1
        if last and with_hash and hasher.digest() != header.hash:
            raise Tampered("the hash of an object is wrong")
        yield plain


def _secret(stored: Stored) -> tuple[bytes, bytes]:
    return stored.header.key, stored.header.id


def _opened_chunk(content: bytearray, stored: Stored, cipher: ObjectCipher, number: int) -> bytes:
    span = chunk_span(stored.header.size, number)
    start = stored.extent_at + span.offset
    plain = bytearray(span.length - limits.TAG)
    last = number == stored.header.chunks - 1
    sealed = memoryview(content)[start : start + span.length]
    cipher.open_into(number, sealed, memoryview(plain), last=last)
    return bytes(plain)


def stream_of(content: bytes) -> ReadInto:
    """Give ciphertext as a peer's connection does; it breaks where `content` ends."""
    stream = io.BytesIO(content)

    def read_into(buffer: memoryview, /) -> None:
        if stream.readinto(buffer) < len(buffer):
            raise Unreachable("the connection broke")

    return read_into

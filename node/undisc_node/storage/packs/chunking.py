"""Reads an object's chunks from a pack file, opens and hashes them."""

from __future__ import annotations

from collections.abc import Iterator

from undisc_node.storage.packs.buffers import BufferPool, ChunkBuffers
from undisc_node.storage.packs.files import read_at
from undisc_protocol import limits
from undisc_protocol.errors import Tampered
from undisc_protocol.pack import IndexEntry, ObjectCipher, ObjectHash, ObjectHeader, chunk_span

_HOLE = bytes(limits.TAG)


def cipher_of(header: ObjectHeader) -> ObjectCipher:
    """Return the cipher of an object."""
    return ObjectCipher(header.key, header.id)


def read_chunk(
    descriptor: int,
    entry: IndexEntry,
    cipher: ObjectCipher,
    number: int,
    buffers: ChunkBuffers,
) -> memoryview:
    """Read and open one chunk; the result lies in `buffers.plain`.

    Raises:
        Tampered: It does not authenticate.
        Damaged: The file ends before it.
    """
    span = chunk_span(entry.header.size, number)
    sealed = buffers.sealed[: span.length]
    read_at(descriptor, sealed, entry.extent_at + span.offset)
    last = number == entry.header.chunks - 1
    return buffers.plain[: cipher.open_into(number, sealed, buffers.plain, last=last)]


def read_object(descriptor: int, entry: IndexEntry, pool: BufferPool) -> Iterator[bytes]:
    """Yield an object's bytes; the hash is checked before the last chunk leaves.

    Raises:
        Tampered: A chunk does not authenticate, or the hash of the whole is wrong.
        Damaged: The file ends too early.
    """
    cipher, hasher = cipher_of(entry.header), ObjectHash()
    with pool.borrow() as buffers:
        for number in range(entry.header.chunks):
            plain = read_chunk(descriptor, entry, cipher, number, buffers)
            hasher.update(plain)
            if number == entry.header.chunks - 1 and hasher.digest() != entry.header.hash:
                raise Tampered("the hash of an object is wrong")
            yield bytes(plain)


def good_chunks(descriptor: int, entry: IndexEntry, buffers: ChunkBuffers) -> int:
    """Count the good chunks at the start of an object that may be full of holes.

    Returns:
        All of them only if the hash of the whole is right too; none if only the hash is wrong.
    """
    cipher, hasher = cipher_of(entry.header), ObjectHash()
    for number in range(entry.header.chunks):
        if _is_hole(descriptor, entry, number, buffers):
            return number
        try:
            hasher.update(read_chunk(descriptor, entry, cipher, number, buffers))
        except Tampered:
            return number
    return entry.header.chunks if hasher.digest() == entry.header.hash else 0


def _is_hole(descriptor: int, entry: IndexEntry, number: int, buffers: ChunkBuffers) -> bool:
    """Look at the tag alone: bytes that never arrived are zeros, and no tag ever is."""
    span = chunk_span(entry.header.size, number)
    tag = buffers.sealed[: limits.TAG]
    read_at(descriptor, tag, entry.extent_at + span.offset + span.length - limits.TAG)
    return tag == _HOLE

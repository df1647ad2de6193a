"""Reads every chunk of every object of a pack: each must authenticate, and the whole have its hash.

Decryption and hashing let other threads run, so a few of them share a pack, each with one pair of
buffers: memory stays the same whatever the pack's size. Pages are dropped before and after they are
read: rot on the disk shows only in bytes that come from the disk, and a check must not push out of
memory what a node beside it is serving.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from undisc_node.services.errors import Damaged
from undisc_node.storage.checking.problems import LOOK_AT_DISK, Problem, pack_problem
from undisc_node.storage.packs.buffers import BufferPool, ChunkBuffers
from undisc_node.storage.packs.chunking import cipher_of, read_chunk
from undisc_node.storage.packs.files import opened
from undisc_protocol.errors import Tampered
from undisc_protocol.pack import IndexEntry, ObjectHash

THREADS: Final = 2  # more gain nothing where the disk is the limit, and take cores from the node
_WORTH_DROPPING: Final = 256 * 1024  # bytes; dropping smaller objects one by one costs more

Moved = Callable[[int], None]
"""Is told how many more bytes were read."""


class BodyReader:
    """Reads the objects of one pack after the other.

    Args:
        threads: How many read at the same time.
        moved: Is told of progress, from several threads.
    """

    def __init__(self, *, threads: int = THREADS, moved: Moved = lambda _: None) -> None:
        self._threads = threads
        self._moved = moved
        self._pool = BufferPool()
        self._workers = ThreadPoolExecutor(threads, thread_name_prefix="undisc-check")

    def close(self) -> None:
        """End the threads."""
        self._workers.shutdown(cancel_futures=True)

    def problems(self, path: Path, pack: bytes, entries: Sequence[IndexEntry]) -> list[Problem]:
        """Read every object of a pack; return what is wrong, in the order of the objects.

        Args:
            path: Its file.
            pack: Its id.
            entries: Its objects, from `walk_pack`.
        """
        found: dict[int, Problem] = {}
        feed = _Feed(entries)

        def work(descriptor: int) -> None:
            with self._pool.borrow() as buffers:
                for number, entry in feed:
                    problem = self._one(descriptor, pack, number, entry, buffers)
                    if problem is not None:
                        found[number] = problem

        try:
            with opened(path) as descriptor:
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_SEQUENTIAL)
                for job in [self._workers.submit(work, descriptor) for _ in range(self._threads)]:
                    job.result()
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            feed.stop()
        return [found[number] for number in sorted(found)]

    def _one(
        self, descriptor: int, pack: bytes, number: int, entry: IndexEntry, buffers: ChunkBuffers
    ) -> Problem | None:
        name = f"object {number + 1} ({entry.header.id.hex()[:12]})"
        try:
            read_whole(descriptor, entry, buffers, self._moved)
        except (Tampered, Damaged) as fault:
            return pack_problem("body_damaged", pack, f"{name} is damaged: {fault}")
        except OSError as fault:
            sentence = f"the disk does not read {name}: {fault.strerror}"
            return pack_problem("body_unreadable", pack, sentence, LOOK_AT_DISK)
        if entry.header.stored >= _WORTH_DROPPING:
            os.posix_fadvise(
                descriptor, entry.extent_at, entry.header.stored, os.POSIX_FADV_DONTNEED
            )
        return None


def read_whole(
    descriptor: int, entry: IndexEntry, buffers: ChunkBuffers, moved: Moved = lambda _: None
) -> None:
    """Open every chunk of an object and compare the hash of the whole.

    Raises:
        Tampered: A chunk does not authenticate, or the hash is wrong.
        Damaged: The file ends before it.
        OSError: The disk does not read it.
    """
    cipher, hasher = cipher_of(entry.header), ObjectHash()
    for number in range(entry.header.chunks):
        plain = read_chunk(descriptor, entry, cipher, number, buffers)
        hasher.update(plain)
        moved(len(plain))
    hasher.verify(entry.header.hash)


class _Feed:
    """Hands out the objects of a pack to several threads, each object once."""

    def __init__(self, entries: Sequence[IndexEntry]) -> None:
        self._entries = enumerate(entries)
        self._guard = threading.Lock()
        self._stopped = False

    def stop(self) -> None:
        """Hand out nothing more."""
        self._stopped = True

    def __iter__(self) -> Iterator[tuple[int, IndexEntry]]:
        while not self._stopped:
            with self._guard:
                item = next(self._entries, None)
            if item is None:
                return
            yield item

"""An instance that is sealed while it arrives, before anybody knows which pack it belongs to.

The key of an object is its own, so its chunks can be sealed before its study is known. What does
not fit into one chunk waits in a file without a name: a crash leaves nothing behind, and nobody
could open it anyway, because its key is in memory only. When the instance is committed, the
ciphertext is put behind its header in the pack; one chunk goes there directly, more are copied by
the kernel.
"""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, cast

from undisc_node.services.ports import Entropy
from undisc_node.storage.faults import disk_faults
from undisc_node.storage.packs.buffers import BufferPool
from undisc_node.storage.packs.files import read_at, write_at
from undisc_protocol import keys, limits
from undisc_protocol.pack import ID, ObjectCipher, ObjectHash

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_SEALED: Final = limits.CHUNK + limits.TAG
_READ: Final = 16_384  # bytes read at once by whoever looks for facts


class SpooledObject:
    """One instance on its way; implements `ports.Spool`.

    `write` only copies and may be called where nothing may block; `seal` and `finish` hash, encrypt
    and write to the disk. One thread at a time.

    Args:
        staging: Where more than one chunk waits.
        entropy: Draws id and key.
        pool: Lends room for one chunk.
        grow: Called with a number of bytes before the file grows by them; may refuse.
    """

    def __init__(
        self, staging: Path, *, entropy: Entropy, pool: BufferPool, grow: Callable[[int], None]
    ) -> None:
        self._staging = staging
        self._grow = grow
        self._pool = pool
        self.id = entropy.random(ID)
        self.key = entropy.random(keys.KEY_SIZE)
        self._cipher = ObjectCipher(self.key, self.id)
        self._hasher = ObjectHash()
        self._stack = ExitStack()
        self._buffers = self._stack.enter_context(pool.borrow())
        self._file: int | None = None
        self._chunks = 0  # that are full, and sealed in the file
        self._filled = 0  # bytes of the chunk in memory
        self._last = 0  # bytes of that chunk when it is sealed
        self.hash = b""

    @property
    def size(self) -> int:
        """Size of the instance so far, in bytes."""
        return self._chunks * limits.CHUNK + self._filled

    def write(self, data: memoryview) -> int:
        """Take as many bytes as fit before something must be sealed; return how many."""
        part = data[: limits.CHUNK - self._filled]
        self._buffers.plain[self._filled : self._filled + len(part)] = part
        self._filled += len(part)
        return len(part)

    def seal(self) -> None:
        """Make room, if there is none: seal the chunk in memory and put it into the file.

        Raises:
            ServiceError: No room, or the disk failed.
        """
        if self._filled < limits.CHUNK:
            return
        self._grow(_SEALED)
        length = self._seal(last=False)
        with disk_faults(self._staging):
            if self._file is None:
                unnamed = tempfile.TemporaryFile(dir=self._staging, buffering=0)  # noqa: SIM115 - closed by the stack
                self._file = self._stack.enter_context(unnamed).fileno()
            write_at(self._file, [self._buffers.sealed[:length]], self._chunks * _SEALED)
        self._chunks += 1
        self._filled = 0

    def finish(self) -> None:
        """Seal what is left, and know the hash; nothing can be written any more."""
        self._last = self._seal(last=True)
        self.hash = self._hasher.digest()

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Open for reading from the first byte, after `finish`."""
        with ExitStack() as stack:
            scratch = stack.enter_context(self._pool.borrow()).plain if self._chunks else None
            raw = _Opened(self, scratch)
            yield cast("BinaryIO", stack.enter_context(io.BufferedReader(raw, _READ)))

    def put(self, descriptor: int, frame: bytes, position: int) -> None:
        """Write a sealed header and the ciphertext behind it into a pack file."""
        extent_at = position + len(frame)
        rest = self._buffers.sealed[: self._last]
        if self._file is None:
            write_at(descriptor, [frame, rest], position)
        else:
            write_at(descriptor, [frame], position)
            _copy(self._file, descriptor, self._chunks * _SEALED, extent_at)
            write_at(descriptor, [rest], extent_at + self._chunks * _SEALED)

    def close(self) -> None:
        """Give back what it holds. Doing it again changes nothing."""
        self._stack.close()

    def plain_chunk(self, number: int, scratch: memoryview | None) -> memoryview:
        """Return the bytes of a chunk, opened into `scratch` when it is not in memory."""
        if number == self._chunks or scratch is None or self._file is None:
            return self._buffers.plain[: self._filled]
        with disk_faults(self._staging), self._pool.borrow() as buffers:
            read_at(self._file, buffers.sealed, number * _SEALED)
            length = self._cipher.open_into(number, buffers.sealed, scratch, last=False)
        return scratch[:length]

    def _seal(self, *, last: bool) -> int:
        chunk = self._buffers.plain[: self._filled]
        self._hasher.update(chunk)
        return self._cipher.seal_into(self._chunks, chunk, self._buffers.sealed, last=last)


class _Opened(io.RawIOBase):
    """The instance's own bytes, from memory and from the file."""

    def __init__(self, spooled: SpooledObject, scratch: memoryview | None) -> None:
        super().__init__()
        self._spooled = spooled
        self._scratch = scratch
        self._number = -1
        self._chunk = memoryview(b"")
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._spooled.size}[whence]
        self._at = max(0, start + offset)
        return self._at

    def readinto(self, buffer: WriteableBuffer) -> int:
        if self._at >= self._spooled.size:
            return 0
        target = memoryview(buffer).cast("B")
        number, within = divmod(self._at, limits.CHUNK)
        if number != self._number:
            self._chunk = self._spooled.plain_chunk(number, self._scratch)
            self._number = number
        part = self._chunk[within : within + len(target)]
        target[: len(part)] = part
        self._at += len(part)
        return len(part)


def _copy(source: int, target: int, count: int, to: int) -> None:
    """Copy the start of a file into another; the kernel does it where it can."""
    done = 0
    while done < count:
        try:
            moved = os.copy_file_range(source, target, count - done, done, to + done)
        except OSError:
            moved = 0  # not between these two: some network and stacked file systems
        if not moved:
            part = memoryview(os.pread(source, min(count - done, limits.CHUNK), done))
            write_at(target, [part], to + done)
            moved = len(part)
        done += moved

"""An object of a pack as a stream that can be read from anywhere, one chunk at a time."""

from __future__ import annotations

import io
from collections.abc import Iterator

from undisc_node.services.contents import Located
from undisc_node.services.ports import Packs
from undisc_protocol import limits


class ObjectStream(io.RawIOBase):
    """Reads any part of an object; opens only the chunks that are needed and keeps the last one.

    Args:
        packs: Bytes.
        located: The object.
    """

    def __init__(self, packs: Packs, located: Located) -> None:
        self._packs = packs
        self._located = located
        self._size = located.stored.header.size
        self._at = 0
        self._number = -1
        self._chunk = b""

    def readable(self) -> bool:
        """Tell that this can be read."""
        return True

    def seekable(self) -> bool:
        """Tell that this can be read from anywhere."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to an offset."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        """Return the offset."""
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Read what is left of the chunk at the offset, at most as much as fits."""
        piece = self._piece(len(buffer))
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)

    def pieces(self, start: int, length: int) -> Iterator[bytes]:
        """Yield the bytes of a range, chunk by chunk; fewer where the object ends."""
        self._at, stop = start, min(self._size, start + length)
        while self._at < stop:
            piece = bytes(self._piece(stop - self._at))
            self._at += len(piece)
            yield piece

    def _piece(self, most: int) -> memoryview:
        if self._at >= self._size:
            return memoryview(b"")
        number, within = divmod(self._at, limits.CHUNK)
        if number != self._number:
            self._chunk = self._packs.read_chunk(self._located.pack, self._located.stored, number)
            self._number = number
        return memoryview(self._chunk)[within : within + most]

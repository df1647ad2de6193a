"""Multipart bodies of DICOMweb (RFC 2046 §5.1, PS3.18 §8.6): read part by part, and written.

Reading is bounded: headers of a part have a largest size, and no more of a part is in memory than
one read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import BinaryIO, Final

from undisc_node.services.errors import Invalid, Unavailable

_READ: Final = 262_144  # bytes read at once
_MAX_HEADERS: Final = 16_384  # bytes of the headers of one part
_BOUNDARY: Final = re.compile(r'boundary="?([0-9A-Za-z\'()+_,./:=? -]{1,70})"?', re.IGNORECASE)

Read = Callable[[int], bytes]
"""Returns up to so many bytes; nothing at the end."""


def boundary_of(content_type: str) -> bytes:
    """Return the boundary that a Content-Type names.

    Raises:
        Unavailable: It is not multipart.
    """
    found = _BOUNDARY.search(content_type)
    if not content_type.lower().startswith("multipart/related") or found is None:
        raise Unavailable("the PACS answered with something else than images", code="pacs_failed")
    return found[1].strip().encode("ascii")


class Parts:
    """Reads parts one after the other.

    Args:
        read: Gives the body.
        boundary: What separates its parts.
    """

    def __init__(self, read: Read, boundary: bytes) -> None:
        self._read = read
        self._delimiter = b"\r\n--" + boundary
        self._buffer = b"\r\n"  # the first delimiter may stand at the very start
        self._begun = self._ended = False

    def next_into(self, sink: BinaryIO, most: int) -> int | None:
        """Write the body of the next part; return its size, or None when there is no further one.

        Raises:
            Unavailable: The body ends in the middle.
            Invalid: A part is larger than `most`.
        """
        if not self._begun:
            self._begun = True
            for _ in self._until(self._delimiter):
                pass  # a preamble says nothing (RFC 2046 §5.1.1)
        if self._ended or self._at_end():
            return None
        size = 0
        for _ in self._until(b"\r\n\r\n", most=_MAX_HEADERS):
            pass
        for piece in self._until(self._delimiter):
            size += len(piece)
            if size > most:
                raise Invalid("the PACS sent an object that is too large", code="oversize")
            sink.write(piece)
        return size

    def _at_end(self) -> bool:
        while len(self._buffer) < 2:  # noqa: PLR2004 - two dashes end it
            self._more()
        self._ended = self._buffer.startswith(b"--")
        return self._ended

    def _until(self, mark: bytes, most: int | None = None) -> Iterator[bytes]:
        """Yield what comes before a mark, and go behind it."""
        seen = 0
        while True:
            at = self._buffer.find(mark)
            if at >= 0:
                piece, self._buffer = self._buffer[:at], self._buffer[at + len(mark) :]
                if piece:
                    yield piece
                return
            keep = len(mark) - 1
            piece = self._buffer[: max(0, len(self._buffer) - keep)]
            self._buffer = self._buffer[len(piece) :]
            seen += len(piece)
            if most is not None and seen > most:
                raise Unavailable("the PACS sent headers without end", code="pacs_failed")
            if piece:
                yield piece
            self._more()

    def _more(self) -> None:
        data = self._read(_READ)
        if not data:
            raise Unavailable("the PACS broke off in the middle of an image", code="incomplete")
        self._buffer += data

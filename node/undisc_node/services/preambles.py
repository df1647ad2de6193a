"""What leaves the node as a file starts with no program (PS3.10 §7.5, CVE-2019-11687).

The first 128 bytes of a DICOM file may hold anything, also the start of a program, a script or a
web page, and the same file is then both: an image to a viewer, a program to a careless system. The
pack keeps these bytes as they came. On the way out they become zeros, unless they are the head of a
TIFF image, which whole slide scanners put there on purpose. Nothing else of the file changes, nor
does its length.

This does not look into the rest of the file. Formats that are recognised by their end (ZIP) or by
a mark somewhere in the first kilobyte (PDF) can also hide in a value, and stay.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

PREAMBLE: Final = 128  # bytes (PS3.10 §7.1)
_PREFIX: Final = b"DICM"
_TIFF: Final = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # classic and BigTIFF, both byte orders
_LOOKED_AT: Final = PREAMBLE + len(_PREFIX)


def harmless(start: bytes) -> bytes:
    """Return the start of a file, at least its first 132 bytes, as it may leave the node."""
    if start[PREAMBLE:_LOOKED_AT] != _PREFIX or start.startswith(_TIFF):
        return start
    return bytes(PREAMBLE) + start[PREAMBLE:]


def leaving(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the bytes of a file as they may leave the node; of the same number.

    Whatever ends when `chunks` is closed ends when this is closed.
    """
    source = iter(chunks)
    try:
        start = b""
        for chunk in source:
            start += chunk
            if len(start) >= _LOOKED_AT:
                break
        if start:
            yield harmless(start)
        yield from source
    finally:
        close = getattr(source, "close", None)
        if close is not None:
            close()

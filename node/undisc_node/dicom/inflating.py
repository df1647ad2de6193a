"""Inflates deflated data sets, never more than is wanted (PS3.5 §A.5).

Deflate packs zeros a thousand times, so a file of one MiB can hold a GiB; and a stream can go on
for ever without any output. Both are bounded here: what comes out, and what goes in.
"""

from __future__ import annotations

import zlib
from enum import Enum
from typing import BinaryIO, Final, NamedTuple

DEFLATED: Final = frozenset(
    (
        "1.2.840.10008.1.2.1.99",  # Deflated Explicit VR Little Endian
        "1.2.840.10008.1.2.4.95",  # JPIP Referenced Deflate
        "1.2.840.10008.1.2.4.205",  # JPIP HTJ2K Referenced Deflate
    )
)
_PIECE: Final = 65_536  # bytes of deflated input fed at a time
_GAIN: Final = 1_048_576  # bytes taken out at a time, so that a bomb is noticed before it is held
# Honest input is at most a thousandth longer than its output (RFC 1951 §3.2.4); empty blocks, which
# have input and no output, are what flushing leaves behind.
_INPUT_FACTOR: Final = 2


class Ending(Enum):
    """Why inflating ended."""

    WHOLE = "whole"
    BOUND = "bound"
    DAMAGED = "damaged"


class Inflated(NamedTuple):
    """What came out, and whether it is everything."""

    data: bytes
    ending: Ending


def inflate(stream: BinaryIO, *, most: int) -> Inflated:
    """Inflate the data set at which a stream stands.

    Input that ends early counts as whole: whoever reads the elements notices what is missing.

    Args:
        stream: Positioned at the first deflated byte.
        most: Bytes to inflate; of the input, at most twice as many are read.
    """
    inflater, out, taken = zlib.decompressobj(-zlib.MAX_WBITS), bytearray(), 0
    try:
        while not inflater.eof:
            if len(out) >= most or taken > _INPUT_FACTOR * most + _PIECE:
                return Inflated(bytes(out), Ending.BOUND)
            piece = inflater.unconsumed_tail
            if not piece:
                piece = stream.read(_PIECE)
                taken += len(piece)
            if not piece:
                break
            out += inflater.decompress(piece, min(_GAIN, most - len(out)))
    except zlib.error:
        return Inflated(bytes(out), Ending.DAMAGED)
    return Inflated(bytes(out), Ending.WHOLE)

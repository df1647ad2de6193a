"""Inputs to begin with: the conformance vectors, and pydicom's sample files."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from support.dicom_files import pydicom_files
from undisc_protocol.errors import RemoteProtocolError

_VECTORS = Path(__file__).parents[2] / "protocol" / "vectors"
if str(_VECTORS) not in sys.path:
    sys.path.insert(0, str(_VECTORS))

import vectorfile  # noqa: E402 - a module of the vectors, found by the line above

_ENVELOPE = b"\x82\x58\x40"
_LARGE = 65_536  # bytes; larger parts are fillers at a bound, and only slow the search down


@cache
def _vectors() -> tuple[vectorfile.Vector, ...]:
    files = sorted((_VECTORS / "v1").glob("*.vec"))
    return tuple(vectorfile.read(path.name, path.read_text(encoding="utf-8")) for path in files)


def parts(what: str, *names: str) -> Iterator[bytes]:
    """Yield the parts of the vectors of one kind; of all names if none is given."""
    for vector in _vectors():
        for name, part in vector.parts.items():
            if vector.what == what and (not names or name in names) and len(part) <= _LARGE:
                yield part


def payloads(raws: Iterable[bytes]) -> Iterator[bytes]:
    """Yield envelopes as they are, and the encoding of each payload by itself."""
    for raw in raws:
        yield raw
        if raw.startswith(_ENVELOPE):
            try:
                yield payload(raw)
            except (RemoteProtocolError, AssertionError, ValueError):
                continue


def payload(raw: bytes) -> bytes:
    """Return the encoded payload of an envelope: what follows its tag."""
    tag, _ = vectorfile.payload_of(raw)
    encoded = tag.encode()
    head = bytes((0x60 | len(encoded),))  # all tags have fewer than 24 characters
    return raw.split(head + encoded, 1)[1]


def samples(most: int) -> Iterator[bytes]:
    """Yield the first bytes of pydicom's sample files."""
    for path in pydicom_files().values():
        with path.open("rb") as stream:
            yield stream.read(most)

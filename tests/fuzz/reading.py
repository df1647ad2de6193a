"""Targets: how images are described and inflated, and what a worker that was taken over may say."""

from __future__ import annotations

import io
import json
import socket
import zlib
from functools import partial

from fuzz.dicom import CODES, WORDS, known
from fuzz.seeds import samples
from fuzz.target import Target
from undisc_node.dicom import describing
from undisc_node.dicom.inflating import Ending, inflate
from undisc_node.dicom.workers import frames
from undisc_node.dicom.workers.pool import read_outcome
from undisc_node.services.errors import Invalid
from undisc_node.services.preambles import PREAMBLE, leaving

_LONGEST = 8_192
_MOST = 10_000


def _describe(data):
    """A description is JSON, names places within the file, and says what is wrong by a code."""
    try:
        found = describing.Describer().describe(io.BytesIO(data), len(data))
    except Invalid as refused:
        known(refused)
    json.dumps(found.attributes, allow_nan=False).encode()
    assert found.problem == "" or found.problem in CODES
    for extent in found.bulk.values():
        assert extent.at >= 0
        assert found.deflated or extent.at + extent.length <= len(data)


def _inflate(data):
    """Never more than is wanted, and what zlib itself says where it says anything."""
    out, ending = inflate(io.BytesIO(data), most=_MOST)
    assert len(out) <= _MOST
    assert (ending is Ending.BOUND) <= (len(out) == _MOST)
    if ending is Ending.WHOLE:
        assert zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, _MOST) == out


def _inflatable():
    for data in (b"", b"DOE^JANE" * 99, bytes(50_000)):
        packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
        yield packer.compress(data) + packer.flush()


def _leave(data):
    """However a file is cut, it leaves as long as it came, and differs in its preamble at most."""
    size = 1 + len(data) % 200
    left = b"".join(leaving(data[at : at + size] for at in range(0, len(data), size)))
    assert len(left) == len(data)
    assert left[PREAMBLE:] == data[PREAMBLE:]
    assert left[:PREAMBLE] in (bytes(min(PREAMBLE, len(data))), data[:PREAMBLE])


def _worker(data):
    """Whatever a worker sends, the node has an answer within its bound, or a refusal of ours."""
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            theirs.sendall(data)
        try:
            kind, body = frames.Line(ours).receive(limit=1_024)
        except frames.TooLong:
            return
    assert len(read_outcome("work", kind, body)) <= 1_024


def _said():
    yield frames.HEAD.pack(frames.ANSWER, 5) + b"image"
    refusal = json.dumps(["no_frame", "the frame is not there", "try 1"]).encode()
    yield frames.HEAD.pack(frames.REFUSED, len(refusal)) + refusal
    yield frames.HEAD.pack(frames.FAILED, 8) + b"KeyError"
    yield frames.HEAD.pack(frames.SWOLLEN, 0)


TARGETS = [
    Target(
        "dicom-description", _describe, partial(samples, _LONGEST), (Invalid,), longest=_LONGEST,
        words=WORDS,
    ),
    Target("dicom-inflating", _inflate, _inflatable, (), longest=4_096),
    Target("dicom-preamble", _leave, partial(samples, 512), (), longest=1_024, words=(b"DICM",)),
    Target("worker-answer", _worker, _said, (Invalid, frames.Broken), longest=2_048),
]  # fmt: skip

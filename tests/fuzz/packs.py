"""Targets: everything that is read back from a disk that may lie, and the log."""

from __future__ import annotations

import os

from fuzz.identity import FORM
from fuzz.seeds import parts
from fuzz.target import Target
from support.parties import label
from undisc_node.services.errors import Damaged
from undisc_node.storage.packs.buffers import BufferPool
from undisc_node.storage.packs.chunking import good_chunks, read_object
from undisc_node.storage.packs.layout import PackLayout, damage
from undisc_protocol import dagcbor, limits
from undisc_protocol.errors import Malformed, Oversize, Tampered
from undisc_protocol.log import Event
from undisc_protocol.pack import (
    FRAME_HEAD,
    FrameKind,
    IndexEntry,
    ObjectCipher,
    ObjectHash,
    ObjectHeader,
    PatientIdentity,
    StudyHeader,
    decode_index,
    encode_index,
    open_frame,
    pack_start,
    read_frame_head,
    read_start,
    seal_frame,
)
from undisc_protocol.tree import Checkpoint, verify_consistency, verify_inclusion

PACK, KEY = label("pack", 16), label("study key")
_POOL = BufferPool()
_CONTENT = b"DICM" * 60
_HASH = ObjectHash()
_HASH.update(_CONTENT)


def _header(number):
    return ObjectHeader(
        id=label(f"object {number}", 16),
        key=label(f"object key {number}"),
        codec="raw",
        size=len(_CONTENT),
        hash=_HASH.digest(),
        series_uid="1.2.3",
        sop_uid=f"1.2.3.{number}",
        sop_class="1.2.840.10008.5.1.4.1.1.2",
        syntax="1.2.840.10008.1.2.1",
        modality="CT",
        number=number,
        sender="dicom:CT1",
        replaces=None,
        at_ms=1,
    )


_STUDY = StudyHeader(
    label("study", 16), "1.2", PatientIdentity("Doe^Jane", "1"), "20261124", "", "A1", "CT", 1
)


def _frame(kind, encoded, place):
    """Seal a frame; its place in the pack makes its nonce."""
    nonce = label(f"nonce at {place}", 24)
    return seal_frame(kind, encoded, pack_id=PACK, study_key=KEY, nonce=nonce)


def _chunk(header):
    out = bytearray(header.stored)
    ObjectCipher(header.key, header.id).seal_into(
        0, memoryview(_CONTENT), memoryview(out), last=True
    )
    return bytes(out)


def _pack_parts():
    """Return the plain parts of a pack with two objects, an index, and a third object."""
    parts_, entries, at = [(FrameKind.STUDY, _STUDY.encode(), b"")], [], 0
    at = len(_built(parts_))
    for number in range(3):
        header = _header(number)
        part = (FrameKind.OBJECT, header.encode(), _chunk(header))
        frame = len(_frame(part[0], part[1], at))
        entries.append(IndexEntry(at, at + frame, header))
        parts_.append(part)
        at += frame + len(part[2])
        if number == 1:
            index = (FrameKind.INDEX, encode_index(entries), b"")
            parts_.append(index)
            at += len(_frame(index[0], index[1], at))
    return parts_


def _built(parts_):
    pack = pack_start(PACK)
    for kind, encoded, behind in parts_:
        pack += _frame(kind, encoded, len(pack)) + behind
    return pack


def _read_pack(raw, index_at):
    """Read whatever a pack of these bytes says it holds."""
    descriptor = os.memfd_create("pack")
    try:
        os.write(descriptor, raw)
        layout = PackLayout(descriptor, PACK, KEY, len(raw))
        entries = layout.entries(index_at)
        for entry in entries:
            assert entry.header_at < entry.extent_at <= len(raw)
            with damage(PACK):
                assert sum(map(len, read_object(descriptor, entry, _POOL))) == entry.header.size
                with _POOL.borrow() as buffers:
                    assert good_chunks(descriptor, entry, buffers) == entry.header.chunks
    finally:
        os.close(descriptor)


def _pack_file(data):
    """The first two bytes say where an index lies, or that there is none."""
    place = int.from_bytes(data[:2], "big")
    _read_pack(data[2:], place or None)


def _pack_files():
    parts_ = _pack_parts()
    pack = _built(parts_)
    index_at = len(_built(parts_[:3]))
    yield b"\0\0" + pack
    yield index_at.to_bytes(2, "big") + pack
    yield b"\0\0" + _built(parts_[:1])


def _sealed_pack(data):
    """A pack written by somebody who has the key: an array of frames is sealed and read."""
    value = dagcbor.decode(data, limit=16_384)
    pack, index_at = pack_start(PACK), None
    for item in value if isinstance(value, list) else ():
        match item:
            case [1 | 2 | 3 as kind, bytes(encoded), bytes(behind)] if (
                0 < len(encoded) < limits.MAX_HEADER - 40
            ):
                index_at = len(pack) if kind == FrameKind.INDEX else index_at
                pack += _frame(FrameKind(kind), encoded, len(pack)) + behind
            case _:
                raise Malformed("not a frame")
    _read_pack(pack, index_at)


def _sealed_packs():
    parts_ = _pack_parts()
    for chosen in (parts_, parts_[:3], parts_[:1]):
        yield dagcbor.encode([[int(kind), encoded, behind] for kind, encoded, behind in chosen])


def _frame_of_pack(data):
    head = read_frame_head(data[:FRAME_HEAD])
    assert head.length <= limits.MAX_INDEX
    assert bytes((head.kind,)) + head.length.to_bytes(4, "big") == data[:FRAME_HEAD]
    sealed = data[FRAME_HEAD : FRAME_HEAD + head.length]
    if len(sealed) < head.length:
        raise Malformed("the bytes end inside the frame")
    opened = open_frame(head.kind, sealed, pack_id=PACK, study_key=KEY)
    nonce = sealed[:24]
    again = seal_frame(head.kind, opened, pack_id=PACK, study_key=KEY, nonce=nonce)
    assert again == data[: FRAME_HEAD + head.length]


def _start(data):
    assert pack_start(read_start(data)) == data


def _study_header(data):
    assert StudyHeader.decode(data).encode() == data


def _object_header(data):
    header = ObjectHeader.decode(data)
    assert header.encode() == data
    assert header.stored >= header.size


def _index(data):
    entries = decode_index(data)
    assert encode_index(entries) == data
    ends = [entry.extent_at + entry.header.stored for entry in entries]
    assert ends == sorted(ends)


def _event(data):
    assert Event.decode(data).encode() == data


def _checkpoint(data):
    checkpoint = Checkpoint.from_value(dagcbor.decode(data, limit=4_096))
    assert dagcbor.encode(checkpoint.to_value()) == data


def _proof(data):
    """Numbers, a leaf and hashes from the bytes: none of them ever leads to a root that is given.

    To a root that it may choose, libFuzzer does find a proof: it watches the comparison.
    """
    number, size = int.from_bytes(data[:7], "big"), int.from_bytes(data[7:14], "big")
    leaf, *proof = [data[at : at + 32] for at in range(14, max(len(data), 46), 32)]
    origin, root = bytes(16), label("root")
    try:
        verify_inclusion(leaf, number=number, size=size, proof=proof, root=root)
    except Tampered:
        verify_consistency(Checkpoint(origin, number, leaf), Checkpoint(origin, size, root), proof)
    # All that is left: a log of one line, and a log that has not grown.
    assert leaf == root
    assert not proof, "a proof was invented"


def _proofs():
    yield bytes(14) + label("leaf") + label("beside")
    yield bytes(6) + b"\x05" + bytes(6) + b"\x09" + label("a") + label("c") * 3
    yield bytes(13) + b"\x01" + label("root")


TARGETS = [
    Target("pack-file", _pack_file, _pack_files, (Damaged,), longest=4_096, words=(b"undiscP1",)),
    Target("sealed-pack", _sealed_pack, _sealed_packs, (*FORM, Damaged), longest=8_192),
    Target(
        "frame",
        _frame_of_pack,
        lambda: [_frame(FrameKind.STUDY, _STUDY.encode(), 0), *parts("frame", "bytes")],
        (Malformed, Oversize, Tampered),
    ),
    Target("pack-start", _start, lambda: parts("pack-start"), (Malformed,), longest=64),
    Target("study-header", _study_header, lambda: [_STUDY.encode(), *parts("study-header")], FORM),
    Target(
        "object-header",
        _object_header,
        lambda: [_header(1).encode(), *parts("object-header")],
        FORM,
    ),
    Target(
        "pack-index",
        _index,
        lambda: [encode_index([IndexEntry(90, 400, _header(1))]), *parts("index")],
        FORM,
    ),
    Target("log-event", _event, lambda: parts("event"), FORM, longest=2_048),
    Target("checkpoint", _checkpoint, lambda: parts("checkpoint"), FORM, longest=256),
    Target("log-proof", _proof, _proofs, (Tampered,), longest=1_024),
]

"""Readers of the vectors of SPEC.md sections 5 and 7."""

from hashlib import sha256

from undisc_protocol import dagcbor, limits
from undisc_protocol.chunks import ObjectCipher, ObjectHash
from undisc_protocol.log import Event
from undisc_protocol.pack import (
    FRAME_HEAD,
    ObjectHeader,
    StudyHeader,
    decode_index,
    open_frame,
    read_frame_head,
    read_start,
)
from undisc_protocol.tree import (
    Checkpoint,
    leaf_hash,
    tree_root,
    verify_consistency,
    verify_inclusion,
)


def _cipher(vector):
    return ObjectCipher(vector.parts["key"], vector.parts["object-id"])


def _opened(vector, number, *, last):
    sealed = vector.parts["sealed"]
    out = bytearray(max(0, len(sealed) - limits.TAG))
    _cipher(vector).open_into(number, memoryview(sealed), memoryview(out), last=last)
    return bytes(out)


def read_chunk(vector):
    last = vector.headers["last"] == "yes"
    return {"plaintext": _opened(vector, int(vector.headers["number"]), last=last).hex()}


def seal_chunk(vector):
    plaintext = bytes(int(vector.headers["zeros"]))
    out = bytearray(len(plaintext) + limits.TAG)
    _cipher(vector).seal_into(
        int(vector.headers["number"]),
        memoryview(plaintext),
        memoryview(out),
        last=vector.headers["last"] == "yes",
    )
    return {"sha256": sha256(out).hexdigest()}


def read_object(vector):
    """Open an object of one chunk and check the hash of the whole."""
    plaintext, hasher = _opened(vector, 0, last=True), ObjectHash()
    assert len(plaintext) == int(vector.headers["size"])
    hasher.update(plaintext)
    hasher.verify(vector.parts["hash"])
    return {"plaintext": plaintext.hex()}


def read_pack_start(vector):
    return {"pack": read_start(vector.parts["bytes"]).hex()}


def read_frame(vector):
    raw = vector.parts["bytes"]
    head = read_frame_head(raw[:FRAME_HEAD])
    opened = open_frame(
        head.kind,
        raw[FRAME_HEAD : FRAME_HEAD + head.length],
        pack_id=vector.parts["pack-id"],
        study_key=vector.parts["study-key"],
    )
    return {"kind": str(int(head.kind)), "plaintext": opened.hex()}


def read_study_header(vector):
    header = StudyHeader.decode(vector.parts["bytes"])
    return {"study": header.study.hex(), "uid": header.uid, "patient-id": header.patient.id}


def read_object_header(vector):
    header = ObjectHeader.decode(vector.parts["bytes"])
    return {"id": header.id.hex(), "chunks": str(header.chunks), "stored": str(header.stored)}


def read_index(vector):
    return {"objects": str(len(decode_index(vector.parts["bytes"])))}


def read_event(vector):
    return {"encoded": Event.decode(vector.parts["bytes"]).encode().hex()}


def make_leaf(vector):
    return {"leaf": leaf_hash(vector.parts["salt"], vector.parts["event"]).hex()}


def _hashes(raw):
    return [raw[start : start + 32] for start in range(0, len(raw), 32)]


def make_tree(vector):
    return {"root": tree_root(_hashes(vector.parts["leaves"])).hex()}


def _checkpoint(raw):
    return Checkpoint.from_value(dagcbor.decode(raw, limit=limits.MAX_STATUS_CARD))


def read_checkpoint(vector):
    checkpoint = _checkpoint(vector.parts["bytes"])
    return {"size": str(checkpoint.size), "root": checkpoint.root.hex()}


def check_inclusion(vector):
    verify_inclusion(
        vector.parts["leaf"],
        number=int(vector.headers["number"]),
        size=int(vector.headers["size"]),
        proof=_hashes(vector.parts["proof"]),
        root=vector.parts["root"],
    )
    return {}


def check_consistency(vector):
    verify_consistency(
        _checkpoint(vector.parts["earlier"]),
        _checkpoint(vector.parts["later"]),
        _hashes(vector.parts["proof"]),
    )
    return {}


READERS = {
    "chunk": read_chunk,
    "seal-chunk": seal_chunk,
    "object": read_object,
    "pack-start": read_pack_start,
    "frame": read_frame,
    "study-header": read_study_header,
    "object-header": read_object_header,
    "index": read_index,
    "event": read_event,
    "leaf": make_leaf,
    "tree": make_tree,
    "checkpoint": read_checkpoint,
    "inclusion": check_inclusion,
    "consistency": check_consistency,
}

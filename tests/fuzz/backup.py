"""Targets: what a restore reads from a repository, and what a peer tells a restored node."""

from __future__ import annotations

import tempfile
from hashlib import sha256
from pathlib import Path

from nacl.public import PrivateKey

from fuzz.identity import FORM
from fuzz.notices import ended_by_holder
from fuzz.seeds import payload, payloads
from fuzz.signing import boxed, enveloped
from fuzz.target import Target
from support.parties import ASKER, CHECKPOINT, HOLDER, NOW, RECEIPT, label
from undisc_node.services.errors import Damaged, Invalid, Refused
from undisc_node.services.model import Tombstone
from undisc_node.storage.backup.repository import _check_marker
from undisc_node.storage.backup.snapshot import (
    PackEntry,
    Segment,
    Snapshot,
    decode_packs,
    decode_snapshot,
    decode_tombstones,
    encode_packs,
    encode_snapshot,
    encode_tombstones,
    read_segment_name,
    segment_name,
)
from undisc_protocol import dagcbor, limits
from undisc_protocol.answer import sign_answer
from undisc_protocol.boxes import box_open
from undisc_protocol.capability.envelope import TAG_ANSWER, TAG_RECALL, VARSIG
from undisc_protocol.errors import (
    BadFields,
    BadKey,
    BadSignature,
    BrokenIdentity,
    Expired,
    LifetimeTooLong,
    NotYetValid,
    WrongAnswer,
    WrongAudience,
)
from undisc_protocol.recall import make_recall, read_memory, read_recall

ENDED = ended_by_holder()
_NODE = label("node")
_REPLY = PrivateKey(label("recall key"))
_SNAPSHOT = Snapshot(
    name="20261124T053123.000Z-00000000",
    node=_NODE,
    at_ms=1,
    version="0.2.0",
    migrations={"catalog": ("m0001", "m0002")},
    catalog_size=100,
    catalog=(label("block"),),
    settings='name = "Praxis"\n',
    records=(b"record",),
    demo=False,
    packs=(label("list"),),
    pack_count=1,
    pack_bytes=10,
    skipped=(label("skipped", 16),),
    tombstones=(label("stones"),),
    log_origin=label("origin", 16),
    log_size=3,
    log_root=label("root"),
    counts={"studies": 1},
)
_PACKS = [PackEntry(label("pack", 16), 30, (Segment(10, label("a"), b"t"),
                                            Segment(20, label("b"), bytes(16))))]  # fmt: skip


def _snapshot(data):
    assert encode_snapshot(decode_snapshot("name", data)) == data


def _packs(data):
    entries = decode_packs(data)
    assert encode_packs(entries) == data
    for entry in entries:
        for name, start, segment in entry.files():
            assert read_segment_name(name) == (entry.pack, start, segment.hash)


def _tombstones(data):
    assert encode_tombstones(decode_tombstones(data)) == data


def _name(data):
    """A file's name in the repository: read only if we could have written it."""
    text = data.decode("utf-8", "surrogateescape")
    found = read_segment_name(text)
    if found is None:
        raise BadFields("no segment")
    assert segment_name(*found) == text


def _marker(data):
    """The one file of a repository that nothing protects."""
    with tempfile.NamedTemporaryFile(dir="/dev/shm") as file:
        file.write(data)
        file.flush()
        _check_marker(Path(file.name), _NODE)


def _recall(data):
    whole = data.startswith(b"\x82\x58\x40")
    message = data if whole else enveloped(data, tag=TAG_RECALL, key=ASKER.key)
    read = read_recall(
        boxed(HOLDER.box, message), box=HOLDER.box, own=HOLDER.identity.node_id, now=NOW
    )
    decoded = dagcbor.decode(message, limit=limits.MAX_RECALL)[1][TAG_RECALL]
    again = {
        "from": read.sender.node_id,
        "to": HOLDER.identity.node_id,
        "records": read.sender.records,
        "key": read.key,
        "skip": read.skip,
        **{name: decoded[name] for name in ("nonce", "iat", "exp")},
    }
    assert dagcbor.encode({"h": VARSIG, TAG_RECALL: again}) == message[67:]


def _recalls():
    made = make_recall(
        ASKER.key,
        sender=ASKER.identity,
        to=HOLDER.identity.node_id,
        box=bytes(HOLDER.box.public_key),
        reply_to=bytes(_REPLY.public_key),
        skip=0,
        nonce=label("nonce", 16),
        ephemeral=label("ephemeral"),
        issued=NOW,
        expires=NOW + 300,
    )
    return payloads([box_open(HOLDER.box, made)])


_ASKED = sha256(b"recall").digest()


def _memory(data):
    """What a peer remembers says it again, and its receipts are between the two nodes."""
    memory = read_memory(
        boxed(_REPLY, enveloped(data, tag=TAG_ANSWER, key=ASKER.key)),
        status=200,
        request=_ASKED,
        peer=ASKER.identity.node_id,
        peer_key=ASKER.key.did,
        own=HOLDER.identity.node_id,
        recall_key=_REPLY,
        now=NOW,
    )
    ok = {
        "logs": [log.to_value() for log in memory.logs],
        "receipts": [receipt.raw for receipt in memory.receipts],
        "ended": [notice.raw for notice in memory.ended],
        "more": memory.more,
    }
    at = dagcbor.decode(data, limit=limits.MAX_RECALL_ANSWER)["at"]
    assert dagcbor.encode({"req": _ASKED, "at": at, "ok": ok}) == data


def _memories():
    ok = {
        "logs": [CHECKPOINT.to_value()],
        "receipts": [RECEIPT],
        "ended": [ENDED],
        "more": False,
    }
    yield payload(sign_answer(ASKER.key, request=_ASKED, at=NOW, ok=ok))


_BETWEEN = (*FORM, BadKey, BadSignature, BrokenIdentity, NotYetValid)
TARGETS = [
    Target("backup-snapshot", _snapshot, lambda: [encode_snapshot(_SNAPSHOT)], FORM),
    Target("backup-packs", _packs, lambda: [encode_packs(_PACKS)], FORM),
    Target(
        "backup-tombstones",
        _tombstones,
        lambda: [encode_tombstones([Tombstone(bytes(16), bytes(16), 5)])],
        (BadFields,),
        longest=256,
    ),
    Target(
        "backup-segment-name",
        _name,
        lambda: [segment_name(bytes(16), 5, bytes(32)).encode()],
        (BadFields,),
        longest=256,
    ),
    Target(
        "backup-marker",
        _marker,
        lambda: [b'{"format": 1, "node": "' + _NODE.hex().encode() + b'"}'],
        (Damaged, Invalid, Refused),
        words=(b"1e999", b"NaN", b"[" * 64, b'{"format":' * 8, b"\\ud800"),
    ),
    Target(
        "recall",
        _recall,
        _recalls,
        (*_BETWEEN, WrongAudience, Expired, LifetimeTooLong),
        longest=limits.MAX_RECALL,
    ),
    Target(
        "recall-answer",
        _memory,
        _memories,
        (*_BETWEEN, WrongAnswer, WrongAudience, LifetimeTooLong),
        longest=8_192,
    ),
]

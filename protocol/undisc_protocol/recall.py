"""Recall: what a peer remembers of a node that came back from a backup (SPEC.md §6.10).

    request  =  box(peer's box key, signed by the asker: who, to whom, where to go on)
    answer   =  box(request's key, signed by the peer: heads of the asker's logs, receipts, notices)

It grants nothing and says nothing new: the checkpoints were the asker's own, every receipt is
signed by one of the two nodes and addressed to the other, and every notice is the asker's own word
that it took a permission back. So it may be asked again at any time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from nacl.public import PrivateKey

from undisc_protocol import limits
from undisc_protocol.addressed import check_form, open_addressed, seal_addressed
from undisc_protocol.answer import HTTP_OK, raise_refusal, read_ok, request_hash, sign_answer
from undisc_protocol.boxes import BOX_OVERHEAD, box_open, box_seal
from undisc_protocol.capability import envelope
from undisc_protocol.capability.envelope import TAG_RECALL, Envelope
from undisc_protocol.did import Did
from undisc_protocol.errors import LocalProtocolError, Oversize, WrongAnswer
from undisc_protocol.fields import Fields
from undisc_protocol.identity import Identity, NodeId
from undisc_protocol.keys import KEY_SIZE, SignKey
from undisc_protocol.notice import Notice, NoticeKind, read_kept_notice
from undisc_protocol.receipt import Receipt, read_receipt_between
from undisc_protocol.tree import Checkpoint

_FIELDS: Final = frozenset({"from", "to", "records", "key", "skip", "nonce", "iat", "exp"})


@dataclass(frozen=True, slots=True)
class RecallRequest:
    """A verified request to recall; whether the asker is a peer is the reader's to know.

    Attributes:
        hash: SHA-256 of the body as received: what the answer must name.
        sender: The asking node.
        key: X25519 public key to which the answer is sealed, 32 bytes.
        skip: How many receipts, and how many notices, newest first, the asker has been told.
    """

    hash: bytes
    sender: Identity
    key: bytes
    skip: int


@dataclass(frozen=True, slots=True)
class Memory:
    """A verified answer: what the peer remembers.

    Attributes:
        logs: The newest head the peer has seen of each of the asker's logs, newest log first.
        receipts: What one of the two gave the other, newest first, after those that were skipped.
        ended: The asker's own notices that it took a permission back, newest first, likewise.
        more: Whether there are older receipts or notices.
    """

    logs: tuple[Checkpoint, ...]
    receipts: tuple[Receipt, ...]
    ended: tuple[Notice, ...]
    more: bool


def make_recall(
    key: SignKey,
    *,
    sender: Identity,
    to: NodeId,
    box: bytes,
    reply_to: bytes,
    skip: int,
    nonce: bytes,
    ephemeral: bytes,
    issued: int,
    expires: int,
) -> bytes:
    """Sign a request to recall and seal it to the peer.

    Args:
        key: The asker's node key.
        sender: The asker's identity.
        to: The peer's node id.
        box: The peer's X25519 key.
        reply_to: X25519 public key made for this request.
        skip: How many receipts, and how many notices, were told already.
        nonce: `REQUEST_NONCE` fresh random bytes.
        ephemeral: 32 fresh random bytes, for the box.
        issued: The time now, seconds since 1970.
        expires: End, at most `limits.REQUEST_LIFETIME` later.

    Returns:
        The body of `POST /undisc/v1/recall`.

    Raises:
        LocalProtocolError: The peer would have to refuse it.
        BadKey: The peer's box key is unsound.
    """
    body, _ = seal_addressed(
        key,
        TAG_RECALL,
        {"key": reply_to, "skip": skip},
        read=_read,
        sender=sender,
        to=to,
        box=box,
        nonce=nonce,
        ephemeral=ephemeral,
        issued=issued,
        expires=expires,
    )
    return body


def read_recall(body: bytes, *, box: PrivateKey, own: NodeId, now: int) -> RecallRequest:
    """Open and verify a request to recall.

    Args:
        body: The HTTP body as received.
        box: Our X25519 key.
        own: Our node id.
        now: The time now, seconds since 1970.

    Raises:
        Oversize: Too many bytes or records.
        CannotOpen: Not sealed to our key, or changed.
        Malformed: Not canonical bytes.
        BadFields: Not exactly such a request, or `from` is not whom the records are about.
        BadSignature: Not signed by the sender.
        WrongAudience: Addressed to another node.
        NotYetValid: Made in the future.
        Expired: Too old.
        LifetimeTooLong: Valid for longer than `limits.REQUEST_LIFETIME`.
        RemoteProtocolError: As `identity.read_identity`.
    """
    _, sender, fields = open_addressed(
        body, _read, limit=limits.MAX_RECALL, of="a request to recall", box=box, own=own, now=now
    )
    return RecallRequest(
        request_hash(body), sender, fields.fixed("key", KEY_SIZE), fields.integer("skip")
    )


def _read(signed: bytes) -> tuple[Envelope, Fields]:
    """Check form, fields and lifetime, which need neither keys nor clock."""
    opened = envelope.read(signed, tag=TAG_RECALL, limit=limits.MAX_RECALL - BOX_OVERHEAD)
    fields = Fields(opened.payload, "a request to recall", _FIELDS)
    fields.fixed("key", KEY_SIZE)
    fields.integer("skip")
    check_form(fields, of="a request to recall")
    return opened, fields


def answer_recall(
    key: SignKey,
    request: RecallRequest,
    *,
    logs: Sequence[Checkpoint],
    receipts: Sequence[bytes],
    ended: Sequence[bytes],
    more: bool,
    at: int,
    ephemeral: bytes,
) -> bytes:
    """Sign what is remembered and seal it to the request's key.

    Args:
        key: The answering node's key.
        request: What is answered.
        logs: Heads of the asker's logs, at most `limits.MAX_RECALLED_LOGS`.
        receipts: Signed receipts, at most `limits.MAX_RECALLED`.
        ended: Signed notices of the kind `ended` from the asker, at most `limits.MAX_RECALLED`.
        more: Whether there are older receipts or notices.
        at: The time now, seconds since 1970.
        ephemeral: 32 fresh random bytes, for the box.

    Returns:
        The body of the answer, with HTTP status 200.

    Raises:
        LocalProtocolError: The asker would have to refuse it.
        BadKey: The request's key is unsound.
    """
    longest = max(len(receipts), len(ended))
    if len(logs) > limits.MAX_RECALLED_LOGS or longest > limits.MAX_RECALLED:
        raise LocalProtocolError("an answer tells more than one answer may")
    signed = sign_answer(
        key,
        request=request.hash,
        at=at,
        ok={
            "logs": tuple(log.to_value() for log in logs),
            "receipts": tuple(receipts),
            "ended": tuple(ended),
            "more": more,
        },
    )
    return box_seal(request.key, signed, ephemeral=ephemeral)


def read_memory(
    body: bytes,
    *,
    status: int,
    request: bytes,
    peer: NodeId,
    peer_key: Did,
    own: NodeId,
    recall_key: PrivateKey,
    now: int,
) -> Memory:
    """Open and verify what a peer remembers.

    Args:
        body: The HTTP body as received.
        status: The HTTP status.
        request: `request_hash` of the body we sent.
        peer: Node id of the peer we asked.
        peer_key: Its current key.
        own: Our node id.
        recall_key: The key of our request.
        now: The time now, seconds since 1970.

    Raises:
        Unreachable: With another status than 200: no refusal signed by the peer.
        Oversize: Too many bytes, checkpoints, receipts or notices.
        CannotOpen: Not sealed to our key, or changed.
        Malformed: Not canonical bytes.
        BadFields: Not exactly an answer.
        BadSignature: Not signed by the peer, or a receipt or notice not by whom it names.
        WrongAnswer: It answers another request, a receipt is not between the two nodes, or a notice
            is not ours or of another kind.
        WrongAudience: A notice was not to the peer.
        RemoteProtocolError: Any leaf, as the peer's signed refusal says.
    """
    if status != HTTP_OK:
        raise_refusal(body, request=request, holder=peer_key)
    if len(body) > limits.MAX_RECALL_ANSWER:
        raise Oversize(f"an answer of {len(body)} bytes is over its bound")
    signed = box_open(recall_key, body)
    value, _ = read_ok(signed, request=request, holder=peer_key, limit=limits.MAX_RECALL_ANSWER)
    fields = Fields(value, "a memory", {"logs", "receipts", "ended", "more"})
    logs = fields.array("logs", most=limits.MAX_RECALLED_LOGS)
    receipts = fields.byte_strings("receipts", size=limits.MAX_RECEIPT, items=limits.MAX_RECALLED)
    ended = fields.byte_strings("ended", size=limits.MAX_NOTICE, items=limits.MAX_RECALLED)
    return Memory(
        logs=tuple(Checkpoint.from_value(log) for log in logs),
        receipts=tuple(read_receipt_between(raw, one=own, other=peer, now=now) for raw in receipts),
        ended=tuple(_own_notice(raw, own=own, peer=peer) for raw in ended),
        more=fields.boolean("more"),
    )


def _own_notice(raw: bytes, *, own: NodeId, peer: NodeId) -> Notice:
    notice = read_kept_notice(raw, sender=own, to=peer)
    if notice.kind is not NoticeKind.ENDED:
        raise WrongAnswer("a notice does not say that a permission ended")
    return notice

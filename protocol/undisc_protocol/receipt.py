"""Receipts: a recipient's signed statement of what it stored (SPEC.md §6.6).

    receipt          =  signed by the recipient; travels in a box to the holder
    acknowledgement  =  answer {receipt: SHA-256 of the receipt}, signed by the holder

A receipt says the same whenever it arrives: it may be sent again until the holder acknowledges it,
and filing it twice changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from nacl.public import PrivateKey

from undisc_protocol import limits
from undisc_protocol.answer import HTTP_OK, raise_refusal, read_ok, sign_answer
from undisc_protocol.boxes import BOX_OVERHEAD, box_open
from undisc_protocol.capability import envelope
from undisc_protocol.capability.envelope import TAG_RECEIPT, Envelope
from undisc_protocol.dagcbor import DIGEST_SIZE, Cid
from undisc_protocol.did import Did
from undisc_protocol.errors import BadFields, Oversize, WrongAnswer, WrongAudience
from undisc_protocol.fields import Fields
from undisc_protocol.identity import Identity, NodeId, read_identity
from undisc_protocol.keys import SignKey
from undisc_protocol.pack import ID
from undisc_protocol.times import check_begun

_RECEIPT: Final = frozenset(
    {"from", "to", "inv", "study", "manifest", "objects", "size", "at", "records"}
)


@dataclass(frozen=True, slots=True)
class Stored:
    """What a recipient states.

    Attributes:
        invocation: CID of the invocation of the last answer.
        study: The study's id at the holder, 16 bytes.
        manifest: Hash of the last answer's manifest, 32 bytes.
        objects: Objects stored, over all answers of this fetch.
        size: Their bytes, as the holder received them.
        at: When they were stored, seconds since 1970.
    """

    invocation: Cid
    study: bytes
    manifest: bytes
    objects: int
    size: int
    at: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """A verified receipt.

    Attributes:
        raw: The signed bytes: what is filed.
        sender: The recipient of the study.
        to: Node id of the holder.
        stored: What it states.
    """

    raw: bytes
    sender: Identity
    to: NodeId
    stored: Stored

    @property
    def id(self) -> bytes:
        """SHA-256 of the signed bytes, 32 bytes."""
        return sha256(self.raw).digest()


def sign_receipt(key: SignKey, stored: Stored, *, sender: Identity, to: NodeId) -> bytes:
    """Sign a receipt; `boxes.box_seal` makes the body of `POST /undisc/v1/receipt` of it.

    Args:
        key: The recipient's node key.
        stored: What was stored.
        sender: The recipient's identity.
        to: Node id of the holder.

    Raises:
        LocalProtocolError: The holder would have to refuse it.
    """
    raw = envelope.sign(
        {
            "from": sender.node_id,
            "to": to,
            "inv": stored.invocation,
            "study": stored.study,
            "manifest": stored.manifest,
            "objects": stored.objects,
            "size": stored.size,
            "at": stored.at,
            "records": sender.records,
        },
        tag=TAG_RECEIPT,
        key=key,
    )
    envelope.check_own(raw, _read)
    return raw


def open_receipt(body: bytes, *, box: PrivateKey, own: NodeId, now: int) -> Receipt:
    """Open and verify a receipt as it arrives.

    Args:
        body: The HTTP body as received.
        box: Our X25519 key.
        own: Our node id.
        now: The time now, seconds since 1970.

    Raises:
        CannotOpen: Not sealed to our key, or changed.
        RemoteProtocolError: As `read_receipt`.
    """
    if len(body) > limits.MAX_RECEIPT:
        raise Oversize(f"a receipt of {len(body)} bytes is over its bound")
    return read_receipt(box_open(box, body), to=own, now=now)


def read_receipt(raw: bytes, *, to: NodeId, now: int) -> Receipt:
    """Verify a receipt that is not sealed, such as one on file.

    Args:
        raw: The signed bytes.
        to: The node it must be addressed to.
        now: The time now, seconds since 1970.

    Raises:
        Oversize: Too many bytes or records.
        Malformed: Not canonical bytes.
        BadFields: Not exactly a receipt, or `from` is not whom the records are about.
        BadKey: The sender's key is unsound.
        BadSignature: Not signed by the sender.
        WrongAudience: Addressed to another node.
        NotYetValid: It speaks of the future.
    """
    opened, records, stored = _read(raw)
    sender = read_identity(records)
    if sender.node_id != opened.payload["from"]:
        raise BadFields("a receipt's records are about another node than its sender")
    opened.verify(sender.key)
    if opened.payload["to"] != to:
        raise WrongAudience("a receipt is addressed to another node")
    check_begun(stored.at, of="a receipt", now=now)
    return Receipt(raw, sender, to, stored)


def read_receipt_between(raw: bytes, *, one: NodeId, other: NodeId, now: int) -> Receipt:
    """Verify a receipt that one of two nodes gave the other, whichever it was.

    Raises:
        WrongAnswer: It is about other nodes.
        RemoteProtocolError: As `read_receipt`.
    """
    addressed = _read(raw)[0].payload["to"]
    to = one if addressed == one else other
    if addressed != to:
        raise WrongAnswer("a receipt is addressed to a third node")
    receipt = read_receipt(raw, to=to, now=now)
    if {receipt.sender.node_id, to} != {one, other}:
        raise WrongAnswer("a receipt is from a third node")
    return receipt


def _read(raw: bytes) -> tuple[Envelope, tuple[bytes, ...], Stored]:
    opened = envelope.read(raw, tag=TAG_RECEIPT, limit=limits.MAX_RECEIPT - BOX_OVERHEAD)
    fields = Fields(opened.payload, "a receipt", _RECEIPT)
    fields.fixed("from", DIGEST_SIZE)
    fields.fixed("to", DIGEST_SIZE)
    stored = Stored(
        invocation=fields.cid("inv"),
        study=fields.fixed("study", ID),
        manifest=fields.fixed("manifest", DIGEST_SIZE),
        objects=fields.integer("objects", most=limits.MAX_OBJECTS),
        size=fields.integer("size"),
        at=fields.integer("at"),
    )
    return opened, fields.records(), stored


def acknowledge(key: SignKey, receipt: Receipt, *, request: bytes, at: int) -> bytes:
    """Sign the answer to a receipt; it is not sealed, for it says nothing about the study.

    Args:
        key: The holder's node key.
        receipt: The receipt that was filed.
        request: `request_hash` of the body it came in.
        at: The time now, seconds since 1970.
    """
    return sign_answer(key, request=request, at=at, ok={"receipt": receipt.id})


def read_acknowledgement(
    body: bytes, *, status: int, request: bytes, receipt: bytes, holder: Did
) -> None:
    """Verify that the holder has filed our receipt.

    Args:
        body: The HTTP body as received.
        status: The HTTP status.
        request: `request_hash` of the body we sent.
        receipt: The signed receipt we sent.
        holder: The current key of the holder.

    Raises:
        Unreachable: With another status than 200: no refusal signed by the holder.
        Malformed: Not canonical bytes.
        BadFields: Not exactly an acknowledgement.
        BadSignature: Not signed by the holder.
        WrongAnswer: It is about another request or receipt.
        RemoteProtocolError: Any leaf, as the holder's signed refusal says.
    """
    if status != HTTP_OK:
        raise_refusal(body, request=request, holder=holder)
    value, _ = read_ok(body, request=request, holder=holder, limit=limits.MAX_REFUSAL)
    fields = Fields(value, "an acknowledgement", {"receipt"})
    if fields.fixed("receipt", DIGEST_SIZE) != sha256(receipt).digest():
        raise WrongAnswer("an acknowledgement is about another receipt")

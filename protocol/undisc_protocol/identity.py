"""Who a node is: identity record, status card, node document (SPEC.md §3.4 to §3.6).

The node id is the hash of the first identity record and never changes. A record names the node key
and commits to the next one, which lies in the recovery kit: a stolen node key cannot make the next
record. The status card is what changes: addresses, name, box key, log head; it lives for days.

Whoever knows a node keeps its records, and takes other ones only if they go on from these:
`check_continues`. Only the newest key signs; the older ones are names that the node answers to.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise
from typing import Final, NewType

from undisc_protocol import dagcbor, limits
from undisc_protocol.capability import envelope
from undisc_protocol.capability.envelope import TAG_IDENTITY, TAG_STATUS, Envelope
from undisc_protocol.dagcbor import DIGEST_SIZE, Value
from undisc_protocol.did import Did, decode_did
from undisc_protocol.errors import (
    BadFields,
    BrokenIdentity,
    ForkedIdentity,
    LocalProtocolError,
    OutdatedIdentity,
    Oversize,
)
from undisc_protocol.fields import UNSHOWABLE, Fields
from undisc_protocol.keys import KEY_SIZE, SignKey
from undisc_protocol.times import check_begun, check_lifetime, check_not_ended
from undisc_protocol.tree import Checkpoint

NodeId = NewType("NodeId", bytes)
"""SHA-256 of a node's first identity record, 32 bytes."""

_URL: Final = re.compile(r"https?://[A-Za-z0-9._:\[\]-]+(?:/[A-Za-z0-9._~/-]*)?")


@dataclass(frozen=True, slots=True)
class IdentityRecord:
    """A numbered statement of a node's key.

    Attributes:
        envelope: Its bytes.
        number: 0 for the first.
        key: The node key from here on.
        next_hash: SHA-256 of the 32-byte public key that will sign the next record.
        previous: SHA-256 of the record before, or None in the first.
        issued: When it was made, seconds since 1970.
    """

    envelope: Envelope
    number: int
    key: Did
    next_hash: bytes
    previous: bytes | None
    issued: int

    @property
    def hash(self) -> bytes:
        """SHA-256 of all its bytes, 32 bytes: the next record's `prev`."""
        return sha256(self.envelope.raw).digest()


@dataclass(frozen=True, slots=True)
class Identity:
    """A verified chain of identity records.

    Attributes:
        node_id: Hash of the first record.
        records: The records as received, first to current.
        number: Number of the current record.
        key: The current node key.
        dids: Every DID the node has had; it answers to all of them.
    """

    node_id: NodeId
    records: tuple[bytes, ...]
    number: int
    key: Did
    dids: frozenset[Did]


@dataclass(frozen=True, slots=True)
class StatusCard:
    """What a node says about itself for some days.

    Attributes:
        node_id: Which node.
        number: Number of its current identity record.
        seq: Time of issue in ms; a card with a higher one replaces this.
        name: The practice's name.
        urls: Addresses, without a slash at the end.
        box: X25519 public key to which requests are sealed, 32 bytes.
        checkpoint: Head of its log, or None while the log is empty.
        issued: When it was made, seconds since 1970.
        expires: The first second at which it is over.
    """

    node_id: NodeId
    number: int
    seq: int
    name: str
    urls: tuple[str, ...]
    box: bytes
    checkpoint: Checkpoint | None
    issued: int
    expires: int

    @property
    def rank(self) -> tuple[int, int]:
        """A card replaces one of lower rank: an older key, or the same key and an older time."""
        return self.number, self.seq


@dataclass(frozen=True, slots=True)
class NodeDocument:
    """A node's identity and status card, both verified.

    Attributes:
        identity: Its records.
        card: Its card.
        card_bytes: The card as received.
    """

    identity: Identity
    card: StatusCard
    card_bytes: bytes


def commitment(key: SignKey) -> bytes:
    """Return what a record says about the next key: SHA-256 of its public half, 32 bytes."""
    return sha256(key.public).digest()


def sign_identity_record(
    key: SignKey, *, next_hash: bytes, issued: int, previous: bytes | None = None
) -> bytes:
    """Sign an identity record: the first of a node, or the one after `previous`.

    Args:
        key: The node key from here on: for a later record, the key that `previous` commits to.
        next_hash: `commitment` of the recovery key.
        issued: The time now, seconds since 1970.
        previous: The node's newest record, or None for the first.

    Raises:
        LocalProtocolError: The record would be refused by everybody.
    """
    number, hashed = 0, None
    if previous is not None:
        before = read_identity_record(previous)
        number, hashed = before.number + 1, before.hash
        if before.next_hash != commitment(key):
            raise LocalProtocolError("a record does not commit to the key that is to follow it")
    payload: dict[str, Value] = {
        "n": number,
        "key": key.did,
        "next": next_hash,
        "prev": hashed,
        "iat": issued,
    }
    raw = envelope.sign(payload, tag=TAG_IDENTITY, key=key)
    envelope.check_own(raw, read_identity_record)
    return raw


def read_identity_record(raw: bytes) -> IdentityRecord:
    """Read an identity record, without trusting it yet.

    Raises:
        Oversize: Too many bytes.
        Malformed: Not canonical bytes.
        BadFields: Fields are missing, extra, or of the wrong type; or `prev` does not fit `n`.
        BadKey: The key is not a sound did:key.
    """
    opened = envelope.read(raw, tag=TAG_IDENTITY, limit=limits.MAX_IDENTITY_RECORD)
    fields = Fields(opened.payload, "an identity record", {"n", "key", "next", "prev", "iat"})
    number = fields.integer("n", most=limits.MAX_IDENTITY_RECORDS - 1)
    previous = fields.optional_fixed("prev", DIGEST_SIZE)
    if (number == 0) != (previous is None):
        raise BadFields("only the first identity record has no hash of the one before")
    return IdentityRecord(
        opened,
        number,
        next_hash=fields.fixed("next", DIGEST_SIZE),
        previous=previous,
        issued=fields.integer("iat"),
        key=fields.did("key"),
    )


def read_identity(records: Sequence[bytes]) -> Identity:
    """Read and verify a node's identity records.

    Args:
        records: The records as received, first to current.

    Raises:
        Oversize: More than `limits.MAX_IDENTITY_RECORDS`.
        BadFields: No record, or the first one is not a first one.
        BadSignature: A record is not signed by its own key.
        BrokenIdentity: A record does not follow the one before it.
        RemoteProtocolError: As `read_identity_record`.
    """
    if len(records) > limits.MAX_IDENTITY_RECORDS:
        raise Oversize(f"a node has more than {limits.MAX_IDENTITY_RECORDS} identity records")
    read = [read_identity_record(record) for record in records]
    if not read or read[0].number != 0:
        raise BadFields("an identity does not begin with its first record")
    for record in read:
        record.envelope.verify(record.key)
    for before, record in pairwise(read):
        _check_follows(record, before)
    return Identity(
        node_id=NodeId(read[0].hash),
        records=tuple(records),
        number=read[-1].number,
        key=read[-1].key,
        dids=frozenset(record.key for record in read),
    )


def _check_follows(record: IdentityRecord, before: IdentityRecord) -> None:
    if record.number != before.number + 1:
        raise BrokenIdentity("an identity record does not have the number after the one before it")
    if record.previous != before.hash:
        raise BrokenIdentity("an identity record names another one before it")
    if sha256(decode_did(record.key)).digest() != before.next_hash:
        raise BrokenIdentity("an identity record has another key than was committed to before")


def check_continues(shown: Identity, known: Sequence[bytes]) -> None:
    """Check that what a node shows now goes on from the records it is known by.

    Args:
        shown: Its records as it shows them now.
        known: Its records as they were kept, first to newest.

    Raises:
        OutdatedIdentity: It shows only older ones of them: its key was changed since.
        ForkedIdentity: It shows other ones: somebody else signs in its name, or it signed twice.
    """
    common = min(len(shown.records), len(known))
    if shown.records[:common] != tuple(known[:common]):
        raise ForkedIdentity("the node shows other identity records than those it is known by")
    if common < len(known):
        raise OutdatedIdentity("the node shows older identity records than those it is known by")


def sign_status_card(key: SignKey, card: StatusCard) -> bytes:
    """Sign a status card with the current node key.

    Raises:
        LocalProtocolError: The card would be refused by everybody.
    """
    payload: dict[str, Value] = {
        "id": card.node_id,
        "n": card.number,
        "seq": card.seq,
        "name": card.name,
        "urls": card.urls,
        "box": card.box,
        "checkpoint": None if card.checkpoint is None else card.checkpoint.to_value(),
        "iat": card.issued,
        "exp": card.expires,
    }
    raw = envelope.sign(payload, tag=TAG_STATUS, key=key)
    envelope.check_own(raw, _read_card)
    return raw


def read_status_card(raw: bytes, *, identity: Identity, now: int) -> StatusCard:
    """Read and verify a status card.

    Args:
        raw: The card as received.
        identity: Whose card it must be.
        now: The time now, seconds since 1970.

    Raises:
        Oversize: Too many bytes or addresses.
        Malformed: Not canonical bytes.
        BadFields: Fields are missing, extra, or of the wrong type; or another node's card.
        BadSignature: Not signed by the node's current key.
        NotYetValid: Made in the future.
        Expired: Too old; ask the node for a new one.
        LifetimeTooLong: Valid for longer than `limits.STATUS_CARD_LIFETIME`.
    """
    opened, card = _read_card(raw)
    opened.verify(identity.key)
    if card.node_id != identity.node_id or card.number != identity.number:
        raise BadFields("a status card is about another node or another key of it")
    check_begun(card.issued, of="a status card", now=now)
    check_not_ended(card.expires, of="a status card", now=now)
    return card


def read_card(raw: bytes) -> StatusCard:
    """Read a card that was verified when it came in, whatever has become of its time.

    Raises:
        RemoteProtocolError: As `read_status_card`, without signature, owner and time.
    """
    return _read_card(raw)[1]


def _read_card(raw: bytes) -> tuple[Envelope, StatusCard]:
    opened = envelope.read(raw, tag=TAG_STATUS, limit=limits.MAX_STATUS_CARD)
    fields = Fields(
        opened.payload,
        "a status card",
        {"id", "n", "seq", "name", "urls", "box", "checkpoint", "iat", "exp"},
    )
    checkpoint = fields.raw("checkpoint")
    card = StatusCard(
        node_id=NodeId(fields.fixed("id", DIGEST_SIZE)),
        number=fields.integer("n", most=limits.MAX_IDENTITY_RECORDS - 1),
        seq=fields.integer("seq"),
        name=_name(fields.text("name", least=1, most=limits.MAX_NODE_NAME)),
        urls=tuple(check_url(item) for item in fields.array("urls", most=limits.MAX_URLS)),
        box=fields.fixed("box", KEY_SIZE),
        checkpoint=None if checkpoint is None else Checkpoint.from_value(checkpoint),
        issued=fields.integer("iat"),
        expires=fields.integer("exp"),
    )
    if card.expires <= card.issued:
        raise BadFields("a status card ends before it begins")
    check_lifetime(
        card.issued, card.expires, of="a status card", longest=limits.STATUS_CARD_LIFETIME
    )
    return opened, card


def _name(text: str) -> str:
    if UNSHOWABLE.search(text) or text != text.strip(" "):
        raise BadFields("a node's name holds control characters or outer spaces")
    return text


def check_url(value: Value) -> str:
    """Return an address as a card may hold it.

    Raises:
        BadFields: It has another form.
    """
    if not isinstance(value, str) or len(value) > limits.MAX_URL or not _URL.fullmatch(value):
        raise BadFields("an address of a node is not a plain http or https URL")
    return value


def node_document(records: Sequence[bytes], card: bytes) -> bytes:
    """Encode what `GET /undisc/v1/node` answers.

    Args:
        records: The identity records, first to current.
        card: The signed status card.
    """
    return dagcbor.encode({"records": tuple(records), "card": card})


def read_node_document(raw: bytes, *, now: int) -> NodeDocument:
    """Read and verify a node document.

    Args:
        raw: The document as received.
        now: The time now, seconds since 1970.

    Raises:
        RemoteProtocolError: As `read_identity` and `read_status_card`.
    """
    decoded = dagcbor.decode(raw, limit=limits.MAX_NODE_DOCUMENT)
    fields = Fields(decoded, "a node document", {"records", "card"})
    records = fields.byte_strings(
        "records",
        size=limits.MAX_IDENTITY_RECORD,
        items=limits.MAX_IDENTITY_RECORDS,
        least_items=1,
    )
    card = fields.sized("card", most=limits.MAX_STATUS_CARD)
    identity = read_identity(records)
    return NodeDocument(identity, read_status_card(card, identity=identity, now=now), card)

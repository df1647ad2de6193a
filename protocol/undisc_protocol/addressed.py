"""What one node sends to another: who, to whom, until when; signed, then sealed (SPEC.md §6.2).

    body  =  box(recipient's box key, signed by the sender {from, to, records, …, nonce, iat, exp})

Requests for studies, notices, handed offers and requests to recall differ in what stands between.
What they have in common is made and read here, in one order, so that none of them forgets a check.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from nacl.public import PrivateKey

from undisc_protocol import limits
from undisc_protocol.boxes import box_open, box_seal
from undisc_protocol.capability import envelope
from undisc_protocol.capability.envelope import Envelope
from undisc_protocol.dagcbor import DIGEST_SIZE, Value
from undisc_protocol.errors import BadFields, Oversize, WrongAudience
from undisc_protocol.fields import Fields
from undisc_protocol.identity import Identity, NodeId, read_identity
from undisc_protocol.keys import SignKey
from undisc_protocol.times import check_begun, check_lifetime, check_not_ended

REQUEST_NONCE: Final = 16  # bytes, random: two requests never have the same hash


def seal_addressed(
    key: SignKey,
    tag: str,
    content: Mapping[str, Value],
    *,
    read: Callable[[bytes], tuple[Envelope, Fields]],
    sender: Identity,
    to: NodeId,
    box: bytes,
    nonce: bytes,
    ephemeral: bytes,
    issued: int,
    expires: int,
) -> tuple[bytes, bytes]:
    """Sign what one node sends to another, and seal it to the recipient.

    Args:
        key: The sender's node key.
        tag: What kind of message it is.
        content: The fields that are its own.
        read: Reads the signed bytes as the recipient will.
        sender: The sender's identity.
        to: Node id of the recipient.
        box: The recipient's X25519 key.
        nonce: `REQUEST_NONCE` fresh random bytes.
        ephemeral: 32 fresh random bytes, for the box.
        issued: The time now, seconds since 1970.
        expires: End, at most `limits.REQUEST_LIFETIME` later.

    Returns:
        The HTTP body, and the signed bytes in it.

    Raises:
        LocalProtocolError: The recipient would have to refuse it.
        BadKey: The recipient's box key is unsound.
    """
    common: dict[str, Value] = {
        "from": sender.node_id,
        "to": to,
        "records": sender.records,
        "nonce": nonce,
        "iat": issued,
        "exp": expires,
    }
    signed = envelope.sign({**common, **content}, tag=tag, key=key)
    envelope.check_own(signed, read)
    return box_seal(box, signed, ephemeral=ephemeral), signed


def check_form(fields: Fields, *, of: str) -> None:
    """Check the common fields, which need neither keys nor clock.

    Args:
        fields: All fields.
        of: What it is, with its article, for messages.

    Raises:
        BadFields: One of them has another form, or it ends before it begins.
        Oversize: Too many records.
        LifetimeTooLong: Valid for longer than `limits.REQUEST_LIFETIME`.
    """
    fields.fixed("from", DIGEST_SIZE)
    fields.fixed("to", DIGEST_SIZE)
    fields.records()
    check_validity(fields, of=of)


def check_validity(fields: Fields, *, of: str) -> None:
    """Check the form of nonce, beginning and end.

    Raises:
        BadFields: One of them has another form, or it ends before it begins.
        LifetimeTooLong: Valid for longer than `limits.REQUEST_LIFETIME`.
    """
    fields.fixed("nonce", REQUEST_NONCE)
    issued, expires = fields.integer("iat"), fields.integer("exp")
    if expires <= issued:
        raise BadFields(f"{of} ends before it begins")
    check_lifetime(issued, expires, of=of, longest=limits.REQUEST_LIFETIME)


def check_now(fields: Fields, *, of: str, now: int) -> None:
    """Check that it has begun and has not ended.

    Raises:
        NotYetValid: Made in the future.
        Expired: Too old.
    """
    check_begun(fields.integer("iat"), of=of, now=now)
    check_not_ended(fields.integer("exp"), of=of, now=now)


def open_addressed(
    body: bytes,
    read: Callable[[bytes], tuple[Envelope, Fields]],
    *,
    limit: int,
    of: str,
    box: PrivateKey,
    own: NodeId,
    now: int,
) -> tuple[bytes, Identity, Fields]:
    """Open what arrived, and verify who sent it, to whom, and when.

    Args:
        body: The HTTP body as received.
        read: Reads the signed bytes, and checks all fields with `check_form`.
        limit: Largest accepted body in bytes.
        of: What it is, with its article, for messages.
        box: Our X25519 key.
        own: Our node id.
        now: The time now, seconds since 1970.

    Returns:
        The signed bytes, the sender, and the fields.

    Raises:
        Oversize: Too many bytes or records.
        CannotOpen: Not sealed to our key, or changed.
        BadFields: `from` is not whom the records are about.
        BadSignature: Not signed by the sender.
        WrongAudience: Addressed to another node.
        NotYetValid: Made in the future.
        Expired: Too old.
        RemoteProtocolError: As `read` and `identity.read_identity`.
    """
    if len(body) > limit:
        raise Oversize(f"{of} of {len(body)} bytes is over its bound")
    signed = box_open(box, body)
    opened, fields = read(signed)
    sender = read_identity(fields.records())
    if sender.node_id != fields.fixed("from", DIGEST_SIZE):
        raise BadFields(f"the records of {of} are about another node than its sender")
    opened.verify(sender.key)
    if fields.fixed("to", DIGEST_SIZE) != own:
        raise WrongAudience(f"{of} is addressed to another node")
    check_now(fields, of=of, now=now)
    return signed, sender, fields

"""Asking for a study and being answered (SPEC.md §6.2, §6.3).

    request  =  box(holder's box key, signed by the asking node: who, to whom, invocation, proofs)
    answer   =  box(invocation's key, signed by the holder: manifest, ticket)
    refusal  =  signed by the holder, not sealed

Readers here verify everything that can be verified from the bytes: size, form, fields, identity,
signature, addressee, times, and that an answer belongs to its request and invocation. They do not
verify the capability: `capability.chain` does, with the holder's own rows.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from nacl.public import PrivateKey

from undisc_protocol import limits
from undisc_protocol.addressed import check_form, open_addressed, seal_addressed
from undisc_protocol.answer import (
    HTTP_OK,
    raise_refusal,
    read_ok,
    request_hash,
    sign_answer,
)
from undisc_protocol.boxes import BOX_OVERHEAD, box_open, box_seal
from undisc_protocol.capability import envelope
from undisc_protocol.capability.envelope import TAG_REQUEST, Envelope
from undisc_protocol.dagcbor import Cid
from undisc_protocol.did import Did
from undisc_protocol.errors import (
    BadFields,
    LocalProtocolError,
    Oversize,
    WrongAnswer,
)
from undisc_protocol.fields import Fields
from undisc_protocol.identity import Identity, NodeId
from undisc_protocol.keys import SignKey
from undisc_protocol.manifest import Manifest
from undisc_protocol.pack import ID
from undisc_protocol.times import check_lifetime
from undisc_protocol.tree import Checkpoint

_REQUEST = frozenset({"from", "to", "records", "inv", "prf", "have", "nonce", "iat", "exp"})


@dataclass(frozen=True, slots=True)
class Request:
    """A verified request for a study; its capability is not verified yet.

    Attributes:
        hash: SHA-256 of the body as received: what the answer must name.
        sender: The asking node.
        invocation: The invocation's bytes, as received.
        proofs: The delegations' bytes, root first.
        have: Ids of objects that the asker already has whole.
        issued: When it was made, seconds since 1970.
        expires: The first second at which it is over.
    """

    hash: bytes
    sender: Identity
    invocation: bytes
    proofs: tuple[bytes, ...]
    have: frozenset[bytes]
    issued: int
    expires: int


def make_request(
    key: SignKey,
    *,
    sender: Identity,
    to: NodeId,
    box: bytes,
    invocation: bytes,
    proofs: Sequence[bytes],
    have: Collection[bytes] = (),
    nonce: bytes,
    ephemeral: bytes,
    issued: int,
    expires: int,
) -> bytes:
    """Sign a request and seal it to the holder.

    Args:
        key: The asking node's key.
        sender: Its identity.
        to: Node id of the holder.
        box: The holder's box key, from its status card.
        invocation: The signed invocation.
        proofs: The signed delegations it stands on, root first.
        have: Ids of objects that are already here whole.
        nonce: 16 fresh random bytes.
        ephemeral: 32 fresh random bytes, for the box.
        issued: The time now, seconds since 1970.
        expires: End, at most `limits.REQUEST_LIFETIME` later.

    Returns:
        The body of `POST /undisc/v1/fetch`.

    Raises:
        LocalProtocolError: The holder would have to refuse it.
        BadKey: The holder's box key is unsound.
    """
    body, _ = seal_addressed(
        key,
        TAG_REQUEST,
        {"inv": invocation, "prf": tuple(proofs), "have": sorted(have)},
        read=_read_request,
        sender=sender,
        to=to,
        box=box,
        nonce=nonce,
        ephemeral=ephemeral,
        issued=issued,
        expires=expires,
    )
    return body


def read_request(body: bytes, *, box: PrivateKey, own: NodeId, now: int) -> Request:
    """Open and verify a request.

    Args:
        body: The HTTP body as received.
        box: Our X25519 key.
        own: Our node id.
        now: The time now, seconds since 1970.

    Raises:
        Oversize: Too many bytes, records, proofs or names.
        CannotOpen: Not sealed to our key, or changed.
        Malformed: Not canonical bytes.
        BadFields: Not exactly a request, or `from` is not whom the records are about.
        BadKey: The sender's key is unsound.
        BadSignature: Not signed by the sender.
        WrongAudience: Addressed to another node.
        NotYetValid: Made in the future.
        Expired: Too old.
        LifetimeTooLong: Valid for longer than `limits.REQUEST_LIFETIME`.
    """
    _, sender, fields = open_addressed(
        body, _read_request, limit=limits.MAX_REQUEST, of="a request", box=box, own=own, now=now
    )
    return Request(
        hash=request_hash(body),
        sender=sender,
        invocation=fields.sized("inv", most=limits.MAX_TOKEN),
        proofs=_proofs(fields),
        have=frozenset(_have(fields)),
        issued=fields.integer("iat"),
        expires=fields.integer("exp"),
    )


def _read_request(signed: bytes) -> tuple[Envelope, Fields]:
    """Check form, fields and lifetime, which need neither keys nor clock."""
    opened = envelope.read(
        signed,
        tag=TAG_REQUEST,
        limit=limits.MAX_REQUEST - BOX_OVERHEAD,
        items=limits.MAX_REQUEST_ITEMS,
    )
    fields = Fields(opened.payload, "a request", _REQUEST)
    fields.sized("inv", least=1, most=limits.MAX_TOKEN)
    _proofs(fields)
    _have(fields)
    check_form(fields, of="a request")
    return opened, fields


def _proofs(fields: Fields) -> tuple[bytes, ...]:
    return fields.byte_strings("prf", size=limits.MAX_TOKEN, items=limits.MAX_PROOFS, least_items=1)


def _have(fields: Fields) -> tuple[bytes, ...]:
    return fields.names("have", size=ID, items=limits.MAX_OBJECTS)


@dataclass(frozen=True, slots=True)
class Granted:
    """A verified answer: what may be read, for how long.

    Attributes:
        manifest: The granted objects, without those named in `have`.
        ticket: Reads their ciphertext, 32 bytes.
        at: The holder's time, seconds since 1970.
        until: The first second, of the holder's clock, at which the ticket is over.
        checkpoint: Head of the holder's log after this answer was logged.
    """

    manifest: Manifest
    ticket: bytes
    at: int
    until: int
    checkpoint: Checkpoint

    def __repr__(self) -> str:
        # The ticket opens the stream: it must not reach a traceback or a log.
        return f"Granted(objects={len(self.manifest.objects)}, until={self.until})"


def make_answer(
    key: SignKey,
    granted: Granted,
    *,
    request: bytes,
    invocation: Cid,
    reply_to: bytes,
    ephemeral: bytes,
) -> bytes:
    """Sign an answer and seal it to the invocation's key.

    Args:
        key: The holder's node key.
        granted: What is granted.
        request: `Request.hash`.
        invocation: CID of the invocation that is answered.
        reply_to: `key` of the invocation's arguments.
        ephemeral: 32 fresh random bytes, for the box.

    Returns:
        The body of the answer, with HTTP status 200.

    Raises:
        LocalProtocolError: The asker would have to refuse it.
        BadKey: The invocation's key is unsound.
    """
    granted.manifest.check_own()
    signed = sign_answer(
        key,
        request=request,
        at=granted.at,
        ok={
            "inv": invocation,
            "manifest": granted.manifest.to_value(),
            "ticket": granted.ticket,
            "until": granted.until,
            "checkpoint": granted.checkpoint.to_value(),
        },
    )
    if len(signed) > limits.MAX_ANSWER - BOX_OVERHEAD:
        raise LocalProtocolError("an answer is over its bound")
    return box_seal(reply_to, signed, ephemeral=ephemeral)


def read_answer(
    body: bytes,
    *,
    status: int,
    request: bytes,
    invocation: Cid,
    holder: Did,
    fetch_key: PrivateKey,
    have: Collection[bytes] = frozenset(),
) -> Granted:
    """Open and verify the answer to our request.

    Args:
        body: The HTTP body as received.
        status: The HTTP status.
        request: `request_hash` of the body we sent.
        invocation: CID of our invocation.
        holder: The current key of the node we asked.
        fetch_key: The key of our invocation's arguments.
        have: What we named as here.

    Raises:
        Unreachable: With another status than 200: no refusal signed by the holder.
        Oversize: Too many bytes or objects.
        CannotOpen: Not sealed to our key, or changed.
        Malformed: Not canonical bytes.
        BadFields: Not exactly an answer.
        BadSignature: Not signed by the holder.
        WrongAnswer: It answers another request or invocation, or grants what we have.
        LifetimeTooLong: The ticket lives for longer than `limits.TICKET_LIFETIME`.
        RemoteProtocolError: Any leaf, as the holder's signed refusal says.
    """
    if status != HTTP_OK:
        raise_refusal(body, request=request, holder=holder)
    if len(body) > limits.MAX_ANSWER:
        raise Oversize(f"an answer of {len(body)} bytes is over its bound")
    signed = box_open(fetch_key, body)
    value, at = read_ok(signed, request=request, holder=holder, limit=limits.MAX_ANSWER)
    fields = Fields(value, "an answer", {"inv", "manifest", "ticket", "until", "checkpoint"})
    if fields.cid("inv") != invocation:
        raise WrongAnswer("an answer belongs to another invocation")
    until = fields.integer("until")
    if until <= at:
        raise BadFields("an answer's ticket ends before it begins")
    check_lifetime(at, until, of="a ticket", longest=limits.TICKET_LIFETIME)
    granted = Granted(
        manifest=Manifest.from_value(fields.raw("manifest")),
        ticket=fields.fixed("ticket", limits.TICKET),
        at=at,
        until=until,
        checkpoint=Checkpoint.from_value(fields.raw("checkpoint")),
    )
    if any(listed.id in have for listed in granted.manifest.objects):
        raise WrongAnswer("an answer grants an object that is already here")
    return granted

"""Polling: a node that nobody can connect to comes by itself (SPEC.md §6.15).

    poll    =  box(peer's box key, signed by the poller: who, to whom, its status card)
    answer  =  box(poll's key, signed by the peer: its card, the errands that wait for the poller)

An errand is a request that the peer would have sent to the poller, if it could reach it: the same
path and the same bytes. The poller answers it over a connection of its own, under the errand's
handle. So each message means what it means anywhere else, and nothing is trusted because it came
this way.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from nacl.public import PrivateKey

from undisc_protocol import limits
from undisc_protocol.addressed import check_form, open_addressed, seal_addressed
from undisc_protocol.answer import HTTP_OK, raise_refusal, read_ok, request_hash, sign_answer
from undisc_protocol.boxes import BOX_OVERHEAD, box_open, box_seal
from undisc_protocol.capability import envelope
from undisc_protocol.capability.envelope import TAG_POLL, Envelope
from undisc_protocol.dagcbor import Value
from undisc_protocol.did import Did
from undisc_protocol.errors import BadFields, LocalProtocolError, Oversize
from undisc_protocol.fields import Fields
from undisc_protocol.identity import Identity, NodeId, StatusCard, read_status_card
from undisc_protocol.keys import KEY_SIZE, SignKey

STREAM_PATH: Final = "/undisc/v1/packs"
"""The one errand that asks for bytes of a stream: its body is the ticket, and it has a range."""

_FIELDS: Final = frozenset({"from", "to", "records", "card", "key", "nonce", "iat", "exp"})
_ERRAND: Final = frozenset({"id", "path", "body", "start", "stop"})
_PATH: Final = re.compile(r"/undisc/v1/[a-z-]{1,32}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Errand:
    """A request that waits for the node that comes by itself.

    Attributes:
        id: The handle under which it is answered, `limits.ERRAND` random bytes; a secret of two.
        path: Where the request would have gone: `/undisc/v1/notice` and so on.
        body: Its body; for `STREAM_PATH` the ticket.
        start: First byte of the range; 0 without one.
        stop: End of the range, exclusive; 0 without one.
    """

    id: bytes
    path: str
    body: bytes
    start: int = 0
    stop: int = 0

    def __repr__(self) -> str:
        # Handle and ticket open something: neither must reach a traceback or a log.
        return f"Errand(path={self.path!r}, start={self.start}, stop={self.stop})"

    def to_value(self) -> dict[str, Value]:
        """Return it as it is encoded."""
        return {
            "id": self.id,
            "path": self.path,
            "body": self.body,
            "start": self.start,
            "stop": self.stop,
        }

    @classmethod
    def from_value(cls, value: Value) -> Errand:
        """Read a decoded errand.

        Raises:
            BadFields: Not exactly an errand.
        """
        fields = Fields(value, "an errand", _ERRAND)
        errand = cls(
            id=fields.fixed("id", limits.ERRAND),
            path=fields.text("path", most=limits.MAX_ERRAND_PATH),
            body=fields.sized("body", most=limits.MAX_REQUEST),
            start=fields.integer("start"),
            stop=fields.integer("stop"),
        )
        if not _PATH.fullmatch(errand.path):
            raise BadFields("an errand's path is not one of a node")
        if errand.path == STREAM_PATH:
            if len(errand.body) != limits.TICKET or errand.start >= errand.stop:
                raise BadFields("an errand for a stream has no ticket or no range")
        elif errand.start or errand.stop:
            raise BadFields("an errand has a range where there is none")
        return errand


@dataclass(frozen=True, slots=True)
class Poll:
    """A verified poll; whether the poller is a peer is the reader's to know.

    Attributes:
        hash: SHA-256 of the body as received: what the answer must name.
        sender: The polling node.
        card: Its status card, verified.
        card_bytes: The same as received.
        key: X25519 public key to which the answer is sealed, 32 bytes.
        nonce: Never the same for two polls.
        expires: The first second at which it is over.
    """

    hash: bytes
    sender: Identity
    card: StatusCard
    card_bytes: bytes
    key: bytes
    nonce: bytes
    expires: int


@dataclass(frozen=True, slots=True)
class Polled:
    """A verified answer to a poll.

    Attributes:
        card: The peer's status card, as received; not verified here.
        errands: What the poller is asked to answer.
        more: How much more the peer has for the poller, or is about to have: while it is not
            zero, the poller does well to come again at once.
    """

    card: bytes
    errands: tuple[Errand, ...]
    more: int


def make_poll(
    key: SignKey,
    *,
    sender: Identity,
    to: NodeId,
    box: bytes,
    card: bytes,
    reply_to: bytes,
    nonce: bytes,
    ephemeral: bytes,
    issued: int,
    expires: int,
) -> bytes:
    """Sign a poll and seal it to the peer.

    Args:
        key: The poller's node key.
        sender: The poller's identity.
        to: The peer's node id.
        box: The peer's X25519 key.
        card: The poller's signed status card.
        reply_to: X25519 public key made for this poll.
        nonce: `addressed.REQUEST_NONCE` fresh random bytes.
        ephemeral: 32 fresh random bytes, for the box.
        issued: The time now, seconds since 1970.
        expires: End, at most `limits.REQUEST_LIFETIME` later.

    Returns:
        The body of `POST /undisc/v1/poll`.

    Raises:
        LocalProtocolError: The peer would have to refuse it.
        BadKey: The peer's box key is unsound.
    """
    body, _ = seal_addressed(
        key,
        TAG_POLL,
        {"card": card, "key": reply_to},
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


def read_poll(body: bytes, *, box: PrivateKey, own: NodeId, now: int) -> Poll:
    """Open and verify a poll, and the card in it.

    Args:
        body: The HTTP body as received.
        box: Our X25519 key.
        own: Our node id.
        now: The time now, seconds since 1970.

    Raises:
        RemoteProtocolError: As `addressed.open_addressed` and `identity.read_status_card`.
    """
    _, sender, fields = open_addressed(
        body, _read, limit=limits.MAX_POLL, of="a poll", box=box, own=own, now=now
    )
    card = fields.sized("card", most=limits.MAX_STATUS_CARD)
    return Poll(
        hash=request_hash(body),
        sender=sender,
        card=read_status_card(card, identity=sender, now=now),
        card_bytes=card,
        key=fields.fixed("key", KEY_SIZE),
        nonce=fields.sized("nonce", most=KEY_SIZE),
        expires=fields.integer("exp"),
    )


def _read(signed: bytes) -> tuple[Envelope, Fields]:
    """Check form, fields and lifetime, which need neither keys nor clock."""
    opened = envelope.read(signed, tag=TAG_POLL, limit=limits.MAX_POLL - BOX_OVERHEAD)
    fields = Fields(opened.payload, "a poll", _FIELDS)
    fields.sized("card", most=limits.MAX_STATUS_CARD)
    fields.fixed("key", KEY_SIZE)
    check_form(fields, of="a poll")
    return opened, fields


def answer_poll(
    key: SignKey,
    poll: Poll,
    *,
    card: bytes,
    errands: Sequence[Errand],
    more: int,
    at: int,
    ephemeral: bytes,
) -> bytes:
    """Sign what waits for the poller and seal it to the poll's key.

    Args:
        key: The peer's node key.
        poll: What is answered.
        card: The peer's signed status card.
        errands: At most `limits.MAX_ERRANDS`.
        more: How much more there is for the poller, or will be at once.
        at: The time now, seconds since 1970.
        ephemeral: 32 fresh random bytes, for the box.

    Returns:
        The body of the answer, with HTTP status 200.

    Raises:
        LocalProtocolError: The poller would have to refuse it.
        BadKey: The poll's key is unsound.
    """
    if len(errands) > limits.MAX_ERRANDS:
        raise LocalProtocolError("an answer to a poll has more errands than one may have")
    signed = sign_answer(
        key,
        request=poll.hash,
        at=at,
        ok={"card": card, "errands": tuple(one.to_value() for one in errands), "more": more},
    )
    if len(signed) > limits.MAX_POLL_ANSWER - BOX_OVERHEAD:
        raise LocalProtocolError("an answer to a poll is over its bound")
    return box_seal(poll.key, signed, ephemeral=ephemeral)


def read_polled(
    body: bytes, *, status: int, request: bytes, peer: Did, poll_key: PrivateKey
) -> Polled:
    """Open and verify the answer to our poll.

    Args:
        body: The HTTP body as received.
        status: The HTTP status.
        request: `request_hash` of the body we sent.
        peer: The current key of the node we polled.
        poll_key: The key of our poll.

    Raises:
        Unreachable: With another status than 200: no refusal signed by the peer.
        Oversize: Too many bytes or errands.
        CannotOpen: Not sealed to our key, or changed.
        Malformed: Not canonical bytes.
        BadFields: Not exactly an answer to a poll.
        BadSignature: Not signed by the peer.
        WrongAnswer: It answers another request.
        RemoteProtocolError: Any leaf, as the peer's signed refusal says.
    """
    if status != HTTP_OK:
        raise_refusal(body, request=request, holder=peer)
    if len(body) > limits.MAX_POLL_ANSWER:
        raise Oversize(f"an answer of {len(body)} bytes is over its bound")
    signed = box_open(poll_key, body)
    value, _ = read_ok(signed, request=request, holder=peer, limit=limits.MAX_POLL_ANSWER)
    fields = Fields(value, "an answer to a poll", {"card", "errands", "more"})
    errands = fields.array("errands", most=limits.MAX_ERRANDS)
    return Polled(
        card=fields.sized("card", most=limits.MAX_STATUS_CARD),
        errands=tuple(Errand.from_value(one) for one in errands),
        more=fields.integer("more"),
    )

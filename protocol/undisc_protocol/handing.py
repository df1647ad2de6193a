"""Handing an offer straight to the recipient's node (SPEC.md §6.14).

    handing  =  box(recipient's box key, signed by the holder: the offer)
    answer   =  answer {offer: SHA-256 of the offer, does: what the recipient does with it}

It carries no more than an offer file does (§6.7), and is only quicker. What becomes of it the
recipient decides; handing it over again changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Final

from nacl.public import PrivateKey

from undisc_protocol import limits
from undisc_protocol.addressed import check_form, open_addressed, seal_addressed
from undisc_protocol.answer import HTTP_OK, raise_refusal, read_ok, sign_answer
from undisc_protocol.boxes import BOX_OVERHEAD
from undisc_protocol.capability import envelope
from undisc_protocol.capability.envelope import TAG_HANDING, Envelope
from undisc_protocol.dagcbor import DIGEST_SIZE
from undisc_protocol.did import Did
from undisc_protocol.errors import BadFields, WrongAnswer
from undisc_protocol.fields import Fields
from undisc_protocol.identity import Identity, NodeId
from undisc_protocol.keys import SignKey

_FIELDS: Final = frozenset({"from", "to", "records", "offer", "nonce", "iat", "exp"})
_LONGEST_WORD: Final = 16  # characters of what a recipient does


class DoesWithOffer(StrEnum):
    """What a recipient does with an offer."""

    FETCHES = "fetches"  # it fetches by itself
    SHOWS = "shows"  # a person there decides
    REFUSES = "refuses"  # it wants none
    KNOWS = "knows"  # it has this offer already


@dataclass(frozen=True, slots=True)
class Handing:
    """A verified handing over; the offer in it is not read yet.

    Attributes:
        sender: Who hands it over.
        offer: The offer's bytes.
    """

    sender: Identity
    offer: bytes

    @property
    def hash(self) -> bytes:
        """SHA-256 of the offer: what the answer names."""
        return sha256(self.offer).digest()


def make_handing(
    key: SignKey,
    *,
    sender: Identity,
    to: NodeId,
    box: bytes,
    offer: bytes,
    nonce: bytes,
    ephemeral: bytes,
    issued: int,
    expires: int,
) -> bytes:
    """Sign the handing over of an offer and seal it to the recipient.

    Args:
        key: The sender's node key.
        sender: Its identity.
        to: Node id of the recipient.
        box: The recipient's box key.
        offer: The signed offer (§6.7).
        nonce: `addressed.REQUEST_NONCE` fresh random bytes.
        ephemeral: 32 fresh random bytes, for the box.
        issued: The time now, seconds since 1970.
        expires: End, at most `limits.REQUEST_LIFETIME` later.

    Returns:
        The body of `POST /undisc/v1/offers`.

    Raises:
        LocalProtocolError: The recipient would have to refuse it.
        BadKey: The recipient's box key is unsound.
    """
    body, _ = seal_addressed(
        key,
        TAG_HANDING,
        {"offer": offer},
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


def read_handing(body: bytes, *, box: PrivateKey, own: NodeId, now: int) -> Handing:
    """Open and verify what another node hands over.

    Args:
        body: The HTTP body as received.
        box: Our X25519 key.
        own: Our node id.
        now: The time now, seconds since 1970.

    Raises:
        RemoteProtocolError: As `addressed.open_addressed`; BadFields also without an offer, and
            with one that is too large.
    """
    _, sender, fields = open_addressed(
        body, _read, limit=limits.MAX_HANDING, of="a handed offer", box=box, own=own, now=now
    )
    return Handing(sender, fields.sized("offer", most=limits.MAX_OFFER))


def _read(signed: bytes) -> tuple[Envelope, Fields]:
    """Check form, fields and lifetime, which need neither keys nor clock."""
    opened = envelope.read(signed, tag=TAG_HANDING, limit=limits.MAX_HANDING - BOX_OVERHEAD)
    fields = Fields(opened.payload, "a handed offer", _FIELDS)
    fields.sized("offer", most=limits.MAX_OFFER)
    check_form(fields, of="a handed offer")
    return opened, fields


def answer_handing(
    key: SignKey, handing: Handing, does: DoesWithOffer, *, request: bytes, at: int
) -> bytes:
    """Sign what is done with an offer.

    Args:
        key: The recipient's node key.
        handing: What arrived.
        does: What is done with it.
        request: `request_hash` of the HTTP body.
        at: The time now, seconds since 1970.
    """
    return sign_answer(key, request=request, at=at, ok={"offer": handing.hash, "does": does.value})


def read_handed(
    body: bytes, *, status: int, request: bytes, offer: bytes, recipient: Did
) -> DoesWithOffer:
    """Verify the answer to our handing over; return what the recipient does.

    Args:
        body: The HTTP body as received.
        status: The HTTP status.
        request: `request_hash` of the body we sent.
        offer: The offer we handed over.
        recipient: The recipient's current key.

    Raises:
        Unreachable: With another status than 200: no refusal signed by the recipient.
        RemoteProtocolError: As `answer.read_ok`; BadFields for an unknown word, WrongAnswer about
            another offer, or any leaf as the recipient's signed refusal says.
    """
    if status != HTTP_OK:
        raise_refusal(body, request=request, holder=recipient)
    value, _ = read_ok(body, request=request, holder=recipient, limit=limits.MAX_REFUSAL)
    fields = Fields(value, "an answer to an offer", {"offer", "does"})
    if fields.fixed("offer", DIGEST_SIZE) != sha256(offer).digest():
        raise WrongAnswer("an answer is about another offer")
    try:
        return DoesWithOffer(fields.text("does", most=_LONGEST_WORD))
    except ValueError:
        raise BadFields("an answer to an offer says something that is not known") from None

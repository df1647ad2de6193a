"""Offers: what a practice hands to a recipient so that it can fetch (SPEC.md §6.7).

An offer is a file (`.undisc-offer`): the holder's identity and status card, and the capability. It
carries no patient data, and nobody but the named recipient can use it. It says who the holder
claims to be, not that it can be trusted: whether the node is a peer of ours is our own decision.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from undisc_protocol import limits
from undisc_protocol.capability import envelope
from undisc_protocol.capability.chain import Permission, verify_permission
from undisc_protocol.capability.delegation import Delegation
from undisc_protocol.capability.envelope import TAG_OFFER, Envelope
from undisc_protocol.did import Did
from undisc_protocol.errors import WrongAudience
from undisc_protocol.fields import Fields
from undisc_protocol.identity import Identity, StatusCard, read_identity, read_status_card
from undisc_protocol.keys import SignKey
from undisc_protocol.times import check_begun

FILE_EXTENSION: Final = ".undisc-offer"

_OFFER: Final = frozenset({"records", "card", "prf", "to", "at"})


@dataclass(frozen=True, slots=True)
class Offer:
    """A verified offer.

    Attributes:
        raw: Its bytes.
        holder: The node that holds the study.
        card: Its status card: where it is reached.
        card_bytes: The card as received.
        permission: The verified grant, or grant and share.
        to: Whom it names.
        at: When it was made, seconds since 1970.
    """

    raw: bytes
    holder: Identity
    card: StatusCard
    card_bytes: bytes
    permission: Permission
    to: Did
    at: int

    @property
    def proofs(self) -> tuple[Delegation, ...]:
        """The delegations, root first."""
        grant, share = self.permission.grant, self.permission.share
        return (grant, share) if share else (grant,)

    @property
    def capability(self) -> Delegation:
        """The delegation that names the recipient: the share, or a direct grant."""
        return self.permission.last


def sign_offer(
    key: SignKey,
    *,
    holder: Identity,
    card: bytes,
    proofs: Sequence[bytes],
    to: Did,
    at: int,
) -> bytes:
    """Sign an offer.

    Args:
        key: The holder's node key.
        holder: Its identity.
        card: Its signed status card.
        proofs: The grant, or the grant and the share.
        to: Audience of the last of them.
        at: The time now, seconds since 1970.

    Raises:
        LocalProtocolError: The recipient would have to refuse it.
    """
    raw = envelope.sign(
        {
            "records": holder.records,
            "card": card,
            "prf": tuple(proofs),
            "to": to,
            "at": at,
        },
        tag=TAG_OFFER,
        key=key,
    )
    envelope.check_own(raw, lambda signed: read_offer(signed, now=at))
    return raw


def read_offer(raw: bytes, *, now: int) -> Offer:
    """Read and verify an offer.

    Args:
        raw: The offer's bytes.
        now: The time now, seconds since 1970.

    Raises:
        Oversize: Too many bytes, records or proofs.
        Malformed: Not canonical bytes.
        BadFields: Not exactly an offer, an identity, a card or a delegation.
        BadKey: A principal is unsound.
        BadSignature: The offer, the card or a delegation is not signed by whom it says.
        WrongAudience: The capability names another recipient than the offer.
        NotYetValid: The offer, the card or a delegation is of the future.
        Expired: The card or a delegation is over.
        RemoteProtocolError: As `identity.read_status_card` and `chain.verify_permission`.
    """
    opened, fields = _read(raw)
    holder = read_identity(fields.records())
    opened.verify(holder.key)
    at = fields.integer("at")
    check_begun(at, of="an offer", now=now)
    card_bytes = fields.sized("card", most=limits.MAX_STATUS_CARD)
    card = read_status_card(card_bytes, identity=holder, now=now)
    proofs = fields.byte_strings(
        "prf", size=limits.MAX_TOKEN, items=limits.MAX_PROOFS, least_items=1
    )
    permission = verify_permission(proofs, own=holder.dids, now=now)
    to = fields.did("to")
    if permission.audience != to:
        raise WrongAudience("an offer's capability names another recipient")
    return Offer(raw, holder, card, card_bytes, permission, to, at)


def read_accepted_offer(raw: bytes) -> Offer:
    """Read an offer again that was accepted before, as of the time when it was made.

    Its card ages within days, its capability within a year: whether that still holds, the holder
    says when it is asked.

    Raises:
        RemoteProtocolError: As `read_offer`.
    """
    _, fields = _read(raw)
    return read_offer(raw, now=fields.integer("at"))


def _read(raw: bytes) -> tuple[Envelope, Fields]:
    opened = envelope.read(raw, tag=TAG_OFFER, limit=limits.MAX_OFFER)
    return opened, Fields(opened.payload, "an offer", _OFFER)

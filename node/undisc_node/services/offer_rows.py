"""Offers on their way between nodes: see `services.offer_pushing` and `services.offer_taking`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class OfferState(StrEnum):
    """What became of an offer that was handed to us."""

    SHOWN = "shown"  # a person decides
    FETCHED = "fetched"  # a fetch was begun
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class IncomingOffer:
    """An offer that another node handed to us.

    Attributes:
        id: Hash of the capability that it carries, 32 bytes: the same capability is one offer.
        peer: Node id of the holder.
        offer: Its bytes.
        study: The study's id there.
        expires: End of the capability, seconds since 1970.
        state: What became of it.
        at_ms: When it arrived.
        decided_ms: When that was decided; None while it is shown.
        by: Who decided; empty for the node itself.
    """

    id: bytes
    peer: bytes
    offer: bytes
    study: bytes
    expires: int
    state: OfferState
    at_ms: int
    decided_ms: int | None = None
    by: str = ""


@dataclass(frozen=True, slots=True)
class OutgoingOffer:
    """An offer that we hand to another node.

    Attributes:
        id: Id of the grant or share that it carries, 32 bytes.
        peer: Node id of the recipient.
        study: Our id of the study.
        made_ms: When it became due.
        attempts: How often it was tried.
        next_ms: When it is tried next.
        done_ms: When the other node answered, or it was given up; None while it is open.
        outcome: What the other node does with it, or what stands in the way.
    """

    id: bytes
    peer: bytes
    study: bytes
    made_ms: int
    attempts: int
    next_ms: int
    done_ms: int | None = None
    outcome: str = ""

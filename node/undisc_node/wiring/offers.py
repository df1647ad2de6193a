"""Builds what hands offers to other nodes, and takes theirs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from undisc_node.config import Settings
from undisc_node.services.auditing import Journal, Refusals
from undisc_node.services.fetching import Fetching
from undisc_node.services.identity import OwnIdentity
from undisc_node.services.offer_pushing import OfferPushing
from undisc_node.services.offer_taking import OfferTaking
from undisc_node.services.offering import Offering
from undisc_node.services.ports import Catalog, Clock, Entropy, PeerNetwork
from undisc_node.wiring.duties import Duty

_PUSH_SECONDS: Final = 2.0  # how often what a consent granted is looked for


@dataclass(frozen=True, slots=True)
class OfferParts:
    """What was built.

    Attributes:
        taking: Takes offers of other nodes.
        duty: Hands ours over.
    """

    taking: OfferTaking
    duty: Duty


def build_offers(
    settings: Settings,
    *,
    catalog: Catalog,
    network: PeerNetwork,
    fetching: Fetching,
    journal: Journal,
    refusals: Refusals,
    clock: Clock,
    entropy: Entropy,
    own: OwnIdentity,
    offering: Offering,
) -> OfferParts:
    """Build it from the settings."""
    pushing = OfferPushing(
        catalog=catalog,
        network=network,
        journal=journal,
        clock=clock,
        entropy=entropy,
        own=own,
        offering=offering,
    )
    return OfferParts(
        taking=OfferTaking(
            catalog=catalog,
            fetching=fetching,
            journal=journal,
            refusals=refusals,
            clock=clock,
            own=own,
            policy=settings.offers_take,
        ),
        duty=Duty("handing offers over", _PUSH_SECONDS, pushing.push_due),
    )

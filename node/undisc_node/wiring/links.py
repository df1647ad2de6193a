"""Builds what links need."""

from __future__ import annotations

from dataclasses import dataclass

from undisc_node.config import Settings
from undisc_node.services.auditing import Journal, Refusals
from undisc_node.services.fetch_world import FetchWorld
from undisc_node.services.fetching import Fetching
from undisc_node.services.identity import OwnIdentity
from undisc_node.services.link_fetching import LinkFetching
from undisc_node.services.linking import Linking
from undisc_node.services.offering import Offering
from undisc_node.services.passcodes import Passcodes
from undisc_node.services.ports import Catalog, Clock, Entropy
from undisc_node.services.second_step import SecondStep
from undisc_node.services.sharing import Sharing
from undisc_node.services.unlocking import Unlocking


@dataclass(frozen=True, slots=True)
class Links:
    """What was built.

    Attributes:
        sharing: Takes shares in.
        linking: Makes and looks after links of this node.
        unlocking: Says what they open.
        fetching: Fetches with links of other nodes.
        any_node: Whether nodes that are no peers may use shares and links.
        passcodes: Hashes passcodes.
    """

    sharing: Sharing
    linking: Linking
    unlocking: Unlocking
    fetching: LinkFetching
    any_node: bool
    passcodes: Passcodes


def build_links(
    settings: Settings,
    *,
    catalog: Catalog,
    journal: Journal,
    refusals: Refusals,
    clock: Clock,
    entropy: Entropy,
    own: OwnIdentity,
    offering: Offering,
    world: FetchWorld,
    fetching: Fetching,
    second: SecondStep,
) -> Links:
    """Build the use cases of links; both sides hash passcodes one at a time."""
    passcodes = Passcodes(entropy=entropy)
    sharing = Sharing(catalog=catalog, journal=journal, clock=clock, own=own, offering=offering)
    any_node = settings.recipients == "any"
    return Links(
        sharing=sharing,
        linking=Linking(
            catalog=catalog, journal=journal, clock=clock, sharing=sharing, passcodes=passcodes
        ),
        unlocking=Unlocking(
            catalog=catalog,
            journal=journal,
            refusals=refusals,
            clock=clock,
            entropy=entropy,
            own=own,
            offering=offering,
            passcodes=passcodes,
            second=second,
            any_node=any_node,
        ),
        fetching=LinkFetching(world=world, fetching=fetching),
        any_node=any_node,
        passcodes=passcodes,
    )

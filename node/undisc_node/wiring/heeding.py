"""Builds what hears of other nodes that something happened to what they gave us."""

from __future__ import annotations

from undisc_node.config import Settings
from undisc_node.services.auditing import Refusals
from undisc_node.services.doubts import Doubts
from undisc_node.services.ended_permissions import EndedPermissions, WhenEnded
from undisc_node.services.fetch_world import FetchWorld
from undisc_node.services.fetching import Fetching
from undisc_node.services.heeding import Heeding
from undisc_node.services.studies import Studies
from undisc_node.wiring.department import DepartmentParts
from undisc_protocol.notice import Why


def build_heeding(
    settings: Settings,
    world: FetchWorld,
    fetching: Fetching,
    studies: Studies,
    department: DepartmentParts,
    refusals: Refusals,
) -> Heeding:
    """Build it from the settings."""
    queueing = department.uses["queueing"]
    catalog, journal, clock = world.catalog, world.journal, world.clock
    return Heeding(
        catalog=catalog,
        fetching=fetching,
        rename=department.renaming.hear,
        ended=EndedPermissions(
            catalog=catalog,
            queueing=queueing,
            studies=studies,
            contents=world.contents,
            journal=journal,
            clock=clock,
            when_ended=WhenEnded(settings.when_ended),
            because=Why(settings.kept_because),
        ),
        doubts=Doubts(catalog=catalog, queueing=queueing, journal=journal, clock=clock),
        journal=journal,
        refusals=refusals,
        clock=clock,
        own=world.own,
    )

"""Builds what gives something out by hand: grants, and emergencies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from undisc_node.services.auditing import Journal
from undisc_node.services.emergencies import Emergencies
from undisc_node.services.emergency_giving import EmergencyGiving
from undisc_node.services.granting import Granting
from undisc_node.services.identity import OwnIdentity
from undisc_node.services.offering import Offering
from undisc_node.services.passcodes import Passcodes
from undisc_node.services.ports import Catalog, Clock, Entropy


def build_giving(
    *,
    catalog: Catalog,
    journal: Journal,
    clock: Clock,
    entropy: Entropy,
    own: OwnIdentity,
    offering: Offering,
    emergencies: Emergencies,
    passcodes: Passcodes,
) -> Mapping[str, Any]:
    """Return use cases by their names at the admin socket."""
    granting = Granting(
        catalog=catalog,
        journal=journal,
        clock=clock,
        entropy=entropy,
        own=own,
        offering=offering,
        emergency=emergencies,
    )
    giving = EmergencyGiving(granting=granting, passcodes=passcodes, own=own)
    return {"granting": granting, "emergency_giving": giving}

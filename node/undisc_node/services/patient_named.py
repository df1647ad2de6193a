"""Practices that got something of a visit directly, because its consent names them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from undisc_node.services.copies import copies_of
from undisc_node.services.model import Grant, Peer
from undisc_node.services.patient_views import Named
from undisc_node.services.ports import Records


def named_in(records: Records, visit_id: bytes, peers: Mapping[bytes, Peer]) -> Sequence[Named]:
    """List them with what they got."""
    found: dict[bytes, list[Grant]] = {}
    for made in records.visits.grants(visit_id):
        grant = records.grants.get(made.grant)
        if grant is not None:
            found.setdefault(made.node, []).append(grant)
    return [
        Named(
            peers[node].name if node in peers else node.hex()[:8],
            node,
            grants,
            copies_of(records, grants),
        )
        for node, grants in found.items()
    ]

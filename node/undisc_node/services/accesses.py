"""Notes what other nodes did, for the patient to read beside what browsers did."""

from __future__ import annotations

from undisc_node.services.browsing_rows import Access, AccessRow
from undisc_node.services.ports import Records
from undisc_protocol.did import Did


def note_node(
    records: Records,
    what: Access,
    at_ms: int,
    *,
    link: Did,
    node: bytes,
    study: bytes | None = None,
) -> None:
    """Note what another node did, under the name by which this one knows it."""
    peer = records.peers.get(node)
    name = peer.name if peer else ""
    records.browsing.note(AccessRow(at_ms, what, link, study, None, name, node))

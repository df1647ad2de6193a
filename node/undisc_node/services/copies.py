"""What practices say about their copies of what ended, for the patient to read."""

from __future__ import annotations

from collections.abc import Sequence

from undisc_node.services.model import Grant, Share
from undisc_node.services.patient_views import Copy
from undisc_node.services.ports import Records
from undisc_node.services.telling import told_of


def copies_of(records: Records, permissions: Sequence[Grant | Share]) -> Sequence[Copy]:
    """List what was answered about each study and practice, each newest answer once."""
    found: dict[tuple[bytes, bytes], Copy] = {}
    for permission in permissions:
        grant = records.grants.get(permission.grant) if isinstance(permission, Share) else None
        ended = [one for one in (permission, grant) if one and one.revoked_ms is not None]
        for notice in (one for each in ended for one in told_of(records, each)):
            peer = records.peers.get(notice.peer)
            copy = Copy(
                name=peer.name if peer else "",
                heard_ms=notice.heard_ms,
                does=notice.does,
                why=notice.why,
                passed=notice.passed,
                is_over=notice.done_ms is not None,
            )
            found.setdefault((notice.peer, notice.study), copy)
    return list(dict.fromkeys(found.values()))

"""What a practice in memory does with copies whose permission ended."""

from __future__ import annotations

from typing import Any

from undisc_node.services.doubts import Doubts
from undisc_node.services.ended_permissions import EndedPermissions, WhenEnded
from undisc_protocol.notice import Why


def deciding_copies(practice: Any) -> dict[str, Any]:
    """Build it from the parts of a practice, by its rule of the moment."""
    ended = EndedPermissions(
        catalog=practice.catalog,
        queueing=practice.queueing,
        studies=practice.studies,
        contents=practice.contents,
        journal=practice.journal,
        clock=practice.clock,
        when_ended=WhenEnded(practice.when_ended),
        because=Why.TREATMENT,
    )
    doubts = Doubts(
        catalog=practice.catalog,
        queueing=practice.queueing,
        journal=practice.journal,
        clock=practice.clock,
    )
    return {"ended": ended, "doubts": doubts}

"""Arrivals that end running transfers: corrections, and another patient's identity (DESIGN §5).

What was replaced, or may be somebody else's, is not served any more, and a transfer that is under
way is no exception: its ticket ends in the same change, and the asker asks again.
"""

from __future__ import annotations

from undisc_node.services import auditing
from undisc_node.services.auditing import Journal
from undisc_node.services.model import Study, StudyState
from undisc_node.services.ports import Records
from undisc_protocol.log import Actor


def stop_transfers(
    journal: Journal,
    records: Records,
    before: Study,
    after: Study,
    *,
    replaced: int,
    who: Actor,
    at_ms: int,
) -> None:
    """End the tickets of a study whose arrivals replaced something, or made the node hold it.

    Args:
        journal: The log; a hold is written into it.
        records: The open change.
        before: The row before the arrivals.
        after: The row after them.
        replaced: How many instances are not current any more.
        who: Who brought them.
        at_ms: The time now.
    """
    held = before.state is StudyState.ACTIVE and after.state is StudyState.HELD
    if not held and not replaced:
        return
    ended = records.tickets.drop(study=after.id, at_ms=at_ms)
    if held:
        journal.note(
            records,
            "study.held",
            who=who,
            what=auditing.about_study(after),
            why=after.reason,
            detail={"transfers_stopped": ended},
        )

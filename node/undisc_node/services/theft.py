"""What stops at once when keys were stolen: whatever a thief could use that rests on them.

A thief of the disk has links, sessions and everything that was on its way. So every permission
waits until somebody has gone through them, as after a restore; tickets end; staff sign in again.
The log goes on as it was: nothing of it is missing.
"""

from __future__ import annotations

from undisc_node.services import auditing
from undisc_node.services.auditing import Journal
from undisc_node.services.model import Restored, RestoredBy
from undisc_node.services.ports import Records


def stop_after_theft(
    records: Records, journal: Journal, *, actor: str, now_ms: int
) -> tuple[int, int]:
    """Suspend every permission, end every ticket and every session of staff; again is harmless.

    Args:
        records: The open change.
        journal: The log.
        actor: Who said that keys were stolen.
        now_ms: The time now.

    Returns:
        How many permissions wait, and how many sessions ended.
    """
    suspended = records.restored.begin(Restored(now_ms, now_ms, RestoredBy.THEFT, None))
    records.tickets.drop_all(now_ms)
    ended = sum(records.desk.end_sessions(member.name) for member in records.staff.list())
    journal.note(
        records,
        "node.stolen",
        who=auditing.user(actor),
        detail={"suspended": suspended, "signed_off": ended},
    )
    return suspended, ended

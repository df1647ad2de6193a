"""The latest time that a node has written down itself: its time never goes back behind it.

A permission that has ended must stay ended, also when the node starts with a clock that is behind.
A clock that was ahead once leaves lines of a time that has not come yet; an administrator who says
that the clock is right now (`serve --trust-clock`) draws a line below them.
"""

from __future__ import annotations

from typing import Final

from undisc_node.services.ports import Records
from undisc_protocol.errors import ProtocolError
from undisc_protocol.log import Event

TRUSTED: Final = "node.clock_trusted"
"""Event with which an administrator has declared earlier lines to be of a wrong time."""

LOOK_BACK: Final = 100  # lines of the log; more than some restarts in a row write


def newest_time_ms(records: Records) -> int:
    """Return the latest time among the newest lines of the log, UTC in ms; 0 where there is none.

    Not only the very newest: a node that started with its clock behind wrote one at once.
    """
    newest = 0
    for row in reversed(records.log.newest(LOOK_BACK)):
        try:
            event = Event.decode(row.event) if row.event else None
        except ProtocolError:
            continue  # damage is found, and said, by whoever verifies the log
        if event is not None:
            newest = max(newest, event.at)
            if event.type == TRUSTED:
                break
    return newest

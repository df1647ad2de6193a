"""The latest time that a node has written down itself: its time never goes back behind it.

A permission that has ended must stay ended, also when the node starts with a clock that is behind.
A clock that was ahead once leaves lines of a time that has not come yet; an administrator who says
that the clock is right now (`serve --trust-clock`) draws a line below them.
"""

from __future__ import annotations

from typing import Final

from undisc_node.services import auditing
from undisc_node.services.auditing import Journal
from undisc_node.services.ports import Catalog, Clock, Records
from undisc_protocol.errors import ProtocolError
from undisc_protocol.log import Event

TRUSTED: Final = "node.clock_trusted"
"""Event with which an administrator has declared earlier lines to be of a wrong time."""

LEAPT: Final = "node.time_leapt"
"""Event of a clock that was put ahead, or of a machine that slept."""

LEAP_MS: Final = 600_000  # ten minutes between two looks: no machine is that busy

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


class TimeWitness:
    """Writes down when time leaps ahead, so that what ended by then stays ended after a restart.

    Args:
        catalog: Rows.
        journal: The log.
        clock: Time.
    """

    def __init__(self, *, catalog: Catalog, journal: Journal, clock: Clock) -> None:
        self._catalog = catalog
        self._journal = journal
        self._clock = clock
        self._seen_ms: int | None = None

    def look(self) -> None:
        """Compare with the look before; to be called each second or so."""
        before_ms, self._seen_ms = self._seen_ms, self._clock.now_ms()
        if before_ms is None or self._seen_ms - before_ms < LEAP_MS:
            return
        with self._catalog.change() as records:
            self._journal.note(
                records,
                LEAPT,
                who=auditing.user("undisc-node"),
                detail={"seconds": (self._seen_ms - before_ms) // 1000},
            )

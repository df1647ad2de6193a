"""When a peer is on: learnt from when it answered, hour by hour of the week.

Nobody has to write opening hours down, and nobody can be wrong about them: a practice that is off
at night is found off at night. What waits for it is tried again in the hour in which it was on
before, not only after a pause that has grown long.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

WEEK: Final = 168  # hours
_HOUR_MS: Final = 3_600_000
_EPOCH_HOUR: Final = 72  # 1970-01-01 was a Thursday; hours are counted from Monday, UTC
_MOST: Final = 255  # times that are counted of one hour


@dataclass(frozen=True, slots=True)
class PeerHours:
    """What was seen of a peer.

    Attributes:
        peer: Its node id.
        seen_ms: When it last answered or came, or None if it never has.
        off_ms: Since when it does not answer; None while it does.
        on_hours: For each hour of the week (UTC, from Monday): how often it answered in it.
        off_hours: How often it did not.
    """

    peer: bytes
    seen_ms: int | None = None
    off_ms: int | None = None
    on_hours: bytes = bytes(WEEK)
    off_hours: bytes = bytes(WEEK)

    def after(self, now_ms: int, *, is_on: bool, counts: bool) -> PeerHours:
        """Return what is known after a peer answered, or did not.

        Args:
            now_ms: The time now.
            is_on: Whether it answered.
            counts: Whether the hour is to be counted: once for each hour and answer.
        """
        hour = hour_of(now_ms)
        if is_on:
            hours = _counted(self.on_hours, hour) if counts else self.on_hours
            return replace(self, seen_ms=now_ms, off_ms=None, on_hours=hours)
        hours = _counted(self.off_hours, hour) if counts else self.off_hours
        since = now_ms if self.off_ms is None else self.off_ms
        return replace(self, off_ms=since, off_hours=hours)

    def usual(self, hour: int) -> bool:
        """Tell whether the peer is on in most weeks in an hour of the week."""
        return self.on_hours[hour] > self.off_hours[hour]

    def expected_ms(self, now_ms: int) -> int | None:
        """Return when the peer is likely on next: now, or at the beginning of an hour.

        None when it was never seen on, or is usually off at all hours.
        """
        if self.usual(hour_of(now_ms)):
            return now_ms
        begin = now_ms - now_ms % _HOUR_MS
        for later in range(1, WEEK):
            at_ms = begin + later * _HOUR_MS
            if self.usual(hour_of(at_ms)):
                return at_ms
        return None


def hour_of(at_ms: int) -> int:
    """Return the hour of the week, UTC, 0 on Monday at midnight."""
    return (at_ms // _HOUR_MS + _EPOCH_HOUR) % WEEK


def _counted(hours: bytes, hour: int) -> bytes:
    counted = bytearray(hours)
    counted[hour] = min(counted[hour] + 1, _MOST)
    return bytes(counted)

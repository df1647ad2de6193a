"""Whether the node can do its work now: named checks, cheap enough to be asked every second.

A check has a name, and a code when something is wrong; neither says anything about patients. That
the catalog came back from a copy (restored mode) is no lack: the node works, and refuses what waits
for the administrator.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock, Thread
from typing import Final

from undisc_node.services.errors import ServiceError, Unavailable
from undisc_node.services.ports import Clock, Packs, ProbedCatalog
from undisc_node.services.witnessed_time import newest_time_ms
from undisc_protocol import limits

PROBE_SECONDS: Final = 5.0  # between two test writes: 17,000 a day, each a page of the disk
RETRY_SECONDS: Final = 1.0  # the same while they fail, so that a healed disk is seen soon
_PATIENCE_SECONDS: Final = 1.0  # whoever asks waits so long for a test write; it goes on meanwhile
SLOW_SECONDS: Final = 10.0  # a test write that takes longer; twice what another program may block
BEHIND_MS: Final = limits.CLOCK_SKEW * 1000  # what other nodes forgive a clock

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Check:
    """One thing the node needs.

    Attributes:
        name: `database`, `disk`, `keys` or `clock`.
        code: What is wrong; empty when nothing is.
    """

    name: str
    code: str = ""


class Readiness:
    """Looks whether everything is there that the node needs.

    Args:
        catalog: Must take a write.
        packs: Know how much room is left.
        reserve: Bytes of disk that must stay free.
        clock: The node's own time, which never goes back.
        wall_ms: The system's clock as it is now, UTC in ms.
        released_ms: When this version was released: an earlier time is wrong.
        keys: Raises when the key files cannot be read, or are not those the node started with.
        elapsed: Monotonic seconds.
    """

    def __init__(
        self,
        *,
        catalog: ProbedCatalog,
        packs: Packs,
        reserve: int,
        clock: Clock,
        wall_ms: Callable[[], int],
        released_ms: int,
        keys: Callable[[], None],
        elapsed: Callable[[], float],
    ) -> None:
        self._catalog = catalog
        self._packs = packs
        self._reserve = reserve
        self._clock = clock
        self._wall_ms = wall_ms
        self._released_ms = released_ms
        self._keys = keys
        self._elapsed = elapsed
        self._probing = Lock()
        self._probe_began = 0.0
        self._next_probe = float("-inf")
        self._database = Check("database")
        self._missing: Sequence[Check] = ()

    def checks(self) -> Sequence[Check]:
        """Return every check; what changed since the last call is logged."""
        found = (
            self._check_database(),
            Check("disk", _code_of(self._check_disk)),
            Check("keys", _code_of(self._keys)),
            Check("clock", self._check_clock()),
        )
        self._tell([check for check in found if check.code])
        return found

    def _tell(self, missing: Sequence[Check]) -> None:
        before, self._missing = self._missing, missing
        if missing and missing != before:
            named = ", ".join(f"{check.name} ({check.code})" for check in missing)
            _log.warning("the node is not ready: %s", named)
        elif before and not missing:
            _log.info("the node is ready again")

    def _check_database(self) -> Check:
        """Write and commit now and then; whoever asks in between gets the latest answer.

        The write has a thread of its own, so that a disk that stalls holds up nobody who asks.
        """
        if self._probing.acquire(blocking=False):
            if self._elapsed() < self._next_probe:
                self._probing.release()
            else:
                self._probe_began = self._elapsed()
                probe = Thread(target=self._probe, name="readiness-probe", daemon=True)
                probe.start()
                probe.join(_PATIENCE_SECONDS)
        elif self._elapsed() - self._probe_began > SLOW_SECONDS:
            return Check("database", "database_slow")
        return self._database

    def _probe(self) -> None:
        try:
            self._database = Check("database", _code_of(self._catalog.probe))
            pause = RETRY_SECONDS if self._database.code else PROBE_SECONDS
            self._next_probe = self._elapsed() + pause
        finally:
            self._probing.release()

    def _check_disk(self) -> None:
        if self._packs.free_bytes() < self._reserve:
            raise Unavailable("the disk is at its reserve", code="disk_reserve")

    def _check_clock(self) -> str:
        now = self._wall_ms()
        if now < self._released_ms:
            return "clock_before_release"
        if now < max(self._clock.now_ms(), self._newest_event_ms()) - BEHIND_MS:
            return "clock_behind"
        return ""

    def _newest_event_ms(self) -> int:
        """Return the latest time that the log tells of; 0 when it cannot be told."""
        try:
            with self._catalog.look() as records:
                return newest_time_ms(records)
        except ServiceError:
            return 0  # the check of the database is for that


def _code_of(check: Callable[[], None]) -> str:
    try:
        check()
    except ServiceError as problem:
        return problem.reason
    return ""

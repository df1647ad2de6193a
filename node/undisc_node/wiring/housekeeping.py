"""The duties that keep a home tidy: quiet studies settle, what expired goes, room comes back."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from undisc_node.services.fetching import Fetching
from undisc_node.services.model import Study
from undisc_node.services.one_time_codes import KEPT_MS
from undisc_node.services.ports import Catalog, Clock, Packs, Records
from undisc_node.services.retention import Retention
from undisc_node.services.settling import Settling
from undisc_node.services.sweeping import finish
from undisc_node.services.witnessed_time import TimeWitness
from undisc_node.wiring.duties import Duty

_TICK_SECONDS: Final = 1.0  # how often quiet studies and expired invocations are looked for
_RETRY_SECONDS: Final = 600.0  # after so long, receipts that are still due are sent again

log = logging.getLogger("undisc.node")


def in_turn(*told: Callable[[Records, Study], object]) -> Callable[[Records, Study], None]:
    """Return what tells each of them of a study, in their order, within one change."""

    def tell(records: Records, study: Study) -> None:
        for one in told:
            one(records, study)

    return tell


@dataclass(frozen=True, slots=True)
class Housekeeping:
    """The parts of a node that need a look now and then.

    Attributes:
        catalog: Rows.
        packs: Bytes.
        settling: Settles quiet studies.
        fetching: Brings studies.
        retention: Lets studies leave.
        clock: Time.
        witness: Writes down when time leaps ahead.
        relieve: Empties the write-ahead log of the catalog where readers keep it from that.
        put_back: Puts room aside again after a full disk gave way.
        settle_ms: A study is quiet when nothing came for so many milliseconds.
    """

    catalog: Catalog
    packs: Packs
    settling: Settling
    fetching: Fetching
    retention: Retention
    clock: Clock
    witness: TimeWitness
    relieve: Callable[[], object]
    put_back: Callable[[], None]
    settle_ms: int

    def duties(self) -> tuple[Duty, ...]:
        """Return what is to be done, and how often."""
        return (
            Duty("housekeeping", _TICK_SECONDS, self._tidy),
            Duty("taking up what waits", _RETRY_SECONDS, self._take_up),
        )

    def _tidy(self) -> None:
        self.put_back()
        self.witness.look()
        self.relieve()
        with self.catalog.change() as records:
            records.tickets.forget_expired(self.clock.now_ms())
            records.links.forget_unlocks(self.clock.now_ms())
            records.codes.forget(self.clock.now_ms() - KEPT_MS)
        finish(self.catalog, self.packs)
        self.settling.settle_quiet(self.settle_ms)

    def _take_up(self) -> None:
        self.fetching.resume_all()
        if left := self.retention.erase_due():
            log.info("erased %d studies that nobody had a permission for any more", left)

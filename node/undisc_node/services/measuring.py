"""The figures of a node at one moment, for whoever watches it.

Counting rows of a large catalog takes a second or so, so the totals are kept for a while: the
longer counting took, the longer they are used, and counting never takes more than a fiftieth of
the time. Everything else is as of now.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Final

from undisc_node.services.auditing import Refusals
from undisc_node.services.errors import ServiceError
from undisc_node.services.meters import Metered, Meters
from undisc_node.services.ports import Catalog, Clock, Moment, Packs, Totals
from undisc_node.services.readiness import Check
from undisc_node.services.round_rows import AlertKind

KEEP_SECONDS: Final = 5.0  # totals are at least so old before they are counted again
KEEP_TIMES: Final = 50  # and at least so many times older than counting took


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a node counts and measures. No names, no patients.

    Attributes:
        version: Version of the program.
        started: When the node started, seconds since 1970.
        totals: Counts of rows, up to some minutes old; None when the catalog cannot be read.
        moment: What the catalog knows of now; None likewise.
        metered: What passed through since the start.
        refused: Requests of other nodes that were refused since the start, by code.
        checks: What the node needs, and whether it is there.
        disk_free: Room on the disk, bytes; None when the system does not tell.
        disk_reserve: Room that ingest leaves, bytes.
        databases: For each database, bytes of the file and of its write-ahead log.
        kit_verified: Whether the recovery kit has been read back.
        backed_up_ms: When the newest good backup was made, UTC in ms; None if there was none.
        peer_alerts: For each kind of alert, the peers about which it is; none when not known.
    """

    version: str
    started: float
    totals: Totals | None
    moment: Moment | None
    metered: Metered
    refused: Mapping[str, int]
    checks: Sequence[Check]
    disk_free: int | None
    disk_reserve: int
    databases: Mapping[str, tuple[int, int]]
    kit_verified: bool
    backed_up_ms: int | None
    peer_alerts: Mapping[str, int]


class Measuring:
    """Brings the figures together.

    Args:
        catalog: Rows.
        packs: Disk space.
        refusals: What was refused to strangers.
        meters: What passed through.
        clock: Time.
        elapsed: Monotonic seconds.
        checks: What the node needs.
        databases: Sizes of the databases.
        kit_verified: Tells whether the recovery kit has been read back.
        backed_up_ms: Tells when the newest good backup was made, UTC in ms.
        reserve: Bytes of disk that ingest leaves free.
        version: Version of the program.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        packs: Packs,
        refusals: Refusals,
        meters: Meters,
        clock: Clock,
        elapsed: Callable[[], float],
        checks: Callable[[], Sequence[Check]],
        databases: Callable[[], Mapping[str, tuple[int, int]]],
        kit_verified: Callable[[], bool],
        backed_up_ms: Callable[[], int | None],
        reserve: int,
        version: str,
    ) -> None:
        self._catalog = catalog
        self._packs = packs
        self._refusals = refusals
        self._meters = meters
        self._clock = clock
        self._elapsed = elapsed
        self._checks = checks
        self._databases = databases
        self._kit_verified = kit_verified
        self._backed_up_ms = backed_up_ms
        self._reserve = reserve
        self._version = version
        self._started = clock.now_ms() / 1000
        self._counting = Lock()
        self._totals: Totals | None = None
        self._totals_until = float("-inf")

    def figures(self) -> Figures:
        """Measure now."""
        moment: Moment | None = None
        totals: Totals | None = None
        alerts: dict[str, int] = {}
        try:
            totals = self._counted()
            with self._catalog.look() as records:
                moment = records.figures.moment(self._clock.now_ms())
                kinds = Counter(one.kind for one in records.rounds.alerts())
            alerts = {kind.value: kinds[kind] for kind in AlertKind}
        except ServiceError:
            pass  # the check of the database says why; what can be told without it is told
        return Figures(
            version=self._version,
            started=self._started,
            totals=totals,
            moment=moment,
            metered=self._meters.read(),
            refused=self._refusals.counts(),
            checks=self._checks(),
            disk_free=self._free(),
            disk_reserve=self._reserve,
            databases=self._databases(),
            kit_verified=self._kit(),
            backed_up_ms=self._backed_up_ms(),
            peer_alerts=alerts,
        )

    def _counted(self) -> Totals:
        with self._counting:
            if self._totals is None or self._elapsed() >= self._totals_until:
                began = self._elapsed()
                with self._catalog.look() as records:
                    self._totals = records.figures.totals(self._clock.now_ms())
                ended = self._elapsed()
                self._totals_until = ended + max(KEEP_SECONDS, KEEP_TIMES * (ended - began))
            return self._totals

    def _free(self) -> int | None:
        try:
            return self._packs.free_bytes()
        except ServiceError:
            return None  # the check of the disk says why

    def _kit(self) -> bool:
        try:
            return self._kit_verified()
        except ServiceError:
            return False  # the check of the keys says why

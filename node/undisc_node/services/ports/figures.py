"""A port to counts over the whole catalog."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Holding:
    """What came in one way and is here.

    Attributes:
        studies: How many.
        instances: Their current instances.
        size: Bytes of these as received.
    """

    studies: int
    instances: int
    size: int


@dataclass(frozen=True, slots=True)
class Totals:
    """Counts of rows. Counting looks at every study, grant, share and fetch.

    Attributes:
        studies: By state, and as `unsettled` and `waiting`.
        holdings: By the way they came: `dicom`, `watch`, `import`, `fetch`.
        grants: As `active`, `expired`, `revoked`.
        shares: Likewise.
        fetches: By state.
        receipts_due: Fetches whose receipt the holder has not acknowledged.
        peers: By state.
    """

    studies: Mapping[str, int]
    holdings: Mapping[str, Holding]
    grants: Mapping[str, int]
    shares: Mapping[str, int]
    fetches: Mapping[str, int]
    receipts_due: int
    peers: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Moment:
    """What is cheap to look up.

    Attributes:
        tickets: Tickets that live.
        log_size: Lines of the log.
        suspended: Grants and shares that wait for the administrator since a restore.
        restored: Whether a restore was not confirmed yet.
    """

    tickets: int
    log_size: int
    suspended: int
    restored: bool


class FigureRecords(Protocol):
    """Counts over all tables, for whoever watches the node."""

    def totals(self, now_ms: int) -> Totals:
        """Count everything; takes a second in a catalog of a million studies."""

    def moment(self, now_ms: int) -> Moment:
        """Look up what an index or a single row tells."""

"""Studies leave when nobody has had a permission for them for a while.

An exchange node is no archive: what nobody may fetch any more is erased after a number of days. Not
before its receipts are acknowledged, and not before a backup holds its log, where backups are made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from undisc_node.services.model import Study, StudyState
from undisc_node.services.ports import Catalog, Clock, Records
from undisc_node.services.studies import Studies

DAY_MS: Final = 86_400_000
_AT_ONCE: Final = 50  # studies erased in one round, so that other work gets its turn
_NODE: Final = "undisc-node"


@dataclass(frozen=True, slots=True)
class Leaving:
    """A study and when it leaves.

    Attributes:
        study: The row.
        at_ms: The earliest moment, if nothing new happens.
    """

    study: Study
    at_ms: int


class Retention:
    """Erases studies that nobody may have any more.

    Args:
        catalog: Rows.
        studies: Erases.
        clock: Time.
        days: For how long a study stays without a permission; 0 keeps everything.
        backed_up_ms: Says until when everything is in a backup, ms; None where none is made.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        studies: Studies,
        clock: Clock,
        days: int,
        backed_up_ms: Callable[[], int | None],
    ) -> None:
        self._catalog = catalog
        self._studies = studies
        self._clock = clock
        self._stay_ms = days * DAY_MS
        self._backed_up_ms = backed_up_ms

    def erase_due(self) -> int:
        """Erase what is due, some of it at a time; return how many studies.

        Raises:
            ServiceError: A study cannot be erased now; the next round tries again.
        """
        quiet_since = self._quiet_since(self._clock.now_ms())
        if quiet_since is None:
            return 0
        with self._catalog.look() as records:
            due = records.studies.without_permission(quiet_since, limit=_AT_ONCE)
        reason = f"no permission for {self._stay_ms // DAY_MS} days"
        return sum(
            self._studies.delete_if(
                study.id, lambda records, row: _is_due(records, row, quiet_since), _NODE, reason
            )
            for study in due
        )

    def leaving(self, within_days: int, limit: int) -> Sequence[Leaving]:
        """List what leaves within some days if nobody does anything, first to leave first."""
        if not self._stay_ms:
            return ()
        horizon = self._clock.now_ms() + within_days * DAY_MS - self._stay_ms
        with self._catalog.look() as records:
            restored = records.restored.latest()
            since = restored.since_ms if restored else 0
            found = [
                Leaving(study, max(since, records.studies.quiet_since(study.id)) + self._stay_ms)
                for study in records.studies.without_permission(horizon, limit=limit)
            ]
        return sorted(found, key=lambda one: one.at_ms)

    def _quiet_since(self, now_ms: int) -> int | None:
        """Return the moment after which nothing may have happened to a study that leaves."""
        if not self._stay_ms:
            return None
        quiet_since = now_ms - self._stay_ms
        with self._catalog.look() as records:
            restored = records.restored.latest()
        # A catalog that came back may have forgotten grants: the days begin again.
        if restored is not None and restored.since_ms > quiet_since:
            return None
        backed_up = self._backed_up_ms()
        return quiet_since if backed_up is None else min(quiet_since, backed_up)


def _is_due(records: Records, study: Study, quiet_since: int) -> bool:
    """Look again within the change: a grant may have been made meanwhile."""
    return (
        not study.kept
        and study.state is not StudyState.HELD
        and not study.waiting
        and records.studies.quiet_since(study.id) <= quiet_since
        and not any(fetch.receipt_due for fetch in records.fetches.list(study=study.id))
        and not any(one.state.goes_on for one in records.deliveries.list(study=study.id))
    )

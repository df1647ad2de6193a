"""Studies leave when nobody has had a permission for them for a while, or the patient said no.

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
_HOUR_MS: Final = 3_600_000
_LOOKED_AT: Final = 1_000  # studies of a no that one round looks at; most of them can leave
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
        refused_hours: For how long a study stays about whose images the patient said no.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        studies: Studies,
        clock: Clock,
        days: int,
        backed_up_ms: Callable[[], int | None],
        refused_hours: int = 24,
    ) -> None:
        self._catalog = catalog
        self._studies = studies
        self._clock = clock
        self._stay_ms = days * DAY_MS
        self._backed_up_ms = backed_up_ms
        self._refused_ms = refused_hours * _HOUR_MS

    def erase_due(self) -> int:
        """Erase what is due, some of it at a time; return how many studies.

        Raises:
            ServiceError: A study cannot be erased now; the next round tries again.
        """
        refused = self._erase_refused()
        quiet_since = self._quiet_since(self._clock.now_ms(), self._stay_ms)
        if quiet_since is None:
            return refused
        with self._catalog.look() as records:
            due = records.studies.without_permission(quiet_since, limit=_AT_ONCE)
        reason = f"no permission for {self._stay_ms // DAY_MS} days"
        return refused + self._erase(
            [study.id for study in due],
            lambda records, row: _is_due(records, row, quiet_since),
            reason,
        )

    def _erase_refused(self) -> int:
        """Erase studies whose patient said no; a permission on other grounds lets one stay."""
        quiet_since = self._quiet_since(self._clock.now_ms(), self._refused_ms)
        if quiet_since is None:
            return 0

        def is_due(records: Records, row: Study) -> bool:
            refused = records.visits.refused(limit=_LOOKED_AT)
            return row.id in refused and _is_due(records, row, quiet_since)

        with self._catalog.look() as records:
            due = [
                study.id
                for study_id in records.visits.refused(limit=_LOOKED_AT)
                if (study := records.studies.get(study_id)) is not None
                and _is_due(records, study, quiet_since)
            ]
        return self._erase(due[:_AT_ONCE], is_due, "the patient said no")

    def _erase(
        self, due: Sequence[bytes], is_due: Callable[[Records, Study], bool], reason: str
    ) -> int:
        return sum(self._studies.delete_if(study, is_due, _NODE, reason) for study in due)

    def leaving(self, within_days: int, limit: int) -> Sequence[Leaving]:
        """List what leaves within some days if nobody does anything, first to leave first."""
        if not self._stay_ms:
            return ()
        until = self._clock.now_ms() + within_days * DAY_MS
        with self._catalog.look() as records:
            restored = records.restored.latest()
            since = restored.since_ms if restored else 0
            found = {
                study.id: Leaving(
                    study, max(since, records.studies.quiet_since(study.id)) + self._stay_ms
                )
                for study in records.studies.without_permission(until - self._stay_ms, limit=limit)
            }
            for study_id in records.visits.refused(limit=limit):
                study = records.studies.get(study_id)
                quiet = records.studies.quiet_since(study_id)
                at_ms = max(since, quiet) + self._refused_ms
                if study is not None and at_ms <= until and _is_due(records, study, quiet):
                    found[study_id] = Leaving(study, at_ms)
        return sorted(found.values(), key=lambda one: one.at_ms)[:limit]

    def _quiet_since(self, now_ms: int, stay_ms: int) -> int | None:
        """Return the moment after which nothing may have happened to a study that leaves."""
        if not self._stay_ms:
            return None
        quiet_since = now_ms - stay_ms
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
        and study.settled_ms is not None
        and study.state is not StudyState.HELD
        and not study.waiting
        and records.studies.quiet_since(study.id) <= quiet_since
        and not any(fetch.receipt_due for fetch in records.fetches.list(study=study.id))
        and not any(one.state.goes_on for one in records.deliveries.list(study=study.id))
    )

"""What a node begins with: the time of its log, and how old its last backup is."""

from __future__ import annotations

from undisc_node.backups import last_backup
from undisc_node.clocks import SystemClock
from undisc_node.config import Settings
from undisc_node.services import auditing
from undisc_node.services.auditing import Journal
from undisc_node.services.witnessed_time import TRUSTED, newest_time_ms
from undisc_node.storage.catalog import SqliteCatalog


def go_on_in_time(
    catalog: SqliteCatalog, clock: SystemClock, journal: Journal, *, trust: bool
) -> None:
    """Let time begin where the log ends: what had ended stays so with a clock that is behind."""
    if trust:
        with catalog.change() as records:
            journal.note(records, TRUSTED, who=auditing.user("undisc-node"))
    with catalog.look() as records:
        clock.not_before(newest_time_ms(records))


def backed_up_ms(settings: Settings) -> int | None:
    """Return until when everything is in a backup, ms; None where the settings name none."""
    if not settings.backup_path:
        return None
    newest = last_backup(settings.home)
    return newest.at_ms if newest else 0

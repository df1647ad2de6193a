"""Tries a backup: restores it into a temporary place, and checks every byte of it.

Nothing else proves that a backup can be restored. The keys stay in memory: what lies in the
temporary place is no home, and is removed afterwards.
"""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from undisc_node import backups
from undisc_node.clocks import SystemEntropy
from undisc_node.config import Settings
from undisc_node.storage import home as homes
from undisc_node.storage import upgrade
from undisc_node.storage.backup import rebuilding
from undisc_node.storage.backup.rebuilding import Progress, Source
from undisc_node.storage.backup.snapshot import Snapshot
from undisc_node.storage.backup.staging import sweep_working_folders, working_folder
from undisc_node.storage.catalog import SqliteCatalog
from undisc_node.storage.checking.home import Report, Totals, check_home
from undisc_node.storage.checking.subset import Subset

_MIB: Final = 2**20


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """A backup that was tried.

    Attributes:
        snapshot: Which.
        size: Bytes of the packs that were restored.
        report: What the check found.
        warnings: What else is wrong with the repository.
        seconds: How long it took.
    """

    snapshot: Snapshot
    size: int
    report: Report
    warnings: tuple[str, ...]
    seconds: float

    @property
    def failed(self) -> bool:
        """Whether something is wrong."""
        return self.report.failed or bool(self.warnings)

    def as_json(self) -> dict[str, Any]:
        """Return it for programs."""
        return {
            "ok": not self.failed,
            **backups.summary(self.snapshot),
            "restored_bytes": self.size,
            "seconds": round(self.seconds, 3),
            "warnings": list(self.warnings),
            "check": self.report.as_json(),
        }


def rehearse(
    settings: Settings,
    repository: Path,
    *,
    wanted: str | None,
    subset: Subset | None,
    work: Path | None,
    progress: Progress,
) -> Rehearsed:
    """Restore a snapshot into a temporary place and check all of it.

    Args:
        settings: The node's.
        repository: Its backups.
        wanted: Name of a snapshot; the newest if None.
        subset: Restore only studies with packs of this part; the databases always.
        work: Where there is room; the home's staging folder if None.
        progress: Is told what is done, and how many bytes of how many.

    Raises:
        Damaged: A file of the backup is damaged; named.
        DiskFull: No room in the temporary place.
        ServiceError: As `restores.restore`.
    """
    began = time.monotonic()
    entropy = SystemEntropy()
    place = work or settings.home / "staging"
    sweep_working_folders(place)
    with (
        backups.opened_by_home(settings, repository) as snapshots,
        working_folder(place, entropy) as folder,
    ):
        source = rebuilding.find_source(snapshots, wanted)
        for name in ("packs", "staging"):
            (folder / name).mkdir(mode=0o700)
        chosen = rebuilding.restore_databases(
            source, folder, only=subset.__contains__ if subset else None
        )
        rebuilding.check_room(chosen, folder, spare=settings.reserve_mib * _MIB)
        rebuilding.restore_packs(chosen, folder, progress)
        upgrade.bring_up_to_date(folder, now=time.time())
        shutil.rmtree(folder / upgrade.COPIES, ignore_errors=True)
        _bury(folder, chosen)
        report = _check(settings.home, folder, progress)
    return Rehearsed(
        snapshot=source.snapshot,
        size=chosen.size,
        report=report,
        warnings=source.warnings,
        seconds=time.monotonic() - began,
    )


def _bury(folder: Path, source: Source) -> None:
    """Remove rows of what was erased since: it is missing on purpose."""
    catalog = SqliteCatalog(folder / "catalog.sqlite3", entropy=SystemEntropy(), create=False)
    try:
        with catalog.change() as records:
            records.studies.bury([*source.erased, *rebuilding.missing_packs(folder, source)])
    finally:
        catalog.close()


def _check(home: Path, folder: Path, progress: Progress) -> Report:
    read = total = 0

    def begun(totals: Totals) -> None:
        nonlocal total
        total = totals.read

    def moved(count: int) -> None:
        nonlocal read
        read += count
        progress("check", read, total)

    return check_home(
        folder,
        key_encryption_key=homes.read_home(home).key_encryption_key,
        running=False,
        subset=Subset(),
        begun=begun,
        moved=moved,
    )

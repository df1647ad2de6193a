"""Puts a rebuilt catalog in place of a damaged one, which is kept.

A write-ahead log belongs to the file of its name, so it moves together with it, and before anything
else takes that name. With a log, a crash between the renames leaves no catalog at all: then no node
starts, and the rebuild is run again. Without one, there is the old catalog or the new one.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from undisc_node.storage.checking.reading import CATALOG_FILE
from undisc_node.storage.faults import disk_faults
from undisc_node.storage.home import sync_directory

DRAFT: Final = f"{CATALOG_FILE}.rebuilt"
_KEPT: Final = f"{CATALOG_FILE}.damaged-"


def remove_draft(home: Path) -> None:
    """Remove what an interrupted rebuild left; it is made again from the packs."""
    for suffix in ("", "-wal", "-shm"):
        path = home / f"{DRAFT}{suffix}"
        with disk_faults(path):
            path.unlink(missing_ok=True)


def newest_kept(home: Path) -> Path:
    """Return the newest damaged catalog that was kept; a path that does not exist if none was."""
    kept = sorted(
        path for path in home.glob(f"{_KEPT}*") if not path.name.endswith(("-wal", "-shm"))
    )
    return kept[-1] if kept else home / f"{_KEPT}none"


def keep_and_replace(home: Path, now_ms: int) -> str:
    """Keep the old catalog under another name, and move the draft in its place.

    Returns:
        The name of the old catalog now; empty when there was none.
    """
    path, draft = home / CATALOG_FILE, home / DRAFT
    log, shared = home / f"{CATALOG_FILE}-wal", home / f"{CATALOG_FILE}-shm"
    kept = home / (_KEPT + time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now_ms / 1000)))
    with disk_faults(path):
        there = path.exists()
        if there and not (log.exists() and log.stat().st_size):
            os.link(path, kept)
        elif there:
            path.rename(kept)
        if log.exists():
            log.rename(f"{kept}-wal")
        with suppress(FileNotFoundError):
            shared.unlink()
        sync_directory(home)
        draft.rename(path)
        sync_directory(home)
    return kept.name if there else ""

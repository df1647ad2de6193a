"""The duty of looking into watch folders."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Final

from undisc_node.config import Settings
from undisc_node.dicom.watch_folder import Store, WatchFolder
from undisc_node.wiring.duties import Duty

_PAUSE: Final = 5.0  # seconds between two looks; a share with 50,000 files is listed in about one


def watch_duties(settings: Settings, store: Store) -> tuple[Duty, ...]:
    """Return one duty for each watch folder: a share that hangs holds up no other."""
    return tuple(
        Duty(
            f"watching the folder of {watched.name}",
            _PAUSE,
            WatchFolder(
                watched,
                store=store,
                elapsed=time.monotonic,
                quiet=settings.watch_quiet_seconds,
                stamp=lambda: datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ"),
            ).look,
        )
        for watched in settings.watch_folders
    )

"""Checks of backups: is there one, is it recent, and would it survive this disk."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from undisc_node import backups
from undisc_node.checks.finding import Finding, ok, skip, warn
from undisc_node.checks.scene import Scene, ago

_DAY_MS: Final = 86_400_000
_OLD_DAYS: Final = 2  # a nightly backup that failed once is noticed on the second day


def age(scene: Scene) -> Finding:
    """Look when the last backup was made."""
    last = backups.last_backup(scene.home)
    if last is None:
        return warn(
            "no backup was ever made",
            "undisc-node backup --to DIRECTORY, on another disk, every night",
        )
    since = scene.now_ms - last.at_ms
    if since > _OLD_DAYS * _DAY_MS:
        return warn(f"the last backup is {ago(since)} old", "see why no newer one was made")
    return ok(f"the last backup is {ago(since)} old")


def place(scene: Scene) -> Finding:
    """Look whether backups lie on another device than the home."""
    last = backups.last_backup(scene.home)
    configured = scene.settings.backup_path
    text = last.repository if last else configured
    if not text:
        return skip("no place for backups is known")
    path = Path(text)
    try:
        device = path.stat().st_dev
    except OSError:
        return warn(f"the backups at {path} cannot be reached", "mount the disk they are on")
    if device == scene.home.stat().st_dev:
        return warn(
            f"the backups at {path} are on the same disk as the home: both are lost together",
            "keep them on another disk or machine, and copy them away from the building",
        )
    return ok(f"the backups at {path} are on another disk")

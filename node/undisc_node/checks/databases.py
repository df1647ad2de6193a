"""Checks of catalog and keyring, and of what in them should be seen to."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from undisc_node.checks.finding import Finding, fail, ok, warn
from undisc_node.checks.scene import Scene, ago
from undisc_node.clocks import RELEASED_MS
from undisc_node.services.errors import Conflict, ServiceError
from undisc_node.services.model import FetchState
from undisc_node.services.readiness import BEHIND_MS
from undisc_node.services.witnessed_time import newest_time_ms
from undisc_node.storage import upgrade
from undisc_node.storage.checking.leftovers import find_leftovers
from undisc_node.storage.checking.quick import head_problem, quickly_damaged
from undisc_node.storage.checking.reading import (
    CATALOG_FILE,
    KEYRING_FILE,
    CatalogView,
    KeyringView,
)

_PATIENCE: Final = 2.0  # seconds for SQLite's quick check; `undisc-node check` takes all it needs
_MIB: Final = 2**20
_LARGE_LOG: Final = 256  # MiB of write-ahead log; SQLite begins anew at 4 MiB when nobody reads
_HOUR_MS: Final = 3_600_000
_DUE_MS: Final = 24 * _HOUR_MS  # a receipt is sent again every ten minutes


def catalog(scene: Scene) -> Finding:
    """Open the catalog, and let SQLite look it over for a moment."""
    return _database(scene.home / CATALOG_FILE, CatalogView)


def keyring(scene: Scene) -> Finding:
    """Open the keyring, and let SQLite look it over for a moment."""
    wrapping_key = scene.keys.key_encryption_key
    return _database(
        scene.home / KEYRING_FILE,
        lambda path: KeyringView(path, key_encryption_key=wrapping_key),
    )


def _database(path: Path, opener: Callable[[Path], CatalogView | KeyringView]) -> Finding:
    try:
        view = opener(path)
    except Conflict as problem:
        return warn(str(problem), problem.hint)
    except ServiceError as problem:
        return fail(str(problem), problem.hint or "undisc-node check says more")
    try:
        until = time.monotonic() + _PATIENCE
        damaged = quickly_damaged(view.connection, path, lambda: time.monotonic() > until)
    finally:
        view.close()
    if damaged:
        return fail(f"{path.name} is damaged", "undisc-node check says what to do")
    return ok(f"{path.name} can be read")


def migrations(scene: Scene) -> Finding:
    """Look whether the databases are those of this version."""
    try:
        waiting = upgrade.pending(scene.home)
    except ServiceError as problem:
        return fail(str(problem), problem.hint)
    if waiting is None:
        return ok("the databases are those of this version")
    return warn(
        f"the databases are those of version {waiting.before}; {len(waiting.steps)} steps wait",
        "the next start takes them, after a copy; or undisc-node migrate",
    )


def upgrade_copies(scene: Scene) -> Finding:
    """Look for copies of the databases from before an upgrade, and for damaged ones."""
    copies = len(upgrade.copies(scene.home))
    damaged = len(list(scene.home.glob(f"{CATALOG_FILE}.damaged-*")))
    if damaged:
        return warn(
            "a damaged catalog is kept beside the new one; it has patients' names",
            f"when nothing is missed any more: rm {scene.home}/{CATALOG_FILE}.damaged-*",
        )
    return ok(f"{copies} copies from before an upgrade are kept" if copies else "no old copies")


def write_ahead_logs(scene: Scene) -> Finding:
    """Look at the size of SQLite's write-ahead logs."""
    large = []
    for name in (CATALOG_FILE, KEYRING_FILE):
        path = scene.home / f"{name}-wal"
        size = path.stat().st_size // _MIB if path.exists() else 0
        if size > _LARGE_LOG:
            large.append(f"{path.name} has {size} MiB")
    if large:
        return warn(
            "; ".join(large), "find the program that keeps the database open, such as a copy"
        )
    return ok("the write-ahead logs are small")


def log_head(scene: Scene) -> Finding:
    """Compare the head of the log and its newest lines with what they were when written."""
    with scene.records() as records:
        problem = head_problem(records.log)
        size = records.log.frontier().size if not problem else 0
    if problem:
        return fail(problem, "keep the database as it is; undisc-node check says more")
    return ok(f"the log has {size} lines, and its newest are as they were written")


def clock(scene: Scene) -> Finding:
    """Compare the clock with the newest line of the log and with the day of the release."""
    hint = "set the clock, and let the machine keep it: chrony, systemd-timesyncd"
    if scene.now_ms < RELEASED_MS:
        return fail("the clock shows a day before this version was released", hint)
    with scene.records() as records:
        ahead = newest_time_ms(records) - scene.now_ms
    if ahead > BEHIND_MS:
        return fail(
            f"the newest line of the log is {ago(ahead)} in the future; the node's time stands"
            " still until then",
            f"{hint}; if it is right now and was ahead before: undisc-node serve --trust-clock",
        )
    return ok("the clock is not behind the log")


def strays(scene: Scene) -> Finding:
    """Look for packs that no row and no erasure names."""
    with scene.catalog() as rows, scene.keyring() as keys:
        left = find_leftovers(scene.home, rows, keys)
    if left.strays:
        return warn(
            f"{len(left.strays)} packs are named by no study and no erasure",
            "undisc-node check names them and says what to do",
        )
    return ok("every pack is named by a study, a fetch or an erasure")


def waiting(scene: Scene) -> Finding:
    """Look for studies that wait for a decision."""
    with scene.records() as records:
        count = records.studies.counts()["waiting"]
    if count:
        return warn(
            f"in {count} studies something waits for a decision",
            "undisc studies list, then undisc studies resolve",
        )
    return ok("no study waits for a decision")


def receipts(scene: Scene) -> Finding:
    """Look for receipts that could not be sent for a long time."""
    with scene.records() as records:
        due = [
            fetch
            for fetch in records.fetches.list()
            if fetch.state is FetchState.DONE and fetch.receipt_due
        ]
    old = [fetch for fetch in due if scene.now_ms - (fetch.ended_ms or 0) > _DUE_MS]
    if old:
        return warn(
            f"{len(old)} receipts could not be sent for more than a day",
            "see whether those peers are reachable: undisc peers list",
        )
    return ok(f"{len(due)} receipts are on their way" if due else "no receipt is due")

"""What lies in a node's home and belongs to nothing."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

_WORKING = "backup-"  # what a backup works in; the next backup clears what a killed one left


def leftovers(home: Path, *, backup: bool = False) -> list[str]:
    """List files and keys that no row and no fetch knows, and what is missing.

    Args:
        home: The node's home.
        backup: Count what a backup works in too: none runs, and one has ended well since a crash.
    """
    known = {row[0].hex() for row in rows(home, "catalog", "SELECT id FROM packs")}
    filling = {
        row[0].hex()
        for row in rows(
            home,
            "catalog",
            "SELECT pack FROM fetches WHERE pack IS NOT NULL AND state IN ('running', 'paused')",
        )
    }
    keys = {row[0].hex() for row in rows(home, "keyring", "SELECT pack FROM study_keys")}
    packs = {path.name for path in (home / "packs").iterdir()}
    staged = {
        path.name
        for path in (home / "staging").iterdir()
        if backup or not path.name.startswith(_WORKING)
    }
    return [
        *(f"pack {name}" for name in packs - known - filling),
        *(f"staged {name}" for name in staged - filling),
        *(f"key {name}" for name in keys - known - filling),
        *(f"missing pack {name}" for name in known - packs),
        *(f"missing key {name}" for name in known - keys),
    ]


def rows(home: Path, database: str, statement: str) -> list[Any]:
    """Look into one of a node's databases."""
    path = home / f"{database}.sqlite3"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as connection:
        return connection.execute(statement).fetchall()

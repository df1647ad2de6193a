"""Looks at the two SQLite files themselves: pages, indexes, references, and the log's tree."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from undisc_node.services.auditing import Auditing
from undisc_node.services.errors import Damaged, ServiceError
from undisc_node.storage.checking.problems import (
    RESTORE_CATALOG,
    RESTORE_KEYRING,
    RESTORE_ROWS,
    Level,
    Problem,
)
from undisc_node.storage.checking.reading import CATALOG_FILE, CatalogView, KeyringView
from undisc_node.storage.faults import database_faults

_MOST: Final = 20  # faults of one database that are told; a damaged page can have thousands
_TRIED: Final = 8  # keys that must all fail before the key-encryption key is called wrong


def cannot_open(path: Path, fault: ServiceError) -> Problem:
    """Return the problem of a database that cannot be opened at all."""
    catalog = path.name == CATALOG_FILE
    lost = isinstance(fault, Damaged) or fault.reason == "database_missing"
    hint = (RESTORE_CATALOG if catalog else RESTORE_KEYRING) if lost else fault.hint
    return Problem(
        "catalog_unusable" if catalog else "keyring_unusable", Level.FAIL, str(fault), hint
    )


def database_problems(path: Path, connection: sqlite3.Connection) -> Iterator[Problem]:
    """Run SQLite's own check and look for references that lead nowhere."""
    catalog = path.name == CATALOG_FILE
    hint = RESTORE_CATALOG if catalog else RESTORE_KEYRING
    try:
        with database_faults(path):
            said = [row[0] for row in connection.execute(f"PRAGMA integrity_check({_MOST})")]
            broken = list(islice(connection.execute("PRAGMA foreign_key_check"), _MOST))
    except ServiceError as fault:
        yield Problem("database_damaged", Level.FAIL, str(fault), hint)
        return
    if said != ["ok"]:
        # What SQLite says may quote a row, so only its extent is told.
        sentence = f"{path.name} is damaged: SQLite's check names {len(said)} faults"
        yield Problem("database_damaged", Level.FAIL, sentence, hint)
    tables = sorted({f"{row[0]} to {row[2]}" for row in broken})
    for names in tables:
        sentence = f"{path.name} has rows that refer to nothing: {names}"
        yield Problem("reference_broken", Level.FAIL, sentence, RESTORE_ROWS if catalog else hint)


def log_problems(catalog: CatalogView) -> Iterator[Problem]:
    """Recompute the log's tree."""
    try:
        Auditing(catalog=catalog).verify()
    except ServiceError as fault:
        hint = fault.hint or "keep the database as it is, and compare with what your peers hold"
        yield Problem("log_damaged", Level.FAIL, str(fault), hint)


def wrapping_key_problem(keyring: KeyringView) -> Problem | None:
    """Tell one wrong key-encryption key from many damaged study keys."""
    tried = failed = 0
    with database_faults(keyring.path):
        rows = keyring.connection.execute("SELECT pack FROM study_keys LIMIT ?", (_TRIED,))
        packs = [row[0] for row in rows]
    for pack in packs:
        tried += 1
        try:
            keyring.get(pack)
        except ServiceError:
            failed += 1
    if tried and failed == tried:
        return Problem(
            "wrong_key_encryption_key",
            Level.FAIL,
            "no study key opens: the key-encryption key is not the one of this keyring",
            "put back keys/key-encryption-key that belongs to this home; it is in the recovery kit",
        )
    return None

"""The way back from an upgrade: databases that the older version can use again.

The copy from before the upgrade has the older tables. Into them goes what is in the newer databases
now, as far as the older tables have a place for it: every study, decision and line of the log of
since. So nothing revoked comes back, and nothing stored is lost. Only when that cannot be done, and
only if asked for, the copy is put back as it was; then every permission in it is suspended, or
revoked where the older version knows no suspension.

Nothing is deleted. The newer databases are kept in `before-rollback/<version>-<time>/`.
"""

from __future__ import annotations

import os
import secrets
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from undisc_node.services.errors import Conflict, DiskFull, NotFound, Unavailable
from undisc_node.services.model import Restored, RestoredBy
from undisc_node.storage import upgrade, versions
from undisc_node.storage.database import connect
from undisc_node.storage.faults import database_faults, disk_faults
from undisc_node.storage.log import LogTable
from undisc_node.storage.restored import RestoredTable
from undisc_node.storage.session import Session

ASIDE: Final = "before-rollback"
_CATALOG, _KEYRING = "catalog.sqlite3", "keyring.sqlite3"
_SWEEPS_STRAYS: Final = "0.2.0"  # versions before it erase every pack that their catalog lacks
_OURS: Final = frozenset({"_sqlite_migrations"})  # what the older version applied stays its own


@dataclass(frozen=True, slots=True)
class RolledBack:
    """What a rollback did, or would do.

    Attributes:
        before: The version that wrote the databases until now.
        after: The version that can use them again.
        taken: When the copy was made, seconds since 1970.
        aside: Where the newer databases are kept; None while nothing was done.
        packs_aside: How many packs, unknown to the catalog, are kept there too.
    """

    before: str
    after: str
    taken: int
    aside: Path | None = None
    packs_aside: int = 0


def look(home: Path) -> RolledBack:
    """Find out where a rollback would lead.

    Raises:
        NotFound: There is no copy to go back to.
        Conflict: The older version could not keep what this home has decided since.
    """
    copies = upgrade.copies(home)
    if not copies:
        raise NotFound(
            "there is no copy from before an upgrade",
            code="no_copy",
            hint="copies are kept for 30 days; without one, restore a backup: undisc-node restore",
        )
    copy = copies[0]
    if (
        versions.order(copy.version) < versions.order(_SWEEPS_STRAYS)
        and (home / "identity-1").exists()
    ):
        raise Conflict(
            f"the node's key was replaced since, which undisc {copy.version} does not know",
            code="cannot_roll_back",
            hint="stay with this version",
        )
    with database_faults(home / _CATALOG), closing(connect(home / _CATALOG)) as database:
        try:
            before = versions.written_by(database)
        except sqlite3.DatabaseError:
            before = versions.running_version()
    return RolledBack(before, copy.version, copy.taken)


def roll_back(home: Path, *, now: float, as_it_was: bool = False) -> RolledBack:
    """Make the databases of a home, which no other process uses, fit the version before.

    Args:
        home: Directory of the node's state.
        now: The time, seconds since 1970.
        as_it_was: Put the copy back as it was, without what came since.

    Raises:
        NotFound: There is no copy to go back to.
        Conflict: What was decided since does not fit the older tables; nothing was changed.
        ServiceError: A database cannot be read or written; nothing was changed.
    """
    plan = look(home)
    copy = upgrade.copies(home)[0].path
    _check_room(home, copy)
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    aside = home / ASIDE / f"{plan.before}-{stamp}"
    draft = home / ASIDE / f".new-{os.getpid()}"
    with disk_faults(aside):
        draft.mkdir(mode=0o700, parents=True)
    try:
        for name in (_CATALOG, _KEYRING):
            upgrade.copy_database(copy / name, draft / name)
        if as_it_was:
            _fail_closed(draft / _CATALOG, plan, now=now)
            _keep_newer_keys(home / _KEYRING, draft / _KEYRING)
        else:
            for name in (_CATALOG, _KEYRING):
                _carry_over(home / name, draft / name)
        with disk_faults(draft):
            for name in (_CATALOG, _KEYRING):
                upgrade.sync(draft / name)
        known = _known_packs(draft / _CATALOG)
        with disk_faults(aside):
            aside.mkdir(mode=0o700)
            moved = 0
            if versions.order(plan.after) < versions.order(_SWEEPS_STRAYS):
                moved = _move_strays(home, aside, known)
            _swap(home, draft, aside)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return RolledBack(plan.before, plan.after, plan.taken, aside, moved)


def _check_room(home: Path, copy: Path) -> None:
    with disk_faults(home):
        size = sum(path.stat().st_size for path in copy.glob("*.sqlite3"))
        size += sum((home / name).stat().st_size for name in (_CATALOG, _KEYRING))
        free = shutil.disk_usage(home).free
    if free < 2 * size:
        raise DiskFull(
            f"a rollback needs {2 * size >> 20} MiB of free disk, and {free >> 20} MiB are free",
            code="no_room_for_rollback",
            hint="nothing was changed; free some space",
        )


def _carry_over(newer: Path, draft: Path) -> None:
    try:
        with closing(connect(newer)) as source:
            source.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        with _attached(draft, newer) as database:
            _refuse_lost_decisions(database)
            for table in _tables(database, "main"):
                _copy_rows(database, table)
            for (table,) in database.execute(
                "SELECT name FROM sqlite_master WHERE sql LIKE 'CREATE VIRTUAL TABLE%fts5%'"
            ).fetchall():
                database.execute(f'INSERT INTO "{table}" ("{table}") VALUES (\'rebuild\')')  # noqa: S608 - as below
    except (sqlite3.Error, Unavailable, Conflict) as problem:
        if getattr(problem, "reason", "") == "cannot_roll_back":
            raise
        raise Conflict(
            f"what is in {newer.name} does not fit the older version: {problem}",
            code="cannot_carry_over",
            hint="nothing was changed; stay with this version, or put the copy back without what"
            " came since: undisc-node rollback --as-it-was",
        ) from problem


@contextmanager
def _attached(draft: Path, newer: Path) -> Iterator[sqlite3.Connection]:
    """Open a draft for writing, and the newer database beside it."""
    with database_faults(draft), closing(connect(draft)) as database:
        database.execute("PRAGMA journal_mode = DELETE")  # one file, whole, whenever it is moved
        database.execute("PRAGMA foreign_keys = OFF")
        database.execute("PRAGMA secure_delete = ON")
        database.execute("ATTACH DATABASE ? AS newer", (str(newer),))
        with _without_triggers(database):
            yield database


@contextmanager
def _without_triggers(database: sqlite3.Connection) -> Iterator[None]:
    """Change rows that triggers would refuse, in one transaction; they are back after it."""
    triggers = database.execute(
        "SELECT name, sql FROM main.sqlite_master WHERE type = 'trigger'"
    ).fetchall()
    database.execute("BEGIN IMMEDIATE")
    for name, _ in triggers:
        database.execute(f'DROP TRIGGER main."{name}"')
    yield
    for _, sql in triggers:
        database.execute(sql)
    if database.execute("PRAGMA main.foreign_key_check").fetchone() is not None:
        raise sqlite3.IntegrityError("rows name others that are not there")
    database.execute("COMMIT")


def _refuse_lost_decisions(database: sqlite3.Connection) -> None:
    """Do not go back to a version that would honour what this home has stopped honouring."""
    here, there = _tables(database, "main"), _tables(database, "newer")
    if "restored" in here or "restored" not in there:
        return
    if database.execute("SELECT 1 FROM newer.restored").fetchone():
        raise Conflict(
            "this home came back from a copy since, and the older version would not know what"
            " that suspended",
            code="cannot_roll_back",
            hint="stay with this version",
        )


def _tables(database: sqlite3.Connection, schema: str) -> list[str]:
    """List the ordinary tables of a schema."""
    return [
        row[1]
        for row in database.execute(f"PRAGMA {schema}.table_list")
        if row[2] == "table" and row[1] not in _OURS and not row[1].startswith("sqlite_")
    ]


def _copy_rows(database: sqlite3.Connection, table: str) -> None:
    """Let a table hold what the newer one of that name holds, if it has all its columns."""
    columns = [row[1] for row in database.execute(f'PRAGMA main.table_info("{table}")')]
    newer = {row[1] for row in database.execute(f'PRAGMA newer.table_info("{table}")')}
    if not newer:
        raise sqlite3.IntegrityError(f"the newer version has no table {table}")
    if missing := set(columns) - newer:
        raise sqlite3.IntegrityError(f"the newer version has no {table}.{min(missing)}")
    names = ", ".join(f'"{column}"' for column in columns)
    database.execute(f'DELETE FROM main."{table}"')  # noqa: S608 - names of our own tables
    database.execute(f'INSERT INTO main."{table}" ({names}) SELECT {names} FROM newer."{table}"')  # noqa: S608


def _fail_closed(draft: Path, plan: RolledBack, *, now: float) -> None:
    """Let no permission of the copy be valid: each may have been revoked since."""
    now_ms = int(now * 1000)
    with database_faults(draft), closing(connect(draft)) as database:
        database.execute("PRAGMA journal_mode = DELETE")
        with _without_triggers(database):
            session = Session(database, draft, writable=True)
            if "restored" in _tables(database, "main"):
                RestoredTable(session).begin(
                    Restored(now_ms, plan.taken * 1000, RestoredBy.ROLLBACK, None)
                )
            else:
                ended = "SET revoked_ms = ? WHERE revoked_ms IS NULL"
                session.write(f"UPDATE grants {ended}", (now_ms,))
                session.write(f"UPDATE shares {ended}", (now_ms,))
            session.write("DELETE FROM tickets")
            LogTable(session).restart(secrets.token_bytes(16))


def _keep_newer_keys(newer: Path, draft: Path) -> None:
    """Keep the keys of since, and let what was erased since stay erased; if they can be read."""
    try:
        _carry_over(newer, draft)
    except Conflict:
        return  # the newer keyring cannot be read; it is kept aside, and the copy's keys are used


def _known_packs(catalog: Path) -> set[str]:
    with database_faults(catalog), closing(connect(catalog)) as database:
        found = {row[0].hex() for row in database.execute("SELECT id FROM packs")}
        open_fetches = (
            "SELECT pack FROM fetches WHERE pack IS NOT NULL AND state IN ('running', 'paused')"
        )
        return found | {row[0].hex() for row in database.execute(open_fetches)}


def _swap(home: Path, draft: Path, aside: Path) -> None:
    """Keep the newer files under a second name, then put each draft in place in one step.

    Whatever interrupts this: a database is always there under its name, and the rollback can be
    done again.
    """
    for name in (_CATALOG, _KEYRING):
        for path in home.glob(name + "*"):
            os.link(path, aside / path.name)
    upgrade.sync(aside)
    upgrade.sync(aside.parent)
    for name in (_CATALOG, _KEYRING):
        for journal in (f"{name}-wal", f"{name}-shm"):
            (home / journal).unlink(missing_ok=True)
        (draft / name).replace(home / name)
    upgrade.sync(home)


def _move_strays(home: Path, aside: Path, known: set[str]) -> int:
    """Take away from the older version what it would erase: packs that its catalog lacks."""
    strays = [path for path in (home / "packs").iterdir() if path.name not in known]
    if strays:
        (aside / "packs").mkdir(mode=0o700)
    for path in strays:
        path.rename(aside / "packs" / path.name)
    if strays:
        upgrade.sync(aside / "packs")
        upgrade.sync(home / "packs")
    return len(strays)

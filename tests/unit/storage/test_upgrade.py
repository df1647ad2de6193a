"""An upgrade copies first, changes all or nothing, and never leaves half a database."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlite_utils.migrations import Migrations

from support.release_home import unpack
from undisc_node.services.errors import Conflict, Damaged, DiskFull, NotFound
from undisc_node.storage import upgrade, versions
from undisc_node.storage.database import open_writer
from undisc_node.storage.keyring import KEYRING
from undisc_node.storage.migrations import CATALOG

NOW = 1_800_000_000.0
DAY = 86_400
FIRST = {"undisc-catalog": 5, "undisc-keyring": 1}  # steps that version 0.1.0 knew
ROOT = Path(__file__).parents[3]


def m9001_more(database):
    database.execute("CREATE TABLE more (a)")


def m9002_even_more(database):
    database.execute("INSERT INTO more VALUES (1)")


def m9003_fails(_database):
    raise sqlite3.OperationalError("something a step did not expect")


def with_steps(migrations: Migrations, *steps) -> Migrations:
    """Return a later version's list of steps."""
    later = Migrations(migrations.name)
    for step in migrations._migrations:
        later(name=step.name)(step.fn)
    for step in steps:
        later()(step)
    return later


def first_steps(migrations: Migrations) -> Migrations:
    """Return the list that version 0.1.0 had."""
    old = Migrations(migrations.name)
    for step in migrations._migrations[: FIRST[migrations.name]]:
        old(name=step.name)(step.fn)
    return old


@pytest.fixture
def later(monkeypatch):
    """Let this be a program with two more steps for each database."""

    def use(*steps):
        changed = {
            name: with_steps(migrations, *steps)
            for name, migrations in (("catalog.sqlite3", CATALOG), ("keyring.sqlite3", KEYRING))
        }
        monkeypatch.setattr(upgrade, "DATABASES", changed)

    use(m9001_more, m9002_even_more)
    return use


@pytest.fixture
def home(tmp_path):
    """Return a home that version 0.1.0 left."""
    unpack("0.1.0", tmp_path)
    return tmp_path / "home"


def dump(path: Path) -> list[str]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        return list(database.iterdump())


def tables(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as database:
        return {row[0] for row in database.execute("SELECT name FROM sqlite_master")}


def state(home: Path) -> tuple[list[str], list[str]]:
    return dump(home / "catalog.sqlite3"), dump(home / "keyring.sqlite3")


def test_the_databases_are_copied_as_they_were(home, later):
    """The copy holds every row of before, is this user's only, and is named by its version."""
    before = state(home)
    done = upgrade.bring_up_to_date(home, now=NOW)
    assert done.before == "0.1.0"
    assert done.after == versions.running_version()
    assert re.fullmatch(r"0\.1\.0-20270115T080000Z", done.copy.name)
    assert state(done.copy) == before
    assert {stat.S_IMODE(path.stat().st_mode) for path in done.copy.glob("*.sqlite3")} == {0o600}
    assert stat.S_IMODE(done.copy.stat().st_mode) == 0o700
    assert stat.S_IMODE(done.copy.parent.stat().st_mode) == 0o700
    assert "more" in tables(home / "catalog.sqlite3") & tables(home / "keyring.sqlite3")
    assert [step for step in done.steps if "m9001" in step] == [
        "catalog.sqlite3 m9001_more",
        "keyring.sqlite3 m9001_more",
    ]
    assert upgrade.bring_up_to_date(home, now=NOW) is None
    assert len(upgrade.copies(home)) == 1


def test_what_is_only_in_the_journal_is_copied_too(home, later):
    """The old node died without a chance to tidy up: its last commits lie in the -wal file."""
    catalog = home / "catalog.sqlite3"
    with closing(sqlite3.connect(catalog)) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("PRAGMA wal_autocheckpoint = 0")
        writer.execute("UPDATE studies SET reason = 'told by phone'")
        writer.commit()
        dead = home.with_name("dead")
        shutil.copytree(home, dead)
    assert (dead / "catalog.sqlite3-wal").stat().st_size
    done = upgrade.bring_up_to_date(dead, now=NOW)
    assert "told by phone" in "".join(dump(done.copy / "catalog.sqlite3"))
    assert "told by phone" in "".join(dump(dead / "catalog.sqlite3"))


def test_a_step_that_fails_undoes_the_steps_before_it(home, later):
    """All steps of a database are one: the old version can start again at once."""
    before = state(home)
    later(m9001_more, m9003_fails)
    with pytest.raises(Exception, match="did not expect"):
        upgrade.bring_up_to_date(home, now=NOW)
    assert state(home) == before
    for name, migrations in (("catalog.sqlite3", CATALOG), ("keyring.sqlite3", KEYRING)):
        open_writer(home / name, migrations=first_steps(migrations), create=False).close()


def test_without_room_for_the_copy_nothing_is_changed(home, later, monkeypatch):
    """The disk is nearly full when the new version starts."""
    before = state(home)
    full = SimpleNamespace(free=10**6)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: full)
    with pytest.raises(DiskFull) as refused:
        upgrade.bring_up_to_date(home, now=NOW)
    assert refused.value.reason == "no_room_for_upgrade"
    assert "16 MiB" in str(refused.value)
    assert state(home) == before
    assert upgrade.copies(home) == []


def test_a_damaged_database_is_not_upgraded(home, later):
    """A step would only spread the damage, and the copy would replace a better one."""
    catalog = home / "catalog.sqlite3"
    content = bytearray(catalog.read_bytes())
    for page in range(10, len(content) // 4096):
        content[page * 4096 : page * 4096 + 16] = b"\xff" * 16
    catalog.write_bytes(content)
    with pytest.raises(Damaged):
        upgrade.bring_up_to_date(home, now=NOW)
    assert upgrade.copies(home) == []
    assert catalog.read_bytes() == content


def test_a_missing_database_is_named(home, later):
    (home / "keyring.sqlite3").unlink()
    with pytest.raises(NotFound, match=r"keyring\.sqlite3"):
        upgrade.bring_up_to_date(home, now=NOW)
    assert not (home / "keyring.sqlite3").exists()


def test_an_interrupted_upgrade_goes_on_with_its_copy(home, later):
    """The power failed when the catalog was new and the keyring still old."""
    keyring = home.with_name("keyring-of-before")
    shutil.copy(home / "keyring.sqlite3", keyring)
    first = upgrade.bring_up_to_date(home, now=NOW)
    shutil.copy(keyring, home / "keyring.sqlite3")
    second = upgrade.bring_up_to_date(home, now=NOW + 60)
    assert second.before == "0.1.0"
    assert second.copy == first.copy
    assert len(upgrade.copies(home)) == 1
    assert "more" in tables(home / "keyring.sqlite3")
    assert "more" not in tables(first.copy / "catalog.sqlite3")


def test_few_copies_stay_and_not_for_long(home):
    """They hold patients' names and keys of studies that were erased since."""
    names = [
        "0.1.0-20270101T000000Z",
        "0.1.0-20270102T000000Z",
        "0.2.0-20270103T000000Z",
        "0.3.0-20270104T000000Z",
        ".new-123",
    ]
    for name in names:
        (home / "before-upgrade" / name).mkdir(parents=True)
    (home / "before-upgrade" / "notes of the administrator").mkdir()
    first = upgrade.copies(home)[-1].taken
    assert upgrade.forget_copies(home, now=first + 4 * DAY) == 2
    assert [copy.version for copy in upgrade.copies(home)] == ["0.3.0", "0.2.0"]
    assert upgrade.forget_copies(home, now=first + 32 * DAY) == 1
    assert [copy.version for copy in upgrade.copies(home)] == ["0.3.0"]
    upgrade.forget_copies(home, now=first + 40 * DAY)
    assert [path.name for path in (home / "before-upgrade").iterdir()] == [
        "notes of the administrator"
    ]


def test_an_old_program_refuses_the_new_databases(home, later):
    """A downgrade is one clear line that names the version, and where the way back is described."""
    upgrade.bring_up_to_date(home, now=NOW)
    before = state(home)
    for name, migrations in (("catalog.sqlite3", CATALOG), ("keyring.sqlite3", KEYRING)):
        with pytest.raises(Conflict) as refused:
            open_writer(home / name, migrations=first_steps(migrations), create=False)
        assert refused.value.reason == "newer_database"
        assert f"a newer undisc, {versions.running_version()}" in str(refused.value)
        page = re.search(r"docs/\S+\.md", refused.value.hint)
        assert (ROOT / page[0]).is_file()
    assert state(home) == before


def test_nothing_opens_an_old_database_without_its_copy(home):
    """Commands that work on a home must not upgrade it by the way."""
    more = with_steps(CATALOG, m9001_more)
    with pytest.raises(Conflict) as refused:
        open_writer(home / "catalog.sqlite3", migrations=more, create=False)
    assert refused.value.reason == "older_database"
    assert "more" not in tables(home / "catalog.sqlite3")


def test_every_writer_leaves_its_version(home, tmp_path):
    """Also where a version brought no new tables."""
    upgrade.bring_up_to_date(home, now=NOW)
    open_writer(home / "catalog.sqlite3", migrations=CATALOG, create=False).close()
    open_writer(tmp_path / "new.sqlite3", migrations=KEYRING, create=True).close()
    for path in (home / "catalog.sqlite3", tmp_path / "new.sqlite3"):
        with closing(sqlite3.connect(path)) as database:
            assert versions.written_by(database) == versions.running_version()


KILLED = """
import os, random, shutil, signal, sqlite3, sys, time
from pathlib import Path
from sqlite_utils.migrations import Migrations
from undisc_node.storage import upgrade

old, work, chance = Path(sys.argv[1]), Path(sys.argv[2]), random.Random(sys.argv[3])

def slow_step(number):
    def step(database):
        database.execute(f"CREATE TABLE filled_{number} (a)")
        for row in range(300):
            database.execute(f"INSERT INTO filled_{number} VALUES (randomblob(400))")
    step.__name__ = f"m900{number}_fill"
    return step

for name, migrations in upgrade.DATABASES.items():
    for number in range(3):
        migrations()(slow_step(number))

def attempt(home, seconds):
    child = os.fork()
    if not child:
        upgrade.bring_up_to_date(home, now=time.time())
        os._exit(0)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    return os.waitpid(child, 0)[1] == 0

def filled(path):
    with sqlite3.connect(path) as database:
        found = database.execute("SELECT count(*) FROM sqlite_master WHERE name LIKE 'filled%'")
        return found.fetchone()[0]

started = time.monotonic()
shutil.copytree(old, work / "whole")
upgrade.bring_up_to_date(work / "whole", now=time.time())
whole = time.monotonic() - started
for run in range(50):
    home = work / f"run{run}"
    shutil.copytree(old, home)
    ended = attempt(home, chance.random() * whole)
    tables = [filled(home / name) for name in upgrade.DATABASES]
    copies = upgrade.copies(home)
    upgrade.bring_up_to_date(home, now=time.time())
    print(ended, *tables, len(copies), *(filled(home / name) for name in upgrade.DATABASES),
          *(filled(upgrade.copies(home)[0].path / name) for name in upgrade.DATABASES), flush=True)
    shutil.rmtree(home)
"""


def test_killed_in_the_middle_a_database_is_the_old_or_the_new_one(home, tmp_path):
    """Fifty upgrades killed at any moment; each has its copy first, and ends well the next time."""
    seed = os.environ.get("TEST_SEED") or os.urandom(4).hex()
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(home), str(tmp_path), seed],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.returncode == 0, f"TEST_SEED={seed}\n{done.stderr}"
    runs = [line.split() for line in done.stdout.splitlines()]
    assert len(runs) == 50
    for _ended, catalog, keyring, copies, *after in runs:
        assert {catalog, keyring} <= {"0", "3"}, runs
        assert copies == "1" or (catalog, keyring) == ("0", "0"), runs
        assert after == ["3", "3", "0", "0"], runs
    interrupted = {(row[0], row[1], row[2], row[3]) for row in runs}
    assert len(interrupted) >= 2, f"every run was killed at the same step: {interrupted}"

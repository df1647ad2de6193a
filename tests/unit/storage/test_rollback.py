"""Going back after an upgrade: nothing revoked comes back, and nothing stored is lost."""

from __future__ import annotations

import shutil
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest
from sqlite_utils.migrations import Migrations

from support.release_home import unpack
from undisc_node.services.errors import Conflict, NotFound
from undisc_node.storage import rollback, upgrade, versions
from undisc_node.storage.database import open_writer
from undisc_node.storage.keyring import KEYRING
from undisc_node.storage.migrations import CATALOG

NOW = 1_800_000_000.0
NAMES = ("catalog.sqlite3", "keyring.sqlite3")
STUDY, PACK = bytes([7]) * 16, bytes([8]) * 16


def first_steps(migrations: Migrations, count: int) -> Migrations:
    """Return the list of steps that an older program has."""
    old = Migrations(migrations.name)
    for step in migrations._migrations[:count]:
        old(name=step.name)(step.fn)
    return old


OLD = {"catalog.sqlite3": first_steps(CATALOG, 5), "keyring.sqlite3": first_steps(KEYRING, 1)}


@pytest.fixture
def home(tmp_path):
    """Return a home of version 0.1.0 that was upgraded, and in which much has happened since."""
    unpack("0.1.0", tmp_path)
    home = tmp_path / "home"
    upgrade.bring_up_to_date(home, now=NOW)
    with closing(sqlite3.connect(home / "catalog.sqlite3")) as catalog:
        columns = "id, uid, patient_name, patient_id, patient_issuer, birth_date, sex, study_date,"
        columns += " study_time, accession, description, modalities, sender, instances, size,"
        columns += " waiting, state, reason, created_ms, arrived_ms, settled_ms, search"
        values = (STUDY, "1.2.3.9", *[""] * 9, "[]", "ct", 1, 9, 0, "active", "", 1, 1, 1, "x")
        marks = ", ".join("?" * len(values))
        catalog.execute(f"INSERT INTO studies ({columns}) VALUES ({marks})", values)
        catalog.execute("INSERT INTO packs VALUES (?, ?, 'main', 100, NULL)", (PACK, STUDY))
        catalog.execute("UPDATE grants SET revoked_ms = 5 WHERE revoked_ms IS NULL")
        catalog.commit()
    with closing(sqlite3.connect(home / "keyring.sqlite3")) as keyring:
        keyring.execute("INSERT INTO study_keys (pack, wrapped) VALUES (?, zeroblob(72))", (PACK,))
        keyring.commit()
    (home / "packs" / PACK.hex()).write_bytes(b"a pack")
    return home


def rows(path: Path, statement: str) -> list:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        return database.execute(statement).fetchall()


def opens_with_the_old_program(home: Path) -> None:
    for name, migrations in OLD.items():
        open_writer(home / name, migrations=migrations, create=False).close()


def test_the_older_program_finds_all_that_came_since(home):
    """A study, its key, and every revocation of after the upgrade are in the older tables."""
    log = rows(home / "catalog.sqlite3", "SELECT number, leaf FROM log")
    done = rollback.roll_back(home, now=NOW + 60)
    assert (done.before, done.after) == (versions.running_version(), "0.1.0")
    catalog, keyring = (home / name for name in NAMES)
    assert rows(catalog, f"SELECT uid FROM studies WHERE id = x'{STUDY.hex()}'") == [("1.2.3.9",)]
    assert rows(catalog, "SELECT count(*) FROM grants WHERE revoked_ms IS NULL") == [(0,)]
    assert rows(catalog, "SELECT number, leaf FROM log") == log
    assert rows(keyring, f"SELECT count(*) FROM study_keys WHERE pack = x'{PACK.hex()}'") == [(1,)]
    assert stat.S_IMODE(catalog.stat().st_mode) == 0o600
    opens_with_the_old_program(home)
    with closing(sqlite3.connect(catalog)) as database, pytest.raises(sqlite3.IntegrityError):
        database.execute("UPDATE grants SET revoked_ms = NULL")  # the triggers are back


def test_the_newer_databases_are_kept(home):
    """Nothing is deleted; the copy stays too, and an upgrade later finds everything again."""
    before = [path.read_bytes() for path in (home / name for name in NAMES)]
    done = rollback.roll_back(home, now=NOW + 60)
    assert [(done.aside / name).read_bytes() for name in NAMES] == before
    assert len(upgrade.copies(home)) == 1
    assert list((home / "before-rollback").iterdir()) == [done.aside]
    again = upgrade.bring_up_to_date(home, now=NOW + 120)
    assert again.before == "0.1.0"
    found = rows(
        home / "catalog.sqlite3", "SELECT uid FROM studies JOIN packs ON study = studies.id"
    )
    assert ("1.2.3.9",) in found


def test_what_was_erased_since_stays_erased(home):
    """The copy's keyring still has the key of a study that was deleted after the upgrade."""
    (pack,) = rows(home / "keyring.sqlite3", "SELECT pack FROM study_keys LIMIT 1")[0]
    with closing(sqlite3.connect(home / "keyring.sqlite3")) as keyring:
        keyring.execute("DELETE FROM study_keys WHERE pack = ?", (pack,))
        keyring.commit()
    for as_it_was in (False, True):
        rollback.roll_back(home, now=NOW + 60 + as_it_was, as_it_was=as_it_was)
        assert pack not in {
            row[0] for row in rows(home / "keyring.sqlite3", "SELECT pack FROM study_keys")
        }


def test_packs_that_the_older_version_would_erase_are_taken_away(home):
    """Version 0.1.0 erases every pack that its catalog lacks, so none stays in its reach."""
    (home / "packs" / ("ab" * 16)).write_bytes(b"a stray")
    done = rollback.roll_back(home, now=NOW + 60)
    assert done.packs_aside == 1
    assert (done.aside / "packs" / ("ab" * 16)).read_bytes() == b"a stray"
    assert (home / "packs" / PACK.hex()).exists()


def test_a_newer_catalog_that_cannot_be_read_is_no_dead_end(home):
    """Refused at first; as it was, the copy comes back and not one permission in it is valid."""
    catalog = home / "catalog.sqlite3"
    whole = catalog.read_bytes()
    page = int.from_bytes(whole[16:18])
    catalog.write_bytes(whole[: page * 2] + bytes(len(whole) - page * 2))
    damaged = catalog.read_bytes()
    with pytest.raises(Conflict) as refused:
        rollback.roll_back(home, now=NOW + 60)
    assert refused.value.reason == "cannot_carry_over"
    assert "--as-it-was" in refused.value.hint
    assert catalog.read_bytes() == damaged
    assert list((home / "before-rollback").iterdir()) == []
    copied = rows(upgrade.copies(home)[0].path / "catalog.sqlite3", "SELECT origin FROM log_head")
    done = rollback.roll_back(home, now=NOW + 60, as_it_was=True)
    assert rows(catalog, "SELECT count(*) FROM grants WHERE revoked_ms IS NULL") == [(0,)]
    assert rows(catalog, "SELECT count(*) FROM shares WHERE revoked_ms IS NULL") == [(0,)]
    assert rows(catalog, "SELECT origin FROM log_head") != copied
    assert (done.aside / "packs" / PACK.hex()).exists()  # of since, and out of 0.1.0's reach
    assert rows(home / "keyring.sqlite3", f"SELECT 1 FROM study_keys WHERE pack = x'{PACK.hex()}'")
    opens_with_the_old_program(home)


def test_a_version_that_knows_restored_mode_comes_back_in_it(home, monkeypatch):
    """From a later version back to this one: every permission waits for the administrator."""
    shutil.rmtree(home / "before-upgrade")
    later = Migrations(CATALOG.name)
    for step in CATALOG._migrations:
        later(name=step.name)(step.fn)
    later(name="m9001_later")(lambda database: database.execute("CREATE TABLE later (a)"))
    with closing(sqlite3.connect(home / "catalog.sqlite3")) as catalog:
        catalog.execute(
            "INSERT INTO shares SELECT zeroblob(32), token, grant_id, study, audience, command,"
            " series, expires, created_ms, NULL FROM shares LIMIT 1"
        )
        catalog.commit()
    monkeypatch.setitem(upgrade.DATABASES, "catalog.sqlite3", later)
    upgrade.bring_up_to_date(home, now=NOW + 30)
    rollback.roll_back(home, now=NOW + 60, as_it_was=True)
    catalog = home / "catalog.sqlite3"
    assert (bytes(32),) in rows(catalog, "SELECT capability FROM suspended")
    assert rows(catalog, "SELECT how, confirmed_ms FROM restored") == [("rollback", None)]
    open_writer(catalog, migrations=CATALOG, create=False).close()


def test_what_was_suspended_is_not_given_to_a_version_that_cannot_know(home):
    """0.1.0 would honour every permission that a restore has suspended."""
    with closing(sqlite3.connect(home / "catalog.sqlite3")) as catalog:
        catalog.execute("INSERT INTO restored VALUES (1, 1, 'restore', NULL)")
        catalog.commit()
    with pytest.raises(Conflict) as refused:
        rollback.roll_back(home, now=NOW + 60)
    assert refused.value.reason == "cannot_roll_back"


def test_a_key_that_was_replaced_is_not_given_to_a_version_that_cannot_know(home):
    (home / "identity-1").write_bytes(b"the next record")
    with pytest.raises(Conflict) as refused:
        rollback.roll_back(home, now=NOW + 60)
    assert refused.value.reason == "cannot_roll_back"


def test_an_interrupted_rollback_can_be_done_again(home, monkeypatch):
    """The power failed when the catalog was back and the keyring was not."""
    whole = Path.replace

    def once(self, target):
        if self.name == "keyring.sqlite3":
            raise OSError(5, "no power")
        return whole(self, target)

    monkeypatch.setattr(Path, "replace", once)
    with pytest.raises(Exception, match="no power"):
        rollback.roll_back(home, now=NOW + 60)
    monkeypatch.undo()
    rollback.roll_back(home, now=NOW + 90)
    opens_with_the_old_program(home)
    found = rows(home / "catalog.sqlite3", "SELECT uid FROM studies")
    assert ("1.2.3.9",) in found


def test_without_a_copy_there_is_no_way_back(home):
    shutil.rmtree(home / "before-upgrade")
    with pytest.raises(NotFound) as refused:
        rollback.roll_back(home, now=NOW + 60)
    assert refused.value.reason == "no_copy"

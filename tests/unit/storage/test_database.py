"""The catalog file: private, durable, and refused where it cannot be trusted."""

import os
import sqlite3
import stat
import threading

import pytest

from support import samples
from support.clock import SeededEntropy
from support.disks import files_no_longer_than, without_privilege
from undisc_node.services.errors import Conflict, Damaged, DiskFull, NotFound, Unavailable
from undisc_node.storage import database
from undisc_node.storage.catalog import SqliteCatalog


def reopen(tmp_path, **settings):
    """Open the catalog as a restarted node does."""
    return SqliteCatalog(
        tmp_path / "catalog.sqlite3",
        entropy=SeededEntropy("another start"),
        **{"create": False} | settings,
    )


def test_records_and_origin_survive_a_restart(catalog, tmp_path):
    """The log keeps its name; the replay store keeps what was used."""
    with catalog.change() as records:
        records.log.append(b"event", bytes(32))
        records.tickets.use_invocation(bytes(32), 1_000)
        before = records.log.frontier()
    catalog.close()
    again = reopen(tmp_path)
    with again.change() as records:
        assert records.log.frontier() == before
        assert before.origin != bytes(16)
        assert not records.tickets.use_invocation(bytes(32), 1_000)
    again.close()


def test_only_the_owner_can_read_the_files(catalog, tmp_path):
    """Database, write-ahead log and its index have mode 0600 under any umask."""
    with catalog.change() as records:
        records.studies.put(samples.study())
    files = sorted(tmp_path.glob("catalog.sqlite3*"))
    assert len(files) == 3
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_commits_wait_for_the_disk(catalog):
    """WAL with synchronous=FULL: what was acknowledged survives a power cut."""
    writer = catalog._writer
    assert writer.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert writer.execute("PRAGMA synchronous").fetchone() == (2,)
    assert writer.execute("PRAGMA foreign_keys").fetchone() == (1,)


def test_a_newer_catalog_is_refused_and_left_alone(catalog, tmp_path):
    """An older undisc must not write to tables it does not understand."""
    catalog.close()
    path = tmp_path / "catalog.sqlite3"
    with sqlite3.connect(path) as raw:
        raw.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at)"
            " VALUES ('undisc-catalog', 'm9999_from_the_future', '2030-01-01')"
        )
    raw.close()
    before = path.read_bytes()
    with pytest.raises(Conflict) as refused:
        reopen(tmp_path)
    assert refused.value.reason == "newer_database"
    assert refused.value.hint
    assert path.read_bytes() == before


def test_a_missing_catalog_is_never_replaced_by_an_empty_one(tmp_path):
    """Beside an empty catalog, every pack would be swept away as a leftover."""
    with pytest.raises(NotFound) as refused:
        reopen(tmp_path)
    assert refused.value.hint
    assert list(tmp_path.iterdir()) == []


def test_something_else_under_the_name_is_damage(tmp_path):
    """A text file is not opened as a database."""
    (tmp_path / "catalog.sqlite3").write_text("this is not a database " * 100)
    with pytest.raises(Damaged):
        reopen(tmp_path)


def test_no_permission_is_one_clear_sentence(catalog, tmp_path):
    """The administrator started the node as the wrong user."""
    catalog.close()
    (tmp_path / "catalog.sqlite3").chmod(0)
    with without_privilege(), pytest.raises(Unavailable) as refused:
        reopen(tmp_path)
    assert refused.value.hint


def test_a_second_writer_is_refused_in_time(catalog, tmp_path, monkeypatch):
    """Another program holds the write lock: no hang, no traceback."""
    monkeypatch.setattr(database, "BUSY_MS", 1)
    other = reopen(tmp_path)
    with catalog.change(), pytest.raises(Unavailable) as refused, other.change():
        pass
    assert refused.value.reason == "database_busy"
    other.close()


def test_a_full_disk_leaves_the_catalog_as_it_was(catalog, tmp_path):
    """The change is refused whole; smaller ones work again once there is room."""
    with catalog.change() as records:
        records.studies.put(samples.study())
    wal = (tmp_path / "catalog.sqlite3-wal").stat().st_size

    def overfill():
        with catalog.change() as records:
            for number in range(200):
                records.fetches.put(samples.fetch(str(number), offer=bytes(16_000)))

    with files_no_longer_than(wal + 100_000), pytest.raises((DiskFull, Unavailable)):
        overfill()
    with catalog.change() as records:
        assert records.fetches.list() == []
        records.fetches.put(samples.fetch())
    with catalog.look() as records:
        assert len(records.fetches.list()) == 1


def test_a_write_ahead_log_that_a_long_reader_made_large_becomes_small_again(catalog, tmp_path):
    """While a view is open everything written stays in the log; the space comes back afterwards."""
    log = tmp_path / "catalog.sqlite3-wal"

    def write(changes):
        for _ in range(changes):
            with catalog.change() as records:
                for _ in range(40):
                    records.log.append(bytes(4_000), bytes(32))

    with catalog.look() as records:
        records.log.frontier()
        write(40)
    assert log.stat().st_size > database.WAL_KEPT
    write(2)
    assert log.stat().st_size <= database.WAL_KEPT


def test_readers_that_follow_each_other_do_not_let_the_log_grow_for_ever(catalog, tmp_path):
    """There is always a reader, and never a moment to begin anew: then they wait for one."""
    log = tmp_path / "catalog.sqlite3-wal"
    ended = threading.Event()

    def read(delay):
        ended.wait(delay)
        while not ended.is_set():
            with catalog.look() as records:
                records.log.frontier()
                ended.wait(0.05)

    readers = [threading.Thread(target=read, args=(number / 100,)) for number in range(5)]
    for reader in readers:
        reader.start()
    try:
        for _ in range(90):
            with catalog.change() as records:
                for _ in range(40):
                    records.log.append(bytes(4_000), bytes(32))
        assert log.stat().st_size > 2 * database.WAL_KEPT
        assert catalog.relieve()
        assert log.stat().st_size == 0
        assert not catalog.relieve(), "nothing is left to do"
    finally:
        ended.set()
        for reader in readers:
            reader.join()


def test_a_reader_that_stays_is_not_waited_for(catalog, tmp_path):
    """It may be long, or the one who calls: nothing hangs, and a look inside a look goes on."""
    with catalog.look() as outer:
        outer.log.frontier()
        for _ in range(90):
            with catalog.change() as records:
                for _ in range(40):
                    records.log.append(bytes(4_000), bytes(32))
        assert not catalog.relieve()
        with catalog.look() as inner:
            assert inner.log.frontier().size > outer.log.frontier().size
    assert catalog.relieve()


def test_idle_readers_are_few_and_reused(catalog):
    """Looks inside looks get connections of their own, which are kept for the next."""
    with catalog.look(), catalog.look():
        pass
    kept = set(map(id, catalog._idle))
    with catalog.look():
        pass
    assert set(map(id, catalog._idle)) == kept
    assert len(kept) == 2


def test_umask_cannot_open_the_file(tmp_path):
    """Even with umask 0 a new catalog is private."""
    before = os.umask(0)
    try:
        reopen(tmp_path, create=True).close()
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "catalog.sqlite3").stat().st_mode) == 0o600

"""The disk that forgets, by its own behaviour under SQLite: the tests that use it rest on this."""

from __future__ import annotations

import errno
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing

import pytest

from support.forgetful_disk import ForgetfulDisk, forgetful_disk

pytestmark = pytest.mark.integration

INSERT_FOREVER = """
import sqlite3, sys
path, synchronous = sys.argv[1:]
database = sqlite3.connect(path, isolation_level=None)
assert database.execute("PRAGMA journal_mode = WAL").fetchone() == ("wal",)
database.execute(f"PRAGMA synchronous = {synchronous}")
database.execute("CREATE TABLE IF NOT EXISTS rows (number INTEGER PRIMARY KEY, filler BLOB)")
print("ready", flush=True)
number = 0
while True:
    number += 1
    database.execute("INSERT INTO rows VALUES (?, zeroblob(300))", (number,))
    print(number, flush=True)
"""


@pytest.fixture
def disk() -> Iterator[ForgetfulDisk]:
    with forgetful_disk() as disk:
        yield disk


def inserted(disk: ForgetfulDisk, kind: str, synchronous: str, seed: int) -> tuple[int, int]:
    """Insert until the power is cut; return how many were acknowledged and how many are there."""
    for path in disk.path.iterdir():
        path.unlink()
    with subprocess.Popen(
        [sys.executable, "-c", INSERT_FOREVER, str(disk.path / "rows"), synchronous],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "ready\n"
        disk.cut_after(400 + 29 * seed, kind, seed=seed, kill=program.pid)
        acknowledged = 0
        for line in program.stdout:
            acknowledged = int(line)
    disk.revive()
    with closing(sqlite3.connect(disk.path / "rows")) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        there = 0
        if database.execute("SELECT count(*) FROM sqlite_schema").fetchone() == (1,):
            (there,) = database.execute("SELECT count(*) FROM rows").fetchone()
    return acknowledged, there


@pytest.mark.parametrize("kind", ["clean", "torn"])
def test_a_database_that_syncs_keeps_what_it_acknowledged(disk, kind):
    """WAL with its mapped index works here; FULL loses nothing, and one more may be there."""
    for seed in range(5):
        acknowledged, there = inserted(disk, kind, "FULL", seed)
        assert acknowledged > 50
        assert there - acknowledged in (0, 1)


def test_a_database_that_does_not_sync_loses_what_it_acknowledged(disk):
    """NORMAL syncs at checkpoints only: were nothing lost, the disk would forget nothing."""
    acknowledged, there = inserted(disk, "clean", "NORMAL", 0)
    assert there < acknowledged
    acknowledged, there = inserted(disk, "kept", "NORMAL", 0)
    assert there >= acknowledged, "only the process died"


def test_calls_fail_on_command(disk):
    """The n-th read, write or sync; no room; everything after a cut; all well after healing."""
    path = disk.path / "file"
    path.write_bytes(b"text")
    descriptor = os.open(path, os.O_RDWR)
    for kind, code, act in (
        ("write", errno.EIO, lambda: os.pwrite(descriptor, b"more", 0)),
        ("sync", errno.EIO, lambda: os.fdatasync(descriptor)),
    ):
        disk.fail(kind, 2, code)
        act()
        with pytest.raises(OSError, match=os.strerror(code)):
            act()
        act()
    disk.room(100)
    os.pwrite(descriptor, bytes(104), 0)
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        os.pwrite(descriptor, bytes(10), 104)
    assert os.statvfs(disk.path).f_bavail == 0
    disk.heal()
    os.pwrite(descriptor, bytes(10), 104)
    disk.cut("clean")
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        os.pwrite(descriptor, b"more", 0)
    os.close(descriptor)
    disk.revive()
    assert list(disk.path.iterdir()) == []

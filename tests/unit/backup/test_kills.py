"""Backup and restore die at every act that changes names or waits for the disk, and anywhere else.

After each death: every snapshot that is listed opens, the next backup succeeds, a home is whole or
is none, and running the restore again ends with everything.
"""

import random
import shutil
import time

import pytest

from support.backed_up import DAY_MS, PASSPHRASE, contents
from support.dying import dies_after, dies_at
from undisc_node import backups, founding, rehearsals, restores
from undisc_node.clocks import SystemClock, SystemEntropy
from undisc_node.storage import home as homes
from undisc_node.storage.checking.home import check_home
from undisc_node.storage.checking.subset import Subset
from undisc_protocol import keys
from undisc_protocol.identity import commitment, read_identity, read_identity_record
from undisc_protocol.keys import SignKey

MIB = 2**20
MOST_ACTS = 400  # far more than either has; a sweep that does not end is a mistake


@pytest.fixture
def grown(home):
    """A node that was backed up twice, and has changed: the next backup writes, prunes, forgets."""
    home.store(1, [200_000])
    erased = home.rows("SELECT study FROM packs")[0][0]
    home.back_up()
    home.store(2, [MIB])
    home.back_up()
    home.store(3, [MIB])
    home.store(2, [MIB, 300_000])
    home.delete(erased)
    home.clock.ahead_ms += 8 * DAY_MS
    return home


def rehearse(home):
    return rehearsals.rehearse(
        home.settings,
        home.repository,
        wanted=None,
        subset=None,
        work=None,
        progress=lambda *_: None,
    )


def check_repository(home, before):
    """See that what is listed opens, and that nothing acknowledged is missing."""
    listed = backups.list_backups(home.settings, home.repository)
    assert [one.problem for one in listed if one.problem] == []
    assert listed[-1].name >= before
    noted = backups.last_backup(home.path)
    assert noted.snapshot in {one.name for one in listed}


def test_a_backup_killed_at_every_act(grown, tmp_path):
    pristine = tmp_path / "pristine"
    shutil.copytree(grown.repository, pristine)
    noted = (grown.path / backups.LAST_BACKUP).read_bytes()
    gone = grown.rows("SELECT pack FROM tombstones")[0][0].hex()
    before = grown.files("snapshots")[-1].name
    for number in range(1, MOST_ACTS):
        shutil.rmtree(grown.repository)
        shutil.copytree(pristine, grown.repository)
        (grown.path / backups.LAST_BACKUP).write_bytes(noted)
        died = dies_at(number, lambda: grown.back_up(keep=2))
        check_repository(grown, before)
        made = grown.back_up(keep=2)
        assert made.pruned.unreadable == ()
        assert len(grown.files("snapshots")) == 2
        assert grown.files("tmp") == []
        assert not [path for path in grown.files("packs") if path.name.startswith(gone)]
        assert list((grown.path / "staging").iterdir()) == []
        if number % 8 == 0 or not died:
            tried = rehearse(grown)
            assert not tried.failed
            assert tried.report.studies == 2
        if not died:
            break
    assert not died
    assert number > 30


def test_a_first_backup_killed_at_any_time(home):
    home.store(1, [MIB, MIB])
    home.store(2, [MIB])
    chance = random.Random(7)
    began = time.monotonic()
    home.back_up()
    length = time.monotonic() - began
    deaths = 0
    for _ in range(40):
        shutil.rmtree(home.repository)
        deaths += dies_after(chance.random() * length, home.back_up)
        home.back_up()
        assert [one.problem for one in backups.list_backups(home.settings, home.repository)].count(
            ""
        ) == len(home.files("snapshots"))
    assert deaths > 10
    assert not rehearse(home).failed


def sweep_restore(home, tmp_path, identity, new_kit=None):
    """Kill a restore at every act; run it again; return how many acts there are."""
    expected = contents(home.path)
    for number in range(1, MOST_ACTS):
        target = tmp_path / "target"
        shutil.rmtree(target, ignore_errors=True)
        if new_kit:
            new_kit.unlink(missing_ok=True)

        def restore(target=target):
            return restores.restore(
                target,
                home.repository,
                identity,
                wanted=None,
                progress=lambda *_: None,
                clock=SystemClock(),
                entropy=SystemEntropy(),
            )

        died = dies_at(number, restore)
        if (target / "identity-0").exists():  # then it is a home, and whole
            shutil.rmtree(target / restores.DRAFT, ignore_errors=True)
        else:
            kit = new_kit.read_bytes() if new_kit and new_kit.exists() else None
            restore()
            assert kit is None or new_kit.read_bytes() == kit
        key = homes.read_home(target).key_encryption_key
        report = check_home(target, key_encryption_key=key, running=False, subset=Subset())
        assert report.problems == ()
        if new_kit:
            _check_kit(target, new_kit)
        if number % 10 == 0 or not died:
            assert contents(target) == expected
        if not died:
            return number
    raise AssertionError("the restore has no end")


def _check_kit(target, new_kit):
    """See that the kit that was written is the one the home waits for."""
    back = homes.read_home(target)
    assert read_identity(back.records).number == 1
    recovery = SignKey.from_seed(founding.read_kit(new_kit, PASSPHRASE).recovery_seed)
    assert read_identity_record(back.records[-1]).next_hash == commitment(recovery)


def test_a_restore_killed_at_any_time(grown, tmp_path):
    """One home, killed again and again until it is there."""
    grown.back_up()
    expected, target = contents(grown.path), tmp_path / "target"
    chance = random.Random(7)

    def restore():
        return restores.restore(
            target,
            grown.repository,
            restores.KeptKeys(grown.path / "keys"),
            wanted=None,
            progress=lambda *_: None,
            clock=SystemClock(),
            entropy=SystemEntropy(),
        )

    began = time.monotonic()
    restore()
    length = time.monotonic() - began
    deaths = 0
    for _ in range(25):
        if (target / "identity-0").exists():
            shutil.rmtree(target)
        deaths += dies_after(chance.random() * length * 0.9, restore)
    if not (target / "identity-0").exists():
        restore()
    assert deaths > 3
    assert contents(target) == expected


def test_a_restore_with_a_kit_killed_at_every_act(grown, tmp_path, monkeypatch):
    """Never two successors of one kit, never a home without its kit."""
    # Argon2 takes most of a second, and is not what dies here.
    monkeypatch.setattr(keys, "kit_key", lambda passphrase, salt: (passphrase.encode() + salt)[:32])
    quick = tmp_path / "quick"
    shutil.rmtree(grown.path)
    founding.found(grown.path, name="P", urls=(), demo=True, kit_path=quick, passphrase=PASSPHRASE)
    (grown.path / "undisc.toml").write_text("[ingest]\nreserve_mib = 0\n")
    shutil.rmtree(grown.repository)
    grown.store(1, [MIB])
    grown.back_up()
    new_kit = tmp_path / "new-kit"
    identity = restores.recovered_keys(
        quick,
        PASSPHRASE,
        new_kit=new_kit,
        new_passphrase=PASSPHRASE,
        clock=SystemClock(),
        entropy=SystemEntropy(),
    )
    assert sweep_restore(grown, tmp_path, identity, new_kit) > 30

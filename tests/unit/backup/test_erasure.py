"""What was erased does not come back, whatever snapshot is restored."""

import shutil

import pytest

from support.backed_up import DAY_MS, PASSPHRASE, contents
from undisc_node import backups, rehearsals, restores
from undisc_node.clocks import SystemClock, SystemEntropy
from undisc_node.founding import read_kit
from undisc_node.services.errors import Conflict, NotFound, Refused, ServiceError
from undisc_node.storage import home as homes
from undisc_node.storage.backup.repository import opened
from undisc_node.storage.backup.sealing import Sealer
from undisc_node.storage.checking.home import check_home
from undisc_node.storage.checking.subset import Subset
from undisc_protocol.identity import read_identity
from undisc_protocol.kit import Kit

MIB = 2**20


def restored(home, target, wanted):
    kit = restores.recovered_keys(
        home.kit,
        PASSPHRASE,
        new_kit=target.with_suffix(".kit"),
        new_passphrase=PASSPHRASE,
        clock=SystemClock(),
        entropy=SystemEntropy(),
    )
    return restores.restore(
        target,
        home.repository,
        kit,
        wanted=wanted,
        progress=lambda *_: None,
        clock=SystemClock(),
        entropy=SystemEntropy(),
    )


def wrapped_keys(home, pack):
    """Find the wrapped key of a pack in everything that a thief of kit and backups could open."""
    keys = homes.read_home(home.path)
    node = read_identity(keys.records).node_id
    found = []
    with opened(home.repository, node=node, entropy=SystemEntropy(), change=False) as place:
        sealer = Sealer(keys.key_encryption_key, SystemEntropy())
        for name in place.names("keyrings"):
            database = sealer.open_file("keyring", name, place.read(place.keyring(name)))
            if pack in database:
                found.append(name)
    return found


@pytest.fixture
def erased(home):
    """Two studies are backed up, then one of them is erased."""
    home.store(1, [MIB])
    (gone,) = home.packs()
    study = home.rows("SELECT study FROM packs")[0][0]
    home.store(2, [MIB])
    first = home.back_up()
    home.delete(study)
    return home, bytes.fromhex(gone), first.snapshot.name


def test_an_erasure_is_complete_when_the_last_older_keyring_has_gone(erased):
    home, gone, first = erased
    assert wrapped_keys(home, gone) == [first]
    home.back_up()
    assert wrapped_keys(home, gone) == [first]  # within seven days it could still be opened
    home.clock.ahead_ms += 8 * DAY_MS
    home.back_up()
    assert wrapped_keys(home, gone) == []


def test_the_ciphertext_leaves_the_backups_with_the_next_one(erased):
    home, gone, _ = erased
    assert [path for path in home.files("packs") if path.name.startswith(gone.hex())]
    home.back_up()
    assert not [path for path in home.files("packs") if path.name.startswith(gone.hex())]


@pytest.mark.parametrize("days", [0, 8])
def test_an_older_snapshot_does_not_bring_it_back(erased, tmp_path, days):
    home, gone, first = erased
    home.clock.ahead_ms += days * DAY_MS
    home.back_up()
    target = tmp_path / "target"
    done = restored(home, target, first)
    assert done.erased == 1
    assert sorted(contents(target)) == ["1.2.826.0.1.0.2.1.0"]
    assert not (target / "packs" / gone.hex()).exists()
    assert gone not in (target / "keyring.sqlite3").read_bytes()
    key = homes.read_home(target).key_encryption_key
    report = check_home(target, key_encryption_key=key, running=False, subset=Subset())
    assert report.problems == ()


def test_tombstones_survive_the_loss_of_the_catalog_that_had_them(erased, tmp_path):
    """Erase, back up, restore an older snapshot, back up again: still erased everywhere."""
    home, gone, first = erased
    home.back_up()
    target = tmp_path / "target"
    restored(home, target, first)
    shutil.rmtree(home.path)
    shutil.move(target, home.path)
    home.clock.ahead_ms += DAY_MS
    home.back_up()
    assert home.rows("SELECT count(*) FROM tombstones") == [(1,)]
    tried = rehearsals.rehearse(
        home.settings,
        home.repository,
        wanted=first,
        subset=None,
        work=None,
        progress=lambda *_: None,
    )
    assert not tried.failed
    assert tried.report.studies == 1
    assert gone.hex() not in " ".join(home.packs())


def test_verify_reads_every_byte(home):
    home.store(1, [MIB, MIB])
    home.store(2, [MIB])
    home.back_up()

    def verify(part=None):
        return rehearsals.rehearse(
            home.settings,
            home.repository,
            wanted=None,
            subset=Subset.parse(part, entropy=SystemEntropy()) if part else None,
            work=None,
            progress=lambda *_: None,
        )

    assert verify().report.studies == 2
    halves = [verify("1/2"), verify("2/2")]
    assert sum(half.report.studies for half in halves) == 2
    assert sum(half.size for half in halves) == verify().size
    assert list((home.path / "staging").iterdir()) == []
    segment = home.files("packs")[0]
    changed = bytearray(segment.read_bytes())
    changed[500_000] ^= 1
    segment.write_bytes(changed)
    with pytest.raises(ServiceError, match=segment.name):
        verify()
    assert list((home.path / "staging").iterdir()) == []


def test_bit_rot_that_was_backed_up_is_found(home):
    """The backup copied what the disk gave; the check of the restored bytes tells."""
    home.store(1, [MIB])
    (pack,) = home.packs()
    path = home.path / "packs" / pack
    rotten = bytearray(path.read_bytes())
    rotten[600_000] ^= 1
    path.write_bytes(rotten)
    home.back_up()
    tried = rehearsals.rehearse(
        home.settings,
        home.repository,
        wanted=None,
        subset=None,
        work=None,
        progress=lambda *_: None,
    )
    assert tried.failed


def test_a_kit_is_drilled_on_the_newest_backup(home, tmp_path):
    keys = homes.read_home(home.path)
    node = read_identity(keys.records).node_id
    kit = read_kit(home.kit, PASSPHRASE)
    assert backups.open_with_kit(home.settings, kit) is None
    made = home.back_up()
    found = backups.open_with_kit(home.settings, kit)
    assert found is not None
    assert found.name == made.snapshot.name
    with pytest.raises(Refused):
        backups.open_with_kit(home.settings, Kit(node, kit.recovery_seed, bytes(32)))
    with pytest.raises(Conflict) as refused:
        backups.open_with_kit(home.settings, Kit(node, bytes(32), kit.key_encryption_key))
    assert refused.value.reason == "backup_older_than_kit"
    home.repository.rename(tmp_path / "unplugged")
    with pytest.raises(NotFound):
        backups.open_with_kit(home.settings, kit)

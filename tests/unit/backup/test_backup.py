"""What a backup writes, what it leaves out, and what it does not touch again."""

import base64
import fcntl
import os
import shutil

import pytest

from support.backed_up import contents
from support.disks import files_no_longer_than
from undisc_node import backups
from undisc_node.services.errors import Conflict, Damaged, DiskFull, Invalid, NotFound, Refused
from undisc_node.storage.backup.repository import MARKER
from undisc_protocol import keys

MIB = 2**20


def everything(repository):
    return {path: path.read_bytes() for path in repository.rglob("*") if path.is_file()}


def test_a_second_backup_writes_only_the_growth(home):
    home.store(1, [3 * MIB, 2 * MIB])
    first = home.back_up()
    before = everything(home.repository)
    home.store(2, [MIB])
    second = home.back_up()
    after = everything(home.repository)
    assert {path: after[path] for path in before} == before  # nothing written is ever changed
    assert first.new_packs == second.new_packs == 1
    assert first.new_bytes > 5 * MIB
    assert MIB < second.new_bytes < MIB + 600_000  # the new pack, and what changed in the catalog


def test_a_study_that_grows_is_copied_from_where_it_ended(home):
    home.store(1, [MIB])
    home.back_up()
    home.store(1, [MIB, 2 * MIB])
    grown = home.back_up()
    assert 2 * MIB < grown.new_bytes < 2 * MIB + 600_000
    assert len(home.files("packs")) == 2
    (pack,) = home.packs()
    ordered = sorted(home.files("packs"), key=lambda path: int(path.name.split(".")[1]))
    assert (
        b"".join(path.read_bytes() for path in ordered) == (home.path / "packs" / pack).read_bytes()
    )


def test_a_backup_without_changes_is_small(home):
    home.store(1, [MIB])
    home.back_up()
    again = home.back_up()
    assert again.new_packs == 0
    assert again.new_bytes < 60_000  # manifest and keyring, about 25 kB while there is little


def test_no_key_and_no_patient_is_in_a_repository(home):
    """Raw, hex, base32 or base64: whoever steals the disk of the backups has nothing."""
    home.store(1, [MIB])
    home.back_up()
    secrets = [
        bytes.fromhex((home.path / "keys" / name).read_text())
        for name in ("node-key", "key-encryption-key")
    ]
    secrets.append(keys.backup_key(secrets[1]))
    needles = [
        form
        for key in secrets
        for form in (
            key,
            key.hex().encode(),
            key.hex().upper().encode(),
            base64.b32encode(key).rstrip(b"="),
            base64.b64encode(key).rstrip(b"="),
        )
    ]
    (row,) = home.rows("SELECT patient_name, uid, accession, description FROM studies")
    needles += [text.encode() for text in row if text]
    for path, content in everything(home.repository).items():
        for needle in needles:
            assert needle not in content, f"{path.name} holds something secret"
            assert needle.decode("latin-1") not in path.name
    assert any(needles[-2] in content for content in everything(home.path).values())


def test_files_are_private(home):
    home.store(1, [100])
    home.back_up()
    files = list(everything(home.repository))
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert home.repository.stat().st_mode & 0o077 == 0


def test_the_copy_of_the_catalog_is_gone_afterwards(home):
    home.store(1, [100])
    left = home.path / "staging" / "backup-left-by-a-kill"
    left.mkdir()
    (left / "catalog.sqlite3").write_bytes(b"a patient")
    home.back_up()
    assert list((home.path / "staging").iterdir()) == []


def test_another_nodes_repository_is_refused(home, tmp_path):
    home.back_up()
    (home.repository / MARKER).write_text('{"format": 1, "node": "' + "00" * 32 + '"}')
    with pytest.raises(Refused) as refused:
        home.back_up()
    assert refused.value.reason == "other_node"


def test_another_key_is_refused(home):
    home.back_up()
    (home.path / "keys" / "key-encryption-key").write_text(bytes(32).hex())
    with pytest.raises(Refused) as refused:
        home.back_up()
    assert refused.value.reason == "wrong_backup_key"


def test_a_directory_with_other_things_is_left_alone(home):
    home.repository.mkdir()
    (home.repository / "holiday.jpg").write_bytes(b"")
    with pytest.raises(Conflict) as refused:
        home.back_up()
    assert refused.value.reason == "not_a_repository"
    assert [path.name for path in home.repository.iterdir()] == ["holiday.jpg"]


def test_a_newer_format_is_left_alone(home):
    home.back_up()
    marker = home.repository / MARKER
    marker.write_text(marker.read_text().replace('"format": 1', '"format": 2'))
    with pytest.raises(Invalid) as refused:
        home.back_up()
    assert refused.value.reason == "newer_repository"


def test_two_at_once(home):
    home.back_up()
    with (home.repository / MARKER).open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_SH)
        with pytest.raises(Conflict) as refused:
            home.back_up()
        assert refused.value.reason == "repository_in_use"
        assert len(backups.list_backups(home.settings, home.repository)) == 1  # readers may


def test_no_repository(home):
    with pytest.raises(NotFound):
        backups.list_backups(home.settings, home.repository)
    with pytest.raises(Invalid):
        backups.repository_of(home.settings, None)
    with pytest.raises(Invalid):
        backups.repository_of(home.settings, home.path / "packs" / "backup")


def test_what_the_home_remembers(home):
    assert backups.last_backup(home.path) is None
    made = home.back_up()
    noted = backups.last_backup(home.path)
    assert noted is not None
    assert noted.snapshot == made.snapshot.name
    assert noted.at_ms == made.snapshot.at_ms
    assert noted.log_size == made.snapshot.log_size
    (home.path / backups.LAST_BACKUP).write_bytes(b"{")
    assert backups.last_backup(home.path) is None


def test_a_full_disk_harms_nothing(home):
    home.store(1, [MIB])
    home.back_up()
    noted = backups.last_backup(home.path)
    home.store(2, [3 * MIB])
    with files_no_longer_than(2 * MIB), pytest.raises(DiskFull) as refused:
        home.back_up()
    assert refused.value.reason == "backup_disk_full"
    assert home.files("tmp") == []
    assert backups.last_backup(home.path) == noted
    assert home.back_up().new_packs == 1


def test_a_rolled_back_machine_does_not_mix_two_histories(home, tmp_path):
    """The pack grew one way, was set back, and grew another way: the old segment does not fit."""
    home.store(1, [MIB])
    home.back_up()
    shutil.copytree(home.path, tmp_path / "earlier")
    home.store(1, [MIB, 2 * MIB])
    home.back_up()
    shutil.rmtree(home.path)
    shutil.copytree(tmp_path / "earlier", home.path)
    home.store(1, [MIB, 2 * MIB, 3 * MIB], seed=0)
    again = home.back_up()
    assert again.new_bytes > 5 * MIB
    (pack,) = home.packs()
    with backups.opened_by_home(home.settings, home.repository) as snapshots:
        (entry,) = snapshots.packs(snapshots.open(again.snapshot.name))
        assert len(entry.segments) == 2
        target = tmp_path / "pack"
        descriptor = os.open(target, os.O_RDWR | os.O_CREAT)
        snapshots.write_pack(entry, descriptor, target)
        os.close(descriptor)
    assert target.read_bytes() == (home.path / "packs" / pack).read_bytes()


def test_work_of_an_interrupted_backup_is_taken_over(home):
    """Its segments are complete, only no manifest names them yet."""
    home.store(1, [2 * MIB])
    made = home.back_up()
    (home.repository / "snapshots" / made.snapshot.name).unlink()
    again = home.back_up()
    assert again.new_packs == 0
    assert len(home.files("packs")) == 1
    assert [path.name for path in home.files("keyrings")] == [again.snapshot.name]


def test_a_missing_segment_is_copied_again(home):
    home.store(1, [MIB])
    home.back_up()
    (segment,) = home.files("packs")
    content = segment.read_bytes()
    segment.unlink()
    assert home.back_up().new_packs == 1
    assert segment.read_bytes() == content


def test_a_pack_that_is_too_short_is_named(home):
    home.store(1, [MIB])
    (pack,) = home.packs()
    os.truncate(home.path / "packs" / pack, 1000)
    with pytest.raises(Damaged, match=pack):
        home.back_up()


def test_a_damaged_snapshot_does_not_stop_the_next_one(home):
    home.store(1, [MIB])
    first = home.back_up()
    second = home.back_up()
    path = home.repository / "snapshots" / second.snapshot.name
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    third = home.back_up(keep=2)
    listed = backups.list_backups(home.settings, home.repository)
    assert [one.name for one in listed] == [second.snapshot.name, third.snapshot.name]
    assert "does not open" in listed[0].problem
    assert listed[1].problem == ""
    assert third.pruned.unreadable == (second.snapshot.name,)
    assert first.snapshot.name not in [one.name for one in listed]


def test_old_snapshots_go_and_take_along_only_what_was_theirs(home):
    for number in range(1, 5):
        home.store(number, [300_000])
        home.back_up(keep=2)
    assert len(home.files("snapshots")) == 2
    needed = set()
    with backups.opened_by_home(home.settings, home.repository) as snapshots:
        for name in snapshots.names():
            needed |= {block.hex() for block in snapshots.open(name).blocks()}
    assert {path.name for path in home.files("blocks")} == needed
    assert len(home.files("packs")) == 4


def test_only_new_keyrings_are_kept(home):
    home.back_up()
    home.clock.ahead_ms += 3 * 86_400_000
    home.back_up(keyring_days=5)
    assert len(home.files("keyrings")) == 2
    home.clock.ahead_ms += 3 * 86_400_000
    home.back_up(keyring_days=5)
    assert len(home.files("keyrings")) == 2
    last = home.back_up(keyring_days=0)
    home.clock.ahead_ms += 30 * 86_400_000
    last = home.back_up(keyring_days=0)
    assert [path.name for path in home.files("keyrings")] == [last.snapshot.name]


def test_snapshots_are_ordered_also_when_the_clock_was_set_back(home):
    home.clock.ahead_ms = 86_400_000
    first = home.back_up()
    home.clock.ahead_ms = 0
    second = home.back_up()
    names = [one.name for one in backups.list_backups(home.settings, home.repository)]
    assert names == [first.snapshot.name, second.snapshot.name]


def test_a_running_node_is_backed_up(home):
    """The copy is taken while changes go on; what was committed before is in it."""
    home.store(1, [MIB])
    with home.node() as node, node.catalog.change() as records:
        records.tickets.forget_expired(0)
        made = home.back_up()
    assert made.snapshot.counts["studies"] == 1
    assert contents(home.path)

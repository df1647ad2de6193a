"""A node that is gone comes back: all of it, or a clear refusal, and never half."""

import os
import shutil

import pytest

from support.backed_up import PASSPHRASE, contents
from support.disks import files_no_longer_than
from undisc_node import config, restores
from undisc_node.clocks import SystemClock, SystemEntropy
from undisc_node.services.errors import Conflict, Damaged, DiskFull, NotFound, Refused, ServiceError
from undisc_node.storage import home as homes
from undisc_node.storage.checking.home import check_home
from undisc_node.storage.checking.subset import Subset
from undisc_node.wiring import build
from undisc_protocol.identity import read_identity
from unit.services.test_consenting import wish

MIB = 2**20


def with_kit(home, new_kit, kit=None):
    return restores.recovered_keys(
        kit or home.kit,
        PASSPHRASE,
        new_kit=new_kit,
        new_passphrase=PASSPHRASE,
        clock=SystemClock(),
        entropy=SystemEntropy(),
    )


def restore(home, target, identity, wanted=None, progress=lambda *_: None):
    return restores.restore(
        target,
        home.repository,
        identity,
        wanted=wanted,
        progress=progress,
        clock=SystemClock(),
        entropy=SystemEntropy(),
    )


def problems(path):
    key = homes.read_home(path).key_encryption_key
    report = check_home(path, key_encryption_key=key, running=False, subset=Subset())
    return [problem.sentence for problem in report.problems]


@pytest.fixture
def filled(home):
    home.store(1, [MIB, 2 * MIB, 100])
    home.store(2, [300_000])
    home.back_up()
    return home


def test_everything_comes_back(filled, tmp_path):
    before = contents(filled.path)
    words = read_identity(homes.read_home(filled.path).records).node_id
    shutil.rmtree(filled.path)
    target = tmp_path / "new host" / "home"
    done = restore(filled, target, with_kit(filled, tmp_path / "new-kit"))
    assert contents(target) == before
    assert problems(target) == []
    assert done.size > 3 * MIB
    back = homes.read_home(target)
    identity = read_identity(back.records)
    assert identity.node_id == words
    assert identity.number == 1
    assert not back.kit_verified
    assert back.demo
    assert config.load(target, {}).reserve_mib == 0
    assert not (target / restores.DRAFT).exists()
    assert {path.stat().st_mode & 0o077 for path in target.rglob("*")} == {0}


def test_permissions_wait_and_the_log_goes_on_elsewhere(filled, tmp_path):
    target = tmp_path / "target"
    restore(filled, target, with_kit(filled, tmp_path / "new-kit"))
    with filled.node() as node, node.catalog.look() as records:
        old = records.log.frontier()
    with build(config.load(target, {})) as node, node.catalog.look() as records:
        new = records.log.frontier()
        restored = records.restored.latest()
    assert restored.confirmed_ms is None
    assert restored.taken_ms > 0
    assert new.origin != old.origin
    assert new.size == old.size + 2  # it was restored, and its kit made it a new key


def test_the_old_keys_are_enough(filled, tmp_path):
    kept = tmp_path / "keys that survived"
    shutil.copytree(filled.path / "keys", kept)
    before = homes.read_home(filled.path).records
    target = tmp_path / "target"
    restore(filled, target, restores.KeptKeys(kept))
    assert homes.read_home(target).records == before
    assert problems(target) == []


def test_keys_of_another_node_are_refused(filled, tmp_path):
    kept = tmp_path / "keys"
    shutil.copytree(filled.path / "keys", kept)
    (kept / "node-key").write_text(bytes(32).hex())
    with pytest.raises(Refused) as refused:
        restore(filled, tmp_path / "target", restores.KeptKeys(kept))
    assert refused.value.reason == "wrong_key"


def test_a_kit_is_good_for_once(filled, tmp_path):
    """The restored node is backed up; the used kit does not fit that backup, the new one does."""
    target = tmp_path / "target"
    restore(filled, target, with_kit(filled, tmp_path / "new-kit"))
    shutil.rmtree(filled.path)
    shutil.move(target, filled.path)
    filled.back_up()
    with pytest.raises(Refused) as refused:
        restore(filled, tmp_path / "second", with_kit(filled, tmp_path / "third-kit"))
    assert refused.value.reason == "kit_used"
    restore(
        filled, tmp_path / "second", with_kit(filled, tmp_path / "third-kit", tmp_path / "new-kit")
    )
    assert read_identity(homes.read_home(tmp_path / "second").records).number == 2


def test_wrong_passphrase(filled, tmp_path):
    with pytest.raises(Refused) as refused:
        restores.recovered_keys(
            filled.kit,
            "something else entirely",
            new_kit=tmp_path / "new-kit",
            new_passphrase=PASSPHRASE,
            clock=SystemClock(),
            entropy=SystemEntropy(),
        )
    assert refused.value.reason == "wrong_passphrase"


def test_another_nodes_backups(filled, tmp_path):
    marker = filled.repository / "undisc-backup"
    marker.write_text('{"format": 1, "node": "' + "11" * 32 + '"}')
    with pytest.raises(Refused) as refused:
        restore(filled, tmp_path / "target", with_kit(filled, tmp_path / "new-kit"))
    assert refused.value.reason == "other_node"
    assert not (tmp_path / "new-kit").exists()


def test_a_home_in_use_is_never_overwritten(filled, tmp_path):
    with pytest.raises(Conflict) as refused:
        restore(filled, filled.path, with_kit(filled, tmp_path / "new-kit"))
    assert refused.value.reason == "home_exists"


def test_a_file_where_the_new_kit_should_go(filled, tmp_path):
    (tmp_path / "new-kit").write_text("another kit")
    with pytest.raises(Conflict):
        restore(filled, tmp_path / "target", with_kit(filled, tmp_path / "new-kit"))
    assert (tmp_path / "new-kit").read_text() == "another kit"


def test_an_older_snapshot(filled, tmp_path):
    filled.store(3, [MIB])
    newer = filled.back_up()
    older = min(path.name for path in filled.files("snapshots"))
    target = tmp_path / "target"
    restore(filled, target, with_kit(filled, tmp_path / "new-kit"), wanted=older)
    assert len(contents(target)) == 4
    assert problems(target) == []
    assert newer.snapshot.name != older
    with pytest.raises(NotFound):
        restore(filled, tmp_path / "x", with_kit(filled, tmp_path / "k"), wanted="20200101")


class Stop(Exception):
    """The restore is interrupted here."""


def test_an_interrupted_restore_goes_on(filled, tmp_path):
    target, new_kit = tmp_path / "target", tmp_path / "new-kit"
    seen = []

    def interrupt(_stage, done, _total):
        seen.append(done)
        if done:
            raise Stop

    with pytest.raises(Stop):
        restore(filled, target, with_kit(filled, new_kit), progress=interrupt)
    assert not (target / "identity-0").exists()
    (ready,) = (target / restores.DRAFT / "home" / "packs").iterdir()
    number = ready.stat().st_ino
    kit = new_kit.read_bytes()
    restore(filled, target, with_kit(filled, new_kit))
    assert new_kit.read_bytes() == kit  # one kit has one successor
    assert (target / "packs" / ready.name).stat().st_ino == number  # not written again
    assert problems(target) == []


def test_a_full_disk_while_restoring(filled, tmp_path):
    target = tmp_path / "target"
    with files_no_longer_than(MIB), pytest.raises(DiskFull):
        restore(filled, target, with_kit(filled, tmp_path / "new-kit"))
    assert not (target / "identity-0").exists()
    restore(filled, target, with_kit(filled, tmp_path / "new-kit"))
    assert problems(target) == []


@pytest.mark.parametrize("folder", ["snapshots", "keyrings", "blocks", "packs"])
@pytest.mark.parametrize("how", ["flip", "cut", "remove", "swap"])
def test_damage_is_named_and_never_restored(filled, tmp_path, folder, how):
    for number, path in enumerate(filled.files(folder)):
        target = tmp_path / f"target {number}"
        kept = path.read_bytes()
        others = [other for other in filled.files(folder) if other != path]
        if how == "flip":
            changed = bytearray(kept)
            changed[len(kept) // 2] ^= 1
            path.write_bytes(changed)
        elif how == "cut":
            path.write_bytes(kept[:-1])
        elif how == "remove":
            path.unlink()
        elif others:
            path.write_bytes(others[0].read_bytes())
        else:
            continue
        with pytest.raises(ServiceError) as refused:
            restore(filled, target, restores.KeptKeys(filled.path / "keys"))
        if how == "remove":
            assert isinstance(refused.value, (ServiceError, NotFound))
        elif folder == "snapshots":  # the only one: perhaps it is the wrong kit
            assert isinstance(refused.value, Refused)
        else:
            assert isinstance(refused.value, Damaged)
            assert path.name in str(refused.value)
        assert not (target / "identity-0").exists()
        path.write_bytes(kept)
    restore(filled, tmp_path / "target", restores.KeptKeys(filled.path / "keys"))
    assert problems(tmp_path / "target") == []


def test_the_newest_snapshot_is_damaged(filled, tmp_path):
    """It is named; an older one can be restored, with a warning."""
    older = filled.files("snapshots")[0].name
    newest = filled.back_up().snapshot.name
    path = filled.repository / "snapshots" / newest
    os.truncate(path, path.stat().st_size - 1)
    with pytest.raises(Damaged, match=newest):
        restore(filled, tmp_path / "target", with_kit(filled, tmp_path / "new-kit"))
    done = restore(filled, tmp_path / "target", with_kit(filled, tmp_path / "new-kit"), older)
    assert newest in done.warnings[0]
    assert problems(tmp_path / "target") == []


def test_consents_come_back_with_their_words_and_withdrawals(home, tmp_path):
    """Also with the next node key: each names the key that signed it; nothing is granted yet."""
    with build(home.settings) as node:
        one, _ = node.admin.consenting.record(wish(), "anna")
        other, _ = node.admin.consenting.record(wish(language="en"), "anna")
        gone = node.admin.consenting.withdraw(other.id, "moved away", "anna").consent
    home.back_up()
    shutil.rmtree(home.path)
    target = tmp_path / "new host" / "home"
    restore(home, target, with_kit(home, tmp_path / "new-kit"))
    with build(config.load(target, {})) as node:
        found = {row.id: row for row in node.admin.consenting.list("", 10)}
        assert found == {one.id: one, gone.id: gone}
        assert "sí o no" in node.admin.consenting.text_of(one).text
        assert node.admin.releasing.release_due() == 0
        (kept, closed) = sorted(
            node.admin.visiting.list("", 10), key=lambda row: row.consent.id != one.id
        )
        assert (kept.visit.closed_ms, closed.visit.closed_ms) == (None, gone.withdrawn_ms)

"""A node's key is replaced from its recovery kit, and what a home keeps of it."""

import shutil
from pathlib import Path

import pytest

from support.clock import FakeClock, SeededEntropy
from undisc_node.config import load
from undisc_node.founding import found, read_kit, succeed, verify_kit
from undisc_node.services.errors import Conflict, Invalid, Refused
from undisc_node.storage import home as homes
from undisc_node.wiring import own_identity
from undisc_protocol import keys
from undisc_protocol.identity import read_identity, read_identity_record
from undisc_protocol.kit import Kit

OLD, NEW = "the first passphrase", "the second passphrase"


@pytest.fixture(scope="module")
def old(tmp_path_factory):
    """A node and its kit, as `init` leaves them."""
    place = tmp_path_factory.mktemp("old")
    found(
        place / "home",
        name="Practice Ring",
        urls=(),
        demo=True,
        kit_path=place / "kit.txt",
        passphrase=OLD,
    )
    return place


@pytest.fixture(scope="module")
def kit(old):
    """What the kit holds, and the records it goes on from; opening a kit is slow on purpose."""
    here = homes.read_home(old / "home")
    opened = read_kit(old / "kit.txt", OLD)
    return opened, here.records


def succession(kit, records, path, passphrase=NEW, seed="restore"):
    return succeed(
        kit,
        records,
        name="Practice Ring",
        kit_path=path,
        passphrase=passphrase,
        clock=FakeClock(),
        entropy=SeededEntropy(seed),
    )


@pytest.fixture(scope="module")
def made_again(kit, tmp_path_factory):
    """A home that was made anew from the kit."""
    place = tmp_path_factory.mktemp("restored")
    made = succession(*kit, place / "next.txt")
    homes.create_home(
        place / "home",
        node_seed=made.node_seed,
        key_encryption_key=made.key_encryption_key,
        records=made.records,
        demo=True,
        settings='name = "Practice Ring"\n',
        entropy=SeededEntropy(),
    )
    return place


@pytest.fixture
def restored(made_again, tmp_path):
    """A copy of it that a test may spoil."""
    return Path(shutil.copytree(made_again, tmp_path / "copy"))


def test_kit_after_kit_the_node_stays_the_same(kit, tmp_path):
    """The key in the kit becomes the node key, and the new kit makes the record after."""
    opened, records = kit
    for number in (1, 2):
        path = tmp_path / f"kit-{number}.txt"
        made = succession(opened, records, path, seed=path.name)
        assert made.records[:-1] == records
        assert made.identity == read_identity(made.records)
        assert (made.identity.node_id, made.identity.number) == (opened.node_id, number)
        assert made.identity.key == keys.SignKey.from_seed(made.node_seed).did
        assert (made.node_seed, made.key_encryption_key) == (
            opened.recovery_seed,
            opened.key_encryption_key,
        )
        assert read_identity_record(made.records[-1]).issued == FakeClock().now_ms() // 1000
        former, opened, records = opened, read_kit(path, NEW), made.records
        assert opened.recovery_seed not in {former.recovery_seed, made.node_seed}


def test_without_a_new_kit_nothing_is_made(kit, tmp_path):
    """A node whose kit could not be written would be lost at the next accident."""
    (tmp_path / "kit.txt").write_text("older")
    with pytest.raises(Conflict):
        succession(*kit, tmp_path / "kit.txt")
    with pytest.raises(OSError, match="No such file"):
        succession(*kit, tmp_path / "nowhere" / "kit.txt")
    with pytest.raises(Invalid):
        succession(*kit, tmp_path / "other.txt", passphrase="short")
    assert not (tmp_path / "other.txt").exists()


def test_a_kit_is_good_for_once(kit, restored, tmp_path):
    """Used twice on the same records it would fork the node's identity."""
    opened, _ = kit
    with pytest.raises(Refused) as refused:
        succession(opened, homes.read_home(restored / "home").records, tmp_path / "again.txt")
    assert refused.value.reason == "kit_used"
    assert not (tmp_path / "again.txt").exists()


def test_a_kit_that_does_not_fit_is_refused(kit, tmp_path):
    """Another node's kit; a kit that is newer than the backup's records."""
    opened, records = kit
    foreign = Kit(bytes(32), opened.recovery_seed, opened.key_encryption_key)
    newer = Kit(opened.node_id, bytes(32), opened.key_encryption_key)
    for wrong in (foreign, newer):
        with pytest.raises(Refused) as refused:
            succession(wrong, records, tmp_path / "next.txt")
        assert refused.value.reason == "wrong_kit"
    with pytest.raises(Invalid):
        succession(opened, [b"rubbish"], tmp_path / "next.txt")
    assert list(tmp_path.iterdir()) == []


def test_a_home_keeps_all_records_and_works_with_the_newest(restored, kit):
    opened, _ = kit
    read = homes.read_home(restored / "home")
    assert len(read.records) == 2
    own = own_identity(load(restored / "home", {}), read)
    assert own.id == opened.node_id
    assert own.identity.number == 1
    assert len(own.names) == 2
    assert bytes(own.box) == bytes(keys.box_key(opened.recovery_seed))


def test_only_the_new_kit_belongs_to_the_restored_node(restored, old):
    verify_kit(restored / "home", restored / "next.txt", NEW)
    assert homes.read_home(restored / "home").kit_verified
    with pytest.raises(Refused) as refused:
        verify_kit(restored / "home", old / "kit.txt", OLD)
    assert refused.value.reason == "kit_used"


def test_a_missing_record_stops_the_node(restored):
    """Without its first records nobody would know the node any more."""
    (restored / "home" / "identity-0").unlink()
    with pytest.raises(Invalid) as refused:
        homes.read_home(restored / "home")
    assert refused.value.reason == "identity_gap"


def test_a_key_of_an_older_record_is_not_the_nodes(restored, old):
    """Keys from an older backup beside newer records: the node must not sign with them."""
    former = (old / "home" / "keys" / "node-key").read_bytes()
    (restored / "home" / "keys" / "node-key").write_bytes(former)
    read = homes.read_home(restored / "home")
    with pytest.raises(Invalid) as refused:
        own_identity(load(restored / "home", {}), read)
    assert refused.value.reason == "wrong_key"


def test_records_are_added_and_never_replaced(restored, old):
    home = restored / "home"
    records = homes.read_home(home).records
    homes.write_identity(home, records)
    with pytest.raises(Conflict):
        homes.write_identity(home, records[:1])
    with pytest.raises(Conflict):
        homes.write_identity(home, [records[1], records[0]])
    homes.write_identity(home, [*records, b"third"])
    assert homes.read_home(home).records == (*records, b"third")
    (home / "identity-9.bak").write_bytes(b"not a record")
    assert len(homes.read_home(home).records) == 3

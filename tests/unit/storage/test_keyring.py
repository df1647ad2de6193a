"""Study keys: never in the clear, bound to their pack, gone when destroyed."""

import sqlite3

import pytest

from support import samples
from support.disks import open_keyring
from undisc_node.services.errors import Conflict, Damaged, NotFound

PACK, OTHER = samples.name("pack", 16), samples.name("other", 16)


@pytest.fixture
def path(tmp_path):
    """Where the keyring lies."""
    return tmp_path / "keyring.sqlite3"


@pytest.fixture
def keyring(path):
    """An empty keyring."""
    made = open_keyring(path, create=True)
    yield made
    made.close()


def on_disk(path):
    """Every byte that an attacker finds beside the keyring."""
    return b"".join(file.read_bytes() for file in path.parent.glob("keyring.sqlite3*"))


def test_a_key_survives_a_restart(keyring, path):
    """The same key comes back, another pack has another."""
    key, other = keyring.make(PACK), keyring.make(OTHER)
    again = open_keyring(path, seed="later")
    assert again.get(PACK) == keyring.get(PACK) == key
    assert again.get(OTHER) == other != key
    again.close()


def test_a_key_is_never_in_the_clear(keyring, path):
    """Neither in the database nor in its write-ahead log."""
    key = keyring.make(PACK)
    assert PACK in on_disk(path)
    assert key not in on_disk(path)


def test_a_pack_gets_one_key(keyring):
    """Making a second would orphan everything under the first."""
    key = keyring.make(PACK)
    with pytest.raises(Conflict):
        keyring.make(PACK)
    assert keyring.get(PACK) == key


def test_a_destroyed_key_leaves_no_trace(keyring, path):
    """Not even wrapped, in no file; destroying again is fine; the neighbour stays."""
    keyring.make(PACK)
    other = keyring.make(OTHER)
    with sqlite3.connect(path) as raw:
        (wrapped,) = raw.execute(
            "SELECT wrapped FROM study_keys WHERE pack = ?", (PACK,)
        ).fetchone()
    raw.close()
    assert wrapped in on_disk(path)
    keyring.destroy(PACK)
    keyring.destroy(PACK)
    assert wrapped not in on_disk(path)
    assert wrapped[:16] not in on_disk(path)
    with pytest.raises(NotFound):
        keyring.get(PACK)
    assert keyring.get(OTHER) == other


def test_another_key_encryption_key_opens_nothing(keyring, path):
    """The administrator restored the wrong key file: say so, with a way out."""
    keyring.make(PACK)
    wrong = open_keyring(path, key=b"\x01" * 32)
    with pytest.raises(Damaged) as refused:
        wrong.get(PACK)
    assert refused.value.reason == "wrong_key"
    assert "recovery kit" in refused.value.hint
    wrong.close()


def test_a_wrapped_key_moved_to_another_pack_does_not_open(keyring, path):
    """Whoever can write the file cannot make one pack open with another's key."""
    keyring.make(PACK)
    keyring.make(OTHER)
    with sqlite3.connect(path) as raw:
        raw.execute(
            "UPDATE study_keys SET wrapped = (SELECT wrapped FROM study_keys WHERE pack = ?)"
            " WHERE pack = ?",
            (PACK, OTHER),
        )
    raw.close()
    again = open_keyring(path)
    with pytest.raises(Damaged):
        again.get(OTHER)
    again.close()


def test_a_missing_keyring_is_not_made_anew(path):
    """An empty keyring beside old packs would look like every study was erased."""
    with pytest.raises(NotFound):
        open_keyring(path)
    assert not path.exists()

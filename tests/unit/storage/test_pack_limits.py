"""A full disk, no permission, hostile attributes: one clear refusal, and all is as before."""

import errno
import os
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from support import samples
from support.clock import SeededEntropy
from support.disks import files_no_longer_than, without_privilege
from support.memory_packs import stream_of
from undisc_node.services.errors import DiskFull, Invalid, ServiceError, Unavailable
from undisc_node.storage.faults import disk_faults
from undisc_node.storage.packs.entries import EntryCache
from undisc_node.storage.packs.store import PackStore
from undisc_protocol import limits

BIG = samples.name("big", 3 * limits.CHUNK)


def test_a_full_disk_leaves_the_pack_as_it_was(home):
    """The append is refused, the file is cut back, and with room it works."""
    pack, _ = home.filled(b"committed")
    draft = samples.draft(BIG, 2)
    with files_no_longer_than(2 * limits.CHUNK), pytest.raises(DiskFull) as refused:
        home.packs.append(pack, [samples.draft(b"small", 1), draft])
    assert refused.value.hint
    assert home.file(pack.id).stat().st_size == pack.length
    longer, _ = home.packs.append(pack, [draft])
    stored = home.restart().objects(longer)
    assert [b"".join(home.packs.read(longer, one)) for one in stored] == [b"committed", BIG]


def test_a_full_disk_makes_no_half_pack(home):
    """Not even the key has room: nothing begins."""
    with files_no_longer_than(100), pytest.raises(Unavailable):
        home.packs.create(samples.study_header())
    assert list((home.path / "packs").iterdir()) == []
    assert home.packs.objects(home.packs.create(samples.study_header())) == []


def test_a_pack_that_cannot_begin_leaves_no_key(home):
    """The disk with the packs went away between two studies."""
    (home.path / "packs").rmdir()
    with pytest.raises(Unavailable) as refused:
        home.packs.create(samples.study_header())
    assert refused.value.reason == "file_missing"
    with sqlite3.connect(home.path / "keyring.sqlite3") as raw:
        assert raw.execute("SELECT count(*) FROM study_keys").fetchone() == (0,)
    raw.close()


def test_a_full_disk_refuses_an_index_and_keeps_the_pack(home):
    """Settlement goes on without the index."""
    pack, _ = home.filled(b"one", b"two")
    before = home.packs.objects(pack)
    with files_no_longer_than(pack.length + 50), pytest.raises(DiskFull):
        home.packs.seal_index(pack)
    assert home.file(pack.id).stat().st_size == pack.length
    assert home.restart().objects(pack) == before


def test_a_full_disk_pauses_a_fetch(home):
    """Announcing and receiving are refused as a full disk; later both go on."""
    source, (stored,) = home.filled(BIG)
    with home.packs.open_file(source.id) as stream:
        sealed = stream.read()[stored.extent_at :]
    staged = home.packs.stage(samples.study_header())
    with files_no_longer_than(limits.CHUNK), pytest.raises(DiskFull):
        staged.announce([stored.header])
    assert staged.objects() == []
    staged.announce([stored.header])
    with files_no_longer_than(2 * limits.CHUNK), pytest.raises(DiskFull):
        staged.receive(stored.header.id, 0, stream_of(sealed))
    assert staged.complete() == frozenset()
    assert staged.whole_chunks(stored.header.id) == 1
    staged.receive(stored.header.id, 0, stream_of(sealed))
    assert staged.complete() == {stored.header.id}


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.ENOSPC, "disk_full"),
        (errno.EDQUOT, "disk_full"),
        (errno.EACCES, "no_access"),
        (errno.EROFS, "no_access"),
        (errno.ENOENT, "file_missing"),
        (errno.EIO, "disk_fault"),
    ],
)
def test_each_complaint_of_the_disk_has_a_code_and_a_hint(number, code):
    """An administrator can act on every one of them."""
    with pytest.raises(ServiceError) as refused, disk_faults(Path("/home/node/packs")):
        raise OSError(number, os.strerror(number))
    assert refused.value.reason == code
    assert refused.value.hint
    assert "/home/node/packs" in str(refused.value)


def test_no_permission_is_one_clear_sentence(home):
    """The packs belong to another user."""
    pack, _ = home.filled(b"object")
    home.file(pack.id).chmod(0)
    home.restart()
    with without_privilege(), pytest.raises(Unavailable) as refused:
        home.packs.objects(pack)
    assert refused.value.reason == "no_access"
    with without_privilege(), pytest.raises(Unavailable) as refused:
        home.packs.resume(pack.id)
    assert refused.value.hint


def test_files_and_directories_are_private(home):
    """0600 and 0700, whatever the umask."""
    inner = home.path / "inner"
    inner.mkdir()
    before = os.umask(0)
    try:
        packs = PackStore(inner, keyring=home.keyring, entropy=SeededEntropy("inner"))
        pack = packs.create(samples.study_header())
    finally:
        os.umask(before)
    assert (inner / "packs").stat().st_mode & 0o777 == 0o700
    assert (inner / "packs" / pack.id.hex()).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "changes",
    [
        {"sop_uid": "1.2.3/../../etc/passwd"},
        {"series_uid": "1." * 40},
        {"modality": "X" * 1000},
        {"number": 2**60},
    ],
)
def test_attributes_that_do_not_fit_are_refused(home, changes):
    """Hostile values that slipped past the reader are an invalid instance, not a crash."""
    pack, _ = home.filled(b"good")
    draft = samples.draft(b"bad", 2)
    with pytest.raises(Invalid):
        home.packs.append(pack, [replace(draft, facts=replace(draft.facts, **changes))])
    assert home.file(pack.id).stat().st_size == pack.length


def test_a_study_that_does_not_fit_is_refused(home):
    """No key is made for it either."""
    with pytest.raises(Invalid):
        home.packs.create(replace(samples.study_header(), uid="not a uid"))
    assert list((home.path / "packs").iterdir()) == []


def test_bytes_that_cannot_be_read_back_are_not_the_packs_fault(home, tmp_path):
    """The spooled upload vanished: the pack is as before and the message does not blame it."""
    pack, _ = home.filled(b"good")

    class Vanished(samples.BytesSource):
        def open(self):
            return (tmp_path / "vanished").open("rb")

    with pytest.raises(Unavailable) as refused:
        home.packs.append(pack, [replace(samples.draft(b"x"), source=Vanished(b"x"))])
    assert refused.value.reason == "source_unreadable"
    assert home.file(pack.id).stat().st_size == pack.length


def test_remembered_headers_are_bounded(home):
    """The oldest lists go first; the newest is kept even if it alone is over the bound."""
    _, stored = home.filled(b"one", b"two")
    entries = tuple(stored)
    cache = EntryCache(most=3)
    cache.put(b"a", 1, entries)
    cache.put(b"b", 1, entries)
    assert cache.get(b"a", 1) is None
    assert cache.get(b"b", 1) == entries
    cache.put(b"c", 1, entries * 2)
    assert cache.get(b"b", 1) is None
    assert cache.get(b"c", 1) == entries * 2
    cache.forget_beyond(b"c", 1)
    assert cache.get(b"c", 1) is not None
    cache.forget_beyond(b"c", 0)
    assert cache.get(b"c", 1) is None

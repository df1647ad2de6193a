"""A node that dies at any point: what was acknowledged is there, what was not is not."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from support import samples
from support.clock import SeededEntropy
from support.disks import open_keyring
from support.memory_packs import stream_of
from undisc_node.services.errors import NotFound
from undisc_node.services.model import Pack, PackRole
from undisc_node.storage.catalog import SqliteCatalog
from undisc_node.storage.packs import PackStore
from undisc_protocol import limits
from undisc_protocol.pack import chunk_span


def contents(packs, pack):
    """Every object of a pack."""
    return [b"".join(packs.read(pack, one)) for one in packs.objects(pack)]


def test_whatever_a_crash_left_behind_the_end_is_not_there(home):
    """An append was cut off at any of its bytes; the next one starts at the committed end."""
    pack, _ = home.filled(b"committed")
    path = home.file(pack.id)
    home.packs.append(pack, [samples.draft(b"never committed", 2)])
    torn = path.read_bytes()
    for length in range(pack.length, len(torn) + 1, 3):
        path.write_bytes(torn[:length])
        packs = home.restart()
        assert contents(packs, pack) == [b"committed"]
        longer, _ = packs.append(pack, [samples.draft(b"after", 3)])
        assert contents(home.restart(), longer) == [b"committed", b"after"]
        assert path.stat().st_size == longer.length


def test_garbage_behind_the_end_is_not_read(home):
    """A power cut may leave blocks of another file there."""
    pack, _ = home.filled(b"committed")
    with home.file(pack.id).open("ab") as stream:
        stream.write(samples.name("garbage", 10_000))
    assert contents(home.restart(), pack) == [b"committed"]
    indexed = home.restart().seal_index(pack)
    assert contents(home.restart(), indexed) == [b"committed"]


def test_a_pack_whose_row_was_never_saved_is_swept(home):
    """Key and file go; a pack on record stays."""
    kept, _ = home.filled(b"kept")
    lost, _ = home.filled(b"lost")
    packs = home.restart()
    assert packs.sweep(frozenset({kept.id})) == 1
    assert contents(packs, kept) == [b"kept"]
    with pytest.raises(NotFound):
        packs.objects(lost)
    assert not (home.path / "packs" / lost.id.hex()).exists()


def test_a_key_whose_pack_was_never_made_is_swept(home):
    """A crash came between the key and the file; keys of packs on record stay."""
    kept, _ = home.filled(b"kept")
    home.keyring.make(bytes(16))
    assert home.keyring.packs() == {kept.id, bytes(16)}
    packs = home.restart()
    assert packs.sweep(frozenset({kept.id})) == 1
    assert home.keyring.packs() == {kept.id}
    assert contents(packs, kept) == [b"kept"]


def test_sweeping_touches_pack_files_only(home):
    """Spooled uploads, an administrator's notes and links keep out of it."""
    outside = home.path / "outside"
    outside.write_text("not ours")
    others = [
        home.path / "staging" / "upload-1",
        home.path / "packs" / "NOTES.txt",
        home.path / "packs" / ("A" * 32),
        home.path / "packs" / ("a" * 33),
    ]
    for path in others:
        path.write_text("not ours")
    (home.path / "packs" / ("b" * 32)).symlink_to(outside)
    (home.path / "packs" / ("c" * 32)).mkdir()
    assert home.restart().sweep(frozenset()) == 0
    assert all(path.exists() for path in [*others, outside])


def test_an_erasure_that_was_cut_off_can_be_finished(home):
    """The key was destroyed, the file not yet unlinked."""
    pack, _ = home.filled(b"erased")
    home.keyring.destroy(pack.id)
    packs = home.restart()
    with pytest.raises(NotFound):
        packs.objects(pack)
    packs.erase(pack.id)
    assert not (home.path / "packs" / pack.id.hex()).exists()


class Transfer:
    """A staged pack and the ciphertext that belongs into it."""

    SIZES = (3 * limits.CHUNK + 50, 20, limits.CHUNK)

    def __init__(self, home):
        self.plain = [samples.name(str(size), size) for size in self.SIZES]
        source, stored = home.filled(*self.plain)
        with home.packs.open_file(source.id) as stream:
            content = stream.read()
        self.headers = [one.header for one in stored]
        self.sealed = [content[one.extent_at : one.extent_at + one.header.stored] for one in stored]
        self.staged = home.packs.stage(samples.study_header())
        self.staged.announce(self.headers)
        self.path = home.file(self.staged.pack)

    def send(self, incoming, which, first_chunk=0):
        """Let an object arrive from a chunk on."""
        header = self.headers[which]
        start = chunk_span(header.size, first_chunk).offset
        incoming.receive(header.id, first_chunk, stream_of(self.sealed[which][start:]))

    def finish(self, home, incoming):
        """Bring what is missing, from the first missing chunk on; return the published contents."""
        for which, header in enumerate(self.headers):
            if header.id not in incoming.complete():
                self.send(incoming, which, incoming.whole_chunks(header.id))
        length = incoming.publish()
        pack = Pack(incoming.pack, samples.study().id, PackRole.MAIN, length, None)
        return contents(home.restart(), pack)


@pytest.fixture
def transfer(home):
    """Three objects on their way."""
    return Transfer(home)


def test_blocks_that_never_reached_the_disk_are_asked_for_again(home, transfer):
    """A power cut left zeros in the second chunk of three objects that were received."""
    for which in range(3):
        transfer.send(transfer.staged, which)
    big = transfer.staged.objects()[0]
    with transfer.path.open("r+b") as stream:
        stream.seek(big.extent_at + limits.CHUNK + limits.TAG + 4096)
        stream.write(bytes(8192))
    resumed = home.restart().resume(transfer.staged.pack)
    assert resumed.complete() == {header.id for header in transfer.headers[1:]}
    assert resumed.whole_chunks(big.header.id) == 1
    assert transfer.finish(home, resumed) == transfer.plain


def test_a_torn_chunk_is_asked_for_again(home, transfer):
    """The process was killed inside a write: the chunk's head is there, its tail is not."""
    first = transfer.staged.objects()[0]
    with transfer.path.open("r+b") as stream:
        stream.seek(first.extent_at)
        stream.write(transfer.sealed[0][: 2 * (limits.CHUNK + limits.TAG) - 1])
    resumed = home.restart().resume(transfer.staged.pack)
    assert resumed.complete() == frozenset()
    assert resumed.whole_chunks(first.header.id) == 1
    assert transfer.finish(home, resumed) == transfer.plain


def test_an_announcement_cut_off_anywhere_is_made_again(home, transfer):
    """Headers written in part are dropped with the room behind them; the rest is kept."""
    transfer.send(transfer.staged, 0)
    objects = transfer.staged.objects()
    whole = transfer.path.read_bytes()
    second_header = objects[0].extent_at + objects[0].header.stored
    torn = [
        whole[: second_header + count].ljust(second_header + 4096, b"\0") for count in (0, 3, 100)
    ]
    without_room = whole[: objects[1].extent_at + 5]
    for left in (*torn, without_room):
        transfer.path.write_bytes(left)
        resumed = home.restart().resume(transfer.staged.pack)
        assert [one.header for one in resumed.objects()] == transfer.headers[:1]
        resumed.announce(transfer.headers)
        assert resumed.complete() == {transfer.headers[0].id}
    assert transfer.finish(home, resumed) == transfer.plain


def test_a_crash_between_move_and_row_is_resumed(home, transfer):
    """The file is in packs/, the catalog does not know: the fetch finds it and finishes."""
    for which in range(3):
        transfer.send(transfer.staged, which)
    length = transfer.staged.publish()
    assert not transfer.path.exists()
    resumed = home.restart().resume(transfer.staged.pack)
    assert resumed.complete() == {header.id for header in transfer.headers}
    assert resumed.publish() == length
    assert transfer.finish(home, resumed) == transfer.plain


def test_an_index_that_was_not_committed_after_the_move_is_cut_off(home, transfer):
    """The crash came later still, when the index was on disk but no row was."""
    for which in range(3):
        transfer.send(transfer.staged, which)
    length = transfer.staged.publish()
    pack = Pack(transfer.staged.pack, samples.study().id, PackRole.MAIN, length, None)
    home.packs.seal_index(pack)
    resumed = home.restart().resume(pack.id)
    assert resumed.complete() == {header.id for header in transfer.headers}
    assert resumed.publish() == length
    assert home.file(pack.id).stat().st_size == length


WRITER = """
import sys
from pathlib import Path
from support import samples
from support.clock import SeededEntropy
from support.disks import open_keyring
from undisc_node.storage.catalog import SqliteCatalog
from undisc_node.storage.packs import PackStore

home, seed = Path(sys.argv[1]), sys.argv[2]
catalog = SqliteCatalog(home / "catalog.sqlite3", entropy=SeededEntropy(seed), create=True)
keyring = open_keyring(home / "keyring.sqlite3", seed=seed, create=True)
packs = PackStore(home, keyring=keyring, entropy=SeededEntropy(seed))
with catalog.look() as records:
    known = records.studies.packs(samples.study().id)
pack = known[0] if known else packs.create(samples.study_header())
number = len(packs.objects(pack))
while True:
    number += 1
    draft = samples.draft(samples.name(str(number), 3000 + number), number)
    pack, _ = packs.append(pack, [draft])
    with catalog.change() as records:
        records.studies.put(samples.study(instances=number))
        records.studies.put_pack(pack)
    print(number, flush=True)
"""


def test_nothing_acknowledged_is_lost_when_the_writer_is_killed(tmp_path):
    """Six runs of a real process, each killed by SIGKILL at another moment of its work."""
    acknowledged = 0
    for run in range(6):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), f"run {run}"],
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        )
        with writer:
            for _ in range(1 + 3 * run):
                line = writer.stdout.readline()
                assert line, "the writer ended by itself"
                acknowledged = max(acknowledged, int(line))
            writer.send_signal(signal.SIGKILL)
            rest = writer.stdout.read().split(b"\n")
        acknowledged = max(acknowledged, *(int(line) for line in rest if line), 0)
    packs, study, pack = reopened(tmp_path)
    assert study.instances >= acknowledged >= 6
    wanted = [samples.name(str(n), 3000 + n) for n in range(1, study.instances + 1)]
    assert contents(packs, pack) == wanted


def reopened(path):
    """What the next process finds."""
    catalog = SqliteCatalog(path / "catalog.sqlite3", entropy=SeededEntropy(), create=False)
    with catalog.look() as records:
        study = records.studies.get(samples.study().id)
        (pack,) = records.studies.packs(study.id)
    catalog.close()
    keyring = open_keyring(path / "keyring.sqlite3")
    return PackStore(path, keyring=keyring, entropy=SeededEntropy("reader")), study, pack


@pytest.fixture
def acts(monkeypatch):
    """What the kernel was asked to do, in order; names relative to the home."""
    seen = []

    def note(name, act):
        def noted(first, *rest, **named):
            path = Path(f"/proc/self/fd/{first}").readlink() if isinstance(first, int) else first
            parent, _, leaf = str(path).rpartition("/")
            place = leaf if leaf in ("packs", "staging") else parent.rpartition("/")[2] + "/file"
            seen.append((name, place))
            return act(first, *rest, **named)

        return noted

    for name in ("pwritev", "fsync", "fdatasync", "rename"):
        monkeypatch.setattr(os, name, note(name, getattr(os, name)))
    return seen


def test_an_append_returns_after_the_disk_has_it(home, acts):
    """Nothing is written behind the last sync: "stored" is told after this."""
    pack, _ = home.filled(b"object")
    acts.clear()
    home.packs.append(pack, [samples.draft(b"one", 1), samples.draft(b"two", 2)])
    assert acts[-1] == ("fdatasync", "packs/file")
    acts.clear()
    home.packs.seal_index(home.packs.append(pack, [samples.draft(b"three", 3)])[0])
    assert acts[-2:] == [("pwritev", "packs/file"), ("fdatasync", "packs/file")]


def test_a_new_pack_is_on_disk_with_its_name(home, acts):
    """File first, then the directory that names it."""
    home.packs.create(samples.study_header())
    assert acts == [("pwritev", "packs/file"), ("fsync", "packs/file"), ("fsync", "packs")]


def test_publishing_syncs_bytes_before_the_name_moves(home, acts):
    """After a power cut the pack is in one place with all its bytes."""
    transfer = Transfer(home)
    for which in range(3):
        transfer.send(transfer.staged, which)
    acts.clear()
    transfer.staged.publish()
    assert acts == [
        ("fsync", "staging/file"),
        ("rename", "staging/file"),
        ("fsync", "packs"),
        ("fsync", "staging"),
    ]

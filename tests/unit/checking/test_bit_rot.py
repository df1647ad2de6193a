"""Every byte of a pack is guarded: whatever changes on the disk, `check --read-data` says so."""

import os
import random
import shutil

import pytest

from support.stored_home import WRAPPING_KEY, StoredHome, fill, make_home
from support.studies_on_disk import make_study
from undisc_node.services.errors import Damaged
from undisc_node.storage.checking.bodies import BodyReader
from undisc_node.storage.checking.frames import walk_pack
from undisc_node.storage.checking.home import check_home
from undisc_node.storage.checking.reading import CatalogView, KeyringView
from undisc_node.storage.checking.subset import Subset
from undisc_protocol.pack import PACK_HEAD

WHOLE = Subset()


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """Three studies; the second has two indexes, one behind the other, and objects between."""
    home = make_home(tmp_path_factory.mktemp("original") / "home")
    fill(home, [[3000], [10, 2000, 0], [40_000, 1_060_000]])
    with home.node() as node:
        study = home.store(node, make_study(1, [10, 2000, 0, 77]))
        node.admin.settling.settle(study, "")
    return home


@pytest.fixture
def home(original, tmp_path):
    """A copy of the home, to be damaged."""
    return StoredHome(shutil.copytree(original.path, tmp_path / "home"))


def rows(home):
    """Return the packs of the home, by the last digit of their study's UID."""
    with home.node() as node, node.catalog.look() as records:
        return {
            study.uid[-1]: pack
            for study in records.studies.list()
            for pack in records.studies.packs(study.id)
        }


def keys_of(home):
    return KeyringView(home.path / "keyring.sqlite3", key_encryption_key=WRAPPING_KEY)


def headers_of(home, pack):
    """Return the offsets of every byte of a pack that belongs to no object's body."""
    study_key = keys_of(home).get(pack.id)
    walk = walk_pack(home.pack(pack.id), pack.id, study_key, stop=pack.length)
    assert walk.problems == []
    bodies = {
        place
        for entry in walk.entries
        for place in range(entry.extent_at, entry.extent_at + entry.header.stored)
    }
    return sorted(set(range(pack.length)) - bodies)


def test_every_flipped_header_byte_is_found_without_reading_bodies(home):
    """Start of the pack, heads of frames, sealed headers, both indexes: each byte, one by one."""
    pack = rows(home)["1"]
    path, study_key = home.pack(pack.id), keys_of(home).get(pack.id)
    places = headers_of(home, pack)
    assert len(places) > 2000
    assert set(range(PACK_HEAD)) < set(places)
    with path.open("r+b", buffering=0) as file:
        for place in places:
            good = os.pread(file.fileno(), 1, place)
            os.pwrite(file.fileno(), bytes((good[0] ^ 1 << place % 8,)), place)
            walk = walk_pack(path, pack.id, study_key, stop=pack.length)
            assert walk.problems, f"byte {place} is unguarded"
            os.pwrite(file.fileno(), good, place)
    assert home.codes(WHOLE) == []


def test_a_thousand_random_bits_are_all_found(home):
    """One bit at a time, anywhere in the packs, also in bodies."""
    chance, keyring = random.Random(3), keys_of(home)
    packs = list(rows(home).values())
    reader = BodyReader()
    for _ in range(1000):
        pack = chance.choices(packs, weights=[one.length for one in packs])[0]
        place, bit = chance.randrange(pack.length), chance.randrange(8)
        path = home.pack(pack.id)
        with path.open("r+b", buffering=0) as file:
            good = os.pread(file.fileno(), 1, place)
            os.pwrite(file.fileno(), bytes((good[0] ^ 1 << bit,)), place)
            walk = walk_pack(path, pack.id, keyring.get(pack.id), stop=pack.length)
            found = walk.problems or reader.problems(path, pack.id, walk.entries)
            assert found, f"byte {place} of {pack.length} is unguarded"
            os.pwrite(file.fileno(), good, place)
    reader.close()
    assert home.codes(WHOLE) == []


def test_a_damaged_body_is_told_with_its_study_and_where_a_copy_is(home):
    """Without --read-data nothing of it is known; with it, one study is named and no patient."""
    pack = rows(home)["2"]
    path = home.pack(pack.id)
    with path.open("r+b") as file:
        file.seek(pack.length // 2)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes((byte[0] ^ 4,)))
    assert home.codes() == []
    [problem] = home.check(WHOLE).problems
    assert problem.code == "body_damaged"
    assert problem.study == pack.study
    assert problem.copies == ("dicom:CT1, which sent it", "a backup")
    assert problem.hint
    assert "Doe" not in str(problem)
    assert "1.2.826" not in str(problem)


@pytest.mark.parametrize("kept", [0, 1, 23, 24, 60, 0.5, 0.999])
def test_a_cut_pack_is_found_at_any_length(home, kept):
    pack = rows(home)["1"]
    path = home.pack(pack.id)
    os.truncate(path, int(kept * pack.length) if isinstance(kept, float) else kept)
    assert "pack_short" in home.codes()


def test_swapped_packs_are_found(home):
    """Two files changed names, of one length even."""
    with home.node() as node:
        for number in (7, 8):
            home.store(node, make_study(number, [400]))
    packs = rows(home)
    one, other = home.pack(packs["7"].id), home.pack(packs["8"].id)
    aside = one.with_name("aside")
    one.rename(aside)
    other.rename(one)
    aside.rename(other)
    assert home.codes() == ["start_damaged", "start_damaged"]


def test_a_deleted_pack_and_a_deleted_key_are_found(home):
    packs = rows(home)
    home.pack(packs["0"].id).unlink()
    with home.node() as node:
        node.packs._keyring.destroy(packs["2"].id)
    assert home.codes() == ["key_missing", "pack_missing"]


def test_an_older_form_of_a_pack_is_found(home):
    """The file was copied before the last instance came, and put back."""
    pack = rows(home)["0"]
    old = home.pack(pack.id).read_bytes()
    with home.node() as node:
        home.store(node, make_study(0, [3000, 50]))
    home.pack(pack.id).write_bytes(old)
    assert "pack_short" in home.codes()


def test_a_row_that_says_otherwise_than_its_packs_is_found(home):
    """Somebody edited the catalog by hand."""
    with home.node() as node, node.catalog.change() as records:
        study = next(one for one in records.studies.list() if one.uid.endswith(".2"))
        write = records.studies._session.write
        write("UPDATE studies SET instances = 9 WHERE uid LIKE '%.0'")
        write("UPDATE studies SET size = size + 1 WHERE uid LIKE '%.1'")
        write("UPDATE packs SET index_at = 100 WHERE study = ?", (study.id,))
    assert home.codes() == ["index_misplaced", "row_differs", "row_differs"]


def test_packs_whose_rows_were_exchanged_are_found(home):
    """Each pack opens, but belongs to another study."""
    with home.node() as node, node.catalog.change() as records:
        found = {study.uid[-1]: study for study in records.studies.list()}
        [first], [second] = (records.studies.packs(found[name].id) for name in "02")
        write = records.studies._session.write
        write("UPDATE packs SET study = ? WHERE id = ?", (found["2"].id, first.id))
        write("UPDATE packs SET study = ? WHERE id = ?", (found["0"].id, second.id))
    assert home.codes().count("wrong_study") == 2


@pytest.mark.parametrize("name", ["catalog.sqlite3", "keyring.sqlite3"])
def test_a_database_that_is_gone_or_no_database_is_told(home, name):
    path = home.path / name
    good = path.read_bytes()
    path.unlink()
    assert home.codes() == [f"{name.split('.')[0]}_unusable"]
    path.write_bytes(b"SQLite format 3\x00" + bytes(4000))
    assert home.codes() != []
    path.write_bytes(good[: len(good) // 2])
    assert home.codes() != []


def test_damaged_pages_of_the_catalog_are_told(home):
    """Zeros in the middle of the file."""
    path = home.path / "catalog.sqlite3"
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size // 2 // 4096 * 4096)
        file.write(bytes(8192))
    assert "database_damaged" in home.codes() or "catalog_unusable" in home.codes()


def test_a_line_of_the_log_that_was_changed_is_told(home):
    with home.node() as node, node.catalog.change() as records:
        write = records.studies._session.write
        write("DROP TRIGGER log_only_forgets")
        write("UPDATE log SET event = x'a0' WHERE number = 1")
    assert home.codes() == ["log_damaged"]


def test_the_wrong_key_encryption_key_is_one_problem_and_not_thousands(home):
    report = check_home(home.path, key_encryption_key=bytes(32), running=False)
    assert [one.code for one in report.problems] == ["wrong_key_encryption_key"]
    with pytest.raises(Damaged):
        KeyringView(home.path / "keyring.sqlite3", key_encryption_key=bytes(32)).get(
            rows(home)["1"].id
        )


def test_every_part_of_the_packs_is_read_by_as_many_runs():
    packs = [os.urandom(16) for _ in range(500)]
    parts = [Subset(part, 20) for part in range(1, 21)]
    assert all(sum(pack in part for part in parts) == 1 for pack in packs)


def test_the_catalog_view_refuses_to_change_anything(home):
    view = CatalogView(home.path / "catalog.sqlite3")
    with pytest.raises(RuntimeError):
        view.change()
    with view.look() as records, pytest.raises(RuntimeError):
        records.studies.remove(bytes(16), 0)
    view.close()

"""The model of a disk is as unkind as it says, and no more."""

from __future__ import annotations

import random
import stat

from support.platter import File, Folder, Platter

CHANCE = random.Random(1)


def platter() -> tuple[Platter, Folder, Folder]:
    """Return a disk with two folders that are there for good."""
    disk = Platter()
    one, other = Folder(stat.S_IFDIR), Folder(stat.S_IFDIR)
    disk.link("/one", one)
    disk.link("/other", other)
    disk.sync_all()
    return disk, one, other


def new_file(disk: Platter, path: str, content: bytes = b"") -> File:
    file = File(stat.S_IFREG)
    disk.link(path, file)
    file.write(content, 0)
    return file


def content(disk: Platter, path: str) -> bytes | None:
    found = disk.find(path)
    return bytes(found.live) if isinstance(found, File) else None


def test_a_synced_file_whose_folder_was_not_synced_has_no_name_after_a_cut():
    disk, one, _ = platter()
    new_file(disk, "/one/a", b"text").sync()
    new_file(disk, "/one/b", b"text").sync()
    disk.sync_folder(one)
    new_file(disk, "/one/c", b"text").sync()
    disk.cut("clean", CHANCE)
    assert sorted(one.live) == ["a", "b"]
    assert content(disk, "/one/a") == b"text"


def test_a_name_whose_file_was_not_synced_is_empty_after_a_cut():
    disk, one, _ = platter()
    new_file(disk, "/one/a", b"text")
    disk.sync_folder(one)
    disk.cut("clean", CHANCE)
    assert content(disk, "/one/a") == b""


def test_a_rename_is_undone_unless_a_folder_was_synced():
    disk, one, other = platter()
    new_file(disk, "/one/a", b"text").sync()
    disk.sync_folder(one)
    disk.rename("/one/a", "/other/a")
    disk.cut("clean", CHANCE)
    assert (sorted(one.live), sorted(other.live)) == (["a"], [])
    disk.rename("/one/a", "/other/a")
    disk.sync_folder(other)
    disk.cut("clean", CHANCE)
    assert (sorted(one.live), sorted(other.live)) == ([], ["a"])


def test_syncing_where_something_was_moved_to_does_not_leave_its_old_name():
    """Made here and moved there, only there was synced: the making is part of the moving."""
    disk, one, other = platter()
    new_file(disk, "/one/a", b"text").sync()
    disk.rename("/one/a", "/other/a")
    disk.sync_folder(other)
    disk.sync_folder(one)
    disk.cut("clean", CHANCE)
    assert (sorted(one.live), sorted(other.live)) == ([], ["a"])


def test_a_torn_write_leaves_any_sectors_and_a_kept_one_all():
    seen = set()
    for seed in range(200):
        disk, one, _ = platter()
        file = new_file(disk, "/one/a", bytes(4096 * 4))
        file.sync()
        disk.sync_folder(one)
        file.write(b"\1" * 4096 * 4, 0)
        disk.cut("torn", random.Random(seed))
        found = content(disk, "/one/a") or b""
        sectors = [found[at : at + 512] for at in range(0, len(found), 512)]
        assert set(sectors) <= {bytes(512), b"\1" * 512}
        seen.add(tuple(sector[0] for sector in sectors))
    assert {(0,) * 32, (1,) * 32} <= seen
    assert len(seen) > 50
    file.write(b"\2" * 4096, 0)
    disk.cut("kept", CHANCE)
    assert (content(disk, "/one/a") or b"")[:4096] == b"\2" * 4096


def test_what_was_synced_is_never_torn():
    for seed in range(50):
        disk, one, _ = platter()
        file = new_file(disk, "/one/a", b"kept")
        file.sync()
        disk.sync_folder(one)
        file.write(b"lost", 4)
        new_file(disk, "/one/b")
        disk.cut("torn", random.Random(seed))
        assert (content(disk, "/one/a") or b"")[:4] == b"kept"


def test_a_torn_cut_keeps_no_rename_of_what_it_does_not_keep():
    """Made, then moved: never moved without having been made."""
    outcomes = set()
    for seed in range(100):
        disk, one, other = platter()
        new_file(disk, "/one/a")
        disk.rename("/one/a", "/other/a")
        disk.cut("torn", random.Random(seed))
        outcomes.add((*one.live, "|", *other.live))
    assert outcomes == {("|",), ("a", "|"), ("|", "a")}

"""Files dropped into a folder are taken in when they are quiet, once, and never through a link."""

from __future__ import annotations

import os

import pytest

from undisc_node.dicom.watch_folder import Watched, WatchFolder
from undisc_node.services.errors import DiskFull, Invalid


class Scene:
    def __init__(self, folder, *, delete=False):
        self.folder, self.now, self.stored, self.problem = folder, 0.0, [], None
        folder.mkdir(exist_ok=True)
        self.watch(delete=delete)

    def watch(self, *, delete=False):
        self.watcher = WatchFolder(
            Watched("Sono 2", str(self.folder), delete),
            store=self.store,
            elapsed=lambda: self.now,
            quiet=5.0,
            stamp=lambda: "20261124T140000Z",
        )

    def store(self, source, sender):
        with source.open() as stream:
            content = stream.read()
        if self.problem:
            raise self.problem
        if content.startswith(b"bad"):
            raise Invalid("this is not a DICOM file", code="not_dicom", hint="drop images only")
        assert (len(content), sender) == (source.size, "watch:Sono 2")
        self.stored.append(content)

    def rounds(self, count=2, seconds=6.0):
        for _ in range(count):
            self.watcher.look()
            self.now += seconds

    def left(self):
        return sorted(str(one.relative_to(self.folder)) for one in self.folder.rglob("*"))


@pytest.fixture
def scene(tmp_path):
    return Scene(tmp_path / "in")


def test_a_quiet_file_is_stored_and_moved_and_a_growing_one_waits(scene):
    (scene.folder / "quiet").write_bytes(b"one")
    growing = scene.folder / "growing"
    for size in range(4):
        growing.write_bytes(b"x" * (size + 1))
        scene.rounds(1, 3.0)
    assert scene.stored == [b"one"]
    scene.rounds(2)
    assert scene.stored == [b"one", b"xxxx"]
    assert scene.left() == [
        "done", "done/20261124T140000Z-000001-quiet", "done/20261124T140000Z-000002-growing",
    ]  # fmt: skip


def test_stored_files_are_deleted_where_the_setting_says_so(tmp_path):
    scene = Scene(tmp_path / "in", delete=True)
    (scene.folder / "a" / "b").mkdir(parents=True)
    (scene.folder / "a" / "b" / "image").write_bytes(b"one")
    scene.rounds()
    assert (scene.stored, scene.left()) == ([b"one"], ["a", "a/b"])


def test_what_cannot_be_stored_goes_aside_with_a_reason_that_names_nobody(scene):
    (scene.folder / "bad").write_bytes(b"bad DOE^JANE")
    scene.rounds()
    failed = scene.folder / "failed"
    assert (failed / "20261124T140000Z-000001-bad").read_bytes() == b"bad DOE^JANE"
    reason = (failed / "20261124T140000Z-000001-bad.txt").read_text()
    assert reason == "not_dicom: this is not a DICOM file\ndrop images only\n"


def test_a_full_disk_leaves_the_file_for_later(scene):
    (scene.folder / "image").write_bytes(b"one")
    scene.problem = DiskFull("the disk is full")
    scene.rounds(1)
    with pytest.raises(DiskFull):
        scene.watcher.look()
    assert scene.left() == ["image"]
    scene.problem = None
    scene.rounds(1)
    assert scene.stored == [b"one"]


def test_links_pipes_and_unfinished_files_are_left_alone(scene, tmp_path):
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "file").write_bytes(b"secret")
    (scene.folder / "link").symlink_to(tmp_path / "secret")
    (scene.folder / "folder").symlink_to(tmp_path / "elsewhere")
    os.mkfifo(scene.folder / "pipe")
    (scene.folder / "image.part").write_bytes(b"half")
    (scene.folder / ".hidden").write_bytes(b"half")
    before = scene.left()
    scene.rounds(3)
    assert (scene.stored, scene.left()) == ([], before)


def test_a_done_folder_that_is_a_link_moves_nothing_out(scene, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (scene.folder / "done").symlink_to(tmp_path / "elsewhere")
    (scene.folder / "image").write_bytes(b"one")
    scene.rounds(3)
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert (scene.folder / "image").exists()


def test_a_restart_stores_what_was_left_and_nothing_twice_that_is_gone(scene):
    (scene.folder / "one").write_bytes(b"one")
    scene.rounds()
    (scene.folder / "two").write_bytes(b"two")
    scene.rounds(1)
    scene.watch()
    scene.rounds(2)
    assert scene.stored == [b"one", b"two"]


def test_a_folder_that_is_gone_is_a_clear_error(tmp_path):
    scene = Scene(tmp_path / "in")
    scene.folder.rmdir()
    with pytest.raises(Exception, match="watch folder of 'Sono 2' cannot be read"):
        scene.watcher.look()

"""A mounted file system that loses what was not synced when its power is cut, and fails on command.

    with forgetful_disk() as disk:
        disk.cut_after(17, "torn", seed=3, kill=node.pid)   # before its 17th change from now
        ...
        disk.revive()                                       # mounts what is left

The file system (`platter`) lives in a process of its own, served through FUSE by mfusepy; one line
of JSON on its standard input is one command. From the moment of a cut on every call fails with EIO.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import json
import os
import random
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from support.platter import File, Folder, Inode, Platter
from support.programs import needed, package

CAPACITY: Final = 1 << 32  # bytes that fit unless a test says less
_BLOCK: Final = 4096
_MOUNT_SECONDS: Final = 10.0


class ForgetfulFileSystem:
    """The file system's calls, as mfusepy makes them; a path is None where a handle is given."""

    use_ns = True

    def __init__(self) -> None:
        self.platter = Platter()
        self._guard = threading.RLock()
        self._handles: dict[int, Inode] = {}
        self._numbers = itertools.count(1)
        self._times: dict[int, int] = {}
        self.reset()

    def reset(self) -> None:
        """Begin anew after a mount: nothing is open, nothing is broken."""
        self._handles.clear()
        self.capacity = CAPACITY
        self.used = self.platter.used()
        self.is_dead = False
        self.changes = 0
        self.count: dict[str, int] = {"read": 0, "write": 0, "sync": 0, "name": 0}
        self.failures: dict[str, tuple[int, int, int]] = {}
        self.cut_at: tuple[int, str, int, int] | None = None

    # --- Commands -------------------------------------------------------------------------------

    def command(self, wish: Mapping[str, Any]) -> dict[str, Any]:
        """Do what the test asks for."""
        with self._guard:
            match wish["do"]:
                case "cut":
                    self._cut(wish["kind"], wish["seed"], wish["kill"])
                case "cut_after":
                    at = self.changes + wish["changes"]
                    self.cut_at = (at, wish["kind"], wish["seed"], wish["kill"])
                case "fail":
                    kind, code = wish["kind"], wish["code"]
                    first = self.count[kind] + wish["nth"]
                    self.failures[kind] = (first, first + wish["times"], code)
                case "heal":
                    self.failures.clear()
                    self.capacity = CAPACITY
                    self.cut_at = None
                case "sync":
                    self.platter.sync_all()
                case "room":
                    self.capacity = self.used + wish["bytes"]
            return {"changes": self.changes, "used": self.used, "dead": self.is_dead}

    def _cut(self, kind: str, seed: int, kill: int) -> None:
        if self.is_dead:
            return
        self.is_dead = True
        if kill:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(kill, signal.SIGKILL)
        self.platter.cut(kind, random.Random(seed))

    def _act(self, kind: str) -> None:
        """Count a call; fail or cut the power instead if it is its turn."""
        if self.is_dead:
            raise OSError(errno.EIO, "no power")
        self.count[kind] += 1
        if kind != "read":
            self.changes += 1
            if self.cut_at is not None and self.changes >= self.cut_at[0]:
                self._cut(*self.cut_at[1:])
                raise OSError(errno.EIO, "no power")
        first, stop, code = self.failures.get(kind, (0, 0, 0))
        if first <= self.count[kind] < stop:
            raise OSError(code, os.strerror(code))

    def _inode(self, path: str | None, handle: int | None) -> Inode:
        if handle and handle in self._handles:
            return self._handles[handle]
        found = self.platter.find(path or "")
        if found is None:
            raise FileNotFoundError(errno.ENOENT, "no such file")
        return found

    def _file(self, path: str | None, handle: int | None) -> File:
        found = self._inode(path, handle)
        if not isinstance(found, File):
            raise IsADirectoryError(errno.EISDIR, "a directory")
        return found

    def _hold(self, inode: Inode) -> int:
        handle = next(self._numbers)
        self._handles[handle] = inode
        return handle

    # --- Looking --------------------------------------------------------------------------------

    def getattr(self, path: str | None, handle: int | None = None) -> dict[str, Any]:
        """Return attributes; times are those of the last change."""
        with self._guard:
            inode = self._inode(path, handle)
            size = len(inode.live) if isinstance(inode, File) else _BLOCK
            at = self._times.get(id(inode), 0)
            return {
                "st_mode": inode.mode,
                "st_nlink": 1 if isinstance(inode, File) else 2,
                "st_size": size,
                "st_blocks": -(-size // 512),
                "st_uid": os.getuid(),
                "st_gid": os.getgid(),
                "st_mtime": at,
                "st_ctime": at,
                "st_atime": at,
            }

    def readdir(self, path: str | None, handle: int) -> list[str]:
        """List names."""
        with self._guard:
            self._act("read")
            folder = self._inode(path, handle)
            return [".", "..", *(folder.live if isinstance(folder, Folder) else ())]

    def statfs(self, path: str) -> dict[str, int]:
        """Tell how much room there is."""
        with self._guard:
            free = max(0, self.capacity - self.used) // _BLOCK
            total = self.capacity // _BLOCK
            return {
                "f_bsize": _BLOCK,
                "f_frsize": _BLOCK,
                "f_blocks": total,
                "f_bfree": free,
                "f_bavail": free,
                "f_files": 1 << 20,
                "f_ffree": 1 << 19,
                "f_favail": 1 << 19,
                "f_namemax": 255,
            }

    def opendir(self, path: str) -> int:
        """Open a folder."""
        with self._guard:
            return self._hold(self._inode(path, None))

    def open(self, path: str, flags: int) -> int:
        """Open a file; the kernel truncates by a call of its own."""
        with self._guard:
            return self._hold(self._file(path, None))

    def read(self, path: str | None, size: int, offset: int, handle: int) -> bytes:
        """Read."""
        with self._guard:
            self._act("read")
            return bytes(self._file(path, handle).live[offset : offset + size])

    def release(self, path: str | None, handle: int) -> int:
        """Close."""
        with self._guard:
            self._handles.pop(handle, None)
        return 0

    releasedir = release

    # --- Changing -------------------------------------------------------------------------------

    def create(self, path: str, mode: int, fi: object = None) -> int:
        """Make and open a file."""
        with self._guard:
            self._act("name")
            self._room(1)
            inode = File(stat.S_IFREG | stat.S_IMODE(mode))
            self.platter.link(path, inode)
            return self._hold(inode)

    def mknod(self, path: str, mode: int, device: int) -> int:
        """Make a file or a socket."""
        with self._guard:
            self._act("name")
            self.platter.link(path, File(mode))
        return 0

    def mkdir(self, path: str, mode: int) -> int:
        """Make a folder."""
        with self._guard:
            self._act("name")
            self._room(1)
            self.platter.link(path, Folder(stat.S_IFDIR | stat.S_IMODE(mode)))
        return 0

    def unlink(self, path: str) -> int:
        """Remove a name."""
        with self._guard:
            self._act("name")
            self._gone(self.platter.unlink(path))
        return 0

    def rmdir(self, path: str) -> int:
        """Remove a folder."""
        with self._guard:
            self._act("name")
            found = self._inode(path, None)
            if isinstance(found, Folder) and found.live:
                raise OSError(errno.ENOTEMPTY, "not empty")
            self.platter.unlink(path)
        return 0

    def rename(self, old: str, new: str) -> int:
        """Move a name."""
        with self._guard:
            self._act("name")
            self._gone(self.platter.rename(old, new))
        return 0

    def write(self, path: str | None, data: bytes, offset: int, handle: int) -> int:
        """Write; a write that does not fit is refused whole."""
        with self._guard:
            self._act("write")
            file = self._file(path, handle)
            self._room(max(0, offset + len(data) - len(file.live)))
            self.used += file.write(data, offset)
            self._times[id(file)] = time.time_ns()
        return len(data)

    def truncate(self, path: str | None, length: int, handle: int | None = None) -> int:
        """Cut or extend; holes need no room, as on most file systems."""
        with self._guard:
            self._act("write")
            self.used += self._file(path, handle).resize(length)
        return 0

    def fallocate(self, path: str | None, mode: int, offset: int, size: int, handle: int) -> int:
        """Make room and extend, as the mode 0 does; without this, libc writes every block."""
        if mode:
            raise OSError(errno.EOPNOTSUPP, "only room at the end")
        with self._guard:
            self._act("write")
            file = self._file(path, handle)
            length = max(len(file.live), offset + size)
            self._room(length - len(file.live))
            self.used += file.resize(length)
        return 0

    def chmod(self, path: str | None, mode: int) -> int:
        """Change permissions, durably at once."""
        with self._guard:
            inode = self._inode(path, None)
            inode.mode = stat.S_IFMT(inode.mode) | stat.S_IMODE(mode)
        return 0

    def chown(self, path: str, uid: int, gid: int) -> int:
        """Leave owners alone."""
        return 0

    def utimens(self, path: str | None, times: tuple[int, int] | None = None) -> int:
        """Change times, durably at once."""
        with self._guard:
            self._times[id(self._inode(path, None))] = times[1] if times else time.time_ns()
        return 0

    def fsync(self, path: str | None, datasync: int, handle: int) -> int:
        """Make contents durable."""
        with self._guard:
            self._act("sync")
            self._file(path, handle).sync()
        return 0

    def fsyncdir(self, path: str | None, datasync: int, handle: int) -> int:
        """Make names durable."""
        with self._guard:
            self._act("sync")
            folder = self._inode(path, handle)
            assert isinstance(folder, Folder)
            self.platter.sync_folder(folder)
        return 0

    def _room(self, count: int) -> None:
        if count > 0 and self.used + count > self.capacity:
            raise OSError(errno.ENOSPC, "no room")

    def _gone(self, inode: Inode | None) -> None:
        if isinstance(inode, File):
            self.used -= len(inode.live)


class ForgetfulDisk:
    """The mounted disk, seen from a test.

    Args:
        directory: Empty; `directory / "disk"` becomes the mount point.
    """

    def __init__(self, directory: Path) -> None:
        self.path = directory / "disk"
        self.path.mkdir()
        root = Path(__file__).parents[1]
        with (directory / "disk.log").open("w", encoding="utf-8") as log:
            self._process = subprocess.Popen(
                [sys.executable, __file__, str(self.path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,  # libfuse 3.14 complains of its own default at each mount
                env={**os.environ, "PYTHONPATH": str(root), "FUSE_LIBRARY_NAME": "fuse3"},
                text=True,
            )
        self._wait_mounted()

    def cut(self, kind: str, *, seed: int = 0, kill: int = 0) -> None:
        """Cut the power now; `kill` is a process group that dies with it."""
        self._tell(do="cut", kind=kind, seed=seed, kill=kill)

    def cut_after(self, changes: int, kind: str, *, seed: int = 0, kill: int = 0) -> None:
        """Cut the power instead of the n-th change from now on."""
        self._tell(do="cut_after", changes=changes, kind=kind, seed=seed, kill=kill)

    def sync(self) -> None:
        """Make everything durable."""
        self._tell(do="sync")

    def fail(self, kind: str, nth: int, code: int, *, times: int = 1) -> None:
        """Let the n-th `read`, `write`, `sync` or `name` call from now on fail, and some after."""
        self._tell(do="fail", kind=kind, nth=nth, code=code, times=times)

    def room(self, count: int) -> None:
        """Leave room for so many bytes from now on."""
        self._tell(do="room", bytes=count)

    def heal(self) -> None:
        """Take back `room`, `fail` and a cut that has not come yet."""
        self._tell(do="heal")

    def changes(self) -> int:
        """Count the changes since the mount."""
        found: int = self._tell(do="look")["changes"]
        return found

    @property
    def is_dead(self) -> bool:
        """Tell whether the power was cut."""
        return bool(self._tell(do="look")["dead"])

    def revive(self) -> None:
        """Mount what is left after a cut; whoever had files open must be gone."""
        self._unmount()
        self._wait_mounted()

    def close(self) -> None:
        """Unmount, and forget everything."""
        self._tell(do="end")
        self._unmount(lazily=True)
        self._process.wait(_MOUNT_SECONDS)
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        self.path.rmdir()

    def _tell(self, **wish: object) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(wish) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def _unmount(self, *, lazily: bool = False) -> None:
        """Unmount; `lazily` also where a failed test has left a file open."""
        how = ["-u", "-z"] if lazily else ["-u"]
        deadline = time.monotonic() + _MOUNT_SECONDS
        while True:
            done = subprocess.run(
                ["fusermount3", *how, str(self.path)], capture_output=True, text=True, check=False
            )
            if done.returncode == 0:
                return
            assert time.monotonic() < deadline, done.stderr
            time.sleep(0.01)  # a process that was killed is about to let go

    def _wait_mounted(self) -> None:
        deadline = time.monotonic() + _MOUNT_SECONDS
        while not self.path.is_mount():
            assert self._process.poll() is None, "the disk's process ended"
            assert time.monotonic() < deadline, "the disk is not mounted"
            time.sleep(0.005)  # the kernel does not tell


@contextmanager
def forgetful_disk() -> Iterator[ForgetfulDisk]:
    """Mount a forgetful disk where the machine can, else leave the test out."""
    package("fusermount3", "fuse3")
    needed(os.access("/dev/fuse", os.R_OK | os.W_OK), "a forgetful disk needs /dev/fuse")
    from support.two_nodes import short_directory  # noqa: PLC0415 - the disk's process has no need

    with short_directory() as directory:
        disk = ForgetfulDisk(directory)
        try:
            yield disk
        finally:
            disk.close()


def _obey(files: ForgetfulFileSystem, ended: threading.Event, mount_point: str) -> None:
    for line in sys.stdin:
        wish = json.loads(line)
        if wish["do"] == "end":
            ended.set()
        print(json.dumps(files.command(wish)), flush=True)
    if not ended.is_set():  # the test is gone
        ended.set()
        subprocess.run(["fusermount3", "-u", "-z", mount_point], check=False)


def _serve(mount_point: str) -> None:
    from mfusepy import FUSE  # noqa: PLC0415 - loads libfuse, which a test may have to install

    files, ended = ForgetfulFileSystem(), threading.Event()
    threading.Thread(target=_obey, args=(files, ended, mount_point), daemon=True).start()
    while not ended.is_set():
        files.reset()
        FUSE(
            files,
            mount_point,
            foreground=True,
            hard_remove=True,
            fsname="forgetful",
            default_permissions=os.geteuid() != 0,
        )


if __name__ == "__main__":
    _serve(sys.argv[1])

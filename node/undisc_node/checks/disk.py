"""Checks of the disk under the home: owners, file system, room, speed."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Final

from undisc_node.checks.finding import CannotLook, Finding, fail, ok, skip, warn
from undisc_node.checks.scene import Scene

_MIB: Final = 2**20
_FOLDERS: Final = ("packs", "staging", "keys")
_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH
_FEW_INODES: Final = 10_000
_SLOW_SYNC_MS: Final = 50.0  # a modern disk needs 1 to 10; each image is one sync or more
_SYNCS: Final = 5
_NETWORK: Final = frozenset({"nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "ceph"})
_GONE_AT_RESTART: Final = frozenset({"tmpfs", "ramfs"})


def _there(scene: Scene) -> Path:
    if not scene.home.is_dir():
        raise CannotLook("there is no home")
    return scene.home


def directories(scene: Scene) -> Finding:
    """Look whether the node's folders can be written."""
    for name in _FOLDERS:
        path = _there(scene) / name
        if not path.is_dir() or not os.access(path, os.W_OK | os.X_OK):
            return fail(
                f"{path} is missing, or this user cannot write to it",
                "run as the user who owns the node's home",
            )
    return ok("every directory of the home can be written")


def owners(scene: Scene) -> Finding:
    """Look who owns the home and who else may write to it."""
    home = _there(scene)
    paths = [home, *(home / name for name in (*_FOLDERS, "catalog.sqlite3", "keyring.sqlite3"))]
    found = {path: path.stat() for path in paths if path.exists()}
    open_to_others = [path.name for path, status in found.items() if status.st_mode & _OTHERS_WRITE]
    if open_to_others:
        return fail(
            f"other users can write to {', '.join(open_to_others)}",
            f"chmod go-w {home} and what is in it",
        )
    if len({status.st_uid for status in found.values()}) > 1:
        return fail(
            "parts of the home belong to different users",
            f"chown -R the node's user {home}; never run undisc-node as another user",
        )
    if found[home].st_uid != os.geteuid():
        return warn(
            "this home belongs to another user than the one who is looking",
            "run undisc-node as the user who owns the home",
        )
    return ok("the home belongs to one user, and only that user can write to it")


def one_file_system(scene: Scene) -> Finding:
    """Look whether finished packs can be moved in place by a rename."""
    devices = {(_there(scene) / name).stat().st_dev for name in ("packs", "staging")}
    if len(devices) > 1:
        return fail(
            "packs and staging are on different file systems, so fetched studies cannot be moved"
            " in place",
            "mount the whole home as one volume",
        )
    return ok("packs and staging are on one file system")


def file_system(scene: Scene) -> Finding:
    """Look at the kind of file system under the databases."""
    kind = file_system_of(_there(scene))
    if kind in _GONE_AT_RESTART:
        return fail(f"the home is on {kind}: it is gone at the next restart", "use a disk")
    if kind in _NETWORK:
        return fail(
            f"the home is on {kind}; SQLite's write-ahead log needs a disk of this machine",
            "move the home to a local disk; a network share is a good place for backups",
        )
    if kind == "overlay":
        return warn(
            "the home is in the container's own layer, which goes with the container",
            "mount a volume at the home",
        )
    return ok(f"the home is on {kind}") if kind else skip("the kind of file system is not known")


def file_system_of(path: Path) -> str:
    """Return the kind of the file system of a path; empty when the system does not say."""
    try:
        lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    found, longest = "", -1
    resolved = path.resolve()
    for line in lines:
        left, _, right = line.partition(" - ")
        mounted = Path(left.split()[4].encode().decode("unicode_escape"))
        # The last of several mounts at one place is the one that is seen.
        if resolved.is_relative_to(mounted) and len(mounted.parts) >= longest:
            found, longest = right.split()[0], len(mounted.parts)
    return found


def room(scene: Scene) -> Finding:
    """Compare free space with the reserve."""
    free = shutil.disk_usage(_there(scene)).free // _MIB
    kept = scene.settings.reserve_mib
    hint = "free some space, or move the home to a larger disk"
    if free <= kept:
        return fail(f"{free} MiB are free; ingest stops at {kept} MiB", hint)
    if free <= 2 * kept:
        return warn(f"{free} MiB are free; ingest stops at {kept} MiB, which is near", hint)
    return ok(f"{free} MiB are free")


def inodes(scene: Scene) -> Finding:
    """Look whether more files can be made."""
    status = os.statvfs(_there(scene))
    if status.f_files and status.f_favail < _FEW_INODES:
        return warn(
            f"only {status.f_favail} more files can be made on this file system",
            "free some, or use a file system with more inodes; each study is a file",
        )
    return ok("the file system has room for more files")


def sync_speed(scene: Scene) -> Finding:
    """Measure how long the disk needs to make a small write durable."""
    folder = _there(scene) / "staging"
    times = []
    # Without a name where the system can do that: nothing is left, whatever happens.
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        for _ in range(_SYNCS):
            file.write(bytes(4096))
            began = time.perf_counter()
            os.fsync(file.fileno())
            times.append((time.perf_counter() - began) * 1000)
    typical = median(times)
    if typical > _SLOW_SYNC_MS:
        return warn(
            f"making a small write durable takes {typical:.0f} ms",
            "use a disk with less delay: every image and every revocation waits for it",
        )
    if typical < 0.02:  # noqa: PLR2004 - ms; no disk is that fast
        return warn(
            "the disk says that writes are durable at once, which no disk can",
            "find out whether it, or its virtual machine, ignores fsync: a power cut loses images",
        )
    return ok(f"making a small write durable takes {typical:.1f} ms")

"""The admin socket as a file: made, taken over when stale, and removed again.

The system decides who may open it: mode 0660, in a folder that is the node's own.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from undisc_node.services.errors import Unavailable

MODE: Final = 0o660  # the node's user and its group
_ANSWER_SECONDS: Final = 2.0


@contextmanager
def admin_socket(path: Path) -> Iterator[socket.socket]:
    """Bind the admin socket while the block runs; nobody can connect before it listens.

    Args:
        path: Where, usually `admin.sock` in the node's home.

    Raises:
        Unavailable: Another node runs on this home, or the path cannot be used.
    """
    _make_way(path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as bound:
        made = _bind(bound, path)
        try:
            yield bound
        finally:
            with contextlib.suppress(OSError):
                if _same_file(path.stat(), made):
                    path.unlink()


def _bind(bound: socket.socket, path: Path) -> os.stat_result:
    try:
        bound.bind(str(path))
        path.chmod(MODE)
        return path.stat()
    except OSError as problem:
        raise Unavailable(
            f"the admin socket cannot be made: {problem.strerror or problem}",
            code="no_admin_socket",
            hint="the home's path must be short (about 90 characters) and writable",
        ) from problem


def _same_file(found: os.stat_result, made: os.stat_result) -> bool:
    return (found.st_dev, found.st_ino) == (made.st_dev, made.st_ino)


def _make_way(path: Path) -> None:
    """Remove a socket that nobody answers on; refuse to touch anything else."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise Unavailable(
            "there is a file where the admin socket belongs",
            code="no_admin_socket",
            hint=f"move {path} away",
        )
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
        caller.settimeout(_ANSWER_SECONDS)
        try:
            caller.connect(str(path))
        except OSError as problem:
            if problem.errno in {errno.ECONNREFUSED, errno.ENOENT}:
                path.unlink(missing_ok=True)  # left by a node that was killed
                return
            if not isinstance(problem, TimeoutError):
                raise Unavailable(
                    f"the admin socket cannot be opened: {problem.strerror}",
                    code="no_admin_socket",
                ) from problem
    raise Unavailable(
        "another undisc-node is running on this home",
        code="already_running",
        hint="stop it first, or give this one a home of its own: UNDISC_HOME",
    )

"""Tells whether a node works on a home, without getting in its way.

A running node holds a lock on a file of its home (`home.holding_home`). Trying to take that lock
could keep a node from starting at that very moment, so the kernel's list of locks is read instead.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Final

from undisc_node.storage.home import IDENTITY

_LOCKS: Final = Path("/proc/locks")
_PATIENCE: Final = 1.0  # seconds for the node's socket


def is_running(home: Path) -> bool:
    """Tell whether a node, or another command that needs the home for itself, works on it."""
    return _is_locked(home / IDENTITY) or _answers(home / "admin.sock")


def _is_locked(path: Path) -> bool:
    try:
        status = path.stat()
        listed = _LOCKS.read_text(encoding="ascii").splitlines()
    except OSError:
        return False
    place = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    return any(
        parts[1:2] == ["FLOCK"] and parts[3] == "WRITE" and parts[5] == place
        for parts in map(str.split, listed)
        if len(parts) >= 6  # noqa: PLR2004 - proc(5): number, kind, mode, access, pid, file
    )


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(_PATIENCE)
        try:
            probe.connect(str(path))
        except OSError:
            return False
        return True

"""What a repository's disk complains about, as something a person can act on."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from undisc_node.services.errors import Damaged, DiskFull, Unavailable

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@contextmanager
def repository_faults(path: Path) -> Iterator[None]:
    """Translate an `OSError` inside the block.

    Raises:
        DiskFull: No room on the repository's disk.
        Unavailable: The file is missing, not allowed, or the disk failed.
    """
    try:
        yield
    except FileNotFoundError as fault:
        raise Unavailable(
            f"{path} is missing from the backup",
            code="backup_incomplete",
            hint="check that the backup disk is mounted; other snapshots may be whole:"
            " undisc-node backup list",
        ) from fault
    except OSError as fault:
        if fault.errno in _NO_ROOM:
            raise DiskFull(
                f"no room left on the backup disk for {path}",
                code="backup_disk_full",
                hint="earlier snapshots are unharmed; free some space, keep fewer of them (--keep),"
                " or use a larger disk",
            ) from fault
        raise Unavailable(
            f"the backup disk failed on {path}: {fault.strerror or 'unknown fault'}",
            code="backup_disk_fault",
            hint="check mount, owner and the system's log, then try again",
        ) from fault


def damaged(path: Path, what: str) -> Damaged:
    """Return the error of a file that is there, but not as it was written."""
    return Damaged(
        f"{path} is damaged: {what}",
        code="backup_damaged",
        hint="if the node still lives, remove the file and back up again: what it held is written"
        " anew; otherwise restore another snapshot (--snapshot)",
    )

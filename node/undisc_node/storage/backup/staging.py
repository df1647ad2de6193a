"""A private place in the home for the copy of a catalog, for as long as a backup takes.

The copy holds patient data, readable; so it lies where the catalog itself does, and what a killed
backup left is removed by the next one, and by the node when it starts.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from undisc_node.services.ports import Entropy
from undisc_node.storage.faults import disk_faults

_PREFIX: Final = "backup-"


@contextmanager
def working_folder(staging: Path, entropy: Entropy) -> Iterator[Path]:
    """Make a folder that is removed at the end of the block."""
    folder = staging / f"{_PREFIX}{entropy.random(8).hex()}"
    with disk_faults(folder):
        folder.mkdir(mode=0o700)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        # The lock says that the folder is in use; it ends with the process, however that ends.
        with disk_faults(folder):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)


def sweep_working_folders(staging: Path) -> int:
    """Remove the folders of backups that were killed; return how many."""
    swept = 0
    with disk_faults(staging):
        for folder in staging.glob(f"{_PREFIX}*"):
            with suppress(BlockingIOError, NotADirectoryError, FileNotFoundError):
                descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(folder)
                    swept += 1
                finally:
                    os.close(descriptor)
    return swept

"""Disks and users that do not cooperate, and how a node opens its keyring."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.clock import SeededEntropy
from undisc_node.storage.keyring import Keyring

_NOBODY = 65_534
_KEY = bytes(32)


def open_keyring(
    path: Path, *, key: bytes = _KEY, seed: str = "keyring", create: bool = False
) -> Keyring:
    """Open a keyring; another seed is another run of the node."""
    entropy = SeededEntropy(seed)
    return Keyring(path, key_encryption_key=key, entropy=entropy, create=create)


@contextmanager
def files_no_longer_than(size: int) -> Iterator[None]:
    """Let the kernel refuse every write beyond a file size, as a full disk or quota does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def without_privilege() -> Iterator[None]:
    """Be nobody for a moment if the tests run as root, who may do everything."""
    privileged = os.geteuid() == 0
    if privileged:
        os.seteuid(_NOBODY)
    try:
        yield
    finally:
        if privileged:
            os.seteuid(0)

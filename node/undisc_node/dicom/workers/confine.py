"""Takes from a worker what its work does not need. Called once, after the fork, before any request.

Nothing can be opened afterwards, so everything must have been imported before. Imports nothing
beyond the standard library.
"""

from __future__ import annotations

import ctypes
import gc
import math
import os
import resource
from contextlib import suppress
from pathlib import Path
from typing import Final

_NO_NEW_PRIVILEGES: Final = 38  # PR_SET_NO_NEW_PRIVS (prctl(2))
_DUMPABLE: Final = 4  # PR_SET_DUMPABLE: other processes of the user cannot look inside
_NOBODY: Final = 65_534  # user and group without rights on every Linux
_LIBC: Final = ctypes.CDLL(None, use_errno=True)  # found before opening becomes impossible


def confine(*, seconds: float, memory: int) -> None:
    """Limit this process for good.

    Args:
        seconds: Of processor time; rounded up to whole seconds, with one more, because whoever
            started the worker counts real time and should be first.
        memory: Bytes of address space beyond what is taken now.

    Raises:
        OSError: The system refuses a limit; the worker must end.
    """
    gc.disable()  # the process ends before garbage matters
    space = address_space() + memory
    if os.geteuid() == 0:
        with suppress(OSError):  # a container may have taken these rights away already
            os.setgroups([])
            os.setgid(_NOBODY)
            os.setuid(_NOBODY)
    processor = math.ceil(seconds) + 1
    for what, limit in (
        (resource.RLIMIT_AS, space),
        (resource.RLIMIT_CPU, processor),
        (resource.RLIMIT_CORE, 0),  # a core file would hold a patient's image
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NPROC, 0),  # neither processes nor threads
        (resource.RLIMIT_NOFILE, 0),  # neither files nor sockets; those that are open stay
    ):
        _, hard = resource.getrlimit(what)
        bound = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(what, (bound, bound))
    _LIBC.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    _LIBC.prctl(_DUMPABLE, 0, 0, 0, 0)


def address_space() -> int:
    """Return the address space of this process, in bytes."""
    pages = int(Path("/proc/self/statm").read_bytes().split()[0])
    return pages * resource.getpagesize()

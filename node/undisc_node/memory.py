"""Bounds what the C library keeps of memory that was given back.

glibc lets threads allocate from up to eight arenas for each core, and an arena returns little of
what was freed. The threads of a node take turns at buffers of megabytes, so each arena ends up with
room for some: a node that had been busy for a quarter of an hour had a quarter more than it needed,
and still grew. Two arenas are enough, because Python's own lock lets one thread allocate at a time.
"""

from __future__ import annotations

import ctypes
from typing import Final

_M_ARENA_MAX: Final = -8  # mallopt(3)
ARENAS: Final = 2


def few_arenas() -> bool:
    """Let the process have few arenas; call before it starts threads.

    Returns:
        Whether it is so; another C library than glibc has no such option, and no such need.
    """
    try:
        return bool(ctypes.CDLL(None).mallopt(_M_ARENA_MAX, ARENAS))
    except (AttributeError, OSError):
        return False

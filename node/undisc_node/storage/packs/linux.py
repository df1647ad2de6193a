"""Two calls of Linux that Python does not offer; both only help, and are left out where missing.

`os.posix_fallocate` is not the same: where a file system cannot reserve room, the C library writes
a byte into every block instead, a quarter of a million writes for a study.
"""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Callable
from typing import Final

_START_WRITING: Final = 2  # SYNC_FILE_RANGE_WRITE, sync_file_range(2): starts, does not wait
_KEEP_NOTHING: Final = 0  # fallocate(2): the file grows
_CANNOT: Final = (errno.EOPNOTSUPP, errno.ENOSYS)

_Call = Callable[..., int]


def _found(types: tuple[type[ctypes._SimpleCData[int]], ...], *names: str) -> _Call | None:
    """Find a function of the C library under the first of the names that it has."""
    library = ctypes.CDLL(None, use_errno=True)
    for name in names:
        call = getattr(library, name, None)
        if call is not None:
            call.argtypes = types
            call.restype = ctypes.c_int
            return call  # type: ignore[no-any-return]
    return None


_INT, _OFFSET, _FLAGS = ctypes.c_int, ctypes.c_int64, ctypes.c_uint
_fallocate: Final = _found((_INT, _INT, _OFFSET, _OFFSET), "fallocate64", "fallocate")
_sync_file_range: Final = _found((_INT, _OFFSET, _OFFSET, _FLAGS), "sync_file_range")


def reserve(descriptor: int, offset: int, length: int) -> None:
    """Reserve blocks and let the file grow over them; they read as zeros.

    Raises:
        OSError: There is no room. Where blocks cannot be reserved, nothing happens.
    """
    while _fallocate is not None and length:
        if _fallocate(descriptor, _KEEP_NOTHING, offset, length) == 0:
            return
        problem = ctypes.get_errno()
        if problem in _CANNOT:
            return
        if problem != errno.EINTR:
            raise OSError(problem, os.strerror(problem))


def start_writing(descriptor: int, offset: int, length: int) -> None:
    """Let the disk begin with bytes just written, so that the sync at the end waits less.

    Promises nothing and reports nothing: a failing disk is reported by the sync.
    """
    if _sync_file_range is not None:
        _sync_file_range(descriptor, offset, length, _START_WRITING)
    else:
        os.posix_fadvise(descriptor, offset, length, os.POSIX_FADV_DONTNEED)

"""The C library keeps few arenas, however many threads allocate."""

from __future__ import annotations

import subprocess
import sys

from undisc_node.memory import ARENAS

BUSY = """
import ctypes, sys, threading
from undisc_node.memory import few_arenas
libc = ctypes.CDLL(None)
if not hasattr(libc, "malloc_stats"):
    sys.exit("another C library")
if sys.argv[1] == "few":
    assert few_arenas()
libc.malloc.restype = ctypes.c_void_p
together = threading.Barrier(8)
def work():
    together.wait()
    for _ in range(1_000):
        libc.malloc(ctypes.c_size_t(1_000))
    together.wait()
threads = [threading.Thread(target=work) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
libc.malloc_stats()
"""


def arenas(how: str) -> int | None:
    """Let eight threads allocate in a process of their own; count the arenas they got."""
    done = subprocess.run(
        [sys.executable, "-c", BUSY, how], capture_output=True, text=True, check=False, timeout=60
    )
    if "another C library" in done.stderr:
        return None
    assert done.returncode == 0, done.stderr
    return done.stderr.count("Arena ")


def test_eight_threads_share_two_arenas_where_they_would_have_more():
    usual = arenas("usual")
    if usual is not None:
        assert usual > ARENAS
        assert arenas("few") == ARENAS

"""Works for workers, most of which misbehave in one way. Imported by the nursery, by its name."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import socket
import sys
import time
from pathlib import Path

from undisc_node.services.errors import Invalid

_NAMES = (
    "echo where refuse steer allocate allocate_outside many recurse spin sleep die crash fail leave"
    " fork thread opens connects writes babble remember limits"
)
WORKS = {name: f"support.wild_works:{name}" for name in _NAMES.split()}
_SEEN = []
_SPOKEN_FOR = b"DOE^JANE"


def prepare_worker():
    _SEEN.append("prepared")


def echo(request):
    return request


def where(_):
    return f"{os.getpid()} {Path.cwd()} {sorted(os.environ)}".encode()


def refuse(request):
    raise Invalid("the frame is not there", code="no_frame", hint=f"try {len(request)}")


def steer(_):
    raise Invalid("\x1b[2Jgone\r\n", code="x;y", hint="")


def allocate(request):
    return bytes(len(bytearray(int(request))))


def allocate_outside(_):
    """As a C library that does not look at what it gets."""
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    libc.malloc.argtypes = [ctypes.c_size_t]
    ctypes.memset(libc.malloc(4 * 2**30), 1, 4 * 2**30)
    return b""


def recurse(request):
    return recurse(request + b"x")


def spin(_):
    while True:
        pass


def sleep(_):
    time.sleep(600)


def die(_):
    os.kill(os.getpid(), signal.SIGKILL)


def crash(_):
    ctypes.string_at(0)


def fail(request):
    raise KeyError(_SPOKEN_FOR.decode())


def leave(_):
    sys.exit(0)


def fork(_):
    os.fork()
    return b"forked"


def thread(_):
    import threading  # noqa: PLC0415 - loaded already

    threading.Thread(target=time.sleep, args=(1,)).start()
    return b"threaded"


def opens(request):
    return Path(request.decode()).read_bytes()


def writes(request):
    Path(request.decode()).write_bytes(b"was here")
    return b"written"


def connects(request):
    with socket.socket() as out:
        out.connect(("127.0.0.1", int(request)))
    return b"connected"


def babble(_):
    """Write to every descriptor there is, instead of answering."""
    for descriptor in range(64):
        try:
            os.write(descriptor, b"A" + b"\xff" * 200)
        except OSError:
            continue
    os._exit(0)


def many(request):
    return bytes(int(request))


def remember(request):
    _SEEN.append(request.decode())
    return " ".join(_SEEN).encode()


def limits(_):
    names = ("RLIMIT_CORE", "RLIMIT_FSIZE", "RLIMIT_NOFILE", "RLIMIT_NPROC", "RLIMIT_CPU")
    found = [resource.getrlimit(getattr(resource, name)) for name in names]
    status = ctypes.CDLL(None).prctl(39, 0, 0, 0, 0)  # PR_GET_NO_NEW_PRIVS
    return f"{found} {status} {os.geteuid()}".encode()

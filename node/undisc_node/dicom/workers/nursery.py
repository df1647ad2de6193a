"""The process from which workers are forked, and what a worker does. Run by `pool` as a script.

It has no thread, no environment and no file of the home, and never reads a stranger's byte: the
node sends it one end of a socket for each piece of work, and the worker forked for it reads the
rest. Standard error leads nowhere, because a library's messages can hold values of data sets.
"""

from __future__ import annotations

import codecs
import gc
import importlib
import json
import os
import signal
import socket
import sys
from collections.abc import Callable
from typing import Final

_LONGEST_LOAD: Final = 65_536  # bytes of the order what to load: names of works and modules
_LONGEST_ORDER: Final = 4_096  # bytes
_CODECS: Final = ("ascii", "latin-1", "utf-8")  # Python reads each from disk at its first use
_NAME: Final = 64  # characters of an exception's class that are told
_SENTENCE: Final = 500  # characters of a refusal's sentence, hint or code

Work = Callable[[bytes], bytes]


def main(descriptor: int, path: list[str]) -> None:
    """Load what the node says, then fork a worker for each socket it sends, until it ends."""
    sys.path[:] = path
    from undisc_node.dicom.workers import frames  # noqa: PLC0415 - the path had to come first

    control = socket.socket(fileno=descriptor)
    order = json.loads(bytes(frames.Line(control).receive(limit=_LONGEST_LOAD)[1]))
    try:
        works = _find(order)
        importlib.import_module("undisc_node.dicom.workers.confine")
        importlib.import_module("undisc_node.services.errors")
        for codec in _CODECS:
            codecs.lookup(codec)
    except Exception as error:  # noqa: BLE001 - the node tells the administrator
        frames.Line(control).send(frames.FAILED, _told(error))
        return
    gc.collect()
    gc.freeze()  # what is shared with workers stays shared
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # ended workers leave nothing behind
    frames.Line(control).send(frames.ANSWER, b"")
    while True:
        _, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        if not descriptors:
            return  # the node has ended
        with socket.socket(fileno=descriptors[0]) as end:
            pid = os.fork()
            if not pid:
                control.close()
                _serve(end, works)
            # The worker waits for its order, and the node for this, so the number is still its own.
            handle = os.pidfd_open(pid)
            socket.send_fds(control, [b"."], [handle])
            os.close(handle)


def _find(order: dict[str, str]) -> dict[str, Work]:
    """Import every work's module, let each prepare itself, and return the functions."""
    works: dict[str, Work] = {}
    prepared = set()
    for name, where in order.items():
        module_name, _, function = where.partition(":")
        module = importlib.import_module(module_name)
        prepare = getattr(module, "prepare_worker", None)
        if prepare is not None and module_name not in prepared:
            prepare()
        prepared.add(module_name)
        works[name] = getattr(module, function)
    return works


def _serve(end: socket.socket, works: dict[str, Work]) -> None:
    """Do one piece of work and end. Nothing that happens here returns."""
    from undisc_node.dicom.workers import confine, frames  # noqa: PLC0415 - imported before

    try:
        line = frames.Line(end)
        order = json.loads(bytes(line.receive(limit=_LONGEST_ORDER)[1]))
        confine.confine(seconds=order["seconds"], memory=2 * order["size"] + order["memory"])
        request = bytes(line.receive(limit=order["size"])[1])
        line.send(*_outcome(works[order["work"]], request))
    finally:
        os._exit(0)


def _outcome(work: Work, request: bytes) -> tuple[bytes, bytes]:
    """Return kind and body of the frame that answers."""
    from undisc_node.dicom.workers import frames  # noqa: PLC0415 - imported before
    from undisc_node.services.errors import ServiceError  # noqa: PLC0415 - as above

    try:
        return frames.ANSWER, work(request)
    except ServiceError as refusal:
        parts = [refusal.reason, str(refusal), refusal.hint]
        return frames.REFUSED, json.dumps([part[:_SENTENCE] for part in parts]).encode()
    except MemoryError:
        return frames.SWOLLEN, b""
    except BaseException as error:  # noqa: BLE001 - also an exit is no answer
        return frames.FAILED, _told(error)


def _told(error: BaseException) -> bytes:
    """Name an exception's class; its text may hold values of a data set."""
    return type(error).__name__[:_NAME].encode("ascii", "replace")


if __name__ == "__main__":
    main(int(sys.argv[1]), json.loads(sys.argv[2]))

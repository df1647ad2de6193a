"""The node's side of its workers: starts the nursery, hands out work, and ends what is over."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from undisc_node.dicom.workers import frames
from undisc_node.services.errors import Invalid, Unavailable
from undisc_protocol.fields import UNSHOWABLE

_SCRIPT: Final = Path(__file__).with_name("nursery.py")
# Libraries for numbers start a thread for each core unless told otherwise; a worker has one.
_ENVIRONMENT: Final = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
_START_SECONDS: Final = 30.0  # to import every library; less than one on an idle machine
_FORK_SECONDS: Final = 5.0  # to fork a worker; milliseconds on an idle machine
_TOLD: Final = 4_096  # bytes of a refusal or of an exception's name

log = logging.getLogger("undisc.workers")


@dataclass(frozen=True, slots=True)
class WorkBounds:
    """What one piece of work may cost, unless it says otherwise.

    Attributes:
        seconds: Real time; the slowest decoder takes about one for a large frame.
        memory: Bytes beyond an idle worker and twice the request.
        answer: Bytes of the answer; a frame of 8192 × 8192 in 16 bit has 128 MiB.
        at_once: Workers at one time.
        waiting_seconds: For a free worker.
    """

    seconds: float = 10.0
    memory: int = 512 * 2**20
    answer: int = 256 * 2**20
    at_once: int = 2
    waiting_seconds: float = 20.0


class WorkerPool:
    """Runs work in workers (`services.ports.LimitedWork`).

    The nursery starts with the first piece of work, and again when it has ended.

    Args:
        works: For each name of work, where its function is, as `module:function`. The function
            takes and returns bytes, and refuses by raising `ServiceError`. A function
            `prepare_worker` of the module is called once, before any work: whatever it needs from
            the disk must be read then, because a worker can open nothing.
        bounds: What one piece of work may cost.
        monotonic: A clock in seconds that never goes back.
    """

    def __init__(
        self,
        works: Mapping[str, str],
        *,
        bounds: WorkBounds | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._works = dict(works)
        self._bounds = bounds or WorkBounds()
        self._monotonic = monotonic
        self._free = threading.BoundedSemaphore(self._bounds.at_once)
        self._lock = threading.Lock()
        self._nursery: _Nursery | None = None

    def run(
        self,
        task: str,
        request: bytes | bytearray | memoryview,
        *,
        seconds: float | None = None,
        memory: int | None = None,
        answer: int | None = None,
    ) -> bytes:
        """Do one piece of work and return what it made; see `LimitedWork.run`."""
        if task not in self._works:
            raise KeyError(task)
        seconds = self._bounds.seconds if seconds is None else seconds
        order = {
            "work": task,
            "size": len(request),
            "seconds": seconds,
            "memory": self._bounds.memory if memory is None else memory,
        }
        longest = self._bounds.answer if answer is None else answer
        if not self._free.acquire(timeout=self._bounds.waiting_seconds):
            raise Unavailable(
                "too many images are being decoded", code="work_busy", hint="try again in a moment"
            )
        try:
            with self._worker() as end:
                line = frames.Line(end, deadline=self._monotonic() + seconds)
                return read_outcome(task, *_converse(line, order, request, max(longest, _TOLD)))
        finally:
            self._free.release()

    def close(self) -> None:
        """End the nursery; workers that are busy end with their work."""
        with self._lock:
            nursery, self._nursery = self._nursery, None
        if nursery is not None:
            nursery.close()

    @contextmanager
    def _worker(self) -> Iterator[socket.socket]:
        """Provide the socket of a new worker; the worker is gone afterwards."""
        try:
            ours, theirs = socket.socketpair()
        except OSError:
            raise _stopped() from None
        with ours:
            with theirs:
                handle = self._fork(theirs)
            try:
                yield ours
            finally:
                with suppress(ProcessLookupError):
                    signal.pidfd_send_signal(handle, signal.SIGKILL)
                os.close(handle)

    def _fork(self, end: socket.socket) -> int:
        """Let the nursery fork a worker for this socket; a nursery that has ended is replaced."""
        with self._lock:
            for _ in range(2):
                try:
                    if self._nursery is None:
                        self._nursery = _Nursery(self._works)
                    return self._nursery.fork(end)
                except OSError as error:
                    log.warning("the nursery of workers ended (%s)", type(error).__name__)
                    nursery, self._nursery = self._nursery, None
                    if nursery is not None:
                        nursery.close()
        raise _stopped()


class _Nursery:
    """A running nursery."""

    def __init__(self, works: Mapping[str, str]) -> None:
        self._control, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-I", str(_SCRIPT)),
                    *(str(theirs.fileno()), json.dumps(sys.path)),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=_ENVIRONMENT,
                cwd="/",
                pass_fds=(theirs.fileno(),),
                start_new_session=True,  # an interrupt at a terminal is for the node
            )
        line = frames.Line(self._control, deadline=time.monotonic() + _START_SECONDS)
        try:
            line.send(frames.LOAD, json.dumps(dict(works)).encode())
            kind, body = line.receive(limit=_TOLD)
        except OSError as error:
            kind, body = frames.FAILED, bytearray(type(error).__name__.encode())
        if kind != frames.ANSWER:
            self.close()
            log.error("workers cannot be started: %s", body.decode("ascii", "replace"))
            raise Unavailable(
                "the libraries that read images cannot be loaded",
                code="work_stopped",
                hint="install undisc again with all its dependencies",
            )
        self._control.settimeout(_FORK_SECONDS)

    def fork(self, end: socket.socket) -> int:
        """Fork a worker for one end of a socket; return a descriptor that stands for it.

        Raises:
            OSError: The nursery has ended or does not answer.
        """
        socket.send_fds(self._control, [b"."], [end.fileno()])
        _, descriptors, _, _ = socket.recv_fds(self._control, 1, 1)
        if not descriptors:
            raise frames.Broken("the nursery ended")
        return descriptors[0]

    def close(self) -> None:
        """End it: it does so when its socket closes, and is made to when it does not."""
        self._control.close()
        try:
            self._process.wait(1.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _converse(
    line: frames.Line,
    order: Mapping[str, object],
    request: bytes | bytearray | memoryview,
    longest: int,
) -> tuple[bytes, bytearray]:
    """Send order and request; return kind and body of the answer."""
    try:
        line.send(frames.WORK, json.dumps(order).encode())
        line.send(frames.BODY, request)
        return line.receive(limit=longest)
    except TimeoutError:
        raise Invalid(
            "the image takes too long to be read",
            code="work_too_slow",
            hint="the stored image is untouched; get it as it is",
        ) from None
    except frames.TooLong:
        raise _too_big() from None
    except frames.Broken:
        return frames.FAILED, bytearray(b"Ended")


def read_outcome(task: str, kind: bytes, body: bytearray) -> bytes:
    """Return the answer of a worker, or raise what it told.

    Args:
        task: Name of the work, for the log.
        kind: Kind of the frame that came.
        body: Its body, from a process that may have been taken over.

    Raises:
        Invalid: The work was refused or failed.
    """
    if kind == frames.ANSWER:
        return bytes(body)
    if kind == frames.REFUSED:
        raise _refusal(body)
    if kind == frames.SWOLLEN:
        raise _too_big()
    name = body[:_TOLD].decode("ascii", "replace")
    log.warning("a worker failed: %s (%s)", task, name if name.isidentifier() else "?")
    raise _failed()


def _refusal(body: bytearray) -> Invalid:
    """Read a worker's refusal; a worker that was taken over says nothing to a terminal."""
    try:
        code, sentence, hint = json.loads(bytes(body))
        if not (code.isidentifier() and code.isascii()):
            return _failed()
        return Invalid(UNSHOWABLE.sub("", sentence), code=code, hint=UNSHOWABLE.sub("", hint))
    except (ValueError, TypeError, AttributeError):
        return _failed()


def _stopped() -> Unavailable:
    return Unavailable(
        "no process could be started to look into the image",
        code="work_stopped",
        hint="look at memory and processes of this machine, and into the node's log",
    )


def _too_big() -> Invalid:
    return Invalid(
        "the image takes too much memory to be read",
        code="work_too_big",
        hint="the stored image is untouched; get it as it is",
    )


def _failed() -> Invalid:
    return Invalid(
        "the image cannot be read",
        code="work_failed",
        hint="the stored image is untouched; get it as it is",
    )

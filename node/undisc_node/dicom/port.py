"""The DICOM port: listens, lets known senders in, and gives each connection a line.

The address is checked before a byte of DICOM is read or a TLS handshake begins. What happens on a
connection is in `line`, what it may cost in `bounds`, what it brings in `store_scp`. The port has
an event loop and threads of its own, so that a node which is busy elsewhere still takes images.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import ssl
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final

from undisc_node.dicom.bounds import Admission, Bounds
from undisc_node.dicom.line import Line
from undisc_node.dicom.providing.provider import Provider
from undisc_node.dicom.providing.questions import Questions
from undisc_node.dicom.store_scp import Report, Stores, Visit
from undisc_node.services.errors import Unavailable
from undisc_node.services.ports import KnowsCallers

_STOP_SECONDS: Final = 5.0  # for objects that are being stored when the port is closed
_QUIET_SECONDS: Final = 60.0  # between two log lines about the same stranger
_STRANGERS: Final = 1_024  # remembered for that
_BACKLOG: Final = 128  # connections the system keeps for us
_BACK_OFF: Final = 0.1  # seconds to wait when the system has no room for a connection
_LOOK_SECONDS: Final = 0.1  # between two looks at the deadlines of all connections
_BUFFER: Final = 262_144  # bytes read from a socket at once; two of the largest PDUs
_NO_ROOM: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class DicomPort:
    """Accepts images from known senders.

    Args:
        host: Address to listen on; `::` listens on IPv4 as well.
        port: TCP port; 0 lets the system choose.
        senders: Tells who calls.
        stores: Where objects go.
        on_report: Takes reports of storage commitment that an archive sends, or None.
        provider: Answers questions of workstations, or None.
        bounds: What to put up with.
        tls: Speaks TLS with every connection; None for none. Asked for each of them, as the
            certificates that are let in change.
        logger: Where to write lines without patient data.
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        senders: KnowsCallers,
        stores: Stores,
        on_report: Report | None = None,
        provider: Provider | None = None,
        bounds: Bounds | None = None,
        tls: Callable[[], ssl.SSLContext] | None = None,
        logger: logging.Logger | None = None,
    ) -> None:
        self._host = host
        self._port = port
        self._senders = senders
        self._stores = stores
        self._on_report = on_report
        self._provider = provider
        self._bounds = bounds or Bounds()
        self._tls = tls
        self._log = logger or logging.getLogger(__name__)
        self._admission = Admission(self._bounds)
        self._listener: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended: asyncio.Event | None = None
        self._all_closed: asyncio.Event | None = None
        self._lines: dict[Line, None] = {}  # in the order in which they came
        self._arriving: dict[asyncio.Task[None], str] = {}  # before and in TLS handshakes
        self._strangers: dict[str, float] = {}
        self._buffer = memoryview(bytearray(_BUFFER))
        self._workers: ThreadPoolExecutor | None = None
        self._questions = Questions(self._bounds.questions)

    @property
    def address(self) -> tuple[str, int]:
        """Where the port listens: address and TCP port."""
        if self._listener is None:
            raise Unavailable("the DICOM port is not open")
        name = self._listener.getsockname()
        return str(name[0]), int(name[1])

    def start(self) -> None:
        """Open the port and serve it in threads of its own.

        Raises:
            Unavailable: `port_in_use`, or `port_refused` when the system does not allow it.
        """
        self._listener = self._listen()
        self._listener.setblocking(False)  # noqa: FBT003 - the socket's own name for it
        self._workers = ThreadPoolExecutor(self._bounds.workers, thread_name_prefix="dicom-worker")
        ready = threading.Event()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(ready)), name="dicom-port", daemon=True
        )
        self._thread.start()
        ready.wait()

    def stop(self) -> None:
        """Close the port. Objects that are being stored get a moment to finish and be answered."""
        thread, self._thread = self._thread, None
        if thread is None or self._loop is None or self._ended is None:
            return
        self._loop.call_soon_threadsafe(self._ended.set)
        thread.join()

    def _listen(self) -> socket.socket:
        """Bind and listen."""
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        try:
            return socket.create_server(
                (self._host, self._port),
                family=family,
                backlog=_BACKLOG,
                dualstack_ipv6=self._host == "::",
            )
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise Unavailable(
                    f"the DICOM port {self._port} is in use by another program",
                    code="port_in_use",
                    hint="stop that program, or choose another DICOM port in the settings",
                ) from None
            raise Unavailable(
                f"the DICOM port {self._port} on {self._host} cannot be opened",
                code="port_refused",
                hint="choose an address of this machine and a port from 1024 on",
            ) from error

    async def _serve(self, ready: threading.Event) -> None:
        """Serve the port until it is closed."""
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        self._loop.set_exception_handler(self._note_mistake)
        ready.set()
        duties = [asyncio.create_task(duty) for duty in (self._accept(), self._look_at_clock())]
        await self._ended.wait()
        duties[0].cancel()
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.close()
        for task in tuple(self._arriving):
            task.cancel()
        for line in tuple(self._lines):
            line.stop()
        self._all_closed = asyncio.Event()
        if self._lines:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._all_closed.wait(), _STOP_SECONDS)
        duties[1].cancel()
        self._questions.close(wait=not self._lines)
        if self._workers is not None:
            self._workers.shutdown(wait=not self._lines, cancel_futures=True)

    async def _accept(self) -> None:
        """Take connections until the port is closed."""
        loop, listener = asyncio.get_running_loop(), self._listener
        while listener is not None:
            try:
                connection, peer = await loop.sock_accept(listener)
            except OSError as error:
                if error.errno in _NO_ROOM:
                    await asyncio.sleep(_BACK_OFF)  # connections that end give room again
                continue
            address = str(peer[0])
            if not self._senders.admits(address, secured=self._tls is not None):
                self._note_stranger(address)
                connection.close()
            elif not await self._enter(address):
                self._log.warning("DICOM: too many connections from %s, one refused", address)
                connection.close()
            else:
                task = asyncio.create_task(self._begin(connection, address))
                self._arriving[task] = address
                task.add_done_callback(self._arriving.pop)
                if self._tls is None:  # a handshake takes as long as the other side likes
                    await asyncio.wait([task])

    async def _enter(self, address: str) -> bool:
        """Count a connection; the oldest one that does not ask for anything gives way to it."""
        idle: list[tuple[Callable[[], object], str]]
        idle = [(task.cancel, came_from) for task, came_from in self._arriving.items()]
        idle += [(line.cut, line.address) for line in self._lines if line.awaits_request]
        stranger = self._senders.is_stranger(address, secured=self._tls is not None)
        for end, came_from in idle:
            if self._admission.enter(address, stranger=stranger):
                return True
            if came_from == address or self._admission.allows(address):
                end()
                for _ in range(2):  # what it takes until it has ended
                    await asyncio.sleep(0)
        return self._admission.enter(address, stranger=stranger)

    async def _begin(self, connection: socket.socket, address: str) -> None:
        """Give an admitted connection its line."""
        loop = asyncio.get_running_loop()
        visit = Visit(
            address=address,
            senders=self._senders,
            stores=self._stores,
            on_report=self._on_report,
            logger=self._log,
            largest=self._bounds.data_set,
            provider=self._provider,
        )

        def closed(line: Line) -> None:
            self._lines.pop(line, None)
            self._admission.leave(address)
            if not self._lines and self._all_closed is not None:
                self._all_closed.set()

        assert self._workers is not None  # noqa: S101 - made before the thread, for mypy
        line = Line(
            loop=loop,
            workers=self._workers,
            questions=self._questions,
            buffer=self._buffer,
            bounds=self._bounds,
            address=address,
            visit=visit,
            logger=self._log,
            closed=closed,
        )
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await loop.connect_accepted_socket(
                lambda: line,
                connection,
                ssl=self._tls() if self._tls else None,
                ssl_handshake_timeout=self._bounds.associate_seconds if self._tls else None,
                ssl_shutdown_timeout=self._bounds.close_seconds if self._tls else None,
            )
        except (OSError, asyncio.CancelledError) as error:
            self._log.info("DICOM: connection from %s ended (%s)", address, type(error).__name__)
            connection.close()
            self._admission.leave(address)
            return
        self._lines[line] = None

    async def _look_at_clock(self) -> None:
        """End connections that let a deadline pass."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            for line in tuple(self._lines):
                line.look_at_clock()

    def _note_stranger(self, address: str) -> None:
        """Log a refused address, at most once a minute each."""
        assert self._loop is not None  # noqa: S101 - it runs us, for mypy
        self._senders.note_refused(address)
        now = self._loop.time()
        if now - self._strangers.get(address, -_QUIET_SECONDS) < _QUIET_SECONDS:
            return
        if len(self._strangers) >= _STRANGERS:
            self._strangers.clear()
        self._strangers[address] = now
        self._log.warning(
            "DICOM: connection from %s refused, it is not the address of a known sender", address
        )

    def _note_mistake(self, _loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        """Log what the event loop complains about, without the values it would show."""
        problem = context.get("exception")
        self._log.error("DICOM: a connection failed: %s", type(problem).__name__)

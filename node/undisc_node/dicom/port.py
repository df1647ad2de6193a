"""The DICOM port: listens, lets listed senders in, and gives each connection a guarded association.

The address is checked before a byte of DICOM is read. What happens inside an association is in
`store_scp`, what a connection may cost is in `guard`.
"""

from __future__ import annotations

import errno
import logging
import socket
import threading
import time
from collections.abc import Sequence
from typing import Final

from undisc_node.dicom.association import Acceptor
from undisc_node.dicom.guard import Admission, Bounds, Gate
from undisc_node.dicom.senders import Sender, Senders
from undisc_node.dicom.store_scp import Report, Store, Visit
from undisc_node.services.errors import Unavailable

_STOP_SECONDS: Final = 5.0  # for objects that are being stored when the port is closed
_QUIET_SECONDS: Final = 60.0  # between two log lines about the same stranger
_STRANGERS: Final = 1_024  # remembered for that
_BACKLOG: Final = 128  # connections the system keeps for us
_BACK_OFF: Final = 0.1  # seconds to wait when the system has no room for a connection


class DicomPort:
    """Accepts images from listed senders.

    Args:
        host: Address to listen on; `::` listens on IPv4 as well.
        port: TCP port; 0 lets the system choose.
        ae_title: Our AE title. Senders that call us by another name are accepted too.
        senders: Who may send.
        store: Stores one object durably before it returns. Gets the object and who brought it,
            as `dicom:<name>`; raises `ServiceError` to refuse it.
        on_report: Takes reports of storage commitment that an archive sends, or None.
        bounds: What to put up with.
        logger: Where to write lines without patient data.

    Raises:
        Invalid: `bad_address`, when a sender's address cannot be read.
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        ae_title: str,
        senders: Sequence[Sender],
        store: Store,
        on_report: Report | None = None,
        bounds: Bounds | None = None,
        logger: logging.Logger | None = None,
    ) -> None:
        self._host = host
        self._port = port
        self._senders = Senders(senders)
        self._store = store
        self._on_report = on_report
        self._bounds = bounds or Bounds()
        self._log = logger or logging.getLogger(__name__)
        self._acceptor = Acceptor(
            ae_title=ae_title,
            pdu_size=self._bounds.data_pdu,
            associate_seconds=self._bounds.associate_seconds,
        )
        self._admission = Admission(self._bounds)
        self._listener: socket.socket | None = None
        self._lock = threading.Lock()
        self._open: dict[socket.socket, threading.Thread] = {}
        self._strangers: dict[str, float] = {}
        self._accepting: threading.Thread | None = None

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
        self._accepting = threading.Thread(
            target=self._accept, args=(self._listener,), name="dicom-port", daemon=True
        )
        self._accepting.start()

    def stop(self) -> None:
        """Close the port. Objects that are being stored get a moment to finish and be answered."""
        listener, self._listener = self._listener, None
        if listener is None or self._accepting is None:
            return
        listener.shutdown(socket.SHUT_RDWR)  # wakes the accepting thread
        self._accepting.join()
        listener.close()
        deadline = time.monotonic() + _STOP_SECONDS
        for how in (socket.SHUT_RD, socket.SHUT_RDWR):
            with self._lock:
                still_open = dict(self._open)
            for connection in still_open:
                _shut(connection, how)
            for thread in still_open.values():
                thread.join(max(0.0, deadline - time.monotonic()))

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

    def _accept(self, listener: socket.socket) -> None:
        """Take connections until the port is closed."""
        while True:
            try:
                connection, peer = listener.accept()
            except OSError as error:
                if error.errno in {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}:
                    time.sleep(_BACK_OFF)  # connections that end give room again
                    continue
                if error.errno == errno.ECONNABORTED:
                    continue
                return
            address = str(peer[0])
            if not self._senders.at(address):
                self._note_stranger(address)
                connection.close()
            elif not self._admission.enter(address):
                self._log.warning("DICOM: too many connections from %s, one refused", address)
                connection.close()
            else:
                self._begin(connection, (address, int(peer[1])))

    def _begin(self, connection: socket.socket, peer: tuple[str, int]) -> None:
        """Serve one admitted connection in a thread."""
        thread = threading.Thread(
            target=self._serve, args=(connection, peer), name=f"dicom-{peer[0]}", daemon=True
        )
        with self._lock:
            self._open[connection] = thread
        thread.start()

    def _serve(self, connection: socket.socket, peer: tuple[str, int]) -> None:
        """Serve one connection until it ends."""
        gate = Gate(connection, bounds=self._bounds, admission=self._admission)
        visit = Visit(
            gate=gate,
            address=peer[0],
            senders=self._senders,
            store=self._store,
            logger=self._log,
            on_report=self._on_report,
        )
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._acceptor.run(
                connection,
                gate,
                peer=peer,
                may_call=visit.may_call,
                on_store=visit.on_store,
                on_report=visit.on_report,
                logger=self._log,
            )
        except OSError as error:
            self._log.info("DICOM: connection from %s ended (%s)", peer[0], type(error).__name__)
        finally:
            gate.message_done()
            connection.close()
            self._admission.leave(peer[0])
            with self._lock:
                del self._open[connection]
            visit.close()

    def _note_stranger(self, address: str) -> None:
        """Log a refused address, at most once a minute each."""
        now = time.monotonic()
        if now - self._strangers.get(address, -_QUIET_SECONDS) < _QUIET_SECONDS:
            return
        if len(self._strangers) >= _STRANGERS:
            self._strangers.clear()
        self._strangers[address] = now
        self._log.warning(
            "DICOM: connection from %s refused, it is not the address of a listed sender", address
        )


def _shut(connection: socket.socket, how: int) -> None:
    """Shut a connection down that may be closed already."""
    try:
        connection.shutdown(how)
    except OSError:
        return

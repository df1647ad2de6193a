"""Runs pynetdicom's acceptor on a guarded connection; the only place that touches its insides.

The library keeps what it is good at: the state machine of PS3.8, negotiation, commands and answers.
It gets its PDUs from `guard.Gate` instead of a socket. Its two loops poll with a millisecond of
sleep each; the subclasses here wait for the thing itself, which saves two milliseconds for every
image. A later release replaces all of this by an engine of our own.
"""

from __future__ import annotations

import logging
import queue
import select
import socket
import threading
from collections.abc import Callable
from typing import Any

from pydicom import config
from pynetdicom import AE, _config, build_context, evt
from pynetdicom.association import Association
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    StorageCommitmentPushModel,
    Verification,
)
from pynetdicom.transport import AddressInformation, AssociationSocket

from undisc_node.dicom.guard import Gate
from undisc_node.dicom.part10 import IMPLEMENTATION_CLASS

# These are settings of the process; this package is the libraries' only user.
config.settings.reading_validation_mode = config.IGNORE  # its warnings quote the values
_config.UNRESTRICTED_STORAGE_SERVICE = True  # every storage class, also private, in any syntax
_config.LOG_HANDLER_LEVEL = "none"  # the standard handlers log values of data sets

_REQUESTS = (b"\x01", b"\x05")  # PDU types that we answer: associate and release requests
_WAIT = 0.02  # seconds between looks at things nobody wakes us for, such as the end of a thread
_PAUSE = 0.0001  # seconds the library sleeps between two such looks
_SEND_SECONDS = 30.0  # an answer has below 300 bytes; a peer that does not take it is gone
_REJECTED_CALLING_AE = (0x01, 0x01, 0x03)  # permanent, service user, calling AE (PS3.8 §9.3.4)

Handler = Callable[[Any], Any]


class Acceptor:
    """Makes and runs associations in the role of the acceptor.

    Args:
        ae_title: Our AE title.
        pdu_size: Largest P-DATA-TF PDU we take, in bytes; announced to senders.
        associate_seconds: How long a connection may stay without an association.
    """

    def __init__(self, *, ae_title: str, pdu_size: int, associate_seconds: float) -> None:
        self._application = AE(ae_title=ae_title)
        self._application.maximum_pdu_size = pdu_size
        self._application.acse_timeout = associate_seconds
        self._application.network_timeout = None  # the gate watches for idleness
        self._application.implementation_class_uid = IMPLEMENTATION_CLASS
        self._application.implementation_version_name = "UNDISC"
        self._application.maximum_associations = 10_000  # the guard counts, before anything is read

    def run(
        self,
        connection: socket.socket,
        gate: Gate,
        *,
        peer: tuple[str, int],
        may_call: Callable[[str], bool],
        on_store: Handler,
        on_report: Handler,
        logger: logging.Logger,
    ) -> None:
        """Serve one connection until it ends.

        Args:
            connection: The accepted socket.
            gate: Reads from that socket.
            peer: Address and port of the other side.
            may_call: Decides about the calling AE title.
            on_store: Gets pynetdicom's C-STORE event; returns a status data set.
            on_report: Gets its N-EVENT-REPORT event; returns a status and nothing.
            logger: Where to write lines without patient data.
        """
        association = Association(self._application, "acceptor")
        association.name = f"dicom-{peer[0]}"
        association.dul.daemon = True
        # Unlike the library's timer, the gate knows of a data set that is still on its way.
        association.dul.idle_timer_expired = gate.is_idle  # type: ignore[method-assign]
        association.dul._run_loop_delay = _PAUSE  # noqa: SLF001 - it waits in our `ready` instead
        wake = _WakingQueue()
        association.dul.to_provider_queue = wake
        association.dimse = _WaitingMessages(association)
        guarded = _GuardedSocket(association, connection, gate, wake.filled)
        association.set_socket(guarded)
        local = connection.getsockname()
        association.acceptor.ae_title = self._application.ae_title
        association.acceptor.address_info = AddressInformation(local[0], local[1])
        association.acceptor.maximum_length = self._application.maximum_pdu_size
        association.acceptor.implementation_class_uid = self._application.implementation_class_uid
        association.acceptor.implementation_version_name = (
            self._application.implementation_version_name
        )
        # Whoever reports a commitment opens the association in the role of the provider (PS3.4
        # §J.3.3), for which it selects roles (PS3.7 §D.3.3.4).
        reports = build_context(StorageCommitmentPushModel)
        reports.scu_role, reports.scp_role = False, True
        association.acceptor.supported_contexts = [build_context(Verification), reports]
        association.requestor.address_info = AddressInformation(peer[0], peer[1])

        def check_title(event: Any) -> None:
            if not may_call(str(event.assoc.requestor.primitive.calling_ae_title)):
                event.assoc.acse.send_reject(*_REJECTED_CALLING_AE)
                event.assoc.kill()

        def run_reactor() -> None:
            try:
                association.dul.run_reactor()
            except Exception as error:  # noqa: BLE001 - the library fails on what it does not expect
                # Its own report would be a traceback with values of the message in it.
                logger.info("DICOM: a message from %s was not understood: %s", peer[0], type(error))
            finally:
                guarded.close()

        association.dul.run = run_reactor  # type: ignore[method-assign]
        association.bind(evt.EVT_REQUESTED, check_title)
        association.bind(evt.EVT_DIMSE_RECV, lambda _event: guarded.await_answer())
        association.bind(evt.EVT_C_STORE, on_store)
        association.bind(evt.EVT_N_EVENT_REPORT, on_report)
        association.start()
        association.join()
        association.dul.kill_dul()
        association.dul.join()


class _WakingQueue(queue.Queue[Any]):
    """A queue that tells when something was put into it."""

    def __init__(self) -> None:
        super().__init__()
        self.filled = threading.Event()

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:  # noqa: FBT001, FBT002 - signature of queue.Queue
        super().put(item, block, timeout)
        self.filled.set()


class _WaitingMessages(DIMSEServiceProvider):
    """Waits a moment for a message where the library would sleep and look again."""

    def get_msg(self, block: bool = False) -> Any:  # noqa: FBT001, FBT002, ARG002 - signature of pynetdicom
        try:
            return self.msg_queue.get(timeout=_WAIT)
        except queue.Empty:
            return None, None


class _GuardedSocket(AssociationSocket):
    """What the library takes for its socket."""

    def __init__(
        self, association: Any, connection: socket.socket, gate: Gate, to_send: threading.Event
    ) -> None:
        super().__init__(association, client_socket=connection)
        self._connection = connection
        self._gate = gate
        self._to_send = to_send
        self._pending = memoryview(b"")
        self._answering = False
        self._is_shut = False

    @property
    def ready(self) -> bool:
        """Tell whether there is a PDU to read, waiting a moment for one.

        While a request waits for its answer nothing more is read: one operation at a time is what
        was negotiated, and it keeps a hasty sender from filling the memory.
        """
        if self._is_shut:
            return False
        if self._answering:
            self._to_send.wait(_WAIT)
            self._to_send.clear()
            return False
        try:
            return bool(select.select([self._connection], [], [], _WAIT)[0])
        except (OSError, ValueError):
            self.event_queue.put("Evt17")  # transport connection closed
            return False

    def recv(self, nr_bytes: int) -> bytearray:
        """Return the next bytes of a whole PDU; nothing when the connection has ended."""
        if not self._pending:
            pdu = self._gate.read()
            self._pending = memoryview(pdu)
            if pdu[:1] in _REQUESTS:
                self._answering = True
        part = self._pending[:nr_bytes]
        self._pending = self._pending[nr_bytes:]
        return bytearray(part)

    def _shutdown_socket(self) -> None:
        """Close, and wake an association that still waits for a request that will not come."""
        super()._shutdown_socket()
        self._is_shut = True
        if not self.assoc.is_established:
            provider: Any = self.assoc.dul
            provider.to_user_queue.put(None)

    def await_answer(self) -> None:
        """Read nothing more until an answer was sent."""
        self._answering = True

    def send(self, bytestream: bytes) -> None:
        """Send a PDU completely."""
        self._connection.settimeout(_SEND_SECONDS)
        super().send(bytestream)
        self._gate.message_done()
        self._answering = False

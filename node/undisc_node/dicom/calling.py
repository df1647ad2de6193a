"""Associations that we open, in the role of the user (PS3.7, PS3.8); pynetdicom does the talking.

What the other side may cost is bounded here: time for an answer, and bytes of one PDU. Objects are
sent from a stream, piece by piece: the library would hold all fragments of an object at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import Any, BinaryIO, Final

from pynetdicom import AE, evt
from pynetdicom.dimse_messages import C_STORE_RQ
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.pdu_primitives import P_DATA

from undisc_node.dicom import libraries as libraries  # noqa: PLC0414 - silences them
from undisc_node.dicom.part10 import IMPLEMENTATION_CLASS
from undisc_node.services.errors import Refused, Unavailable

SECONDS: Final = 60.0  # for an answer; storing is durable before it is answered
_CONNECT_SECONDS: Final = 10.0
_PDU: Final = 131_072  # bytes that we take in one PDU: DCMTK's maximum
_MAX_MESSAGE: Final = (
    2 * 2**30
)  # bytes of one message with its data set, held in memory by the library
_FRAGMENT: Final = 131_072  # bytes of an object sent at once, unless the other side takes less
_QUEUED: Final = 16  # fragments waiting for the network: 2 MiB
_PAUSE: Final = 0.0005  # seconds between looks at that queue
_HEAD: Final = 6  # bytes of a fragment's own header (PS3.8 §9.3.5.1)
_REJECTED_TRANSIENT: Final = 2  # result of a rejection that may pass (PS3.8 §9.3.4)


@dataclass(frozen=True, slots=True)
class Called:
    """Whom to call, and as whom.

    Attributes:
        address: Its address.
        port: Its TCP port.
        calling_ae: Our AE title.
        called_ae: Its AE title.
    """

    address: str
    port: int
    calling_ae: str
    called_ae: str


@contextmanager
def calling(
    called: Called,
    contexts: Sequence[tuple[str, Sequence[str] | None]],
    *,
    roles: Sequence[Any] = (),
    handlers: Sequence[Any] = (),
    seconds: float = SECONDS,
) -> Iterator[Any]:
    """Open an association for the time of a block; release it at the end, abort it on an error.

    Args:
        called: Whom.
        contexts: Abstract syntaxes, each with the transfer syntaxes to offer; None for the usual.
        roles: Extended negotiation items.
        handlers: pynetdicom's event handlers.
        seconds: How long one answer may take.

    Raises:
        Unavailable: It does not answer, or not now.
        Refused: It does not accept us.
    """
    application = AE(ae_title=called.calling_ae)
    application.implementation_class_uid = IMPLEMENTATION_CLASS
    application.connection_timeout = _CONNECT_SECONDS
    application.acse_timeout = SECONDS
    application.dimse_timeout = seconds
    application.network_timeout = seconds
    application.maximum_pdu_size = _PDU
    for abstract_syntax, transfer_syntaxes in contexts:
        application.add_requested_context(
            abstract_syntax, list(transfer_syntaxes) if transfer_syntaxes else None
        )
    association = application.associate(
        called.address,
        called.port,
        ae_title=called.called_ae,
        ext_neg=list(roles) or None,
        evt_handlers=[*_Bounded().handlers(), *handlers],
        max_pdu=_PDU,
    )
    if not association.is_established:
        _close(association)
        raise _not_accepted(association, called)
    try:
        yield association
    except BaseException:
        association.abort()
        raise
    if not association.is_alive():
        association.abort()  # its release waits for its own thread, without end
    elif association.is_established:
        association.release()


def _close(association: Any) -> None:
    """Close what the library leaves open when no association came of a connection."""
    connection = getattr(association.dul.socket, "socket", None)
    if connection is not None:
        connection.close()


class _Bounded:
    """Refuses what the library would believe: any length of a PDU, and a message without end."""

    def __init__(self) -> None:
        self._held = 0
        self._receive: Callable[[int], bytearray] | None = None

    def handlers(self) -> list[Any]:
        """Return what has to be called on events of the association."""
        return [(evt.EVT_CONN_OPEN, self._opened), (evt.EVT_DIMSE_RECV, self._complete)]

    def _opened(self, event: Any) -> None:
        connection = event.assoc.dul.socket
        self._receive = connection.recv
        connection.recv = self._bounded

    def _complete(self, _event: Any) -> None:
        self._held = 0

    def _bounded(self, count: int) -> bytearray:
        self._held += count
        if self._receive is None or count > _PDU or self._held > _MAX_MESSAGE:
            raise OSError("the other side sends more than was announced")
        return self._receive(count)


def _not_accepted(association: Any, called: Called) -> Unavailable | Refused:
    answer = association.acceptor.primitive
    hint = "is this node known there, with this AE title and address"
    if association.is_rejected and getattr(answer, "result", None) != _REJECTED_TRANSIENT:
        return Refused(
            f"the DICOM port {called.port} on {called.address} rejects our AE title "
            f"'{called.calling_ae}', or does not have the AE title '{called.called_ae}'",
            code="association_rejected",
            hint=hint,
        )
    return Unavailable(
        f"the DICOM port {called.port} on {called.address} does not accept an association",
        code="no_association",
        hint=hint,
    )


def accepted(association: Any) -> dict[tuple[str, str], int]:
    """Return the contexts that were accepted: (abstract syntax, transfer syntax) to id."""
    return {
        (str(one.abstract_syntax), str(one.transfer_syntax[0])): one.context_id
        for one in association.accepted_contexts
    }


@dataclass(frozen=True, slots=True)
class Originator:
    """Whose C-MOVE a C-STORE is a part of (PS3.7 §9.1.1.1).

    Attributes:
        title: AE title of whoever asked.
        message: Message ID of the C-MOVE request.
    """

    title: str
    message: int


@dataclass(frozen=True, slots=True)
class Sent:
    """An object as C-STORE names it.

    Attributes:
        sop_class: Affected SOP Class UID.
        sop_uid: Affected SOP Instance UID.
        context: Id of the presentation context.
        number: Message ID, 1 to 65535.
        originator: Whose C-MOVE this is a part of, or None.
    """

    sop_class: str
    sop_uid: str
    context: int
    number: int
    originator: Originator | None = None


def send_object(association: Any, sent: Sent, data_set: BinaryIO) -> int:
    """Send one object by C-STORE; return the status of the answer.

    Args:
        association: An open association.
        sent: What it is.
        data_set: Its encoded bytes, in the context's transfer syntax; read to the end.

    Raises:
        Unavailable: The other side went away, or did not answer in time.
    """
    request = C_STORE()
    request.MessageID = sent.number
    request.Priority = 2  # low, as nothing waits for it (PS3.7 §9.3.1.1)
    request.AffectedSOPClassUID = sent.sop_class
    request.AffectedSOPInstanceUID = sent.sop_uid
    if sent.originator is not None:
        request.MoveOriginatorApplicationEntityTitle = sent.originator.title
        request.MoveOriginatorMessageID = sent.originator.message
    request.DataSet = BytesIO(b"\0\0")  # stands in, so that the command announces a data set
    # The association's own loop must not take the answer (as in its send_c_store). It may say that
    # it is paused a moment before it looks once more, so that look finds nothing.
    messages = association.dimse
    take = messages.get_msg
    messages.get_msg = lambda block=False: take(block=True) if block else (None, None)
    association._reactor_checkpoint.clear()  # noqa: SLF001 - the library offers no other way
    try:
        _wait_for_pause(association)
        _send_command(association, request, sent.context)
        _send_data_set(association, sent.context, data_set)
        _, answer = messages.get_msg(block=True)
    finally:
        del messages.get_msg
        association._reactor_checkpoint.set()  # noqa: SLF001
    if answer is None or getattr(answer, "Status", None) is None:
        raise Unavailable("the DICOM port stopped answering")
    return int(answer.Status)


def _wait_for_pause(association: Any) -> None:
    """Wait until the association's own loop stands still; its thread may have died of an error."""
    end = time.monotonic() + SECONDS
    while not association._is_paused:  # noqa: SLF001
        if not association.is_alive() or time.monotonic() > end:
            raise Unavailable("the association with the DICOM port has ended")
        association.join(_PAUSE)


def _send_command(association: Any, request: C_STORE, context: int) -> None:
    message = C_STORE_RQ()
    message.primitive_to_message(request)
    message.context_id = context
    for part in message.encode_msg(context, association.dimse.maximum_pdu_size):
        if part.presentation_data_value_list[0][1][0] & 1:  # command, not data (PS3.8 §E.2)
            association.dul.send_pdu(part)


def _send_data_set(association: Any, context: int, data_set: BinaryIO) -> None:
    largest = association.dimse.maximum_pdu_size or _FRAGMENT
    size = min(_FRAGMENT, largest) - _HEAD
    piece = data_set.read(size)
    while True:
        following = data_set.read(size)
        part = P_DATA()
        control = b"\x00" if following else b"\x02"
        part.presentation_data_value_list.append((context, control + piece))
        association.dul.send_pdu(part)
        if not following:
            return
        piece = following
        _wait_for_room(association)


def _wait_for_room(association: Any) -> None:
    """Wait until the network has taken what is queued, so that memory stays bounded."""
    end = time.monotonic() + SECONDS
    queued = association.dul.to_provider_queue
    while queued.qsize() > _QUEUED:
        if not association.is_established or time.monotonic() > end:
            raise Unavailable("the DICOM port takes no more bytes")
        time.sleep(_PAUSE)

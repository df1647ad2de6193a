"""One end of a DICOM connection without any I/O: bytes in, events out; calls in, bytes out.

What it does not know: sockets, time, what a command means. Whoever has the socket

- gives what arrives to `receive_data` (and `receive_end` when the other side has closed), then
  calls `next_event` until it says `NEED_DATA`;
- sends what `data_to_send` returns, after every call;
- closes the socket when `is_over`, once everything is sent;
- while `artim_is_running`, calls `time_out` after a while (PS3.8 §9.1.5);
- gives each PDU a deadline: `pdus_begun` and `is_within_pdu` tell which one is under way.

Invariants, whatever arrives:

- every length is compared with its bound before anything of that length is kept; at most one
  association PDU is kept, and of a data set nothing;
- the same bytes make the same events, however they were cut, but for where `DataReceived` is cut;
- only `RemoteViolation` is raised for what arrives, once; an A-ABORT is then ready to be sent;
- after an abort, a rejection or a reply to a release, everything that arrives is dropped unread.

    connection = Connection(Side.ACCEPTOR)
    connection.receive_data(received)
    event = connection.next_event()          # AssociationRequested
    connection.accept(answer)
    transport.write(connection.data_to_send())
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Final

from undisc_node.dicom.upper_layer import limits, pdu
from undisc_node.dicom.upper_layer.errors import AbortReason, LocalViolation, RemoteViolation
from undisc_node.dicom.upper_layer.events import (
    NEED_DATA,
    AssociationAborted,
    AssociationAccepted,
    AssociationRejected,
    AssociationRequested,
    Event,
    Need,
    ReleaseConfirmed,
    ReleaseRequested,
)
from undisc_node.dicom.upper_layer.fragments import FragmentReader, cut
from undisc_node.dicom.upper_layer.limits import PduBounds
from undisc_node.dicom.upper_layer.pdu import Kind
from undisc_node.dicom.upper_layer.state import CELLS, Happening, State


class Side(Enum):
    """Who asked for the association."""

    REQUESTOR = "requestor"
    ACCEPTOR = "acceptor"


_HAPPENINGS: Final = {
    Kind.ASSOCIATE_REQUEST: Happening.REQUEST_PDU,
    Kind.ASSOCIATE_ACCEPT: Happening.ACCEPT_PDU,
    Kind.ASSOCIATE_REJECT: Happening.REJECT_PDU,
    Kind.DATA: Happening.DATA_PDU,
    Kind.RELEASE_REQUEST: Happening.RELEASE_REQUEST_PDU,
    Kind.RELEASE_REPLY: Happening.RELEASE_REPLY_PDU,
    Kind.ABORT: Happening.ABORT_PDU,
}
_STARTS_TIMER: Final = frozenset(("AE-5", "AE-8", "AR-4", "AA-1", "AA-8"))
_STOPS_TIMER: Final = frozenset(("AE-6", "AR-5", "AA-2", "AA-5"))
_PROVIDER_ABORTS: Final = frozenset(("AA-1", "AA-8"))  # when the reason is what arrived
_ENDS: Final = frozenset((State.IDLE, State.AWAITING_CLOSE))


class Connection:
    """One end of a connection whose transport is open.

    Args:
        side: Our role.
        bounds: What we take.
    """

    def __init__(self, side: Side, bounds: PduBounds | None = None) -> None:
        self._side = side
        self._bounds = bounds or PduBounds()
        self._state = State.IDLE
        self._artim_is_running = False
        self._received = memoryview(b"")
        self._output: list[bytes | memoryview] = []
        self._head = bytearray()
        self._body: bytearray | None = None
        self._body_length = 0
        self._kind = Kind.ABORT
        self._fragments: FragmentReader | None = None
        self._pdus_begun = 0
        self._request: pdu.AssociateRequest | None = None
        self._contexts: frozenset[int] = frozenset()
        self._longest_sent = 0
        self._transport_ended = False
        if side is Side.ACCEPTOR:
            self._step(Happening.TRANSPORT_ACCEPTED)

    # --- What whoever has the socket looks at ---------------------------------------------------

    @property
    def state(self) -> State:
        """Where the connection is."""
        return self._state

    @property
    def is_over(self) -> bool:
        """Whether the socket is to be closed now, once everything is sent."""
        return self._state is State.IDLE

    @property
    def artim_is_running(self) -> bool:
        """Whether `time_out` is due after a while (PS3.8 §9.1.5)."""
        return self._artim_is_running

    @property
    def is_within_pdu(self) -> bool:
        """Whether a PDU has begun to arrive and is not complete."""
        return bool(self._head)

    @property
    def pdus_begun(self) -> int:
        """How many PDUs have begun to arrive."""
        return self._pdus_begun

    def data_to_send(self) -> list[bytes | memoryview]:
        """Return what is to be sent now, and forget it."""
        output, self._output = self._output, []
        return output

    # --- What arrives ---------------------------------------------------------------------------

    def receive_data(self, data: bytes | bytearray | memoryview) -> None:
        """Take what has arrived; it is looked at by `next_event`, and not copied before.

        Raises:
            LocalViolation: Something that was given earlier has not been looked at.
        """
        if self._received:
            raise LocalViolation("what arrived earlier was not looked at")
        if self._state not in _ENDS:
            self._received = memoryview(data)

    def receive_end(self) -> None:
        """Learn that the other side has closed."""
        self._transport_ended = True

    def next_event(self) -> Event | Need:
        """Look at what has arrived, up to the next thing to tell.

        Raises:
            RemoteViolation: What arrived breaks the protocol or a bound.
        """
        try:
            while self._received:
                event = self._read()
                if event is not None:
                    return event
        except RemoteViolation as violation:
            self._abort_for(violation)
            raise
        if self._transport_ended and self._state is not State.IDLE:
            action = self._step(Happening.TRANSPORT_CLOSED)
            if action == "AA-4":  # nothing is told of a connection nothing was told of
                return AssociationAborted()
        return NEED_DATA

    def hold(self) -> None:
        """Keep what was not looked at, because the buffer it came in is used for something else."""
        if self._received:
            self._received = memoryview(bytes(self._received))

    def violate(self, violation: RemoteViolation) -> None:
        """Learn that what arrived breaks the protocol above this one; again changes nothing."""
        if self._state not in _ENDS:
            self._abort_for(violation)

    def time_out(self) -> None:
        """Learn that the ARTIM timer has expired; the connection is over then."""
        self._step(Happening.TIMED_OUT)

    # --- What we say ----------------------------------------------------------------------------

    def associate(self, request: pdu.AssociateRequest) -> None:
        """Ask for an association."""
        encoded = pdu.encode_request(request)
        self._step(Happening.ASSOCIATE)
        self._step(Happening.TRANSPORT_OPENED)
        self._request = request
        self._output.append(encoded)

    def accept(self, answer: pdu.AssociateAccept) -> None:
        """Accept the association that was asked for."""
        encoded = pdu.encode_accept(answer)
        self._step(Happening.ACCEPT)
        if self._request is not None:  # always, in this state
            self._establish(answer, self._request.user.max_length)
        self._output.append(encoded)

    def reject(self, answer: pdu.AssociateReject) -> None:
        """Reject the association that was asked for."""
        self._step(Happening.REJECT)
        self._output.append(pdu.encode_reject(answer))

    def send(
        self, context: int, data: bytes | memoryview, *, is_command: bool, is_last: bool = True
    ) -> None:
        """Send a piece of a command or data set. The bytes must not change until they are sent.

        Raises:
            LocalViolation: There is no association, or no such context in it.
        """
        if context not in self._contexts:
            raise LocalViolation("no such presentation context was accepted")
        self._step(Happening.DATA)
        self._output += cut(
            context, data, is_command=is_command, is_last=is_last, longest=self._longest_sent
        )

    def release(self) -> None:
        """Ask to end the association."""
        self._step(Happening.RELEASE)
        self._output.append(pdu.encode_release(Kind.RELEASE_REQUEST))

    def confirm_release(self) -> None:
        """Agree to end the association."""
        self._step(Happening.CONFIRM_RELEASE)
        self._output.append(pdu.encode_release(Kind.RELEASE_REPLY))

    def abort(self) -> None:
        """End the association at once."""
        self._step(Happening.ABORT)
        self._received = memoryview(b"")
        self._output.append(pdu.encode_abort(pdu.Abort(pdu.BY_USER, 0)))

    # --- How it works ---------------------------------------------------------------------------

    def _step(self, happening: Happening) -> str:
        """Go where the table says; return the action."""
        cell = CELLS.get((happening, self._state))
        if cell is None:
            raise LocalViolation(f"{happening.name} cannot happen in {self._state.name}")
        action, following = cell
        # AE-6 is undone by `_requested` when the request cannot be accepted.
        choice = 1 if action == "AR-8" and self._side is Side.ACCEPTOR else 0
        self._state = following[choice]
        if action in _STARTS_TIMER:
            self._artim_is_running = True
        elif action in _STOPS_TIMER or self._state is State.IDLE:
            self._artim_is_running = False
        return action

    def _abort_for(self, violation: RemoteViolation) -> None:
        """Answer what breaks the protocol, as the table says, and drop the rest."""
        self._received = memoryview(b"")
        self._head.clear()
        if self._state not in _ENDS:  # an unexpected PDU has led to the end already
            self._step(Happening.BAD_PDU)
        self._output.append(pdu.encode_abort(pdu.Abort(pdu.BY_PROVIDER, violation.reason)))

    def _read(self) -> Event | None:
        """Read on in what has arrived; return an event if there is one."""
        if self._state in _ENDS:
            self._received = memoryview(b"")
            return None
        if self._fragments is not None:
            piece, used = self._fragments.read(self._received)
            self._received = self._received[used:]
            if self._fragments.is_done:
                self._fragments = None
                self._head.clear()
            if piece is not None and piece.context not in self._contexts:
                raise RemoteViolation("data of a context that was not accepted")
            return piece
        if self._body is not None:
            return self._read_body(self._body)
        self._read_head()
        return None

    def _read_head(self) -> None:
        """Read the header of a PDU, and refuse what cannot come now or is too long."""
        if not self._head:
            self._pdus_begun += 1
        missing = self._received[: pdu.HEADER.size - len(self._head)]
        self._head += missing
        self._received = self._received[len(missing) :]
        if len(self._head) < pdu.HEADER.size:
            return
        number, length = pdu.HEADER.unpack(self._head)
        try:
            self._kind = Kind(number)
        except ValueError:
            raise RemoteViolation(
                "a PDU of an unknown type", AbortReason.UNRECOGNIZED_PDU
            ) from None
        self._expect(self._kind)
        if length > self._bound(self._kind):
            raise RemoteViolation("a PDU longer than announced or allowed")
        if self._kind is Kind.DATA:
            self._step(Happening.DATA_PDU)
            self._fragments = FragmentReader(length)
        else:
            self._body, self._body_length = bytearray(), length
            if not length:
                raise RemoteViolation("an empty PDU")

    def _expect(self, kind: Kind) -> None:
        """Refuse a PDU that cannot come in this state before its body is read."""
        action, _ = CELLS[_HAPPENINGS[kind], self._state]
        if action in _PROVIDER_ABORTS:
            self._step(_HAPPENINGS[kind])
            raise RemoteViolation("a PDU that cannot come now", AbortReason.UNEXPECTED_PDU)

    def _bound(self, kind: Kind) -> int:
        if kind in (Kind.ASSOCIATE_REQUEST, Kind.ASSOCIATE_ACCEPT):
            return self._bounds.associate
        return self._bounds.data if kind is Kind.DATA else limits.SMALL_PDU

    def _read_body(self, body: bytearray) -> Event | None:
        """Keep what belongs to a PDU, and act on it when it is complete."""
        part = self._received[: self._body_length - len(body)]
        body += part
        self._received = self._received[len(part) :]
        if len(body) < self._body_length:
            return None
        self._body = None
        event = _ARRIVED[self._kind](self, memoryview(body))
        self._head.clear()
        return event

    def _requested(self, body: memoryview) -> Event | None:
        request = pdu.decode_request(body)
        _check_contexts([one.id for one in request.contexts])
        self._step(Happening.REQUEST_PDU)
        self._request = request
        if not request.version & pdu.VERSION:
            self.reject(pdu.VERSION_UNKNOWN)  # by the provider: AE-6, second case
            return None
        return AssociationRequested(request)

    def _accepted(self, body: memoryview) -> Event:
        answer = pdu.decode_accept(body)
        _check_contexts([one.id for one in answer.contexts])
        proposed = {one.id for one in self._request.contexts} if self._request else set()
        if not proposed.issuperset(one.id for one in answer.contexts):
            raise RemoteViolation("an answer about a context that was not proposed")
        self._step(Happening.ACCEPT_PDU)
        self._establish(answer, answer.user.max_length)
        return AssociationAccepted(answer)

    def _rejected(self, body: memoryview) -> Event:
        answer = pdu.decode_reject(body)
        self._step(Happening.REJECT_PDU)
        return AssociationRejected(answer)

    def _release_requested(self, body: memoryview) -> Event:
        pdu.decode_release(body)
        self._step(Happening.RELEASE_REQUEST_PDU)
        return ReleaseRequested()

    def _release_replied(self, body: memoryview) -> Event:
        pdu.decode_release(body)
        self._step(Happening.RELEASE_REPLY_PDU)
        return ReleaseConfirmed()

    def _aborted(self, body: memoryview) -> Event | None:
        abort = pdu.decode_abort(body)
        action = self._step(Happening.ABORT_PDU)
        self._received = memoryview(b"")
        return AssociationAborted(abort.source, abort.reason) if action == "AA-3" else None

    def _establish(self, answer: pdu.AssociateAccept, longest_sent: int) -> None:
        """Note what was agreed upon."""
        self._contexts = frozenset(
            one.id for one in answer.contexts if one.answer == pdu.ContextAnswer.ACCEPTED
        )
        self._longest_sent = longest_sent


_ARRIVED: Final[dict[Kind, Callable[[Connection, memoryview], Event | None]]] = {
    Kind.ASSOCIATE_REQUEST: Connection._requested,  # noqa: SLF001 - the class's own table
    Kind.ASSOCIATE_ACCEPT: Connection._accepted,  # noqa: SLF001
    Kind.ASSOCIATE_REJECT: Connection._rejected,  # noqa: SLF001
    Kind.RELEASE_REQUEST: Connection._release_requested,  # noqa: SLF001
    Kind.RELEASE_REPLY: Connection._release_replied,  # noqa: SLF001
    Kind.ABORT: Connection._aborted,  # noqa: SLF001
}


def _check_contexts(numbers: list[int]) -> None:
    """See that context numbers are odd and different (PS3.8 §9.3.2.2).

    Raises:
        RemoteViolation: They are not.
    """
    if len(set(numbers)) < len(numbers) or not all(number % 2 for number in numbers):
        raise RemoteViolation("numbers of presentation contexts that are even or come twice")

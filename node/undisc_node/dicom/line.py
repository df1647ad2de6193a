"""One connection of the DICOM port: moves bytes between a socket, the upper layer and the store.

Everything here runs in the port's event loop and never waits; what waits for the disk runs in the
port's threads, one act of a connection at a time. While it does, nothing more of this connection is
looked at: that keeps a hasty sender from filling the memory, and one operation at a time is what
was negotiated.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, Final

from undisc_node.dicom.bounds import Bounds
from undisc_node.dicom.dimse import negotiation, statuses
from undisc_node.dicom.dimse.commands import Command, Request, encode_command
from undisc_node.dicom.dimse.messages import CommandReceived, Messages
from undisc_node.dicom.providing.asked import IncomingQuestion
from undisc_node.dicom.providing.dialogue import Dialogue, Gone, Said
from undisc_node.dicom.providing.questions import Questions
from undisc_node.dicom.providing.roots import MODELS
from undisc_node.dicom.store_scp import Arrival, IncomingReport, Visit
from undisc_node.dicom.tls import fingerprint_of
from undisc_node.dicom.upper_layer import (
    NEED_DATA,
    AssociationAborted,
    AssociationRequested,
    Connection,
    DataReceived,
    Event,
    ReleaseRequested,
    RemoteViolation,
    Side,
    State,
    pdu,
)

# Many senders keep Nagle's algorithm on: their last packet of an image waits for our
# acknowledgement, which the system delays by 40 ms unless told otherwise at every read (tcp(7)).
_QUICK_ACK: Final[int | None] = getattr(socket, "TCP_QUICKACK", None)
_UNSENT: Final = 65_536  # bytes of answers waiting to be taken before nothing more is read


class Line(asyncio.BufferedProtocol):
    """One connection.

    Args:
        loop: The port's event loop.
        workers: Run what waits for the disk.
        questions: Run what workstations ask for.
        buffer: Where bytes arrive; shared by all lines, as it is empty again after each call.
        bounds: What to put up with.
        address: Where the connection comes from.
        visit: Who this is, and where objects go.
        logger: Where to write lines without patient data.
        closed: Called when everything of this connection has ended.
    """

    def __init__(
        self,
        *,
        loop: asyncio.AbstractEventLoop,
        workers: Executor,
        questions: Questions,
        buffer: memoryview,
        bounds: Bounds,
        address: str,
        visit: Visit,
        logger: logging.Logger,
        closed: Callable[[Line], None],
    ) -> None:
        self.address = address
        self._loop = loop
        self._workers = workers
        self._questions = questions
        self._buffer = buffer
        self._bounds = bounds
        self._visit = visit
        self._log = logger
        self._closed = closed
        self._connection = Connection(Side.ACCEPTOR, bounds.pdu)
        self._messages = Messages()
        self._syntaxes: dict[int, str] = {}  # and the next: what was agreed upon by context
        self._classes: dict[int, str] = {}
        self._taken_by_peer: dict[tuple[str, str], int] = {}  # contexts in which it is the provider
        self._transport: asyncio.Transport | None = None
        self._socket: Any = None
        self._command = Command(0)
        self._context = 0
        self._arrival: Arrival | IncomingReport | IncomingQuestion | None = None
        self._dialogue: Dialogue | None = None  # while a question is being answered
        self._untaken = 0  # bytes of it that the network has not taken
        self._rest: memoryview | bytes = b""  # of a piece that did not fit before sealing
        self._rest_is_last = False
        self._is_busy = False
        self._is_stopping = False
        self._is_blocked = False
        self._is_gone = False
        now = loop.time()
        self._begun_at = now
        self._active_at = now
        self._pdu_at = now
        self._pdu = 0
        self._blocked_at = now
        self._over_at: float | None = None

    # --- What asyncio calls ---------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport over."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - asyncio's promise, for mypy
        self._transport = transport
        transport.set_write_buffer_limits(high=_UNSENT)
        self._socket = transport.get_extra_info("socket")
        secured = transport.get_extra_info("ssl_object")
        if secured is not None:
            self._visit.show(fingerprint_of(secured))
        self._acknowledge()

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio's signature
        """Say where bytes go."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Look at bytes that arrived."""
        self._acknowledge()
        self._active_at = self._loop.time()
        self._connection.receive_data(self._buffer[:nbytes])
        self._advance()

    def eof_received(self) -> bool:
        """Learn that the other side will send nothing more; an answer may still be owed."""
        self._connection.receive_end()
        self._advance()
        return self._is_busy

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Learn that the socket is closed."""
        self._is_gone = True
        self._connection.receive_end()
        self._leave_dialogue()
        if not self._is_busy and self._dialogue is None:
            self._end()

    def pause_writing(self) -> None:
        """Learn that answers are not taken."""
        self._is_blocked = True
        self._blocked_at = self._loop.time()

    def resume_writing(self) -> None:
        """Learn that answers are taken again."""
        self._is_blocked = False
        untaken, self._untaken = self._untaken, 0
        if self._dialogue is not None:
            self._dialogue.taken(untaken)
        self._advance()

    # --- What the port calls --------------------------------------------------------------------

    def look_at_clock(self) -> None:
        """End the connection if it has let a deadline pass."""
        now = self._loop.time()
        connection, bounds = self._connection, self._bounds
        if self._is_gone or self._transport is None:
            return
        if self._over_at is not None:
            if now - self._over_at > bounds.close_seconds:
                self._transport.abort()
        elif self._is_blocked:
            if now - self._blocked_at > bounds.send_seconds:
                self._expire("does not take answers")
        elif self._is_busy:
            return
        elif connection.state is State.AWAITING_REQUEST:
            if now - self._begun_at > bounds.associate_seconds:
                self._expire("did not ask for an association in time")
        elif connection.is_within_pdu or self._messages.is_within_message:
            since = self._pdu_at if connection.is_within_pdu else self._active_at
            if now - since > bounds.pdu_seconds:
                self._expire("sent a message that took too long")
        elif self._dialogue is None and now - self._active_at > bounds.idle_seconds:
            self._expire("was idle")

    @property
    def awaits_request(self) -> bool:
        """Whether no association was asked for yet."""
        return not self._is_gone and self._connection.state is State.AWAITING_REQUEST

    def cut(self) -> None:
        """Close at once; nothing is owed."""
        if self._transport is not None:
            self._transport.abort()

    def stop(self) -> None:
        """End the connection; an object that is being stored gets its answer first."""
        self._is_stopping = True
        if not self._is_busy:
            self._abort()

    # --- How it works ---------------------------------------------------------------------------

    def _advance(self) -> None:
        """Look at what has arrived as far as that is possible now."""
        try:
            while not self._is_busy and not self._is_blocked:
                if self._rest or self._rest_is_last:
                    self._write_on()
                    continue
                event = self._connection.next_event()
                if event is NEED_DATA:
                    break
                self._act(event)
        except RemoteViolation as violation:
            self._log.info("DICOM: connection from %s ended: %s", self._visit.name, violation)
            self._drop_arrival()
            self._leave_dialogue()
            self._connection.violate(violation)
        self._send()
        self._pace()

    def _act(self, event: Event) -> None:
        """Do what an event asks for."""
        if isinstance(event, DataReceived):
            self._take(event)
        elif isinstance(event, AssociationRequested):
            self._answer_request(event.request)
        elif isinstance(event, ReleaseRequested):
            self._leave_dialogue()
            self._connection.confirm_release()
        elif isinstance(event, AssociationAborted):
            self._leave_dialogue()
            self._drop_arrival()

    def _answer_request(self, request: pdu.AssociateRequest) -> None:
        """Accept or reject an association."""
        if request.application != pdu.APPLICATION_CONTEXT:
            self._connection.reject(pdu.APPLICATION_UNKNOWN)
        elif not self._visit.may_call(request.calling):
            self._connection.reject(pdu.CALLING_TITLE_UNKNOWN)
        elif self._is_stopping:
            self._connection.reject(pdu.CONGESTION)
        else:
            accept = negotiation.answer(
                request, max_length=self._bounds.data_pdu, queries=self._visit.may_query
            )
            self._syntaxes = {
                one.id: one.transfer_syntax
                for one in accept.contexts
                if one.answer == pdu.ContextAnswer.ACCEPTED
            }
            self._classes = {one.id: one.abstract_syntax for one in request.contexts}
            provided = {role.sop_class for role in accept.user.roles if role.provider}
            for number, syntax in self._syntaxes.items():
                if self._classes[number] in provided:
                    self._taken_by_peer[self._classes[number], syntax] = number
            self._connection.accept(accept)

    def _take(self, piece: DataReceived) -> None:
        """Take a piece of a message."""
        received = self._messages.take(piece)
        if isinstance(received, CommandReceived):
            self._begin(received.context, received.command)
        elif received is not None:
            self._rest, self._rest_is_last = received.data, received.is_last

    def _begin(self, context: int, command: Command) -> None:
        """Act on a command."""
        if command.is_answer:
            if self._dialogue is None or not self._dialogue.hear(command):
                raise RemoteViolation("an answer to nothing")
            return
        if self._dialogue is not None:
            if command.field != Request.CANCEL or command.has_data_set:
                raise RemoteViolation("a request while another one is being answered")
            self._dialogue.cancel(command.answered)
            return
        self._context, self._command = context, command
        if self._classes[context] in MODELS and command.has_data_set:
            self._arrival = IncomingQuestion()
        elif command.field == Request.STORE and command.has_data_set:
            self._arrival = self._visit.begin(
                command, sop_class=self._classes[context], transfer_syntax=self._syntaxes[context]
            )
        elif command.field == Request.EVENT_REPORT and command.has_data_set:
            self._arrival = self._visit.report(self._syntaxes[context])
        elif not command.has_data_set:
            self._answer_short(command)

    def _answer_short(self, command: Command) -> None:
        """Answer a request that has no data set, or one that nobody knows."""
        if command.field == Request.CANCEL:
            return  # of an operation that has ended; it has no answer (PS3.7 §9.3.2.3)
        is_echo = command.field == Request.ECHO
        self._answer(statuses.SUCCESS if is_echo else statuses.UNRECOGNISED_OPERATION)

    def _write_on(self) -> None:
        """Hand on what is left of a piece; seal when there is no room, store at the end."""
        arrival = self._arrival
        if arrival is None:  # the data set of a request that nobody knows
            is_last, self._rest, self._rest_is_last = self._rest_is_last, b"", False
            if is_last:
                self._answer_short(self._command)
            return
        used = arrival.write(memoryview(self._rest))
        self._rest = self._rest[used:]
        if self._rest:
            self._work(arrival.seal, lambda _: None)
        elif self._rest_is_last:
            self._rest_is_last = False
            if isinstance(arrival, IncomingQuestion):
                self._ask(arrival)
            else:
                self._work(arrival.finish, self._stored)

    def _ask(self, question: IncomingQuestion) -> None:
        """Let a thread answer a question; what arrives meanwhile is still looked at."""
        self._arrival = None
        if question.is_too_long:
            self._answer(statuses.CANNOT_UNDERSTAND, "the question is too long")
            return
        if not self._questions.enter():
            self._answer(statuses.OUT_OF_RESOURCES, "too many questions at once, ask again later")
            return
        context = self._context

        def post(said: Said) -> None:
            self._loop.call_soon_threadsafe(self._say, dialogue, said)

        def run() -> None:
            self._visit.answer(
                dialogue,
                sop_class=self._classes[context],
                syntax=self._syntaxes[context],
                identifier=question.identifier,
                storage=self._taken_by_peer,
            )

        self._dialogue = dialogue = Dialogue(self._command, context, post)
        self._untaken = 0
        work = self._loop.run_in_executor(self._questions.threads, run)
        work.add_done_callback(lambda done: self._answered(dialogue, done))

    def _say(self, dialogue: Dialogue, said: Said) -> None:
        """Send a piece of an answer."""
        if self._is_gone or self._connection.state is not State.ESTABLISHED:
            dialogue.end()
            return
        self._connection.send(
            said.context, said.data, is_command=said.is_command, is_last=said.is_last
        )
        self._send()
        if said.is_final:
            self._dialogue = None
            self._active_at = self._loop.time()
        elif self._is_blocked:
            self._untaken += len(said.data)
        else:
            dialogue.taken(len(said.data))

    def _answered(self, dialogue: Dialogue, work: asyncio.Future[None]) -> None:
        """Learn that the thread of a question has ended: without a last word, all has."""
        self._questions.leave()
        problem = None if work.cancelled() else work.exception()
        if problem is not None and not self._is_gone:
            # The message of a foreign exception can hold values of the data set.
            why = str(problem) if isinstance(problem, Gone) else type(problem).__name__
            self._log.info("DICOM: an answer to %s broke off: %s", self._visit.name, why)
        if self._dialogue is not dialogue:
            return
        self._dialogue = None
        if self._is_gone:
            self._end()
        else:
            self._abort()

    def _leave_dialogue(self) -> None:
        """Tell a thread that nobody listens any more."""
        if self._dialogue is not None:
            self._dialogue.end()

    def _stored(self, outcome: tuple[int, str]) -> None:
        """Answer for an object."""
        self._arrival = None
        self._answer(*outcome)

    def _answer(self, status: int, comment: str = "") -> None:
        """Say what became of a request."""
        if self._connection.state is State.ESTABLISHED:
            answer = encode_command(self._command.answer(status, comment))
            self._connection.send(self._context, answer, is_command=True)

    def _work(self, act: Callable[[], Any], then: Callable[[Any], None]) -> None:
        """Let a thread do what waits for the disk; look at nothing more until it is done."""
        self._is_busy = True
        self._rest = bytes(self._rest)
        self._connection.hold()

        def done(work: asyncio.Future[Any]) -> None:
            self._is_busy = False
            self._active_at = self._pdu_at = self._loop.time()
            then(work.result())
            if self._is_gone:
                self._end()
            elif self._is_stopping:
                self._send()
                self._abort()
            else:
                self._advance()

        self._loop.run_in_executor(self._workers, act).add_done_callback(done)

    def _send(self) -> None:
        """Send what is to be sent; close what is over."""
        output = self._connection.data_to_send()
        if self._transport is None or self._is_gone:
            return
        if output:
            self._transport.write(b"".join(output))
        if self._connection.is_over:
            self._transport.close()
        if self._over_at is None and self._connection.state in (State.IDLE, State.AWAITING_CLOSE):
            self._over_at = self._loop.time()

    def _pace(self) -> None:
        """Read on, or not; note when a PDU began."""
        if self._connection.pdus_begun != self._pdu:
            self._pdu = self._connection.pdus_begun
            self._pdu_at = self._loop.time()
        if self._transport is None or self._is_gone or self._transport.is_closing():
            return
        if self._is_busy or self._is_blocked:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def _acknowledge(self) -> None:
        if _QUICK_ACK is not None and self._socket is not None:
            try:
                self._socket.setsockopt(socket.IPPROTO_TCP, _QUICK_ACK, 1)
            except OSError:
                return  # closed just now

    def _expire(self, why: str) -> None:
        self._log.info("DICOM: connection from %s ended: it %s", self._visit.name, why)
        self._abort()

    def _abort(self) -> None:
        """End at once, with a word if an association is there."""
        self._drop_arrival()
        self._leave_dialogue()
        if self._connection.state is State.AWAITING_REQUEST:
            self._connection.time_out()
        elif not self._connection.is_over and self._connection.state is not State.AWAITING_CLOSE:
            self._connection.abort()
        self._send()
        if self._transport is not None and not self._is_gone:
            self._transport.close()

    def _drop_arrival(self) -> None:
        self._rest, self._rest_is_last = b"", False
        if self._arrival is not None and not self._is_busy:
            self._arrival.close()
            self._arrival = None

    def _end(self) -> None:
        self._drop_arrival()
        self._visit.close()
        self._closed(self)

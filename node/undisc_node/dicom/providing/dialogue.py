"""What an operation that runs in a thread has of its connection: it says, asks and hears.

The connection lives in the port's event loop and goes on reading meanwhile: cancellations, answers
to sub-operations, and the end. One dialogue is one operation, from its request to its last word.
At most `WINDOW` bytes wait for the network; then the thread waits.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from undisc_node.dicom.dimse.commands import ANSWER, Command, Request, encode_command

PIECE: Final = 131_072  # bytes handed to the network at once: one PDU of the largest usual size
WINDOW: Final = 2 * PIECE  # bytes that wait for it


class Gone(Exception):
    """The connection has ended, or must: nothing more can be said."""


@dataclass(frozen=True, slots=True)
class Said:
    """A piece of a command or data set on its way to the network.

    Attributes:
        context: Number of the presentation context.
        data: The bytes.
        is_command: Whether they belong to a command set.
        is_last: Whether the set ends here.
        is_final: Whether the operation ends here.
    """

    context: int
    data: bytes | memoryview = field(repr=False)
    is_command: bool
    is_last: bool
    is_final: bool = False


class Dialogue:
    """The thread's side and the loop's side of one operation.

    Args:
        request: What was asked.
        context: The presentation context it was asked in.
        post: Hands a piece to the loop; called in the thread.
    """

    def __init__(self, request: Command, context: int, post: Callable[[Said], None]) -> None:
        self.request = request
        self._context = context
        self._post = post
        self._changed = threading.Condition()
        self._waiting = 0
        self._awaited: int | None = None
        self._heard: Command | None = None
        self._is_cancelled = False
        self._is_over = False
        self._number = 0
        self._is_within = False

    # --- What the thread calls ------------------------------------------------------------------

    @property
    def is_cancelled(self) -> bool:
        """Whether the other side has cancelled the operation (C-CANCEL)."""
        return self._is_cancelled

    @property
    def is_over(self) -> bool:
        """Whether the connection has ended."""
        return self._is_over

    @property
    def is_within(self) -> bool:
        """Whether a data set was begun and not ended: only an abort can follow."""
        return self._is_within

    def tell(self, answer: Command, data_set: bytes = b"") -> None:
        """Say something of the operation that is not its last word.

        Raises:
            Gone: The connection has ended.
        """
        self._say(self._context, answer, [data_set] if data_set else [], is_final=False)

    def finish(self, answer: Command, data_set: bytes = b"") -> None:
        """Say the last word; raises as `tell`."""
        self._say(self._context, answer, [data_set] if data_set else [], is_final=True)

    def store(
        self, context: int, command: Command, data_set: Iterable[bytes], *, seconds: float
    ) -> Command:
        """Send an instance; return the answer.

        Args:
            context: A presentation context for it.
            command: A C-STORE request; it gets its number here.
            data_set: Its bytes.
            seconds: How long the answer may take.

        Raises:
            Gone: The connection has ended, or there is no answer in time.
        """
        self._number = self._number % 0xFFFF + 1
        numbered = Command(
            field=Request.STORE,
            message=self._number,
            sop_class=command.sop_class,
            instance=command.instance,
            has_data_set=True,
            priority=command.priority,
        )
        with self._changed:
            self._awaited, self._heard = self._number, None
        self._say(context, numbered, data_set, is_final=False)
        with self._changed:
            self._changed.wait_for(lambda: self._heard or self._is_over, seconds)
            heard, self._awaited = self._heard, None
        if heard is None:
            raise Gone("no answer to an instance")
        return heard

    def _say(
        self, context: int, command: Command, data_set: Iterable[bytes], *, is_final: bool
    ) -> None:
        ends = is_final and not command.has_data_set
        self._put(Said(context, encode_command(command), True, True, ends))  # noqa: FBT003
        if not command.has_data_set:
            return
        self._is_within = True
        for piece, is_last in _with_end(_pieces(data_set)):
            self._put(Said(context, piece, False, is_last, is_final and is_last))  # noqa: FBT003
        self._is_within = False

    def _put(self, said: Said) -> None:
        count = len(said.data)
        with self._changed:
            self._changed.wait_for(
                lambda: self._is_over or not self._waiting or self._waiting + count <= WINDOW
            )
            if self._is_over:
                raise Gone("the connection has ended")
            self._waiting += count
        self._post(said)

    # --- What the loop calls --------------------------------------------------------------------

    def taken(self, count: int) -> None:
        """Learn that the network has taken so many bytes."""
        with self._changed:
            self._waiting -= count
            self._changed.notify_all()

    def hear(self, answer: Command) -> bool:
        """Take an answer to a sub-operation; tell whether it is one that is waited for."""
        with self._changed:
            if answer.field != Request.STORE | ANSWER or answer.answered != self._awaited:
                return False
            if answer.has_data_set or self._heard is not None:
                return False
            self._heard = answer
            self._changed.notify_all()
        return True

    def cancel(self, message: int) -> None:
        """Learn of a C-CANCEL; one for another operation changes nothing."""
        if message == self.request.message:
            self._is_cancelled = True

    def end(self) -> None:
        """Learn that the connection has ended."""
        with self._changed:
            self._is_over = True
            self._changed.notify_all()


def _pieces(data_set: Iterable[bytes]) -> Iterator[memoryview]:
    """Cut what is larger than a piece."""
    for chunk in data_set:
        view = memoryview(chunk)
        for start in range(0, len(view), PIECE):
            yield view[start : start + PIECE]


def _with_end(pieces: Iterator[memoryview]) -> Iterator[tuple[memoryview, bool]]:
    """Tell of each piece whether it is the last; there is always one."""
    held = next(pieces, memoryview(b""))
    for piece in pieces:
        yield held, False
        held = piece
    yield held, True

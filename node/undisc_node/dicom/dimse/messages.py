"""Puts the pieces of an association together to messages (PS3.7 §8, PS3.8 §E).

A message is a command set and, if the command says so, a data set. The command is kept until it is
whole; the data set is handed on piece by piece and never kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from undisc_node.dicom.dimse.commands import MAX_COMMAND, Command, decode_command
from undisc_node.dicom.upper_layer.errors import RemoteViolation
from undisc_node.dicom.upper_layer.events import DataReceived


@dataclass(frozen=True, slots=True)
class CommandReceived:
    """A whole command.

    Attributes:
        context: Number of its presentation context.
        command: What it says.
    """

    context: int
    command: Command


@dataclass(frozen=True, slots=True)
class DataSetReceived:
    """A piece of the data set of the last command.

    Attributes:
        is_last: Whether the data set, and with it the message, ends here.
        data: The bytes; use them before the next piece is read.
    """

    is_last: bool
    data: memoryview = field(repr=False)


class Messages:
    """What has come of one message after the other."""

    def __init__(self) -> None:
        self._context: int | None = None
        self._command = bytearray()
        self._awaits_data_set = False

    @property
    def is_within_message(self) -> bool:
        """Whether a message has begun and is not complete."""
        return self._context is not None

    def take(self, piece: DataReceived) -> CommandReceived | DataSetReceived | None:
        """Take the next piece; return what it completes or carries.

        Raises:
            RemoteViolation: It does not belong here, or the command is too long or wrong.
        """
        if self._context is None:
            self._context = piece.context
        elif self._context != piece.context:
            raise RemoteViolation("pieces of two messages mixed")
        if piece.is_command == self._awaits_data_set:
            raise RemoteViolation("a command or data set where the other has to come")
        if not piece.is_command:
            if piece.is_last:
                self._context, self._awaits_data_set = None, False
            return DataSetReceived(piece.is_last, piece.data)
        if len(self._command) + len(piece.data) > MAX_COMMAND:
            raise RemoteViolation("a command that is too long")
        self._command += piece.data
        if not piece.is_last:
            return None
        command = decode_command(self._command)
        self._command = bytearray()
        self._awaits_data_set = command.has_data_set
        context = self._context
        if not command.has_data_set:
            self._context = None
        return CommandReceived(context, command)

"""Command sets: what DIMSE messages ask for and answer (PS3.7 §6.3, §E).

A command set is a list of elements of group 0000 in implicit VR little endian. It is decoded by
hand: a command is short, flat, and the first thing of a message that a stranger fills in.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from undisc_node.dicom.upper_layer.errors import RemoteViolation

MAX_COMMAND: Final = 16_384  # bytes of a command set; real ones have below 300
MAX_ELEMENTS: Final = 64  # in a command set; the standard knows 30
LONGEST_COMMENT: Final = 64  # characters of Error Comment (PS3.7 §C)

NO_DATA_SET: Final = 0x0101  # Command Data Set Type (PS3.7 §E.1); any other value means one follows
_DATA_SET: Final = 0x0001
_LONGEST_TEXT: Final = 64  # bytes of a UID or title; what is longer is cut, and found not to be one

_ELEMENT: Final = struct.Struct("<HHL")
_GROUP_LENGTH: Final = 0x0000
_SOP_CLASS: Final = 0x0002
_REQUESTED_CLASS: Final = 0x0003
_FIELD: Final = 0x0100
_MESSAGE: Final = 0x0110
_ANSWERED: Final = 0x0120
_DESTINATION: Final = 0x0600
_PRIORITY: Final = 0x0700
_DATA_SET_TYPE: Final = 0x0800
_STATUS: Final = 0x0900
_COMMENT: Final = 0x0902
_INSTANCE: Final = 0x1000
_REQUESTED_INSTANCE: Final = 0x1001
_REMAINING: Final = 0x1020
_COMPLETED: Final = 0x1021
_FAILED: Final = 0x1022
_WARNING: Final = 0x1023
_EVENT: Final = 0x1002
_ORIGINATOR: Final = 0x1030
_ORIGINATOR_MESSAGE: Final = 0x1031


class Request(IntEnum):
    """Command Field of the requests that the node knows (PS3.7 table E.1-1)."""

    STORE = 0x0001
    GET = 0x0010
    FIND = 0x0020
    MOVE = 0x0021
    ECHO = 0x0030
    EVENT_REPORT = 0x0100
    CANCEL = 0x0FFF


ANSWER: Final = 0x8000  # bit of Command Field that makes a response of a request


_ABOUT_INSTANCES: Final = (Request.STORE, Request.EVENT_REPORT)


@dataclass(frozen=True, slots=True)
class Counts:
    """How far a retrieval is (PS3.7 §9.1.3.1, §9.1.4.1).

    Attributes:
        remaining: Sub-operations to come; None at the end, where it must not be told.
        completed: Those that went well.
        failed: Those that did not.
        warning: Those that went well with a warning.
    """

    remaining: int | None
    completed: int
    failed: int
    warning: int


@dataclass(frozen=True, slots=True)
class Command:
    """A request or a response.

    Attributes:
        field: Command Field.
        message: Message ID of a request; 0 in a response.
        answered: Message ID Being Responded To; 0 in a request.
        sop_class: Affected or Requested SOP Class UID, empty when absent; not checked.
        instance: Affected or Requested SOP Instance UID, empty when absent; not checked.
        has_data_set: Whether a data set follows.
        priority: 0 medium, 1 high, 2 low.
        status: Of a response; 0 is success.
        comment: Error Comment, at most 64 characters of ASCII.
        destination: Move Destination.
        originator: Move Originator Application Entity Title.
        originator_message: Move Originator Message ID, or None.
        counts: Of a response to a retrieval.
        event: Event Type ID, or None.
    """

    field: int
    message: int = 0
    answered: int = 0
    sop_class: str = ""
    instance: str = ""
    has_data_set: bool = False
    priority: int = 0
    status: int = 0
    comment: str = ""
    destination: str = ""
    originator: str = ""
    originator_message: int | None = None
    counts: Counts | None = None
    event: int | None = None

    @property
    def is_answer(self) -> bool:
        """Whether this is a response."""
        return bool(self.field & ANSWER)

    def answer(
        self,
        status: int,
        comment: str = "",
        *,
        has_data_set: bool = False,
        counts: Counts | None = None,
    ) -> Command:
        """Return a response to this request."""
        return Command(
            field=self.field | ANSWER,
            answered=self.message,
            sop_class=self.sop_class,
            instance=self.instance if self.field in _ABOUT_INSTANCES else "",
            has_data_set=has_data_set,
            status=status,
            comment=comment,
            counts=counts,
            event=self.event,
        )


def decode_command(data: bytes | bytearray | memoryview) -> Command:
    """Read a command set.

    Raises:
        RemoteViolation: It breaks a bound or the standard.
    """
    values = _elements(memoryview(data))
    if _FIELD not in values or _DATA_SET_TYPE not in values:
        raise RemoteViolation("a command without field or data set type")
    field = _number(values, _FIELD)
    counts = None
    if any(tag in values for tag in (_REMAINING, _COMPLETED, _FAILED, _WARNING)):
        counts = Counts(
            _number(values, _REMAINING) if _REMAINING in values else None,
            *(_number(values, tag) for tag in (_COMPLETED, _FAILED, _WARNING)),
        )
    return Command(
        field=field,
        message=_number(values, _MESSAGE),
        answered=_number(values, _ANSWERED),
        sop_class=_text(values, _SOP_CLASS) or _text(values, _REQUESTED_CLASS),
        instance=_text(values, _INSTANCE) or _text(values, _REQUESTED_INSTANCE),
        has_data_set=_number(values, _DATA_SET_TYPE) != NO_DATA_SET,
        priority=_number(values, _PRIORITY),
        status=_number(values, _STATUS),
        comment=_text(values, _COMMENT),
        destination=_text(values, _DESTINATION),
        originator=_text(values, _ORIGINATOR),
        originator_message=(
            _number(values, _ORIGINATOR_MESSAGE) if _ORIGINATOR_MESSAGE in values else None
        ),
        counts=counts,
        event=_number(values, _EVENT) if _EVENT in values else None,
    )


def encode_command(command: Command) -> bytes:
    """Encode a command set."""
    values: list[tuple[int, bytes]] = []
    if command.sop_class:
        values.append((_SOP_CLASS, _uid(command.sop_class)))
    values.append((_FIELD, _short(command.field)))
    if command.is_answer:
        values.append((_ANSWERED, _short(command.answered)))
    else:
        values.append((_MESSAGE, _short(command.message)))
        if command.destination:
            values.append((_DESTINATION, _even(command.destination.encode("ascii", "replace"))))
        if command.field in (Request.STORE, Request.FIND, Request.MOVE, Request.GET):
            values.append((_PRIORITY, _short(command.priority)))
    values.append((_DATA_SET_TYPE, _short(_DATA_SET if command.has_data_set else NO_DATA_SET)))
    if command.is_answer:
        values.append((_STATUS, _short(command.status)))
    if command.comment:
        plain = command.comment.encode("ascii", "replace").replace(b"\\", b"/")
        values.append((_COMMENT, _even(plain[:LONGEST_COMMENT])))
    if command.instance:
        values.append((_INSTANCE, _uid(command.instance)))
    if command.event is not None:
        values.append((_EVENT, _short(command.event)))
    if command.counts is not None:
        counts = command.counts
        if counts.remaining is not None:
            values.append((_REMAINING, _short(counts.remaining)))
        values += [
            (_COMPLETED, _short(counts.completed)),
            (_FAILED, _short(counts.failed)),
            (_WARNING, _short(counts.warning)),
        ]
    if command.originator:
        values.append((_ORIGINATOR, _even(command.originator.encode("ascii", "replace"))))
    if command.originator_message is not None:
        values.append((_ORIGINATOR_MESSAGE, _short(command.originator_message)))
    body = b"".join(_ELEMENT.pack(0, tag, len(value)) + value for tag, value in values)
    return _ELEMENT.pack(0, _GROUP_LENGTH, 4) + struct.pack("<L", len(body)) + body


def _elements(data: memoryview) -> dict[int, bytes]:
    """Take a command set apart: the value of each element by its number."""
    values: dict[int, bytes] = {}
    at, last = 0, -1
    while at < len(data):
        if len(data) - at < _ELEMENT.size:
            raise RemoteViolation("a command that ends in the middle of an element")
        group, element, length = _ELEMENT.unpack_from(data, at)
        at += _ELEMENT.size
        if group != 0 or element <= last or len(values) == MAX_ELEMENTS:
            raise RemoteViolation("a command with foreign, repeated or too many elements")
        if length > len(data) - at:
            raise RemoteViolation("a command that ends in the middle of an element")
        values[element] = bytes(data[at : at + length])
        at += length
        last = element
    return values


def _number(values: dict[int, bytes], element: int) -> int:
    """Return an unsigned short, 0 when it is absent."""
    value = values.get(element)
    if value is None:
        return 0
    if len(value) != 2:  # noqa: PLR2004 - the size of US
        raise RemoteViolation("a number of a command that has not two bytes")
    return int.from_bytes(value, "little")


def _text(values: dict[int, bytes], element: int) -> str:
    """Return a text without its padding, empty when it is absent."""
    value = values.get(element, b"")[: _LONGEST_TEXT + 1]
    return value.decode("ascii", "replace").strip(" \0")


def _short(value: int) -> bytes:
    return struct.pack("<H", min(value, 0xFFFF))


def _uid(text: str) -> bytes:
    value = text.encode("ascii", "replace")
    return value + b"\0" * (len(value) % 2)


def _even(value: bytes) -> bytes:
    return value + b" " * (len(value) % 2)

"""P-DATA-TF as it comes in, piece by piece, and as it goes out (PS3.8 §9.3.5, §E).

A PDU holds one or more fragments, each with a length, a context number and a control byte. The
bytes of a fragment are handed on as they arrive; nothing of them is kept here.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from undisc_node.dicom.upper_layer import limits
from undisc_node.dicom.upper_layer.errors import RemoteViolation
from undisc_node.dicom.upper_layer.events import DataReceived
from undisc_node.dicom.upper_layer.pdu import HEADER, Kind

_START: Final = struct.Struct(">LBB")  # length, context, message control header (PS3.8 §9.3.5.1)
_COUNTED: Final = 2  # the length counts context and control, but not itself
_IS_COMMAND: Final = 1  # bits of the message control header (PS3.8 §E.2)
_IS_LAST: Final = 2


class FragmentReader:
    """Reads the fragments of one P-DATA-TF PDU.

    Args:
        length: What the PDU's header says, in bytes.

    Raises:
        RemoteViolation: There can be no fragment in it.
    """

    def __init__(self, length: int) -> None:
        if length < _START.size:
            raise RemoteViolation("a P-DATA-TF PDU without a fragment")
        self._pdu_left = length
        self._start = bytearray()
        self._left = 0
        self._context = 0
        self._control = 0

    @property
    def is_done(self) -> bool:
        """Whether the PDU has ended."""
        return not self._pdu_left

    def read(self, data: memoryview) -> tuple[DataReceived | None, int]:
        """Read on.

        Args:
            data: What has come, at least one byte; may reach beyond this PDU.

        Returns:
            A piece, unless more bytes are needed for one, and how many bytes were used.

        Raises:
            RemoteViolation: A fragment does not fit its PDU.
        """
        used = 0
        if not self._left:
            missing = data[: _START.size - len(self._start)]
            self._start += missing
            used = len(missing)
            self._pdu_left -= used
            if len(self._start) < _START.size:
                return None, used
            self._begin()
            if self._left and used == len(data):
                return None, used
        part = data[used : used + self._left]
        self._left -= len(part)
        self._pdu_left -= len(part)
        piece = DataReceived(
            context=self._context,
            is_command=bool(self._control & _IS_COMMAND),
            is_last=bool(self._control & _IS_LAST) and not self._left,
            data=part,
        )
        return piece, used + len(part)

    def _begin(self) -> None:
        """Take up the fragment whose start is complete."""
        length, self._context, self._control = _START.unpack(self._start)
        self._start.clear()
        self._left = length - _COUNTED
        if self._left < 0 or self._left > self._pdu_left:
            raise RemoteViolation("a fragment that does not fit its PDU")
        if 0 < self._pdu_left - self._left < _START.size:
            raise RemoteViolation("bytes after the last fragment of a PDU")


def cut(
    context: int, data: bytes | memoryview, *, is_command: bool, is_last: bool, longest: int
) -> Iterator[bytes | memoryview]:
    """Yield the parts of P-DATA-TF PDUs that carry a piece of a command or data set.

    Args:
        context: Number of an accepted context.
        data: The bytes; may be empty.
        is_command: Whether they belong to a command set.
        is_last: Whether nothing more of the set follows.
        longest: Bytes of the largest PDU the other side takes; 0 for any.
    """
    room = min(longest or limits.LARGEST_SENT, limits.LARGEST_SENT) - _START.size
    view = memoryview(data)
    at = 0
    while True:
        part = view[at : at + room]
        at += len(part)
        ends = at == len(view)
        control = (_IS_COMMAND if is_command else 0) | (_IS_LAST if is_last and ends else 0)
        yield HEADER.pack(Kind.DATA, _START.size + len(part)) + _START.pack(
            _COUNTED + len(part), context, control
        )
        yield part
        if ends:
            return

"""Stands between the network and the DICOM library: whole, bounded, timely PDUs only (PS3.8 §9.3).

The library trusts the length field of a PDU before it knows who is asking, waits for half a PDU for
ever, and copies pixel data many times. So it never touches the network. For each connection a
`Gate` reads PDUs and

- refuses a length above what was announced before allocating anything;
- gives a PDU a total time, which a slow drip of bytes does not extend;
- takes the fragments of data sets out of the stream and keeps them, byte for byte, so that the
  library sees commands and associations only;
- bounds the data set of one message and all data sets in memory together.

`Admission` counts connections. Nothing here knows what a data set means.
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

_HEADER = struct.Struct(">BxL")  # PDU type, reserved, length of what follows (PS3.8 §9.3.1)
_FRAGMENT = struct.Struct(">LBB")  # length, context, message control header (PS3.8 §9.3.5.1)
_ASSOCIATE_REQUEST: Final = 0x01
_DATA: Final = 0x04
_SMALL_PDU: Final = 4_096  # bytes; answers, releases and aborts have 4 (PS3.8 §9.3.3 to §9.3.8)
# Many senders keep Nagle's algorithm on: their last packet of an image waits for our
# acknowledgement, which the system delays by 40 ms unless told otherwise at every read (tcp(7)).
_QUICK_ACK: Final[int | None] = getattr(socket, "TCP_QUICKACK", None)
_KNOWN_TYPES = frozenset(range(0x01, 0x08))
_IS_COMMAND = 1  # bit of the message control header (PS3.8 §E.2)
_IS_LAST = 2
# Stands in for the end of a data set that the gate has kept; the library needs to see one.
_STAND_IN = b"\0\0"


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one port puts up with.

    Attributes:
        associate_pdu: Bytes of an association request; 128 contexts need about 20,000.
        data_pdu: Bytes of a P-DATA-TF PDU after its header; announced to senders. DCMTK's maximum.
        command: Bytes of one command set; real ones have below 300.
        data_set: Bytes of one data set; it is held in memory until it is stored.
        memory: Bytes of all data sets held at one time, over all connections.
        associate_seconds: From connection to the complete association request.
        pdu_seconds: From a PDU's first byte to its last.
        idle_seconds: An open association without any PDU; MR sequences pause for minutes.
        per_address: Connections from one address.
        connections: Connections in total.
    """

    associate_pdu: int = 65_536
    data_pdu: int = 131_072
    command: int = 65_536
    data_set: int = 2 * 2**30
    memory: int = 4 * 2**30
    associate_seconds: float = 10.0
    pdu_seconds: float = 30.0
    idle_seconds: float = 300.0
    per_address: int = 8
    connections: int = 64


class Violation(OSError):
    """The other side broke a bound or the framing; the connection must end. Holds no data."""


class Admission:
    """Counts connections and the memory their data sets take."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._lock = threading.Lock()
        self._open: Counter[str] = Counter()
        self._memory = 0

    def enter(self, address: str) -> bool:
        """Count a new connection; False when there are too many already."""
        with self._lock:
            if (
                self._open[address] >= self._bounds.per_address
                or self._open.total() >= self._bounds.connections
            ):
                return False
            self._open[address] += 1
            return True

    def leave(self, address: str) -> None:
        """Forget a connection that has ended."""
        with self._lock:
            self._open[address] -= 1
            if not self._open[address]:
                del self._open[address]

    def hold(self, change: int) -> bool:
        """Change the memory in use by so many bytes; False when there is no room for more."""
        with self._lock:
            if change > 0 and self._memory + change > self._bounds.memory:
                return False
            self._memory += change
            return True


class Gate:
    """Reads the PDUs of one connection.

    Args:
        connection: The accepted socket; the gate sets its timeout.
        bounds: What to put up with.
        admission: Where memory is counted.
        monotonic: A clock in seconds that never goes back.
    """

    def __init__(
        self,
        connection: socket.socket,
        *,
        bounds: Bounds,
        admission: Admission,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connection = connection
        self._bounds = bounds
        self._admission = admission
        self._monotonic = monotonic
        self._associate_by = monotonic() + bounds.associate_seconds
        self._associated = False
        self._active_at = monotonic()
        self._pdu = bytearray(_HEADER.size + bounds.data_pdu)
        self._context: int | None = None
        self._command_size = 0
        self._data_set = bytearray()
        self._held = 0

    def read(self) -> bytes:
        """Return the next PDU that the library must see; empty when the connection has ended.

        Fragments of data sets are kept back; the last of them is replaced by a stand-in.

        Raises:
            Violation: A bound, the framing or a deadline was broken.
        """
        while True:
            size = self._receive_pdu()
            if not size:
                return b""
            if self._pdu[0] != _DATA:
                return bytes(self._pdu[:size])
            kept = self._keep_fragments(size)
            if kept:
                return kept

    def take_data_set(self) -> bytearray:
        """Return the complete data set of the message just received, exactly as sent."""
        data_set, self._data_set = self._data_set, bytearray()
        return data_set

    def message_done(self) -> None:
        """Forget the message that was answered, and give its memory back."""
        self._active_at = self._monotonic()
        self._context = None
        self._command_size = 0
        self._data_set = bytearray()
        self._admission.hold(-self._held)
        self._held = 0

    def is_idle(self) -> bool:
        """Tell whether nothing has come for too long while no message was being handled."""
        quiet = self._monotonic() - self._active_at
        return self._context is None and quiet > self._bounds.idle_seconds

    def _receive_pdu(self) -> int:
        """Read one whole PDU into the buffer and return its size; 0 at a clean end."""
        view = memoryview(self._pdu)
        deadline = (
            self._monotonic() + self._bounds.pdu_seconds if self._associated else self._associate_by
        )
        if not self._fill(view[: _HEADER.size], deadline, may_end=True):
            return 0
        kind, length = _HEADER.unpack_from(self._pdu)
        self._check_head(kind, length)
        self._fill(view[_HEADER.size : _HEADER.size + length], deadline)
        self._associated = True
        self._active_at = self._monotonic()
        return _HEADER.size + int(length)

    def _check_head(self, kind: int, length: int) -> None:
        """Refuse what cannot come now, before anything of it is read."""
        if kind not in _KNOWN_TYPES or self._associated == (kind == _ASSOCIATE_REQUEST):
            raise Violation("a PDU of an unexpected type")
        bound = {
            _ASSOCIATE_REQUEST: self._bounds.associate_pdu,
            _DATA: self._bounds.data_pdu,
        }.get(kind, _SMALL_PDU)
        if length > bound:
            raise Violation("a PDU longer than announced")

    def _fill(self, target: memoryview, deadline: float, *, may_end: bool = False) -> bool:
        """Read until `target` is full; False if the stream ends cleanly where it may."""
        filled = 0
        while filled < len(target):
            left = deadline - self._monotonic()
            if left <= 0:
                raise Violation("a PDU that took too long")
            self._connection.settimeout(left)
            if _QUICK_ACK is not None:
                self._connection.setsockopt(socket.IPPROTO_TCP, _QUICK_ACK, 1)
            try:
                count = self._connection.recv_into(target[filled:])
            except TimeoutError:
                raise Violation("a PDU that took too long") from None
            if not count:
                if may_end and not filled:
                    return False
                raise Violation("a PDU that ends in the middle")
            filled += count
        return True

    def _keep_fragments(self, size: int) -> bytes:
        """Move data-set fragments of a P-DATA-TF PDU into memory; return what the library sees."""
        view = memoryview(self._pdu)[:size]
        shown = []
        at = _HEADER.size
        while at < size:
            if size - at < _FRAGMENT.size:
                raise Violation("a fragment without a header")
            length, context, control = _FRAGMENT.unpack_from(view, at)
            stop = at + 4 + length
            if length < 2 or stop > size:  # noqa: PLR2004 - context and control are two bytes
                raise Violation("a fragment that does not fit its PDU")
            if self._context is None:
                self._context = context
            elif self._context != context:
                raise Violation("fragments of two messages mixed")
            if control & _IS_COMMAND:
                self._command_size += length
                if self._command_size > self._bounds.command:
                    raise Violation("a command that is too long")
                shown.append(bytes(view[at:stop]))
            else:
                self._keep(view[at + _FRAGMENT.size : stop])
                if control & _IS_LAST:
                    shown.append(_FRAGMENT.pack(2 + len(_STAND_IN), context, control) + _STAND_IN)
            at = stop
        body = b"".join(shown)
        return _HEADER.pack(_DATA, len(body)) + body if body else b""

    def _keep(self, fragment: memoryview) -> None:
        """Append a fragment to the data set."""
        if len(self._data_set) + len(fragment) > self._bounds.data_set:
            raise Violation("a data set that is too long")
        if not self._admission.hold(len(fragment)):
            raise Violation("more data sets at one time than memory is set aside for")
        self._held += len(fragment)
        self._data_set += fragment

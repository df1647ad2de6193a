"""What the DICOM port puts up with, and who may come in at all.

Every bound of the port is here: name, unit, reason. The bounds of single fields are in
`upper_layer.limits` and `dimse.commands`.
"""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass

from undisc_node.dicom.upper_layer import PduBounds


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one port puts up with.

    Attributes:
        associate_pdu: Bytes of an association request; 128 contexts with 60 syntaxes fit.
        data_pdu: Bytes of a P-DATA-TF PDU after its header; announced to senders. DCMTK's maximum.
        data_set: Bytes of one data set; one object of a pack has no more.
        associate_seconds: From connection to the complete association request.
        pdu_seconds: From a PDU's first byte to its last, and from one PDU of a message to the next.
        idle_seconds: An open association without a message; MR sequences pause for minutes.
        send_seconds: Until what waits for the network has been taken, at most 400,000 bytes.
        close_seconds: Until the other side closes after a rejection, an abort or a release.
        per_address: Connections from one address, as many as an archive opens that hands over a
            day; one without association gives way to a new one.
        connections: Connections in total, likewise.
        strangers: Connections from addresses of nobody who is trusted, all together; they must not
            keep those out who are.
        workers: Objects that are sealed or stored at the same moment.
        questions: Queries and retrievals at the same moment; each has a thread.
    """

    associate_pdu: int = 262_144
    data_pdu: int = 131_072
    data_set: int = 4 * 2**30 - 65_536
    associate_seconds: float = 10.0
    pdu_seconds: float = 30.0
    idle_seconds: float = 300.0
    send_seconds: float = 30.0
    close_seconds: float = 2.0
    per_address: int = 32
    connections: int = 256
    strangers: int = 32
    workers: int = 32
    questions: int = 16

    @property
    def pdu(self) -> PduBounds:
        """What the upper layer needs to know of this."""
        return PduBounds(associate=self.associate_pdu, data=self.data_pdu)


class Admission:
    """Counts connections."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._lock = threading.Lock()
        self._open: Counter[str] = Counter()
        self._strangers: Counter[str] = Counter()

    def enter(self, address: str, *, stranger: bool = False) -> bool:
        """Count a new connection; False when there are too many already."""
        with self._lock:
            if (
                self._open[address] >= self._bounds.per_address
                or self._open.total() >= self._bounds.connections
                or (stranger and self._strangers.total() >= self._bounds.strangers)
            ):
                return False
            self._open[address] += 1
            self._strangers[address] += stranger
            return True

    def allows(self, address: str) -> bool:
        """Tell whether this address has fewer connections than it may have."""
        with self._lock:
            return self._open[address] < self._bounds.per_address

    def leave(self, address: str) -> None:
        """Forget a connection that has ended."""
        with self._lock:
            self._open[address] -= 1
            # An address may become known, or unknown, while it has connections.
            self._strangers[address] = min(self._strangers[address], self._open[address])
            if not self._open[address]:
                del self._open[address], self._strangers[address]

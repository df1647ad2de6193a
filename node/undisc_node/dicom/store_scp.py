"""C-STORE in the role of the provider (PS3.4 §B, PS3.7 §9.1.1); C-ECHO needs nothing of its own.

A sender is told "success" only after `store` has returned, which means the object is durable. The
data set is handed on exactly as it was on the wire, behind file meta information made here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Final

from pydicom.dataset import Dataset

from undisc_node.dicom.guard import Gate
from undisc_node.dicom.part10 import compose_part10
from undisc_node.dicom.reader import FactReader
from undisc_node.dicom.senders import Sender, Senders
from undisc_node.dicom.sources import BytesSource
from undisc_node.services.errors import Invalid, Refused, ServiceError, Unavailable
from undisc_node.services.ports import Source

SUCCESS: Final = 0x0000
PROCESSING_FAILURE: Final = 0x0110  # PS3.7 §C.5.14
NOT_AUTHORISED: Final = 0x0124  # PS3.7 §C.5.18
OUT_OF_RESOURCES: Final = 0xA700  # PS3.4 table B.2-1, also for the two below
DOES_NOT_MATCH: Final = 0xA900
CANNOT_UNDERSTAND: Final = 0xC000

_LONGEST_COMMENT: Final = 64  # characters of Error Comment (PS3.7 §C)

Store = Callable[[Source, str], object]
"""Takes an object and who brought it, as `dicom:<name>`."""


Report = Callable[[bytes, str], int]
"""Takes a report of storage commitment and its transfer syntax; returns the status to answer."""


class Visit:
    """What happens on one connection.

    Args:
        gate: Holds the data set of the message being received.
        address: Where the connection comes from.
        senders: Who may send.
        store: Stores one object durably before it returns; raises `ServiceError` to refuse it.
        logger: Where to write lines without patient data.
        on_report: Takes reports of storage commitment, or None.
    """

    def __init__(
        self,
        *,
        gate: Gate,
        address: str,
        senders: Senders,
        store: Store,
        logger: logging.Logger,
        on_report: Report | None = None,
    ) -> None:
        self._on_report = on_report
        self._gate = gate
        self._address = address
        self._senders = senders
        self._store = store
        self._log = logger
        self._reader = FactReader()
        self._sender: Sender | None = None
        self._stored = 0
        self._refused = 0

    def may_call(self, ae_title: str) -> bool:
        """Decide about the AE title of an association request."""
        self._sender = self._senders.identify(self._address, ae_title)
        if self._sender is None:
            self._log.warning("DICOM: AE title refused from %s", self._address)
        return self._sender is not None

    def on_store(self, event: Any) -> Dataset:
        """Store one object; return the status to answer with."""
        try:
            self._store_object(event)
        except ServiceError as refusal:
            status, comment = _status(refusal), str(refusal)
            self._log.warning(
                "DICOM: object from %s refused: %s (%s)", self._name, comment, refusal.reason
            )
        except Exception as error:  # noqa: BLE001 - the sender must get an answer
            status, comment = PROCESSING_FAILURE, "the object could not be stored"
            # The message of a foreign exception can hold values of the data set.
            self._log.error("DICOM: storing from %s failed: %s", self._name, type(error).__name__)
        else:
            self._stored += 1
            return _answer(SUCCESS)
        self._refused += 1
        return _answer(status, comment)

    def on_report(self, event: Any) -> tuple[int, None]:
        """Take a report of storage commitment (PS3.4 §J.3.3); return the status to answer with."""
        data_set = bytes(self._gate.take_data_set())
        if self._on_report is None:
            return PROCESSING_FAILURE, None
        return self._on_report(data_set, str(event.context.transfer_syntax)), None

    def close(self) -> None:
        """Write what came of the connection."""
        if self._stored or self._refused:
            self._log.info(
                "DICOM: %s sent %d objects, %d of them refused",
                self._name,
                self._stored + self._refused,
                self._refused,
            )

    @property
    def _name(self) -> str:
        """The sender's name, or its address before it is known."""
        return self._sender.name if self._sender else self._address

    def _store_object(self, event: Any) -> None:
        """Check an object against its command, and store it."""
        request = event.request
        sop_class, sop_uid = str(request.AffectedSOPClassUID), str(request.AffectedSOPInstanceUID)
        head = compose_part10(
            sop_class=sop_class,
            sop_uid=sop_uid,
            transfer_syntax=str(event.context.transfer_syntax),
            calling_ae=str(event.assoc.requestor.ae_title),
        )
        source = BytesSource(head, memoryview(self._gate.take_data_set()))
        facts = self._reader.facts(source)
        if (facts.sop_uid, facts.sop_class) != (sop_uid, sop_class):
            raise Invalid("the object is not the one its command names", code="does_not_match")
        self._store(source, f"dicom:{self._name}")


def _status(refusal: ServiceError) -> int:
    """Return the C-STORE status for a refusal (PS3.4 table B.2-1)."""
    if refusal.reason == "does_not_match":
        return DOES_NOT_MATCH
    if isinstance(refusal, Unavailable):
        return OUT_OF_RESOURCES
    if isinstance(refusal, Invalid):
        return CANNOT_UNDERSTAND
    return NOT_AUTHORISED if isinstance(refusal, Refused) else PROCESSING_FAILURE


def _answer(status: int, comment: str = "") -> Dataset:
    """Make the status part of an answer."""
    answer = Dataset()
    answer.Status = status
    if comment:
        plain = comment.encode("ascii", "replace").decode("ascii").replace("\\", "/")
        answer.ErrorComment = plain[:_LONGEST_COMMENT]
    return answer

"""Storage commitment in the role of the user (PS3.4 §J): N-ACTION, and the report that follows.

The report comes on the same association, or later on one that the archive opens to our port. Both
end in `Commitments`, where whoever asked waits for it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any, Final

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import UID
from pynetdicom import evt
from pynetdicom.sop_class import StorageCommitmentPushModel  # type: ignore[attr-defined]

from undisc_node.dicom.calling import Called, calling
from undisc_node.services.errors import ServiceError
from undisc_node.services.ports import Outgoing

PUSH_MODEL: Final = str(StorageCommitmentPushModel)
WELL_KNOWN_INSTANCE: Final = "1.2.840.10008.1.20.1.1"  # PS3.4 §J.3.5
_SECONDS: Final = 60.0  # to wait for a report; afterwards the images count as stored, not committed
_HERE_SECONDS: Final = 2.0  # of that, with the association kept open
_ASK: Final = 1  # action type (PS3.4 §J.3.2)
_AT_ONCE: Final = 2_000  # instances in one question; a report of these has below 1 MiB
_INVALID: Final = 0x0115  # invalid argument value (PS3.7 §C.5.5)


@dataclass(slots=True)
class _Asked:
    """A question that waits for its report."""

    done: threading.Event = field(default_factory=threading.Event)
    good: frozenset[str] = frozenset()


class Commitments:
    """Asks for commitments, and takes reports.

    Args:
        new_uid: Makes a UID for each question.
        seconds: How long to wait for a report.
    """

    def __init__(self, *, new_uid: Callable[[], str], seconds: float = _SECONDS) -> None:
        self._new_uid = new_uid
        self._seconds = seconds
        self._asked: dict[str, _Asked] = {}
        self._lock = threading.Lock()

    def ask(self, called: Called, objects: Sequence[Outgoing]) -> frozenset[bytes] | None:
        """Ask an archive to take responsibility; see `ports.Archive.commit`."""
        good: set[bytes] = set()
        for start in range(0, len(objects), _AT_ONCE):
            part = objects[start : start + _AT_ONCE]
            committed = self._ask(called, part)
            if committed is None:
                return None
            good.update(one.key for one in part if one.sop_uid in committed)
        return frozenset(good)

    def _ask(self, called: Called, objects: Sequence[Outgoing]) -> frozenset[str] | None:
        transaction = self._new_uid()
        asked = _Asked()
        with self._lock:
            self._asked[transaction] = asked
        try:
            if not self._send(called, transaction, objects, asked):
                return None
            if not asked.done.wait(self._seconds):
                return None
        finally:
            with self._lock:
                del self._asked[transaction]
        return asked.good

    def _send(
        self, called: Called, transaction: str, objects: Sequence[Outgoing], asked: _Asked
    ) -> bool:
        """Ask; tell whether the archive will report."""
        action = Dataset()
        action.TransactionUID = transaction
        action.ReferencedSOPSequence = Items([_reference(one) for one in objects])
        handlers = [(evt.EVT_N_EVENT_REPORT, self._on_own_association)]
        try:
            with calling(called, [(PUSH_MODEL, None)], handlers=handlers) as association:
                if not association.accepted_contexts:
                    return False
                status, _ = association.send_n_action(action, _ASK, PUSH_MODEL, WELL_KNOWN_INSTANCE)
                if status.get("Status", None) != 0:
                    return False
                asked.done.wait(min(_HERE_SECONDS, self._seconds))
        except ServiceError:
            return False  # an archive that does not offer it may reject the whole association
        return True

    def _on_own_association(self, event: Any) -> tuple[int, Dataset | None]:
        try:
            report = event.event_information
        except Exception:  # noqa: BLE001 - the library fails in many ways on what it does not expect
            return _INVALID, None
        return self._take(report), None

    def on_report(self, data_set: bytes, transfer_syntax: str) -> int:
        """Take a report that came to our port; return the status to answer with."""
        syntax = UID(transfer_syntax)
        try:
            report = dcmread(
                BytesIO(_with_meta(data_set, syntax)), force=True, stop_before_pixels=True
            )
        except Exception:  # noqa: BLE001 - as above
            return _INVALID
        return self._take(report)

    def _take(self, report: Dataset) -> int:
        try:
            transaction = str(report.TransactionUID)
            good = frozenset(
                str(item.ReferencedSOPInstanceUID)
                for item in report.get("ReferencedSOPSequence") or ()
            )
        except Exception:  # noqa: BLE001 - as above
            return _INVALID
        with self._lock:
            asked = self._asked.get(transaction)
        if asked is not None:
            asked.good = good
            asked.done.set()
        return 0  # a report that nobody waits for any more is taken and dropped


def _reference(one: Outgoing) -> Dataset:
    reference = Dataset()
    reference.ReferencedSOPClassUID = one.sop_class
    reference.ReferencedSOPInstanceUID = one.sop_uid
    return reference


def _with_meta(data_set: bytes, syntax: UID) -> bytes:
    """Put the least file meta information before a data set, for the library to read it."""
    value = str(syntax).encode("ascii")
    value += b"\0" * (len(value) % 2)
    element = b"\x02\x00\x10\x00UI" + len(value).to_bytes(2, "little") + value
    return bytes(128) + b"DICM" + element + data_set

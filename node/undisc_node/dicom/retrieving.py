"""Brings studies from archives by C-MOVE and C-GET (PS3.4 §C.4.2, §C.4.3).

By C-MOVE the archive sends to our DICOM port, where everything is as with any sender. By C-GET the
objects come back on our own association: their data sets are kept byte for byte, as on the port.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any, Final

from pydicom.dataset import Dataset
from pynetdicom import build_role, evt
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
)

from undisc_node.dicom.calling import Called, calling
from undisc_node.dicom.part10 import compose_part10
from undisc_node.dicom.querying import find_classes
from undisc_node.dicom.sources import BytesSource
from undisc_node.services.archive_model import FoundStudy
from undisc_node.services.errors import Refused, ServiceError, Unavailable
from undisc_node.services.ports import Take, Watch

MOVE: Final = str(StudyRootQueryRetrieveInformationModelMove)
GET: Final = str(StudyRootQueryRetrieveInformationModelGet)
_SECONDS: Final = 300.0  # without a word: an archive may fetch from tape before the first image
_CONTEXTS: Final = 127  # beside the one for C-GET itself (PS3.8 §9.3.2.2)
_PENDING: Final = frozenset((0xFF00, 0xFF01))
_UNKNOWN_DESTINATION: Final = 0xA801
_PARTLY: Final = 0xB000
_CANCELLED: Final = 0xFE00
_OUT_OF_RESOURCES: Final = 0xA700

SYNTAXES: Final = (
    # Offered for each kind of object, one context each, so that the archive keeps what it has.
    "1.2.840.10008.1.2.1",  # Explicit VR Little Endian
    "1.2.840.10008.1.2",  # Implicit VR Little Endian
    "1.2.840.10008.1.2.4.70",  # JPEG Lossless, selection value 1
    "1.2.840.10008.1.2.4.90",  # JPEG 2000 lossless
    "1.2.840.10008.1.2.4.80",  # JPEG-LS lossless
    "1.2.840.10008.1.2.4.50",  # JPEG Baseline
    "1.2.840.10008.1.2.4.91",  # JPEG 2000
    "1.2.840.10008.1.2.5",  # RLE Lossless
    "1.2.840.10008.1.2.4.51",  # JPEG Extended
    "1.2.840.10008.1.2.4.57",  # JPEG Lossless
    "1.2.840.10008.1.2.4.81",  # JPEG-LS near-lossless
    "1.2.840.10008.1.2.4.201",  # HTJ2K lossless
    "1.2.840.10008.1.2.4.102",  # MPEG-4 AVC High Profile
    "1.2.840.10008.1.2.1.99",  # Deflated Explicit VR Little Endian
    "1.2.840.10008.1.2.2",  # Explicit VR Big Endian
)
"""Transfer syntaxes that we offer by C-GET, the most usual first."""

USUAL_CLASSES: Final = (
    # Offered when an archive does not say what a study holds.
    "1.2.840.10008.5.1.4.1.1.1",  # CR
    "1.2.840.10008.5.1.4.1.1.1.1",  # DX
    "1.2.840.10008.5.1.4.1.1.1.2",  # mammography
    "1.2.840.10008.5.1.4.1.1.2",  # CT
    "1.2.840.10008.5.1.4.1.1.4",  # MR
    "1.2.840.10008.5.1.4.1.1.6.1",  # ultrasound
    "1.2.840.10008.5.1.4.1.1.7",  # secondary capture
    "1.2.840.10008.5.1.4.1.1.88.11",  # basic text SR
)
"""Kinds of objects that are usual in a practice."""


def move_study(called: Called, study: FoundStudy, destination: str, watch: Watch) -> None:
    """Let an archive send a study to an AE title; see `ports.Archive.retrieve`."""
    with calling(called, [(MOVE, None)], seconds=_SECONDS) as association:
        _need(association, MOVE, "C-MOVE")
        _follow(association, association.send_c_move(_wish(study), destination, MOVE), MOVE, watch)


def get_study(called: Called, study: FoundStudy, take: Take, watch: Watch) -> None:
    """Bring a study on our own association; see `ports.Archive.retrieve`."""
    classes = find_classes(called, study.uid) or USUAL_CLASSES
    kinds = [(one, syntax) for syntax in SYNTAXES for one in classes][:_CONTEXTS]
    getting = _Getting(take, watch)
    with calling(
        called,
        [(GET, None), *((one, [syntax]) for one, syntax in kinds)],
        roles=[build_role(one, scp_role=True) for one in classes],
        handlers=[(evt.EVT_C_STORE, getting.on_store)],
        seconds=_SECONDS,
    ) as association:
        _need(association, GET, "C-GET")
        try:
            _follow(association, association.send_c_get(_wish(study), GET), GET, watch)
        except Unavailable:
            getting.raise_problem()
            raise
    getting.raise_problem()


class _Getting:
    """Stores what comes by C-GET."""

    def __init__(self, take: Take, watch: Watch) -> None:
        self._take = take
        self._watch = watch
        self._problem: Exception | None = None

    def on_store(self, event: Any) -> int:
        """Store one object; return the status to answer with."""
        if self._problem is not None or self._watch.wants_to_stop():
            return _OUT_OF_RESOURCES
        request = event.request
        stream: BytesIO = request.DataSet
        try:
            head = compose_part10(
                sop_class=str(request.AffectedSOPClassUID),
                sop_uid=str(request.AffectedSOPInstanceUID),
                transfer_syntax=str(event.context.transfer_syntax),
            )
            self._take(BytesSource(head, stream.getbuffer()))
        except ServiceError as problem:
            self._problem = problem
            return _OUT_OF_RESOURCES
        return 0

    def raise_problem(self) -> None:
        """Raise what `take` raised, if anything."""
        if self._problem is not None:
            raise self._problem


def _wish(study: FoundStudy) -> Dataset:
    wish = Dataset()
    wish.QueryRetrieveLevel = "STUDY"
    wish.StudyInstanceUID = study.uid
    return wish


def _need(association: Any, model: str, name: str) -> None:
    if not any(str(one.abstract_syntax) == model for one in association.accepted_contexts):
        raise Refused(
            f"the PACS does not offer {name}",
            code="no_retrieve",
            hint="remove it and add it with another --retrieve",
        )


def _follow(association: Any, responses: Any, model: str, watch: Watch) -> None:
    """Take note of responses until the last one, and make of it what it says."""
    cancelled = False
    for status, _ in responses:
        if "Status" not in status:
            raise Unavailable("the PACS broke off while it was sending")
        done = int(status.get("NumberOfCompletedSuboperations") or 0)
        failed = int(status.get("NumberOfFailedSuboperations") or 0)
        warned = int(status.get("NumberOfWarningSuboperations") or 0)
        left = int(status.get("NumberOfRemainingSuboperations") or 0)
        total = done + failed + warned + left
        if total:
            watch.seen(done + warned, total)
        if status.Status in _PENDING:
            if watch.wants_to_stop() and not cancelled:
                cancelled = True
                association.send_c_cancel(1, query_model=model)
            continue
        _judge(int(status.Status), failed, total)


def _judge(status: int, failed: int, total: int) -> None:
    if status == _UNKNOWN_DESTINATION:
        raise Refused(
            "the PACS does not know where this node is (status 0xA801)",
            code="unknown_destination",
            hint="tell the PACS this node's AE title, address and DICOM port",
        )
    if status == _CANCELLED:
        return
    if failed or status == _PARTLY:
        raise Unavailable(
            f"{failed} of {total} images did not come",
            code="incomplete",
            hint="may the PACS send to this node's DICOM port: undisc senders list",
        )
    if status and not 0xB000 <= status < 0xC000:  # noqa: PLR2004 - warnings (PS3.7 §C)
        raise Refused(
            f"the PACS refused to send, with status 0x{status:04X}", code="retrieve_refused"
        )

"""A practice whose DICOM port answers workstations, in one process; and workstations that ask it.

Everything behind the port is real but rows and packs, which are in memory.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset
from pynetdicom import AE, build_role, evt

from support.clock import FakeClock
from support.dicom_port import LOCAL, known
from support.memory_network import MemoryNetwork
from support.practice import Practice
from undisc_node.dicom.calling import Called
from undisc_node.dicom.describing import Describer
from undisc_node.dicom.part10 import split_part10
from undisc_node.dicom.port import DicomPort
from undisc_node.dicom.providing.provider import Provider
from undisc_node.dicom.reader import FactReader
from undisc_node.dicom.sources import BytesSource
from undisc_node.services.dicomweb.descriptions import Descriptions
from undisc_node.services.dicomweb.holdings import Holdings
from undisc_node.services.dicomweb.searching import Searching
from undisc_node.services.known_senders import KnownSenders
from undisc_node.services.receiving import Receiving
from undisc_node.services.workstations.finding import Finding
from undisc_node.services.workstations.giving import Giving

STUDY_FIND = "1.2.840.10008.5.1.4.1.2.2.1"
STUDY_MOVE = "1.2.840.10008.5.1.4.1.2.2.2"
STUDY_GET = "1.2.840.10008.5.1.4.1.2.2.3"
PATIENT_FIND = "1.2.840.10008.5.1.4.1.2.1.1"
PENDING = {0xFF00, 0xFF01}
_SECONDS = 30.0  # for an answer


@dataclass
class House:
    """A practice with a DICOM port.

    Attributes:
        practice: Its services, on fakes.
        receiving: Takes real DICOM files in.
        port: The DICOM port.
        senders: Who calls; whoever is on this machine may query.
        destinations: By AE title, where C-MOVE may send to.
    """

    practice: Practice
    receiving: Receiving
    senders: KnownSenders
    destinations: dict[str, Called] = field(default_factory=dict)
    port: Any = None

    def take(self, files: Iterable[bytes]) -> None:
        """Take files in."""
        for one in files:
            self.receiving.store(BytesSource(one), "import")

    def forbid(self) -> None:
        """Take the permission to query away."""
        self.senders.configured = (LOCAL,)
        self.senders.reload()

    @property
    def address(self) -> tuple[str, int]:
        """Where the port is."""
        address: tuple[str, int] = self.port.address
        return address


@contextmanager
def house(**how: Any) -> Iterator[House]:
    """Open a practice's DICOM port; `how` is further arguments of the port."""
    practice = Practice("house", MemoryNetwork(), FakeClock())
    receiving = Receiving(
        catalog=practice.catalog,
        packs=practice.packs,
        contents=practice.contents,
        reader=FactReader(),
        journal=practice.journal,
        clock=practice.clock,
        entropy=practice.entropy,
        writing=practice.writing,
        room=practice.room,
    )
    made = House(practice, receiving, known(replace(LOCAL, may_query=True)))
    describer = Describer()
    rows = {"catalog": practice.catalog, "packs": practice.packs}
    holdings = Holdings(**rows, contents=practice.contents)
    descriptions = Descriptions(packs=practice.packs, describer=describer)
    provider = Provider(
        finds=Finding(
            catalog=practice.catalog,
            searching=Searching(
                catalog=practice.catalog, holdings=holdings, descriptions=descriptions
            ),
            tag_of=describer.tag_of,
            journal=practice.journal,
            ae_title="UNDISC",
        ),
        gives=Giving(**rows, holdings=holdings, journal=practice.journal),
        destinations=made.destinations.get,
    )
    made.port = DicomPort(
        host="127.0.0.1", port=0, senders=made.senders, stores=receiving, provider=provider, **how
    )
    made.port.start()
    try:
        yield made
    finally:
        made.port.stop()
        practice.fetching.stop()


def data_set_bytes(file: bytes) -> bytes:
    """Return what a file has behind its meta information."""
    return file[split_part10(BytesSource(file)) :]


def keys(**values: str) -> Dataset:
    """Make an identifier; its level is the argument `level`."""
    made = Dataset()
    made.QueryRetrieveLevel = values.pop("level", "STUDY")
    if not all(value.isascii() for value in values.values()):
        made.SpecificCharacterSet = "ISO_IR 192"
    for name, value in values.items():
        setattr(made, name, value.split("\\") if "\\" in value else value)
    return made


@contextmanager
def associated(
    address: tuple[str, int],
    contexts: Sequence[tuple[str, Sequence[str] | None]],
    *,
    roles: Sequence[str] = (),
    handlers: Sequence[Any] = (),
    title: str = "STATION",
    tls: tuple[ssl.SSLContext, str] | None = None,
) -> Iterator[Any]:
    """Open an association as pynetdicom does; release it at the end."""
    application = AE(ae_title=title)
    application.acse_timeout = application.dimse_timeout = application.network_timeout = _SECONDS
    for abstract, syntaxes in contexts:
        application.add_requested_context(abstract, list(syntaxes) if syntaxes else None)
    association = application.associate(
        *address,
        ext_neg=[build_role(one, scp_role=True) for one in roles],
        evt_handlers=list(handlers),
        tls_args=tls,
    )
    assert association.is_established
    try:
        yield association
    finally:
        if association.is_established:
            association.release()
        else:
            association.abort()
        association.join(_SECONDS)
        left = getattr(association.dul.socket, "socket", None)
        if left is not None:  # the library leaves a broken connection to the garbage collector
            left.close()


def found(
    address: tuple[str, int], asked: Dataset, root: str = STUDY_FIND
) -> tuple[list[Dataset], int]:
    """Ask by C-FIND; return the answers and the last status."""
    with associated(address, [(root, None)]) as association:
        answers = list(association.send_c_find(asked, root))
    assert all(status.Status in PENDING for status, _ in answers[:-1])
    return [one for _, one in answers[:-1]], answers[-1][0].Status


@dataclass
class Got:
    """What came of a retrieval.

    Attributes:
        data_sets: By SOP Instance UID, the bytes that came.
        answers: Status and counts of each response: remaining, completed, failed, warning.
        failed: UIDs that the last response names.
        comment: Error Comment of the last response.
    """

    data_sets: dict[str, bytes] = field(default_factory=dict)
    answers: list[tuple[int, list[int | None]]] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    comment: str = ""

    @property
    def status(self) -> int:
        """The last status."""
        return self.answers[-1][0]

    def read(self, responses: Iterable[tuple[Dataset, Dataset | None]]) -> None:
        """Read the responses."""
        for status, identifier in responses:
            names = ("Remaining", "Completed", "Failed", "Warning")
            counts = [status.get(f"NumberOf{name}Suboperations") for name in names]
            self.answers.append((status.Status, counts))
            self.comment = str(status.get("ErrorComment", ""))
            if identifier is not None:
                uids = identifier.get("FailedSOPInstanceUIDList") or []
                self.failed = [uids] if isinstance(uids, str) else list(uids)


def got(
    address: tuple[str, int],
    asked: Dataset,
    kinds: Sequence[tuple[str, str]],
    *,
    on_store: Any = None,
    tls: tuple[ssl.SSLContext, str] | None = None,
) -> Got:
    """Retrieve by C-GET, taking these SOP classes, each in one transfer syntax."""
    result = Got()

    def take(event: Any) -> int:
        result.data_sets[str(event.request.AffectedSOPInstanceUID)] = (
            event.request.DataSet.getvalue()
        )
        return on_store(event) if on_store else 0

    contexts = [(STUDY_GET, None), *((one, [syntax]) for one, syntax in kinds)]
    roles = sorted({one for one, _ in kinds})
    handlers = [(evt.EVT_C_STORE, take)]
    with associated(address, contexts, roles=roles, handlers=handlers, tls=tls) as association:
        result.read(association.send_c_get(asked, STUDY_GET))
    return result


def moved(address: tuple[str, int], asked: Dataset, destination: str) -> Got:
    """Ask for a C-MOVE; what arrives is elsewhere."""
    result = Got()
    with associated(address, [(STUDY_MOVE, None)]) as association:
        result.read(association.send_c_move(asked, destination, STUDY_MOVE))
    return result


@contextmanager
def destination(
    kinds: Iterable[tuple[str, str]], title: str = "ARCHIVE"
) -> Iterator[tuple[Called, dict[str, bytes]]]:
    """Listen as an archive that takes these kinds; yield where, and what arrives."""
    arrived: dict[str, bytes] = {}

    def take(event: Any) -> int:
        request = event.request
        assert request.MoveOriginatorApplicationEntityTitle == "STATION"
        assert request.MoveOriginatorMessageID is not None
        arrived[str(request.AffectedSOPInstanceUID)] = request.DataSet.getvalue()
        return 0

    application = AE(ae_title=title)
    by_class: dict[str, list[str]] = {}
    for one, syntax in kinds:
        by_class.setdefault(one, []).append(syntax)
    for one, syntaxes in by_class.items():
        application.add_supported_context(one, syntaxes)
    server = application.start_server(
        ("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, take)]
    )
    try:
        yield Called("127.0.0.1", server.server_address[1], "UNDISC", title), arrived
    finally:
        server.shutdown()


def kinds_of(files: Iterable[bytes]) -> list[tuple[str, str]]:
    """Return the SOP classes and transfer syntaxes of files."""
    facts = [FactReader().facts(BytesSource(one)) for one in files]
    return sorted({(one.sop_class, one.transfer_syntax) for one in facts})


def written(folder: Path) -> list[bytes]:
    """Return the files in a folder."""
    return [path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()]

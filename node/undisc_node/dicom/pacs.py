"""An archive that is reached by DIMSE: implements `ports.Archive`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from undisc_node.dicom import scu
from undisc_node.dicom.calling import Called
from undisc_node.dicom.committing import Commitments
from undisc_node.dicom.querying import find_patients, find_studies
from undisc_node.dicom.retrieving import get_study, move_study
from undisc_node.dicom.storing import store_objects
from undisc_node.services.archive_model import FoundStudy, Pacs, Retrieve, Wanted
from undisc_node.services.model import Patient
from undisc_node.services.ports import Outgoing, StoreAnswer, Take, Watch


class DimseArchive:
    """Speaks DIMSE with one archive.

    Args:
        pacs: Its row.
        address: Its numeric address.
        move_to: The AE title to which it sends by C-MOVE: ours.
        commitments: Asks for storage commitment.
    """

    def __init__(self, pacs: Pacs, address: str, *, move_to: str, commitments: Commitments) -> None:
        self._called = Called(address, pacs.port, pacs.calling_ae, pacs.ae_title)
        self._pacs = pacs
        self._move_to = move_to
        self._commitments = commitments

    def echo(self) -> None:
        """Ask whether it answers (C-ECHO)."""
        called = self._called
        scu.echo(called.address, called.port, called.calling_ae, called.called_ae)

    def studies(self, wanted: Wanted, *, limit: int) -> Sequence[FoundStudy]:
        """Look for studies (C-FIND, Study Root)."""
        return find_studies(self._called, wanted, limit=limit)

    def patients(self, like: Patient, *, limit: int) -> Sequence[Patient]:
        """Look for patients (C-FIND, Patient Root, or else Study Root)."""
        return find_patients(self._called, like, limit=limit)

    def retrieve(self, study: FoundStudy, take: Take, watch: Watch) -> None:
        """Bring a study by C-MOVE to our own port, or by C-GET."""
        if self._pacs.retrieve is Retrieve.GET:
            get_study(self._called, study, take, watch)
        else:
            move_study(self._called, study, self._move_to, watch)

    def store(self, objects: Iterable[Outgoing], watch: Watch) -> Iterator[StoreAnswer]:
        """Hand instances over (C-STORE)."""
        return store_objects(self._called, objects, watch)

    def commit(self, objects: Sequence[Outgoing]) -> frozenset[bytes] | None:
        """Ask for storage commitment (N-ACTION)."""
        return self._commitments.ask(self._called, objects)

"""An archive in memory: implements `ports.Archive`, and says and does what a test wants."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from undisc_node.services.archive_model import FoundStudy, Pacs, Wanted
from undisc_node.services.errors import ServiceError, Unavailable
from undisc_node.services.model import Patient
from undisc_node.services.ports import Outgoing, Source, StoreAnswer, Take, Watch


class MemoryArchive:
    """One archive.

    Attributes:
        problem: What the next question meets, if anything.
        known: Patients it knows.
        held: Studies it has, with their files.
        received: Files that were handed over, by SOP Instance UID.
        answers: Status for a SOP Instance UID; 0 where none is said.
        commits: Whether it offers storage commitment.
        breaks_after: It breaks off after so many instances of one conversation.
    """

    def __init__(self) -> None:
        self.problem: ServiceError | None = None
        self.known: list[Patient] = []
        self.held: list[tuple[FoundStudy, list[Source]]] = []
        self.received: dict[str, bytes] = {}
        self.answers: dict[str, int] = {}
        self.commits = False
        self.forgets: set[str] = set()
        self.breaks_after: int | None = None
        self.stored = 0

    def _meet(self) -> None:
        if self.problem is not None:
            raise self.problem

    def echo(self) -> None:
        self._meet()

    def studies(self, wanted: Wanted, *, limit: int) -> Sequence[FoundStudy]:
        self._meet()
        found = [
            study
            for study, _ in self.held
            if wanted.patient in ("", study.patient.id)
            and wanted.accession in ("", study.accession)
            and wanted.study in ("", study.uid)
        ]
        return found[:limit]

    def patients(self, like: Patient, *, limit: int) -> Sequence[Patient]:
        self._meet()
        if like.id:
            return [one for one in self.known if one.id == like.id][:limit]
        return [one for one in self.known if one.birth_date == like.birth_date][:limit]

    def retrieve(self, study: FoundStudy, take: Take, watch: Watch) -> None:
        self._meet()
        files = next(files for one, files in self.held if one.uid == study.uid)
        for number, source in enumerate(files):
            if watch.wants_to_stop():
                return
            take(source)
            watch.seen(number + 1, len(files))

    def store(self, objects: Iterable[Outgoing], watch: Watch) -> Iterator[StoreAnswer]:
        self._meet()
        for number, one in enumerate(objects):
            if watch.wants_to_stop():
                return
            if number == self.breaks_after:
                self.breaks_after = None
                raise Unavailable("the archive broke off")
            status = self.answers.get(one.sop_uid, 0)
            if not status:
                with one.open().open() as stream:
                    self.received[one.sop_uid] = stream.read()
                self.stored += 1
            yield StoreAnswer(one.key, status, taken=not status, passing=status == 0xA700)

    def commit(self, objects: Sequence[Outgoing]) -> frozenset[bytes] | None:
        self._meet()
        if not self.commits:
            return None
        return frozenset(
            one.key
            for one in objects
            if one.sop_uid in self.received and one.sop_uid not in self.forgets
        )


class MemoryArchives:
    """Opens archives by name; implements `ports.Archives`."""

    def __init__(self) -> None:
        self._archives: dict[str, MemoryArchive] = {}

    def at(self, name: str) -> MemoryArchive:
        """Return the archive of that name."""
        return self._archives.setdefault(name, MemoryArchive())

    def open(self, pacs: Pacs) -> MemoryArchive:
        """Return the archive of a row."""
        return self.at(pacs.name)

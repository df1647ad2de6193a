"""What comes out of quarantine: let in as if it were sent now, or erased with its key.

A crash in between changes nothing for good: whatever is left of a trusted sender is let in at the
next look, and letting in the same object twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from undisc_node.services import auditing
from undisc_node.services.auditing import Journal
from undisc_node.services.contents import Contents, Located, StoredSource, StudyContents
from undisc_node.services.errors import ServiceError
from undisc_node.services.identities import facts_of
from undisc_node.services.known_senders import KnownSenders
from undisc_node.services.model import InstanceFacts, Study
from undisc_node.services.ports import Catalog, Clock, InstanceReader, Packs, Records
from undisc_node.services.quarantine import QuarantineBounds
from undisc_node.services.sender_model import SENDER, Quarantined, Sender, SenderState
from undisc_node.services.studies import Studies

_DAY_MS: Final = 86_400_000
_NODE: Final = "undisc-node"
_RELEASED: Final = "quarantine.released"
_ERASED: Final = "quarantine.erased"


@dataclass(frozen=True, slots=True)
class LetIn:
    """What came of letting a sender's objects in.

    Attributes:
        studies: Studies whose objects are all in.
        objects: Objects of these.
        problem: Why the rest waits; None when nothing is left.
    """

    studies: int
    objects: int
    problem: ServiceError | None = None


class LettingIn:
    """Empties the quarantine.

    Args:
        catalog: Rows.
        packs: Bytes.
        contents: What is inside studies.
        reader: Reads facts.
        store: Stores an object as `Receiving.store` does.
        studies: Erases.
        known: Who may send.
        journal: The log.
        clock: Time.
        bounds: How long things are kept.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        packs: Packs,
        contents: Contents,
        reader: InstanceReader,
        store: Callable[[StoredSource, str, bytes, InstanceFacts], object],
        studies: Studies,
        known: KnownSenders,
        journal: Journal,
        clock: Clock,
        bounds: QuarantineBounds,
    ) -> None:
        self._catalog = catalog
        self._packs = packs
        self._contents = contents
        self._reader = reader
        self._store = store
        self._studies = studies
        self._known = known
        self._journal = journal
        self._clock = clock
        self._bounds = bounds

    def look(self, row: Quarantined) -> InstanceFacts | None:
        """Return what the first object of a study in quarantine says; None if it is gone.

        Raises:
            Damaged: Stored bytes do not authenticate.
        """
        first = next(iter(_in_order(self._inside(row.study))), None)
        return None if first is None else facts_of(self._packs, self._reader, first)

    def let_in(self, stranger: str, sender: str, actor: str) -> LetIn:
        """Store everything that an unknown sender sent under the name of a trusted one.

        Args:
            stranger: Its name in quarantine.
            sender: The trusted sender's name.
            actor: Who decided.
        """
        studies = objects = 0
        try:
            while rows := self._rows(stranger):
                for row in rows:
                    inside = self._inside(row.study)
                    arrivals = _in_order(inside)
                    for located in arrivals:
                        self._store(
                            StoredSource(self._packs, located),
                            f"{SENDER}{sender}",
                            located.stored.header.hash,
                            facts_of(self._packs, self._reader, located),
                        )
                    if self._drop(row, inside, _RELEASED, actor, ""):
                        studies, objects = studies + 1, objects + len(arrivals)
        except ServiceError as problem:
            return LetIn(studies, objects, problem)
        return LetIn(studies, objects)

    def erase(self, stranger: str, actor: str, why: str) -> LetIn:
        """Erase everything that an unknown sender sent; return how much that was."""
        studies = objects = 0
        for row in self._rows(stranger):
            if self._drop(row, None, _ERASED, actor, why):
                studies, objects = studies + 1, objects + row.objects
        return LetIn(studies, objects)

    def tidy(self) -> None:
        """Erase what is too old, and finish what a crash or a full disk left half done.

        Raises:
            ServiceError: Something could not be let in; it is tried again.
        """
        with self._catalog.look() as records:
            rows = records.senders.quarantined()
        self._known.reload()
        oldest = self._clock.now_ms() - self._bounds.days * _DAY_MS
        for row in rows:
            if row.since_ms < oldest:
                why = f"nobody decided about it for {self._bounds.days} days"
                self._drop(row, None, _ERASED, _NODE, why)
        for name in dict.fromkeys(row.sender for row in rows if row.since_ms >= oldest):
            self._go_on(name)

    def _go_on(self, name: str) -> None:
        known = next((one for one in self._known.all() if one.name == name), None)
        if known is None:
            known = self._found_again(name)
        if known is None or known.state is SenderState.PENDING:
            return
        if known.state is SenderState.REMOVED:
            self.erase(name, _NODE, "the sender was removed")
        elif (done := self.let_in(name, known.name, _NODE)).problem is not None:
            raise done.problem

    def _found_again(self, name: str) -> Sender | None:
        """Find who an unknown sender has become; else keep a row of it again, as after a rebuild.

        Its name is what it called itself, and where it came from.
        """
        title, _, address = name.rpartition("@")
        try:
            caller = self._known.identify(address, title)
        except ValueError:
            return None  # no name of ours
        if caller is not None and caller.state is SenderState.TRUSTED:
            return next((one for one in self._known.all() if one.name == caller.name), None)
        with self._catalog.change() as records:
            if records.senders.get(name) is None:
                now_ms = self._clock.now_ms()
                row = Sender(name, address, title, state=SenderState.PENDING, added_ms=now_ms)
                records.senders.put(row)
        self._known.reload()
        return None

    def _rows(self, stranger: str) -> Sequence[Quarantined]:
        with self._catalog.look() as records:
            return records.senders.quarantined(stranger)

    def _inside(self, study: bytes) -> StudyContents:
        with self._catalog.look() as records:
            if records.studies.get(study) is None:
                return StudyContents()
            return self._contents.of(records, study)

    def _drop(
        self, row: Quarantined, seen: StudyContents | None, kind: str, actor: str, why: str
    ) -> bool:
        """Erase a study of quarantine, unless it has grown since it was looked at."""

        def is_as_seen(records: Records, study: Study) -> bool:
            if seen is not None and self._contents.of(records, study.id).version != seen.version:
                return False
            self._journal.note(
                records,
                kind,
                who=auditing.user(actor),
                why=why,
                detail={"sender": row.sender, "objects": row.objects, "bytes": row.size},
            )
            return True

        return self._studies.delete_if(row.study, is_as_seen, actor, why, noted=False)


def _in_order(inside: StudyContents) -> Sequence[Located]:
    """Return all objects in the order in which they came."""
    everything = (*inside.superseded, *inside.current.values(), *inside.waiting)
    return sorted(everything, key=lambda one: one.stored.header.at_ms)

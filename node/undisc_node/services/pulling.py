"""Pulling studies out of the practice's archives: priors, walk-ins, "I called three months later".

A pull is not kept: when the node stops it is asked for again, and what is here already is not
brought twice. The bytes go through `Receiving` like those of any sender.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum
from threading import Event, Lock
from typing import Final

from undisc_node.services import auditing
from undisc_node.services.archive_model import FoundStudy, Pacs, Wanted
from undisc_node.services.archiving import Archiving
from undisc_node.services.auditing import Journal
from undisc_node.services.errors import Invalid, NotFound, ServiceError
from undisc_node.services.finding import by_prefix
from undisc_node.services.ports import Archives, Catalog, Clock, Entropy, Source

MAX_STUDIES: Final = 100  # of one pull; a patient with more is asked for by accession number
AT_ONCE: Final = 2  # pulls that run at once: an archive has work of its own
REMEMBERED: Final = 100  # pulls whose end can still be looked up
_MAX_KEY: Final = 64  # characters of a patient id or accession number (PS3.5 §6.2, LO)
_SPECIAL: Final = frozenset("*?\\")  # wildcards, and what separates values (PS3.4 §C.2.2.2)

Store = Callable[[Source, str], object]
"""Stores an instance durably; gets who brought it."""

_log = logging.getLogger(__name__)


class PullState(StrEnum):
    """How far a pull has come."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A study that an archive has, and whether it has to be brought.

    Attributes:
        found: What the archive says.
        here: How many of its instances this node holds.
    """

    found: FoundStudy
    here: int

    @property
    def complete(self) -> bool:
        """Tell whether as many instances are here as the archive says there are."""
        return 0 < self.found.instances <= self.here


@dataclass(frozen=True, slots=True)
class Pull:
    """How a pull stands.

    Attributes:
        id: 16 random bytes.
        pacs: Name of the archive.
        state: How far it has come.
        studies: Studies to bring.
        studies_done: Studies that are here now.
        images: Images that came, of all its studies.
        images_total: Images of the study being brought and of those before it; 0 for unknown.
        size: Bytes that came by C-GET or WADO-RS; what comes to the DICOM port is not counted.
        problem: Code and sentence of what stopped it; empty while all is well.
        created_ms: When it was asked for.
        ended_ms: When it ended, or None.
    """

    id: bytes
    pacs: str
    state: PullState
    studies: int
    studies_done: int
    images: int
    images_total: int
    size: int
    problem: str
    created_ms: int
    ended_ms: int | None


@dataclass(slots=True)
class _Run:
    """A pull at work; implements `ports.Watch`."""

    id: bytes
    pacs: Pacs
    studies: Sequence[FoundStudy]
    created_ms: int
    stopping: Event
    cancelled: Event = field(default_factory=Event)
    state: PullState = PullState.RUNNING
    studies_done: int = 0
    before: int = 0
    images: int = 0
    images_total: int = 0
    size: int = 0
    problem: str = ""
    ended_ms: int | None = None

    def seen(self, done: int, total: int) -> None:
        """Take note of progress within one study."""
        self.images = self.before + done
        self.images_total = self.before + total

    def wants_to_stop(self) -> bool:
        """Tell whether to end."""
        return self.cancelled.is_set() or self.stopping.is_set()

    def snapshot(self) -> Pull:
        """Return how it stands."""
        return Pull(
            id=self.id,
            pacs=self.pacs.name,
            state=self.state,
            studies=len(self.studies),
            studies_done=self.studies_done,
            images=self.images,
            images_total=self.images_total,
            size=self.size,
            problem=self.problem,
            created_ms=self.created_ms,
            ended_ms=self.ended_ms,
        )


class Pulling:
    """Finds and brings studies.

    Args:
        catalog: Rows.
        archives: Opens archives.
        archiving: Knows them by name.
        store: Stores what comes.
        journal: The log.
        clock: Time.
        entropy: Ids.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        archives: Archives,
        archiving: Archiving,
        store: Store,
        journal: Journal,
        clock: Clock,
        entropy: Entropy,
    ) -> None:
        self._catalog = catalog
        self._archives = archives
        self._archiving = archiving
        self._store = store
        self._journal = journal
        self._clock = clock
        self._entropy = entropy
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="pull")
        self._stop = Event()
        self._lock = Lock()
        self._runs: dict[bytes, _Run] = {}

    def look(self, pacs: str, wanted: Wanted) -> tuple[Pacs, Sequence[Candidate]]:
        """Ask an archive what it has; nothing is brought.

        Raises:
            Invalid: Nothing to look for, or something that matches too much.
            NotFound: No such archive.
            Unavailable: The archive does not answer.
            Refused: The archive does not answer such questions.
        """
        _check(wanted)
        known = self._archiving.find(pacs)
        found = self._archives.open(known).studies(wanted, limit=MAX_STUDIES)
        with self._catalog.look() as records:
            rows = [records.studies.find_uid(one.uid) for one in found]
        return known, [
            Candidate(one, row.instances if row else 0)
            for one, row in zip(found, rows, strict=True)
        ]

    def start(self, pacs: str, studies: Sequence[str], actor: str) -> Pull:
        """Bring studies, in the background.

        Args:
            pacs: Name of the archive; may be empty when there is only one.
            studies: Study Instance UIDs; those that are here whole are left out.
            actor: Who asked for it.

        Raises:
            Invalid: No study, or too many.
            NotFound: No such archive, or it does not have one of them.
            Unavailable: The archive does not answer.
        """
        if not 0 < len(set(studies)) <= MAX_STUDIES:
            raise Invalid(f"a pull brings 1 to {MAX_STUDIES} studies")
        wanted: list[FoundStudy] = []
        known = self._archiving.find(pacs)
        for uid in dict.fromkeys(studies):
            _, found = self.look(known.name, Wanted(study=uid))
            if not found:
                raise NotFound("the PACS does not have one of these studies")
            wanted.extend(one.found for one in found if not one.complete)
        run = _Run(
            id=self._entropy.random(16),
            pacs=known,
            studies=wanted,
            created_ms=self._clock.now_ms(),
            stopping=self._stop,
        )
        with self._catalog.change() as records:
            self._journal.note(
                records,
                "pull.asked",
                who=auditing.user(actor),
                what=[auditing.about_uid(uid) for uid in dict.fromkeys(studies)],
                detail={"pacs": known.name},
            )
        with self._lock:
            self._runs[run.id] = run
            ended = [one for one in self._runs.values() if one.ended_ms is not None]
            for one in ended[: max(0, len(self._runs) - REMEMBERED)]:
                del self._runs[one.id]
        self._pool.submit(self._drive, run)
        return run.snapshot()

    def find(self, prefix: str) -> Pull:
        """Return a pull by a unique beginning of its id."""
        return by_prefix(prefix, self.list(), "pull")

    def list(self) -> list[Pull]:
        """List pulls since the node started, newest first."""
        with self._lock:
            runs = list(self._runs.values())
        return [run.snapshot() for run in reversed(runs)]

    def cancel(self, pull_id: bytes) -> Pull:
        """End a pull as soon as possible; what came stays."""
        with self._lock:
            run = self._runs.get(pull_id)
        if run is None:
            raise NotFound("no such pull")
        run.cancelled.set()
        return run.snapshot()

    def stop(self) -> None:
        """End all of them, and wait."""
        self._stop.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _drive(self, run: _Run) -> None:
        try:
            archive = self._archives.open(run.pacs)
            for study in run.studies:
                if run.wants_to_stop():
                    break
                archive.retrieve(study, lambda source: self._take(run, source), run)
                run.before = run.images
                if not run.wants_to_stop():
                    run.studies_done += 1
        except ServiceError as problem:
            run.problem = f"{problem.reason}: {problem}"
        except Exception:  # noqa: BLE001 - logged with its traceback, and told
            _log.exception("a pull stopped on a mistake of this node")
            run.problem = "internal: this node made a mistake; its log says where"
        finally:
            self._end(run)

    def _take(self, run: _Run, source: Source) -> None:
        self._store(source, f"dicom:{run.pacs.name}")
        run.size += source.size

    def _end(self, run: _Run) -> None:
        if run.problem:
            state = PullState.FAILED
        elif run.studies_done < len(run.studies):
            state = PullState.CANCELLED
        else:
            state = PullState.DONE
        outcome = auditing.SUCCESS if not run.problem else auditing.MINOR_FAILURE
        try:
            with self._catalog.change() as records:
                self._journal.note(
                    records,
                    "pull.ended",
                    who=auditing.sender(f"dicom:{run.pacs.name}"),
                    what=[auditing.about_uid(one.uid) for one in run.studies],
                    outcome=outcome,
                    detail={"state": state, "images": run.images},
                )
        except ServiceError as problem:
            _log.warning("the end of a pull could not be logged: %s", problem.reason)
        run.ended_ms = self._clock.now_ms()
        run.state = state


def _check(wanted: Wanted) -> None:
    keys = (wanted.patient, wanted.accession, wanted.study)
    if not any(keys):
        raise Invalid(
            "say what to look for",
            hint="a patient id, an accession number or a Study Instance UID",
        )
    for key in keys:
        if len(key) > _MAX_KEY or _SPECIAL & set(key) or key != key.strip():
            raise Invalid(
                f"a whole id of at most {_MAX_KEY} characters is needed, without * or ?",
                code="bad_key",
            )

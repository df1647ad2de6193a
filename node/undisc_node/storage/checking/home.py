"""Checks a whole home: databases, log, every study and its packs, and what is left over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from undisc_node.services.errors import ServiceError
from undisc_node.storage.checking.bodies import BodyReader, Moved
from undisc_node.storage.checking.databases import (
    cannot_open,
    database_problems,
    log_problems,
    wrapping_key_problem,
)
from undisc_node.storage.checking.leftovers import find_leftovers, leftover_problems
from undisc_node.storage.checking.problems import Level, Problem
from undisc_node.storage.checking.reading import (
    CATALOG_FILE,
    KEYRING_FILE,
    CatalogView,
    KeyringView,
)
from undisc_node.storage.checking.studies import StudyChecker
from undisc_node.storage.checking.subset import Subset
from undisc_node.storage.faults import database_faults

_PAGE: Final = (
    500  # studies listed at a time; a longer look keeps the write-ahead log from shrinking
)

_View = TypeVar("_View", CatalogView, KeyringView)


@dataclass(frozen=True, slots=True)
class Totals:
    """How much there is to look at.

    Attributes:
        studies: Studies.
        packs: Packs.
        read: Bytes of packs whose objects are to be read.
    """

    studies: int
    packs: int
    read: int


@dataclass(frozen=True, slots=True)
class Report:
    """What a check looked at and found.

    Attributes:
        problems: Everything that is wrong, in the order it was found.
        studies: Studies that were looked at.
        packs: Their packs.
        objects: Objects whose headers were opened.
        subset: Which packs were read whole, such as `3/20`; empty when none were.
    """

    problems: tuple[Problem, ...]
    studies: int
    packs: int
    objects: int
    subset: str

    @property
    def failed(self) -> bool:
        """Whether something is wrong that does not clear up by itself."""
        return any(problem.level is Level.FAIL for problem in self.problems)

    def as_json(self) -> dict[str, object]:
        """Return the report for JSON."""
        return {
            "ok": not self.failed,
            "studies": self.studies,
            "packs": self.packs,
            "objects": self.objects,
            "read": self.subset or None,
            "problems": [problem.as_json() for problem in self.problems],
        }


def check_home(
    home: Path,
    *,
    key_encryption_key: bytes,
    running: bool,
    subset: Subset | None = None,
    begun: Callable[[Totals], None] = lambda _: None,
    moved: Moved = lambda _: None,
) -> Report:
    """Check a home, without changing anything in it.

    Args:
        home: The node's directory.
        key_encryption_key: 32 bytes that wrap the study keys.
        running: Whether a node works on the home.
        subset: Packs whose objects are read whole; None reads headers only.
        begun: Is told how much there is to do, once that is known.
        moved: Is told how many more bytes of objects were read, from several threads.
    """
    problems: list[Problem] = []
    views: list[CatalogView | KeyringView] = []
    try:
        keyring = _opened(
            home / KEYRING_FILE,
            lambda path: KeyringView(path, key_encryption_key=key_encryption_key),
            problems,
        )
        if keyring is not None:
            views.append(keyring)
        catalog = _opened(home / CATALOG_FILE, CatalogView, problems)
        if catalog is not None:
            views.append(catalog)
        for view in views:
            problems.extend(database_problems(view.path, view.connection))
        if catalog is None or keyring is None:
            return Report(tuple(problems), 0, 0, 0, "")
        checked = _Checked(home, catalog, keyring, problems, running=running)
        return checked.report(subset, begun, moved)
    finally:
        for view in views:
            view.close()


class _Checked:
    """One run over a home whose databases are open."""

    def __init__(
        self,
        home: Path,
        catalog: CatalogView,
        keyring: KeyringView,
        problems: list[Problem],
        *,
        running: bool,
    ) -> None:
        self._home = home
        self._catalog = catalog
        self._keyring = keyring
        self._problems = problems
        self._running = running
        self._studies = self._packs = self._objects = 0

    def report(
        self, subset: Subset | None, begun: Callable[[Totals], None], moved: Moved
    ) -> Report:
        try:
            self._problems.extend(log_problems(self._catalog))
            wrong_key = wrapping_key_problem(self._keyring)
            if wrong_key is None:
                begun(totals(self._catalog, subset))
                self._all_studies(subset, moved)
            else:
                self._problems.append(wrong_key)
            left = find_leftovers(self._home, self._catalog, self._keyring)
            self._problems.extend(leftover_problems(left, running=self._running))
        except ServiceError as fault:  # a page of a database that cannot be read
            self._problems.append(cannot_open(self._catalog.path, fault))
        return Report(
            tuple(self._problems),
            self._studies,
            self._packs,
            self._objects,
            str(subset) if subset else "",
        )

    def _all_studies(self, subset: Subset | None, moved: Moved) -> None:
        bodies = BodyReader(moved=moved) if subset else None
        checker = StudyChecker(
            catalog=self._catalog,
            keyring=self._keyring,
            packs=self._home / "packs",
            bodies=bodies,
            chosen=lambda pack: subset is not None and pack in subset,
        )
        try:
            for study in study_ids(self._catalog):
                result = checker.check(study)
                self._problems.extend(result.problems)
                self._studies += 1
                self._packs += result.packs
                self._objects += result.objects
        finally:
            if bodies is not None:
                bodies.close()


def _opened(path: Path, opener: Callable[[Path], _View], problems: list[Problem]) -> _View | None:
    try:
        return opener(path)
    except ServiceError as fault:
        problems.append(cannot_open(path, fault))
        return None


def study_ids(catalog: CatalogView) -> Iterator[bytes]:
    """Yield the id of every study, page by page, so that no snapshot is held for long."""
    last = b""
    while True:
        with catalog.look(), database_faults(catalog.path):
            page = catalog.connection.execute(
                "SELECT id FROM studies WHERE id > ? ORDER BY id LIMIT ?", (last, _PAGE)
            ).fetchall()
        if not page:
            return
        for (study,) in page:
            yield study
        last = page[-1][0]


def totals(catalog: CatalogView, subset: Subset | None) -> Totals:
    """Count what there is to look at."""
    with catalog.look(), database_faults(catalog.path):
        execute = catalog.connection.execute
        (studies,) = execute("SELECT count(*) FROM studies").fetchone()
        packs = size = 0
        for pack, length in execute("SELECT id, length FROM packs"):
            packs += 1
            size += length if subset is not None and pack in subset else 0
    return Totals(studies, packs, size)

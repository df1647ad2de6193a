"""Checks one study: its rows, its packs, and that they agree.

A node may be working beside the check. A row is read before and after: what is found counts only if
the rows were the same all the while, since committed bytes of a pack never change.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from undisc_node.services.contents import StudyContents
from undisc_node.services.errors import NotFound, ServiceError
from undisc_node.services.model import Pack, PackRole, Study
from undisc_node.services.ports import Records, Stored
from undisc_node.storage.checking.bodies import BodyReader
from undisc_node.storage.checking.copies import copies_of
from undisc_node.storage.checking.frames import Walk, walk_pack
from undisc_node.storage.checking.problems import (
    RESTORE_KEYRING,
    RESTORE_ROWS,
    Level,
    Problem,
    pack_problem,
    short,
)
from undisc_node.storage.checking.reading import CatalogView, KeyringView

_ATTEMPTS: Final = 5  # a study that changes each time it is looked at is alive, not damaged


@dataclass(frozen=True, slots=True)
class _Rows:
    """What the catalog says about a study at one moment."""

    study: Study
    packs: tuple[Pack, ...]


@dataclass(frozen=True, slots=True)
class StudyResult:
    """What the check of one study found.

    Attributes:
        problems: What is wrong; empty when nothing is, or the study was deleted meanwhile.
        packs: How many packs were looked at.
        objects: How many objects they hold.
    """

    problems: tuple[Problem, ...] = ()
    packs: int = 0
    objects: int = 0


class StudyChecker:
    """Checks studies one by one.

    Args:
        catalog: The rows.
        keyring: The keys.
        packs: The directory of the packs.
        bodies: Reads objects; None leaves them unread.
        chosen: Whether a pack's objects are read.
    """

    def __init__(
        self,
        *,
        catalog: CatalogView,
        keyring: KeyringView,
        packs: Path,
        bodies: BodyReader | None,
        chosen: Callable[[bytes], bool],
    ) -> None:
        self._catalog = catalog
        self._keyring = keyring
        self._packs = packs
        self._bodies = bodies
        self._chosen = chosen

    def check(self, study: bytes) -> StudyResult:
        """Check a study; a finding counts only if its rows did not change meanwhile."""
        before = self._rows(study)
        for _ in range(_ATTEMPTS):
            if before is None:
                break
            result = self._look(before)
            if not result.problems:
                return result
            after = self._rows(study)
            if after == before:
                return self._with_copies(result, before.study)
            before = after
        return StudyResult()

    def _rows(self, study: bytes) -> _Rows | None:
        with self._catalog.look() as records:
            found = records.studies.get(study)
            return None if found is None else _Rows(found, tuple(packs_of(records, study)))

    def _look(self, rows: _Rows) -> StudyResult:
        problems: list[Problem] = []
        contents, whole, objects = StudyContents(), True, 0
        for pack in rows.packs:
            walk = self._pack(pack, problems)
            if walk is None or walk.problems:
                whole = False
            if walk is None:
                continue
            problems.extend(_against_row(rows.study, pack, walk))
            objects += len(walk.entries)
            stored = [Stored(entry.header, entry.extent_at) for entry in walk.entries]
            contents = contents.extended(pack, stored)
        if whole:
            problems.extend(_counts(rows.study, contents))
        return StudyResult(tuple(problems), len(rows.packs), objects)

    def _pack(self, pack: Pack, problems: list[Problem]) -> Walk | None:
        try:
            study_key = self._keyring.get(pack.id)
        except NotFound:
            problems.append(
                pack_problem("key_missing", pack.id, "its key is not there", RESTORE_KEYRING)
            )
            return None
        except ServiceError as fault:
            problems.append(pack_problem("key_damaged", pack.id, str(fault), RESTORE_KEYRING))
            return None
        path = self._packs / pack.id.hex()
        if not path.exists():
            problems.append(pack_problem("pack_missing", pack.id, "its file is not there"))
            return None
        walk = walk_pack(path, pack.id, study_key, stop=pack.length)
        problems.extend(walk.problems)
        if self._bodies is not None and self._chosen(pack.id):
            problems.extend(self._bodies.problems(path, pack.id, walk.entries))
        return walk

    def _with_copies(self, result: StudyResult, study: Study) -> StudyResult:
        with self._catalog.look() as records:
            copies = copies_of(records, study)
        problems = tuple(problem.about(study.id, copies) for problem in result.problems)
        return StudyResult(problems, result.packs, result.objects)


def packs_of(records: Records, study: bytes) -> Sequence[Pack]:
    """List the packs of a study in the order in which their objects count."""
    return [pack for role in PackRole for pack in records.studies.packs(study, role)]


def _against_row(study: Study, pack: Pack, walk: Walk) -> list[Problem]:
    """Compare a pack with its row; of a study that was fetched and sent at once, the UID counts."""
    found = []
    if walk.header is not None and walk.header.uid != study.uid:
        sentence = "its header names another study than its row"
        found.append(pack_problem("wrong_study", pack.id, sentence))
    if walk.problems:
        return found
    newest = walk.indexes[-1] if walk.indexes else None
    if pack.index_at is not None and pack.index_at != newest:
        sentence = f"the row names an index at byte {pack.index_at}, which is not the newest there"
        found.append(pack_problem("index_misplaced", pack.id, sentence, RESTORE_ROWS))
    return found


def _counts(study: Study, contents: StudyContents) -> list[Problem]:
    """Compare what the row sums up with what is there."""
    said = {"instances": study.instances, "bytes": study.size, "waiting": study.waiting}
    there = {
        "instances": len(contents.current),
        "bytes": contents.size,
        "waiting": len(contents.waiting),
    }
    differ = [
        f"{what} {said[what]}, found {there[what]}" for what in said if said[what] != there[what]
    ]
    if set(contents.modalities(())) - set(study.modalities):
        differ.append("modalities")
    if not differ:
        return []
    return [
        Problem(
            "row_differs",
            Level.FAIL,
            f"study {short(study.id)}: the row says otherwise than the packs: {'; '.join(differ)}",
            RESTORE_ROWS,
        )
    ]

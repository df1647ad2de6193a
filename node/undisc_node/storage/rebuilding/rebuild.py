"""Takes packs in that no row names: into a new catalog, or into the one that is there.

The node is stopped. Nothing is deleted: a damaged catalog is kept beside the new one, and a pack
that cannot be taken in stays where it is.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from undisc_node.services.auditing import Journal
from undisc_node.services.errors import Damaged
from undisc_node.services.model import RestoredBy
from undisc_node.services.ports import Clock, Entropy
from undisc_node.services.restoring import enter_restored_mode
from undisc_node.storage.catalog import SqliteCatalog
from undisc_node.storage.checking.databases import database_problems
from undisc_node.storage.checking.problems import Problem
from undisc_node.storage.checking.reading import CATALOG_FILE, KEYRING_FILE, CatalogView
from undisc_node.storage.keyring import Keyring
from undisc_node.storage.rebuilding.replacing import (
    DRAFT,
    keep_and_replace,
    newest_kept,
    remove_draft,
)
from undisc_node.storage.rebuilding.taking_in import TakingIn
from undisc_node.storage.rebuilding.told import Remains, read_remains

Progress = Callable[[int, int], None]
"""Is told how many of how many packs were looked at."""

_NOTHING_KNOWN: Final = 0  # ms: when the copy was made; there was none


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a rebuild did.

    Attributes:
        new_catalog: Whether the catalog was made again.
        kept: The name under which the damaged catalog is kept; empty when there was none.
        studies: Studies that were made, or that grew.
        packs: Packs that were taken in.
        held: How many of the studies wait for a person's decision.
        problems: What could not be taken in, or only in part.
    """

    new_catalog: bool
    kept: str
    studies: int
    packs: int
    held: int
    problems: tuple[Problem, ...]

    def as_json(self) -> dict[str, object]:
        """Return the outcome for JSON."""
        return {
            "new_catalog": self.new_catalog,
            "kept": self.kept or None,
            "studies": self.studies,
            "packs": self.packs,
            "held": self.held,
            "problems": [problem.as_json() for problem in self.problems],
        }


@dataclass(frozen=True, slots=True)
class Rebuilding:
    """Rebuilds the catalog of a home, or adds to it what it does not name.

    Attributes:
        home: The home; held by the caller, with no node running.
        key_encryption_key: Wraps the study keys, 32 bytes.
        clock: Time.
        entropy: Names the new log.
        progress: Is told how far the work is.
    """

    home: Path
    key_encryption_key: bytes
    clock: Clock
    entropy: Entropy
    progress: Progress = lambda _done, _of: None

    def __repr__(self) -> str:
        return f"Rebuilding(home={self.home})"

    def make_anew(self) -> Outcome:
        """Make the catalog again from the packs, in restored mode; keep the old one beside it.

        Raises:
            ServiceError: The keyring cannot be used, or the disk does not take the new catalog.
        """
        path = self.home / CATALOG_FILE
        remains = read_remains(path if path.exists() else newest_kept(self.home))
        remove_draft(self.home)
        journal = Journal(clock=self.clock, entropy=self.entropy)
        with closing(self._keyring()) as keyring:
            draft = SqliteCatalog(self.home / DRAFT, entropy=self.entropy, create=True)
            with closing(draft) as catalog:
                enter_restored_mode(
                    catalog,
                    journal=journal,
                    clock=self.clock,
                    entropy=self.entropy,
                    how=RestoredBy.REBUILD,
                    taken_ms=_NOTHING_KNOWN,
                    tombstones=remains.tombstones,
                )
                taking = self._taking_in(catalog, keyring, journal)
                # Also packs that were not finished: what was acknowledged may be among them.
                taking.take_in(remains, but=frozenset())
            # From now on no start sweeps a pack away that is in place, whatever comes next.
            packs = keyring.packs() - taking.empty
            keyring.finish([pack for pack in packs if self._is_in_place(pack)])
        kept = keep_and_replace(self.home, self.clock.now_ms())
        return _outcome(taking, new_catalog=True, kept=kept)

    def adopt(self) -> Outcome:
        """Add what the catalog does not name; grants and restored mode stay as they are.

        Raises:
            ServiceError: A database cannot be used.
        """
        journal = Journal(clock=self.clock, entropy=self.entropy)
        there = SqliteCatalog(self.home / CATALOG_FILE, entropy=self.entropy, create=False)
        with closing(there) as catalog, closing(self._keyring()) as keyring:
            taking = self._taking_in(catalog, keyring, journal)
            taking.take_in(Remains(), but=keyring.unfinished())
        return _outcome(taking, new_catalog=False, kept="")

    def _keyring(self) -> Keyring:
        return Keyring(
            self.home / KEYRING_FILE,
            key_encryption_key=self.key_encryption_key,
            entropy=self.entropy,
            create=False,
        )

    def _taking_in(self, catalog: SqliteCatalog, keyring: Keyring, journal: Journal) -> TakingIn:
        return TakingIn(
            home=self.home,
            catalog=catalog,
            keyring=keyring,
            journal=journal,
            clock=self.clock,
            entropy=self.entropy,
            progress=self.progress,
        )

    def _is_in_place(self, pack: bytes) -> bool:
        return (self.home / "packs" / pack.hex()).exists()


def needs_new_catalog(home: Path) -> bool:
    """Tell whether the catalog of a home is lost or damaged.

    Raises:
        Conflict: It was written by another version of undisc.
        ServiceError: The disk does not let it be read.
    """
    path = home / CATALOG_FILE
    if not path.exists():
        return True
    try:
        view = CatalogView(path)
    except Damaged:
        return True
    with closing(view):
        found = database_problems(path, view.connection)
        return any(problem.code == "database_damaged" for problem in found)


def _outcome(taking: TakingIn, *, new_catalog: bool, kept: str) -> Outcome:
    return Outcome(
        new_catalog=new_catalog,
        kept=kept,
        studies=taking.studies,
        packs=taking.packs,
        held=taking.held,
        problems=tuple(taking.problems),
    )

"""Finds what lies in a home and belongs to nothing: strays, half-erased packs, keys without packs.

| a pack has …                       | it is                                                    |
|------------------------------------|----------------------------------------------------------|
| a row, or an open fetch            | in use                                                   |
| a tombstone                        | erased; file and key go at the next start                |
| an unfinished key                  | being made, or left by a crash; goes at the next start   |
| none of these                      | a stray: kept, because the catalog may be the older one  |

Nothing is removed here. Files are listed before keys, and keys before rows, so that a pack that is
made or erased meanwhile never looks like a stray; each stray is looked at again all the same.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from undisc_node.services.model import FetchState
from undisc_node.storage.checking.problems import Level, Problem, short
from undisc_node.storage.checking.reading import CatalogView, KeyringView
from undisc_node.storage.faults import database_faults, disk_faults

_PACK_NAME: Final = re.compile(r"[0-9a-f]{32}")
_OPEN: Final = (FetchState.RUNNING, FetchState.PAUSED)
_ADOPT: Final = (
    "if this is an older catalog, restore the newest backup; else stop the node and take them in:"
    " undisc-node check --rebuild"
)


@dataclass(frozen=True, slots=True)
class _Named:
    """Packs that the catalog names, and how."""

    rows: frozenset[bytes]
    fetched: frozenset[bytes]
    erased: frozenset[bytes]


@dataclass(frozen=True, slots=True)
class Leftovers:
    """What belongs to nothing.

    Attributes:
        strays: Packs that no row, open fetch or tombstone names.
        erased: Packs with a tombstone whose file or key is still there.
        unfinished: Packs that were being made.
        keys: Keys of packs that have neither a file nor a row.
        files: Names of other files in `packs` and `staging`.
    """

    strays: frozenset[bytes]
    erased: frozenset[bytes]
    unfinished: frozenset[bytes]
    keys: frozenset[bytes]
    files: tuple[str, ...]


def find_leftovers(home: Path, catalog: CatalogView, keyring: KeyringView) -> Leftovers:
    """Find what belongs to nothing; what is being made or erased just now may be among it.

    Raises:
        ServiceError: A directory or database cannot be read.
    """
    files, others = pack_files(home)
    finished = keyring.finished()
    named = _named(catalog)
    known = named.rows | named.fetched | named.erased
    unfinished = frozenset(pack for pack, done in finished.items() if not done) - known
    strays = frozenset(files) - known - unfinished
    return Leftovers(
        strays=frozenset(pack for pack in strays if _still_there(home, pack)),
        erased=named.erased & (files | finished.keys()),
        unfinished=unfinished,
        keys=frozenset(finished) - files - known - unfinished,
        files=others,
    )


def leftover_problems(left: Leftovers, *, running: bool) -> Iterator[Problem]:
    """Say what is left over; while a node runs, what it is working on is no problem."""
    for pack in sorted(left.strays):
        yield Problem(
            "stray",
            Level.FAIL,
            f"pack {short(pack)}: no study and no erasure names it",
            _ADOPT,
            pack=pack,
        )
    if left.keys:
        yield _some(
            "key_without_pack",
            len(left.keys),
            "keys have no pack",
            "a pack file was removed by hand; nothing is lost by the key alone",
        )
    if running:
        return
    if left.erased:
        yield _some(
            "erasure_unfinished",
            len(left.erased),
            "erased packs are still on the disk",
            "start the node: it finishes erasing them",
        )
    if left.unfinished:
        yield _some(
            "pack_unfinished",
            len(left.unfinished),
            "packs were never finished",
            "start the node: it removes them; nothing in them was acknowledged",
        )
    if left.files:
        yield _some(
            "file_foreign",
            len(left.files),
            "other files lie in packs/ or staging/",
            "uploads that a crash left go at the next start; move away what is not the node's",
        )


def _some(code: str, count: int, sentence: str, hint: str) -> Problem:
    return Problem(code, Level.WARN, f"{count} {sentence}", hint)


def pack_files(home: Path) -> tuple[frozenset[bytes], tuple[str, ...]]:
    """List the packs in `packs` and `staging`, and the names of whatever else lies there."""
    packs: set[bytes] = set()
    others: list[str] = []
    for directory in (home / "packs", home / "staging"):
        with disk_faults(directory), os.scandir(directory) as entries:
            for entry in entries:
                if _PACK_NAME.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                    packs.add(bytes.fromhex(entry.name))
                else:
                    others.append(f"{directory.name}/{entry.name}")
    return frozenset(packs), tuple(sorted(others))


def _still_there(home: Path, pack: bytes) -> bool:
    return any((home / folder / pack.hex()).exists() for folder in ("packs", "staging"))


def _named(catalog: CatalogView) -> _Named:
    with catalog.look() as records, database_faults(catalog.path):
        fetches = records.fetches.list()
        return _Named(
            rows=frozenset(row[0] for row in catalog.connection.execute("SELECT id FROM packs")),
            fetched=frozenset(
                fetch.pack for fetch in fetches if fetch.pack is not None and fetch.state in _OPEN
            ),
            erased=frozenset(
                row[0] for row in catalog.connection.execute("SELECT pack FROM tombstones")
            ),
        )

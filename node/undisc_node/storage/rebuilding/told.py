"""Reads what a damaged catalog still says, row by row, up to the first page that is broken."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from undisc_node.services.errors import ServiceError
from undisc_node.services.model import PackRole, StudyState, Tombstone
from undisc_node.services.rebuilding import Told
from undisc_node.storage.checking.reading import open_untouched

_PACK: Final = 16  # bytes of an id


@dataclass(frozen=True, slots=True)
class Remains:
    """What is left of a catalog.

    Attributes:
        told: Roles and states.
        lengths: Committed bytes, by pack.
        tombstones: What was erased.
    """

    told: Told = field(default_factory=Told)
    lengths: Mapping[bytes, int] = field(default_factory=dict)
    tombstones: tuple[Tombstone, ...] = ()


def read_remains(path: Path) -> Remains:
    """Read what can be read; a file that does not open at all says nothing."""
    try:
        connection = open_untouched(path)
    except ServiceError:
        return Remains()
    try:
        packs = [
            (pack, PackRole(role), length)
            for pack, role, length in _rows(connection, "SELECT id, role, length FROM packs")
            if _is_id(pack) and role in set(PackRole) and isinstance(length, int)
        ]
        states = {
            study: (StudyState(state), str(reason))
            for study, state, reason in _rows(connection, "SELECT id, state, reason FROM studies")
            if _is_id(study) and state in set(StudyState)
        }
        tombstones = tuple(
            Tombstone(pack, study, at_ms)
            for pack, study, at_ms in _rows(connection, "SELECT pack, study, at_ms FROM tombstones")
            if _is_id(pack) and _is_id(study) and isinstance(at_ms, int)
        )
    finally:
        connection.close()
    roles = {pack: role for pack, role, _ in packs}
    return Remains(Told(roles, states), {pack: size for pack, _, size in packs}, tombstones)


def _rows(connection: sqlite3.Connection, statement: str) -> Iterator[Any]:
    with suppress(sqlite3.Error):  # what comes behind a broken page is lost
        yield from connection.execute(statement)


def _is_id(value: object) -> bool:
    return isinstance(value, bytes) and len(value) == _PACK
